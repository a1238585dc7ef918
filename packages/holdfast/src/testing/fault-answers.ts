import type { FaultDecision } from "./fault-plan.ts";
import type { HttpAnswer, HttpRequest } from "./upstream-exchange.ts";

const RETRY_AFTER_S = 1;
const GARBAGE = "<html><body><h1>Something went wrong</h1></body></html>";

/**
 * A 429 with Retry-After in one of its two forms (RFC 9110, 10.2.3): seconds, or a date. The date is
 * rounded up to whole seconds, the resolution of the format.
 */
export function throttledAnswer(
  request: HttpRequest,
  decision: FaultDecision,
  nowMs: number,
): Buffer {
  const until = new Date(Math.ceil(nowMs / 1000 + RETRY_AFTER_S) * 1000).toUTCString();
  const body = JSON.stringify({ type: "about:blank", title: "Too Many Requests", status: 429 });
  return assemble({
    startLine: "HTTP/1.1 429 Too Many Requests",
    contentType: "application/problem+json",
    fields: [
      `Date: ${new Date(nowMs).toUTCString()}`,
      `Retry-After: ${decision.variant < 0.5 ? String(RETRY_AFTER_S) : until}`,
      ...(request.closes ? ["Connection: close"] : []),
    ],
    body: Buffer.from(body),
  });
}

/** The counterpart's status with a body that is not JSON: its own, cut in half, or a page of HTML. */
export function malformedAnswer(answer: HttpAnswer, decision: FaultDecision): Buffer {
  const original = Buffer.concat(answer.framing.body);
  const first = original.toString("latin1", 0, 1);
  // Half of an object or array is never JSON; half of a bare number could be.
  const canBeHalved = (first === "{" || first === "[") && original.length >= 2;
  const half = original.subarray(0, Math.floor(original.length / 2));
  return assemble({
    startLine: answer.framing.startLine,
    contentType: "application/json",
    fields: answer.framing.closes ? ["Connection: close"] : [],
    body: canBeHalved && decision.variant < 0.5 ? half : Buffer.from(GARBAGE),
  });
}

/** The head and half of the body; half of the head where there is no body to cut. */
export function cutAnswer(answer: HttpAnswer): Buffer {
  const { headLength } = answer.framing;
  const bodyLength = answer.raw.length - headLength;
  const end = bodyLength > 0 ? headLength + Math.floor(bodyLength / 2) : Math.floor(headLength / 2);
  return answer.raw.subarray(0, end);
}

function assemble(parts: {
  readonly startLine: string;
  readonly contentType: string;
  readonly fields: readonly string[];
  readonly body: Buffer;
}): Buffer {
  const head = [
    parts.startLine,
    ...parts.fields,
    `Content-Type: ${parts.contentType}`,
    `Content-Length: ${String(parts.body.length)}`,
    "",
    "",
  ].join("\r\n");
  return Buffer.concat([Buffer.from(head, "latin1"), parts.body]);
}
