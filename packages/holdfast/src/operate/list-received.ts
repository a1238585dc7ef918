/** `holdfast received`: messages from outside, and what became of them. */
import { HoldfastError } from "../core/error.ts";
import type { ReceiptState } from "../core/received.ts";
import { formatRunId } from "../core/run-number.ts";
import type { ReceivedRow } from "../store/rows.ts";
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
  return { messages: rows.map(viewOf), next };
}

function viewOf(row: ReceivedRow): ReceivedView {
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
