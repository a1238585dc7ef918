/** Text that comes in on a stream, whole, within a bound. */
import { HoldfastError } from "./core/error.ts";

/** @throws {HoldfastError} HF4104 above `bytesMax`. */
export async function readInput(
  stream: AsyncIterable<Uint8Array | string>,
  bytesMax: number,
): Promise<string> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of stream) {
    const bytes = Buffer.from(part);
    sizeBytes += bytes.length;
    if (sizeBytes > bytesMax) {
      throw new HoldfastError(
        "HF4104",
        `The input is too large: expected at most ${String(bytesMax)} bytes, got more.`,
        "Give the error alone, without the log around it.",
      );
    }
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString("utf8");
}
