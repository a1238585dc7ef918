/** `holdfast received`: messages from outside, and what became of them. */
import { HoldfastError } from "../core/error.ts";
import { MESSAGE_CLOSED_MAX, subjectOfMessage, type ReceiptState } from "../core/received.ts";
import { formatItemId, formatRunId } from "../core/run-number.ts";
import type { ExceptionRow, ReceivedRow } from "../store/rows.ts";
import type { ReceivedQuery, StoreReader } from "../store/store.ts";
import { isoText } from "./views.ts";

interface ReceivedView {
  readonly id: string;
  readonly source: string;
  readonly ingress: string;
  readonly workflow: string;
  readonly state: ReceiptState;
  readonly run: string | null;
  readonly duplicateOf: string | null;
  /** Its place, as `key number`; null where messages have no order. */
  readonly order: { readonly key: string; readonly number: number } | null;
  /** By which a person has it, or had it; null where it is not in review. */
  readonly exception: string | null;
  /** True for one in review whose exception was closed: it is left, and no run begins with it. */
  readonly isLeft: boolean;
  readonly at: string;
}

export interface ReceivedPage {
  readonly messages: readonly ReceivedView[];
  readonly next: string | null;
}

export interface ReceivedFilter {
  readonly state?: ReceiptState;
  readonly workflow?: string;
  readonly limit: number;
  readonly after?: string;
}

/** Newest first. */
export async function listReceived(
  reader: StoreReader,
  { state, workflow, limit, after }: ReceivedFilter,
): Promise<ReceivedPage> {
  const rows = await reader.received({
    after: after === undefined ? null : placeOf(after),
    limit,
    ...(state === undefined ? {} : { state }),
    ...(workflow === undefined ? {} : { workflow }),
  });
  const last = rows.length < limit ? undefined : rows.at(-1);
  const next = last === undefined ? null : `${String(last.atMs)}-${last.name}`;
  const messages: ReceivedView[] = [];
  // By an index, and only for what is in review: it is not much.
  for (const row of rows) messages.push(viewOf(row, await exceptionOf(reader, row)));
  return { messages, next };
}

async function exceptionOf(
  reader: StoreReader,
  { name, state, duplicateOf }: ReceivedRow,
): Promise<ExceptionRow | null> {
  if (state !== "review") return null;
  const run = duplicateOf ?? STORE;
  let last: ExceptionRow | null = null;
  for (let times = 1; times <= MESSAGE_CLOSED_MAX; times += 1) {
    const about = { run, afterRun: run - 1, all: true, subject: subjectOfMessage(name, times) };
    const [row] = await reader.exceptions({ ...about, limit: 1 });
    if (row === undefined) return last;
    last = row;
    if (row.closedAtMs === null) return row;
  }
  return last;
}

/** Where the store's own exceptions stand. */
const STORE = 0;

function viewOf(row: ReceivedRow, exception: ExceptionRow | null): ReceivedView {
  const { id, source, ingress, workflow, state, run, duplicateOf, atMs } = row;
  const { orderKey: key, orderNumber: number } = row;
  return {
    id,
    source,
    ingress,
    workflow,
    state,
    run: run === null ? null : formatRunId(run),
    duplicateOf: duplicateOf === null ? null : formatRunId(duplicateOf),
    order: key === null || number === null ? null : { key, number },
    exception: exception === null ? null : formatItemId("exc", exception),
    isLeft: exception !== null && exception.closedAtMs !== null,
    at: isoText(atMs),
  };
}

/** @throws {HoldfastError} HF4102 for what no page has ended with. */
function placeOf(after: string): NonNullable<ReceivedQuery["after"]> {
  const { atMs, name } = /^(?<atMs>\d{1,15})-(?<name>[0-9a-f]{64})$/u.exec(after)?.groups ?? {};
  if (atMs !== undefined && name !== undefined) return { atMs: Number(atMs), name };
  throw new HoldfastError(
    "HF4102",
    `--after ${JSON.stringify(after.slice(0, 80))} is not where a page of messages has ended.`,
    "Use the text that the page before ended with.",
  );
}
