/** `holdfast dependencies`, `park` and `unpark`: other systems as a whole. */
import { parseJson } from "../core/json-text.ts";
import { HoldfastError } from "../core/error.ts";
import { didYouMean } from "../core/nearest.ts";
import { integrationOfGate, PARK_MS_MAX, unknownIntegration } from "../core/parking.ts";
import type { DependencyRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { postAndWait, type Patience } from "./command.ts";
import type { Decider } from "./decisions.ts";
import { quoted } from "./find-run.ts";
import { dependencyView, isoOrNull, isoText, type DependencyView } from "./views.ts";

/** The outage that is, or the last one. */
interface IncidentView {
  readonly startedAt: string;
  readonly endedAt: string | null;
  /** Runs that waited when it answered again. */
  readonly parkedCount: number | null;
  /** When none of them waited any more. */
  readonly drainedAt: string | null;
}

export interface DependencyLine extends DependencyView {
  readonly incident: IncidentView | null;
  /** Of 100; null where all are left, or where workers share them. */
  readonly retryTokens: number | null;
}

export interface DependencyList {
  readonly dependencies: readonly DependencyLine[];
}

/** Every integration of which something is on record: those that were never down are not. */
export async function listDependencies(
  reader: StoreReader,
  nowMs: number,
): Promise<DependencyList> {
  const rows = await reader.dependencies();
  return { dependencies: rows.map((row) => lineOf(row, nowMs)) };
}

function lineOf(row: DependencyRow, nowMs: number): DependencyLine {
  const { incident, retryTokens } = row;
  return {
    ...dependencyView(row, nowMs),
    retryTokens,
    incident:
      incident === null
        ? null
        : {
            startedAt: isoText(incident.startedAtMs),
            endedAt: isoOrNull(incident.endedAtMs),
            parkedCount: incident.parkedCount,
            drainedAt: isoOrNull(incident.drainedAtMs),
          },
  };
}

export interface ParkingReceipt {
  readonly id: string;
  readonly topic: "park" | "unpark";
  readonly integration: string;
  readonly by: string;
  /** As of other commands: `Receipt.outcome`. */
  readonly outcome: "applied" | "kept" | "sent";
  /** False if the engine has not called it since it started: the name may be wrong. */
  readonly isKnown: boolean | null;
}

/**
 * Lets nothing be sent to an integration for a while.
 *
 * @throws {HoldfastError} HF4102 (longer than 7 days), HF6001 (no such integration), HF6005.
 */
export async function parkIntegration(
  reader: StoreReader,
  integration: string,
  forMs: number,
  { by, reason }: Decider,
  patience: Patience,
): Promise<ParkingReceipt> {
  if (forMs > PARK_MS_MAX) {
    throw new HoldfastError(
      "HF4102",
      `${quoted(integration)} can be parked for at most 7 days. Nothing was done.`,
      "Give a shorter time; it can be parked again before that is over.",
      { where: integration },
    );
  }
  await requireKnown(reader, integration);
  const given = { topic: "park", by, body: { integration, reason, forMs } } as const;
  const answered = await postAndWait(reader, { ...given, where: integration }, patience);
  const answer = answered.outcome === "applied" ? parseJson(answered.answer) : null;
  const isKnown = typeof answer === "object" && answer !== null && "isKnown" in answer;
  return {
    id: answered.id,
    topic: "park",
    integration,
    by,
    outcome: answered.outcome,
    isKnown: isKnown ? answer.isKnown === true : null,
  };
}

/** @throws {HoldfastError} HF6001 for a name that neither code nor an outage has on record. */
async function requireKnown(reader: StoreReader, integration: string): Promise<void> {
  const declared = (await reader.declarations())
    .filter(({ definition }) => definition === "integration")
    .map(({ name }) => name);
  const down = (await reader.dependencies()).map((row) => row.integration);
  if (declared.includes(integrationOfGate(integration)) || down.includes(integration)) return;
  const { message, remedy } = unknownIntegration(integration, [...declared, ...down]);
  throw new HoldfastError("HF6001", message, remedy, { where: integration });
}

/**
 * Has one call tried now of an integration that is parked.
 *
 * @throws {HoldfastError} HF6001 (nothing is on record of it), HF6003 (it is not parked), HF6005.
 */
export async function unparkIntegration(
  reader: StoreReader,
  integration: string,
  { by, reason }: Decider,
  patience: Patience,
): Promise<ParkingReceipt> {
  const rows = await reader.dependencies();
  const row = rows.find((one) => one.integration === integration);
  if (row === undefined) throw unknownOne(integration, rows);
  const given = { topic: "unpark", by, body: { integration, reason } } as const;
  const { id, outcome } = await postAndWait(reader, { ...given, where: integration }, patience);
  return { id, topic: "unpark", integration, by, outcome, isKnown: true };
}

function unknownOne(integration: string, rows: readonly DependencyRow[]): HoldfastError {
  const names = rows.map((row) => row.integration);
  return new HoldfastError(
    "HF6001",
    `No integration ${quoted(integration)} is on record as parked, now or ever.`,
    `${didYouMean(integration, names)}See how each is with: holdfast dependencies`,
    { where: integration },
  );
}
