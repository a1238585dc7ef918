/** Proposals: what one person wants done to a run, and another has to approve. */
import { parseJson } from "../../core/json-text.ts";
import { payloadOwner } from "../../core/payload-owner.ts";
import {
  PROPOSAL_PREFIX,
  type DecidedHead,
  type ProposalAct,
  type ProposedHead,
  type Verdict,
} from "../../core/repaired.ts";
import type { SaidParts } from "../../core/said-parts.ts";
import { formatItemId, formatRunId } from "../../core/run-number.ts";
import type { ReviewRow, RunRow } from "../../store/rows.ts";
import type { StoreReader } from "../../store/store.ts";
import type { Masking, Payload } from "../masking.ts";
import { scanRun } from "../scan-run.ts";
import { isoText } from "../views.ts";

/** Characters of what is frozen that are shown. */
const FROZEN_CHARS_MAX = 4_000;

export interface ProposalView {
  /** `prp_...` */
  readonly id: string;
  readonly run: string;
  readonly key: string | null;
  readonly act: ProposalAct;
  readonly step: string | null;
  /** Of `settle`: whether it is said to have happened; else null. */
  readonly happened: boolean | null;
  /** Of `settle`: what is said of each part; null where it is said of the whole. */
  readonly parts: SaidParts | null;
  readonly state: ReviewRow["state"];
  /** Who has made it, and so does not approve it. */
  readonly by: string;
  readonly reason: string;
  /** Why a second person is needed. */
  readonly needs: string;
  readonly owner: string;
  readonly proposedAt: string;
  readonly expiresAt: string;
  readonly decidedBy: string | null;
  /** What was decided; null while it is open, or where its run has ended before. `void`: its run has moved. */
  readonly verdict: Verdict | null;
  /** The result, or the whole input, that would be taken; masked as declared. */
  readonly frozen: Payload | null;
  /** Digest of all that is frozen. */
  readonly digest: string;
}

/** True for a review that is a proposal. */
export function isProposal({ review }: Pick<ReviewRow, "review">): boolean {
  return review.startsWith(PROPOSAL_PREFIX);
}

export async function proposalDetails(
  reader: StoreReader,
  masking: Masking,
  rows: readonly ReviewRow[],
  runOf: (run: number) => RunRow | undefined,
): Promise<readonly ProposalView[]> {
  const views: ProposalView[] = [];
  const verdicts = new Verdicts(reader);
  // By primary key, and at most one for each row of a bounded page.
  for (const row of rows) {
    const [record] = await reader.records(row.run, row.seq - 1, 1);
    if (record?.kind !== "proposed") continue;
    // Written by the engine with this shape.
    const head = parseJson(record.head ?? "{}") as ProposedHead;
    const owner = payloadOwner(record, head.workflow);
    views.push({
      id: formatItemId("prp", row),
      run: formatRunId(row.run),
      key: runOf(row.run)?.key ?? null,
      act: head.act,
      step: head.step,
      happened: head.said?.happened ?? null,
      parts: head.said?.parts ?? null,
      state: row.state,
      by: head.by,
      reason: head.reason,
      needs: head.needs,
      owner: head.owner,
      proposedAt: isoText(record.atMs),
      expiresAt: isoText(head.expiresAtMs),
      decidedBy: row.answeredBy,
      verdict: row.state === "open" ? null : await verdicts.of(row),
      frozen: record.data === null ? null : masking.payload(record.data, owner, FROZEN_CHARS_MAX),
      digest: head.digest,
    });
  }
  return views;
}

/** What became of proposals, by the journals of their runs: each is looked through once. */
class Verdicts {
  readonly #reader: StoreReader;
  readonly #ofRuns = new Map<number, ReadonlyMap<number, Verdict>>();

  constructor(reader: StoreReader) {
    this.#reader = reader;
  }

  async of({ run, seq }: ReviewRow): Promise<Verdict | null> {
    const ofRun = this.#ofRuns.get(run) ?? (await this.#look(run));
    this.#ofRuns.set(run, ofRun);
    return ofRun.get(seq) ?? null;
  }

  async #look(run: number): Promise<ReadonlyMap<number, Verdict>> {
    const found = new Map<number, Verdict>();
    await scanRun(this.#reader, run, ({ kind, head }) => {
      if (kind !== "decided") return;
      const { proposed, verdict } = parseJson(head ?? "{}") as DecidedHead;
      found.set(proposed, verdict);
    });
    return found;
  }
}
