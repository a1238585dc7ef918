/**
 * One exception for each integration that is not called until somebody acts (a wrong setting, or a
 * quota that is used up), or that has been out of reach for long. Its runs are parked and use up
 * nothing, so nothing of theirs would tell anybody. It stands beside the store, belongs to the owner of
 * the integration, and is closed when the system answers again. Source: failure model 2.2
 * (`misconfigured`, `unavailable`: one incident), 4.3, R11.
 */
import { HoldfastError } from "../../core/error.ts";
import { INTEGRATION_AWAY, INTEGRATION_PARKED } from "../../core/failure.ts";
import type { DependencyRow } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import type { BesideCase } from "../exceptions/beside.ts";
import { isoText } from "../clock.ts";
import { toJson } from "../journal/payload.ts";

/** The store's own journal. */
const STORE = 0;
/** Who closes it. */
const BY = "holdfast";
/** How long until it is tried again where no more could be opened. */
const ROOM_AGAIN_MS = 60_000;

export class ParkedExceptions {
  readonly #engine: Engine;
  /** One step after the other: each looks at what is on record then. */
  #last: Promise<unknown> = Promise.resolve();

  /** By integration: when its outage has lasted for long. */
  readonly #alarms = new Map<string, () => void>();
  #closed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#alarms.values()) cancel();
    this.#alarms.clear();
  }

  /** What is known of this integration has changed, and is on its way to the record. */
  moved(integration: string): void {
    const step = this.#last.then(() => this.#follow(integration));
    this.#last = step;
    this.#engine.background(step);
  }

  async #follow(integration: string): Promise<void> {
    const { reads, committer, store } = this.#engine;
    await reads.patiently(`what is known of ${integration}`, async () => {
      await committer.durable();
      const rows = await store.dependencies();
      const row = rows.find((each) => each.integration === integration);
      this.#alarms.get(integration)?.();
      this.#alarms.delete(integration);
      if (row?.state === "closed") await this.#close(row);
      else if (row?.state === "parked") await this.#open(row.integration, this.#parkedCase(row));
      // Who has parked it by hand knows, and it ends by itself.
      else if (row?.byHand === 0) await this.#away(row);
    });
  }

  /** It is tried again and again, and mostly comes back by itself: its owner hears of it if it does not. */
  async #away(row: DependencyRow): Promise<void> {
    const { clock, limits } = this.#engine;
    const waitMs = sinceOf(row) + limits.outageAlarmMs - clock.nowMs();
    if (waitMs <= 0) await this.#open(row.integration, this.#awayCase(row));
    else this.#lookAgainIn(waitMs, row.integration);
  }

  #lookAgainIn(waitMs: number, integration: string): void {
    if (this.#closed) return;
    const look = () => {
      this.moved(integration);
    };
    this.#alarms.set(integration, this.#engine.clock.after(waitMs, look));
  }

  async #open(integration: string, found: BesideCase): Promise<void> {
    try {
      await this.#engine.exceptions.beside.open(found);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      // Too many are open beside the store, which may be about anything: it is told once there is room.
      this.#lookAgainIn(ROOM_AGAIN_MS, integration);
    }
  }

  async #close(closed: DependencyRow): Promise<void> {
    const { store, exceptions } = this.#engine;
    for (const kind of ["parked", "away"] as const) {
      const { seq } = await store.besideExceptions(STORE, subjectOf(kind, closed));
      const row = seq === null ? null : await store.exception(STORE, seq);
      if (row === null || row.closedAtMs !== null) continue;
      await exceptions.beside.close({ run: STORE, seq: row.seq }, BY, closed.reason);
    }
  }

  #awayCase(row: DependencyRow): BesideCase {
    const { integration, reason } = row;
    const { limits } = this.#engine;
    const since = isoText(sinceOf(row));
    return {
      run: null,
      subject: subjectOf("away", row),
      at: integration,
      reasonCode: INTEGRATION_AWAY,
      rule: "engine/integration-away@1",
      class: row.class ?? "unavailable",
      integration,
      message: `${integration} has been out of reach since ${since}: ${reason}.`,
      because: () =>
        `${integration} has been out of reach since ${since}, and its runs wait: ${reason}. It is tried again by itself; somebody should know when it comes back, or give its runs up.`,
      owner: this.#engine.ownerOf(integration) ?? this.#engine.owner,
      data: toJson({ integration, reason, since }, limits, `exception about ${integration}`),
    };
  }

  #parkedCase(row: DependencyRow): BesideCase {
    const { integration, reason } = row;
    const { limits } = this.#engine;
    return {
      run: null,
      subject: subjectOf("parked", row),
      at: integration,
      reasonCode: INTEGRATION_PARKED,
      rule: "engine/integration-parked@1",
      class: row.class ?? "misconfigured",
      integration,
      message: `${integration} is not called: ${reason}.`,
      because: () =>
        `Every call to ${integration} would end alike, so its runs are parked: ${reason}. Mend the setting, or wait for the quota, then let one of them try.`,
      owner: this.#engine.ownerOf(integration) ?? this.#engine.owner,
      data: toJson({ integration, reason }, limits, `exception about ${integration}`),
    };
  }
}

function sinceOf({ incident, sinceMs }: DependencyRow): number {
  return incident?.startedAtMs ?? sinceMs;
}

/** By the outage that it is about, which the record of its end names as well. */
function subjectOf(kind: "parked" | "away", row: DependencyRow): string {
  return `${kind} ${row.integration} ${String(sinceOf(row))}`;
}
