/** `holdfast show`: one run with its journal as a timeline, its effects and what is open. */
import type { JournalRecord } from "../core/journal.ts";
import { hasPayload, isTime, payloadOwner } from "../core/payload-owner.ts";
import { isFinal } from "../core/run-state.ts";
import type { RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { findRun, type RunReference } from "./find-run.ts";
import { blockersOf, type BlockerView } from "./blockers.ts";
import { cancelOf, type CancelView } from "./cancel-request.ts";
import { exceptionDetails } from "./exception-details.ts";
import { keptOf, type KeptCommand } from "./kept-command.ts";
import { Masking } from "./masking.ts";
import { isProposal } from "./repair/list-proposals.ts";
import { reviewDetails } from "./review-details.ts";
import { scanRun } from "./scan-run.ts";
import { PAGE_LIMIT_MAX } from "./paging.ts";
import { stackOf, timelineEntry, type TimelineEntry } from "./timeline.ts";
import {
  effectView,
  runView,
  type EffectView,
  type ExceptionView,
  type ReviewView,
  type RunView,
} from "./views.ts";
import { exceptionOwnersOf } from "./waiting-on.ts";

export interface ShowRequest extends RunReference {
  /** Entries of the timeline at most. */
  readonly limit: number;
  /** Shows entries after this sequence number; 0 from the beginning. */
  readonly afterSeq: number;
  /** Characters of each payload; null leaves payloads out. */
  readonly payloadCharsMax: number | null;
  /** Also where in the code errors came from. */
  readonly hasStacks: boolean;
}

/** Default and largest number of entries of one page of the timeline. */
export const TIMELINE_LIMIT_DEFAULT = 200;
export const TIMELINE_LIMIT_MAX = 10_000;
/** Characters of a payload that are shown where payloads are asked for. */
export const PAYLOAD_CHARS_MAX = 4_000;

export interface ShownRun {
  readonly run: RunView;
  /** A cancel that was asked for and has not come through yet. */
  readonly cancel: CancelView | null;
  /** Commands for this run that no engine has taken yet, in order of arrival. */
  readonly kept: readonly KeptCommand[];
  readonly timeline: readonly TimelineEntry[];
  /** Sequence number after which the timeline goes on; null if that was all of it. */
  readonly next: number | null;
  readonly effects: readonly EffectView[];
  /** Runs that it waits for, the nearest first, each with what it waits for itself. */
  readonly blockers: readonly BlockerView[];
  /** Open ones. */
  readonly exceptions: readonly ExceptionView[];
  /** Open ones. */
  readonly reviews: readonly ReviewView[];
}

/** @throws {HoldfastError} HF6001 if there is no such run, HF4102 if the key has several. */
export async function showRun(
  reader: StoreReader,
  request: ShowRequest,
  nowMs: number,
): Promise<ShownRun> {
  const row = await findRun(reader, request);
  const records = await reader.records(row.run, request.afterSeq, request.limit);
  const last = records.at(-1);
  const masking = await Masking.of(reader);
  const { effects, exceptions, reviews } = await belongings(reader, row);
  const kept = await keptOf(reader, row);
  let cancel: JournalRecord | null = null;
  if (!isFinal(row.state)) {
    await scanRun(reader, row.run, (record) => {
      if (record.kind === "cancel") cancel = record;
    });
  }
  const of = { run: row, effects, exceptions, nowMs };
  const seen = await exceptionDetails(reader, exceptions, () => of, kept);
  return {
    run: runView(row, exceptionOwnersOf(exceptions)),
    cancel: cancelOf(row, cancel, kept, seen),
    kept,
    timeline: timelineOf(masking, row, records, request),
    next: last === undefined || records.length < request.limit ? null : last.seq,
    blockers: await blockersOf(reader, row),
    effects: effects.map((effect) => effectView(effect, row)),
    exceptions: seen,
    reviews: await reviewDetails(reader, masking, reviews, { runOf: () => row, kept }),
  };
}

function timelineOf(
  masking: Masking,
  { workflow }: RunRow,
  records: readonly JournalRecord[],
  { payloadCharsMax, hasStacks }: ShowRequest,
): readonly TimelineEntry[] {
  return records.map((record) => {
    const payload =
      payloadCharsMax === null || !hasPayload(record)
        ? null
        : isTime(record)
          ? masking.time(record.data ?? "null", payloadCharsMax)
          : masking.payload(record.data ?? "null", payloadOwner(record, workflow), payloadCharsMax);
    return timelineEntry(record, { payload, stack: hasStacks ? stackOf(record) : null });
  });
}

/** All effects of a run, and its open exceptions and reviews, oldest first. */
export async function belongings(reader: StoreReader, { run }: RunRow) {
  // The limit bounds a page over runs; of one run all rows come, up to the store's own bound.
  const page = { afterRun: run - 1, run, limit: PAGE_LIMIT_MAX };
  return {
    effects: await reader.effects(page),
    exceptions: await reader.exceptions(page),
    // Proposals have a list of their own: nobody answers them.
    reviews: (await reader.reviews(page)).filter((row) => !isProposal(row)),
  };
}
