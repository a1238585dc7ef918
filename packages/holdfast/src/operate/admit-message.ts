/** `holdfast admit`: what a message that does not fit is to begin its run with. */
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
