/**
 * An outage of one integration, as people hear of it: once, however many runs wait. Source: R13.
 */
export interface Incident {
  /** Unix milliseconds, as all times here. */
  readonly startedAtMs: number;
  /** When it answered again; null while it is down. */
  readonly endedAtMs: number | null;
  /** Runs that waited for it then; null before they are counted. */
  readonly parkedCount: number | null;
  /** When none of them waited any more; null before. */
  readonly drainedAtMs: number | null;
}

/** What is found after an outage: how many wait for it, and when nobody did any more. */
export type Drain = Pick<Incident, "drainedAtMs"> & { readonly parkedCount: number };

export function incidentBegan(nowMs: number): Incident {
  return { startedAtMs: nowMs, endedAtMs: null, parkedCount: null, drainedAtMs: null };
}

export function incidentEnded(incident: Incident | null, nowMs: number): Incident {
  return { ...(incident ?? incidentBegan(nowMs)), endedAtMs: nowMs };
}

/** The first count is the one that stays: it only falls from there. */
export function incidentAfter(incident: Incident, { parkedCount, drainedAtMs }: Drain): Incident {
  return { ...incident, parkedCount: incident.parkedCount ?? parkedCount, drainedAtMs };
}
