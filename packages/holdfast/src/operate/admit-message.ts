/** `holdfast admit`: what a message that does not fit is to begin its run with. */
import { HoldfastError } from "../core/error.ts";
import type { JournalRecord, OpenedHead } from "../core/journal.ts";
import { parseJson } from "../core/json-text.ts";
import { parseJsonText } from "../core/parse-json.ts";
import { UNFIT_MESSAGE } from "../core/received.ts";
import { hasMark } from "../core/sensitive.ts";
import { quoted } from "./find-run.ts";
import { formatRunId, parseItemId } from "../core/run-number.ts";
import type { StoreReader } from "../store/store.ts";
import { giveCommand, type Patience, type Receipt } from "./command.ts";

/**
 * @param exception - id (`exc_...`) of the exception about the message.
 * @throws {HoldfastError} HF6001 (no such exception); the engine's refusals: HF4102..HF4105 (the input
 *   does not fit), HF6003 (it is about something else), HF4201 (no room); HF6005.
 */
export async function admitMessage(
  reader: StoreReader,
  exception: string,
  input: unknown,
  { by, reason }: { readonly by: string; readonly reason: string },
  patience: Patience,
): Promise<Receipt> {
  const { run, seq } = parseItemId("exc", exception);
  const act = { kind: "admitted" } as const;
  const body = { run: formatRunId(run), seq, act, input, reason };
  return await giveCommand(reader, { topic: "handle", by, body }, patience);
}

/**
 * The body of the message as it came, as an input: for one that fits since other code is at work.
 *
 * @throws {HoldfastError} HF6001 (no such exception), HF6003 (it is about something else, or its body
 *   cannot be read here), HF4102 to HF4105 for a body that is no JSON.
 */
export async function bodyOfMessage(reader: StoreReader, exception: string): Promise<unknown> {
  const { run, seq } = parseItemId("exc", exception);
  const [record] = await reader.records(run, seq - 1, 1);
  const head = record?.kind === "opened" ? headOf(record) : null;
  const body: unknown = parseJson(record?.data ?? "null");
  if (head === null || record?.seq !== seq) {
    throw new HoldfastError(
      "HF6001",
      `There is no exception ${quoted(exception)} in this store.`,
      "List them with: holdfast exceptions --all",
    );
  }
  if (head.reasonCode !== UNFIT_MESSAGE || typeof body !== "string" || hasMark(body)) {
    throw new HoldfastError(
      "HF6003",
      head.reasonCode === UNFIT_MESSAGE
        ? `The message of ${exception} cannot be read here: it is sealed, or lies in a file.`
        : `${exception} is not about a message that does not fit.`,
      head.reasonCode === UNFIT_MESSAGE
        ? "Name --key-ring and --payload-files; or give the input: --input JSON"
        : `See what can be done about it: holdfast show ${exception}`,
    );
  }
  return parseJsonText(body, `message of ${exception}`);
}

/** The engine wrote it with the shape of its kind. */
function headOf({ head }: JournalRecord): OpenedHead {
  return parseJson(head ?? "{}") as OpenedHead;
}
