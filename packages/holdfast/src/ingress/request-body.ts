/** The raw body of a request, bounded, before anybody else has read it. */
import type { IncomingMessage as Request } from "node:http";
import { parseJsonText } from "../core/parse-json.ts";
import { JSON_LIMITS } from "../core/json-value.ts";
import { Refusal } from "./refusal.ts";

/** The sender has hung up: there is nobody to answer. */
export class SenderGone extends Error {
  override readonly name = "SenderGone";
}

/**
 * @throws {Refusal} HF4104 (413) if it is longer, HF4109 (500) if a parser has read it before.
 * @throws {SenderGone}
 */
export async function readBody(request: Request, bytesMax: number): Promise<Buffer> {
  if (request.readableDidRead || request.readableEnded) throw readBefore();
  const announced = Number(request.headers["content-length"] ?? "0");
  if (announced > bytesMax) throw tooLong(bytesMax);
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      // No encoding is set on it, so these are bytes.
      const bytes = chunk as Buffer;
      sizeBytes += bytes.length;
      if (sizeBytes > bytesMax) throw tooLong(bytesMax);
      chunks.push(bytes);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new SenderGone("the request ended before its body", { cause: error });
  }
  return Buffer.concat(chunks);
}

/** @throws {HoldfastError} HF4102 to HF4105 if it is no JSON that can be kept. */
export function jsonOf(body: Buffer, bytesMax: number): unknown {
  let text: string;
  try {
    // A byte order mark stays, and is no JSON.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new Refusal(400, "HF4102", "The body is not UTF-8.", "Send JSON encoded as UTF-8.");
  }
  return parseJsonText(text, "body", { ...JSON_LIMITS, bytesMax });
}

/** @throws {Refusal} HF4109 (415) for another content type, charset or encoding. */
export function requireContent(request: Request, types: readonly string[]): string {
  const { "content-type": given = "", "content-encoding": encoding = "identity" } = request.headers;
  const [type = "", ...parameters] = given.split(";").map((part) => part.trim().toLowerCase());
  const charset = parameters.find((part) => part.startsWith("charset="))?.slice(8) ?? "utf-8";
  const isKnown = types.includes(type);
  if (isKnown && charset.replaceAll('"', "") === "utf-8" && encoding === "identity") return type;
  throw new Refusal(
    415,
    "HF4109",
    `The body is not one that this address takes: expected ${types.join(" or ")} in UTF-8, uncompressed.`,
    "Say so in content-type.",
    { accept: types.join(", ") },
  );
}

function tooLong(bytesMax: number): Refusal {
  return new Refusal(
    413,
    "HF4104",
    `The body is too large: expected at most ${String(bytesMax)} bytes.`,
    "Keep large content elsewhere and send a reference to it.",
    // What is still on its way is not read.
    { connection: "close" },
  );
}

function readBefore(): Refusal {
  return new Refusal(
    500,
    "HF4109",
    "The body was read before by something else.",
    "Mount the ingress before anything that parses bodies: a signature is over the raw bytes.",
  );
}
