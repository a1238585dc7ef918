import { expect, test } from "vitest";
import { readLoosely, saidOf } from "./http-answer.ts";

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
