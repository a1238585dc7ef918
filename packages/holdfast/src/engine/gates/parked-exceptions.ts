/**
 * One exception for each integration that is not called until somebody acts: a wrong setting, or a
 * quota that is used up. Its runs are parked and use up nothing, so nothing of theirs would tell
 * anybody. It stands beside the store, belongs to the owner of the integration, and is closed when
 * the system answers again. Source: failure model 2.2 (`misconfigured`: one incident), R11.
 */
import { HoldfastError } from "../../core/error.ts";
import type { DependencyRow } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import type { BesideCase } from "../exceptions/beside.ts";
import { toJson } from "../journal/payload.ts";

/** The store's own journal. */
const STORE = 0;
/** Who closes it. */
const BY = "holdfast";

export class ParkedExceptions {
  readonly #engine: Engine;
  /** One step after the other: each looks at what is on record then. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine) {
    this.#engine = engine;
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
      if (row?.state === "parked") await this.#open(row);
      else if (row?.state === "closed") await this.#close(row);
    });
  }

  async #open(row: DependencyRow): Promise<void> {
    try {
      await this.#engine.exceptions.beside.open(this.#caseOf(row));
    } catch (error) {
      // Too many are open beside the store: somebody has to look there in any case.
      if (!(error instanceof HoldfastError)) throw error;
    }
  }

  async #close(closed: DependencyRow): Promise<void> {
    const { store, exceptions } = this.#engine;
    const { seq } = await store.besideExceptions(STORE, subjectOf(closed));
    const row = seq === null ? null : await store.exception(STORE, seq);
    if (row === null || row.closedAtMs !== null) return;
    await exceptions.beside.close({ run: STORE, seq: row.seq }, BY, closed.reason);
  }

  #caseOf(row: DependencyRow): BesideCase {
    const { integration, reason } = row;
    const { limits } = this.#engine;
    return {
      run: null,
      subject: subjectOf(row),
      at: integration,
      reasonCode: "HF3006",
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

/** By the outage that it is about, which the record of its end names as well. */
function subjectOf({ integration, incident, sinceMs }: DependencyRow): string {
  return `parked ${integration} ${String(incident?.startedAtMs ?? sinceMs)}`;
}
