/** `holdfast show`: one run with its journal as a timeline, its effects and what is open. */
import type { RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { findRun, type RunReference } from "./find-run.ts";
import { PAGE_LIMIT_MAX } from "./paging.ts";
import { timelineEntry, type TimelineEntry } from "./timeline.ts";
import {
  effectView,
  exceptionView,
  reviewView,
  runView,
  type EffectView,
  type ExceptionView,
  type ReviewView,
  type RunView,
} from "./views.ts";

export interface ShowRequest extends RunReference {
  /** Entries of the timeline at most. */
  readonly limit: number;
  /** Shows entries after this sequence number; 0 from the beginning. */
  readonly afterSeq: number;
  /** Characters of each payload; null leaves payloads out. */
  readonly payloadCharsMax: number | null;
}

/** Default and largest number of entries of one page of the timeline. */
export const TIMELINE_LIMIT_DEFAULT = 200;
export const TIMELINE_LIMIT_MAX = 10_000;
/** Characters of a payload that are shown where payloads are asked for. */
export const PAYLOAD_CHARS_MAX = 4_000;

export interface ShownRun {
  readonly run: RunView;
  readonly timeline: readonly TimelineEntry[];
  /** Sequence number after which the timeline goes on; null if that was all of it. */
  readonly next: number | null;
  readonly effects: readonly EffectView[];
  /** Open ones. */
  readonly exceptions: readonly ExceptionView[];
  /** Open ones. */
  readonly reviews: readonly ReviewView[];
}

/** @throws {HoldfastError} HF6001 if there is no such run, HF4102 if the key has several. */
export async function showRun(reader: StoreReader, request: ShowRequest): Promise<ShownRun> {
  const row = await findRun(reader, request);
  const records = await reader.records(row.run, request.afterSeq, request.limit);
  const last = records.at(-1);
  const { effects, exceptions, reviews } = await belongings(reader, row);
  return {
    run: runView(row),
    timeline: records.map((record) => timelineEntry(record, request.payloadCharsMax)),
    next: last === undefined || records.length < request.limit ? null : last.seq,
    effects: effects.map((effect) => effectView(effect, row)),
    exceptions: exceptions.map((exception) => exceptionView(exception, row)),
    reviews: reviews.map((review) => reviewView(review, row)),
  };
}

/** All effects of a run, and its open exceptions and reviews, oldest first. */
export async function belongings(reader: StoreReader, { run }: RunRow) {
  // The limit bounds a page over runs; of one run all rows come, up to the store's own bound.
  const page = { afterRun: run - 1, run, limit: PAGE_LIMIT_MAX };
  return {
    effects: await reader.effects(page),
    exceptions: await reader.exceptions(page),
    reviews: await reader.reviews(page),
  };
}
