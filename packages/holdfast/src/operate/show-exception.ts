/** `holdfast show exc_...`: one exception, with what came; also of one that stands at no run. */
import { hasPayload, payloadOwner } from "../core/payload-owner.ts";
import { HoldfastError } from "../core/error.ts";
import { parseItemId } from "../core/run-number.ts";
import { UNFIT_MESSAGE } from "../core/received.ts";
import type { ExceptionRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { exceptionDetails } from "./exception-details.ts";
import { quoted } from "./find-run.ts";
import { keptCommands } from "./kept-command.ts";
import { Masking, type Payload } from "./masking.ts";
import { PAGE_LIMIT_MAX } from "./paging.ts";
import { belongings } from "./show-run.ts";
import { notesOf, type ExceptionView, type RunBelongings } from "./views.ts";

export interface ShownException {
  readonly exception: ExceptionView;
  /** What came and was not taken; null if there is nothing, or it was not asked for. */
  readonly payload: Payload | null;
  /** How many exceptions there have been at this step of its run, with this one. */
  readonly occurrences: number;
  /** Notes to those before it at the same step, oldest first: they outlive a replay. */
  readonly earlierNotes: ExceptionView["notes"];
}

/** True for what is the id of an exception, and so no run is meant. */
export function isExceptionId(text: string): boolean {
  return /^exc_[0-9a-z]{11}_\d+$/iu.test(text);
}

/**
 * @param payloadCharsMax - characters of the payload; null leaves it out.
 * @throws {HoldfastError} HF6001 if there is no such exception.
 */
export async function showException(
  reader: StoreReader,
  id: string,
  payloadCharsMax: number | null,
  nowMs: number,
): Promise<ShownException> {
  const { run, seq } = parseItemId("exc", id);
  const of = { afterRun: run - 1, limit: PAGE_LIMIT_MAX, run, all: true };
  const ofRun = await reader.exceptions(of);
  const row = ofRun.find((exception) => exception.seq === seq);
  if (row === undefined) {
    throw new HoldfastError(
      "HF6001",
      `There is no exception ${quoted(id)} in this store.`,
      "List them with: holdfast exceptions --all. Check that --store names the store of the right app.",
    );
  }
  const at = await reader.run(run);
  const known: RunBelongings =
    at === null
      ? { run: null, effects: [], exceptions: [], nowMs }
      : { run: at, ...(await belongings(reader, at)), nowMs };
  const [exception] = await exceptionDetails(
    reader,
    [row],
    () => known,
    await keptCommands(reader),
  );
  if (exception === undefined) throw new Error(`no view of ${id}`);
  const payload = payloadCharsMax === null ? null : await payloadOf(reader, row, payloadCharsMax);
  const alike = ofRun.filter((one) => one.step === row.step && one.subject === row.subject);
  const earlier = alike.filter((one) => one.seq < seq);
  const earlierNotes = earlier.flatMap(({ handling }) => notesOf(handling));
  return { exception, payload, occurrences: alike.length, earlierNotes };
}

async function payloadOf(
  reader: StoreReader,
  { run, seq, workflow, reasonCode }: ExceptionRow,
  charsMax: number,
): Promise<Payload | null> {
  const [record] = await reader.records(run, seq - 1, 1);
  if (record === undefined || !hasPayload(record)) return null;
  const masking = await Masking.of(reader);
  const data = record.data ?? "null";
  const owner = payloadOwner(record, workflow);
  return reasonCode === UNFIT_MESSAGE
    ? masking.message(data, owner, charsMax)
    : masking.payload(data, owner, charsMax);
}
