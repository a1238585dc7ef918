import { expect, test } from "vitest";
import { readLoosely, reasonOf, saidOf } from "./http-answer.ts";

const SECRET = "Bearer 0123456789abcdef";

function said(body: unknown, ...secrets: readonly string[]): string | undefined {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return saidOf(readLoosely(400, { "content-type": "text/plain" }, bytes), secrets);
}

test.each([
  ["the message", (text: string) => ({ error: { message: text } }), 500],
  ["the body", (text: string) => text, 200],
])("a secret that lies across the end of what is kept of %s is covered", (_what, body, max) => {
  for (let shown = 1; shown < SECRET.length; shown += 1) {
    const text = said(body(`${"x".repeat(max - shown)}${SECRET} and more`), SECRET);
    expect(text?.length).toBeLessThanOrEqual(max);
    expect(text).not.toContain(SECRET.slice(0, 1));
  }
});

test("what moves up behind a covered secret is covered, too", () => {
  const first = "key-".repeat(100);
  const text = said({ message: `${first}${"x".repeat(105)}${SECRET}` }, SECRET, first);
  expect(text).toBe(`***${"x".repeat(105)}***`);
});

test("of two secrets that begin alike nothing is left of the longer", () => {
  expect(said({ message: "got 12345678-tail" }, "12345678", "12345678-tail")).toBe("got ***");
});

function reasonIn(body: unknown): string | null {
  return reasonOf(
    readLoosely(400, { "content-type": "application/json" }, Buffer.from(JSON.stringify(body))),
  );
}

test.each([
  [{ error: { code: 403, status: "DENIED", details: [{ reason: "RATE_LIMIT" }] } }, "RATE_LIMIT"],
  [{ error: { code: "BadRequest", innererror: { code: "PeriodClosed" } } }, "PeriodClosed"],
  [{ error: { code: "ZSD/042" } }, "ZSD/042"],
  [{ errors: [{ type: "ValidationFault", message: "a sentence" }] }, "ValidationFault"],
  [[{ errorCode: "UNABLE_TO_LOCK_ROW", message: "try again" }], "UNABLE_TO_LOCK_ROW"],
  [{ name: "UNPROCESSABLE_ENTITY", details: [{ issue: "ORDER_EXPIRED" }] }, "ORDER_EXPIRED"],
  [{ "o:errorDetails": [{ "o:errorCode": "INVALID_CONTENT" }] }, "INVALID_CONTENT"],
  [{ category: "VALIDATION_ERROR" }, "VALIDATION_ERROR"],
  [{ fault: { faultcode: "Client" } }, "Client"],
  [{ statusCode: 400, code: "81715" }, "81715"],
])("the code of %j is %s", (body, reason) => {
  expect(reasonIn(body)).toBe(reason);
});

test.each([
  { error: "no such order was found" },
  { code: "422" },
  { code: 21610 },
  { name: "Alice", category: "Customers", reason: "late" },
  { name: "ALICE" },
])("%j holds no code", (body) => {
  expect(reasonIn(body)).toBeNull();
});
