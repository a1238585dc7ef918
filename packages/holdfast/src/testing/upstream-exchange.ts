import { ByteSource } from "./byte-source.ts";
import type { FaultContext } from "./fault-context.ts";
import { HttpFraming, HttpFramingError } from "./http-framing.ts";

/** A client that sends more than this in one request is cut off: the proxy keeps requests in memory. */
const REQUEST_BYTES_MAX = 32 * 1024 * 1024;

/** One whole request, as the client sent it. */
export interface HttpRequest {
  readonly raw: Buffer;
  readonly method: string;
  /** The client said that it closes the connection after the answer. */
  readonly closes: boolean;
}

/** One whole answer, as the counterpart sent it. */
export interface HttpAnswer {
  readonly raw: Buffer;
  readonly framing: HttpFraming;
}

/** Reads one request; undefined if the client left first, or does not speak HTTP/1.1. */
export async function readRequest(source: ByteSource): Promise<HttpRequest | undefined> {
  const framing = new HttpFraming({ kind: "request" });
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  while (!framing.isDone) {
    const bytes = await source.next();
    if (bytes === undefined) return undefined;
    const rest = pushed(framing, bytes);
    if (rest === undefined) return undefined;
    source.putBack(rest);
    parts.push(bytes.subarray(0, bytes.length - rest.length));
    sizeBytes += bytes.length - rest.length;
    if (sizeBytes > REQUEST_BYTES_MAX) return undefined;
  }
  const [method = ""] = framing.startLine.split(" ");
  return { raw: Buffer.concat(parts), method, closes: framing.closes };
}

/**
 * Delivers one request on a connection of its own and waits for the whole answer, whether or not the
 * client is still there. Undefined if the counterpart was not there or did not answer to the end.
 *
 * @param pass - is given the bytes of the answer as they arrive.
 */
export async function askUpstream(
  context: FaultContext,
  request: HttpRequest,
  pass?: (bytes: Buffer) => Promise<void>,
): Promise<HttpAnswer | undefined> {
  const socket = await context.connectUpstream();
  if (socket === undefined) return undefined;
  const source = new ByteSource(socket);
  socket.write(request.raw, (error) => {
    if (!error) context.count("delivered");
  });
  const framing = new HttpFraming({ kind: "answer", method: request.method });
  const parts: Buffer[] = [];
  let isWhole = false;
  while (!isWhole) {
    const bytes = await source.next();
    if (bytes === undefined) {
      isWhole = framing.endsWithConnection;
      break;
    }
    parts.push(bytes);
    await pass?.(bytes);
    if (pushed(framing, bytes) === undefined) break;
    isWhole = framing.isDone;
  }
  socket.destroy();
  return isWhole ? { raw: Buffer.concat(parts), framing } : undefined;
}

function pushed(framing: HttpFraming, bytes: Buffer): Buffer | undefined {
  try {
    return framing.push(bytes);
  } catch (error) {
    // Not HTTP/1.1: this exchange cannot be carried out, and the caller resets it.
    if (error instanceof HttpFramingError) return undefined;
    throw error;
  }
}
