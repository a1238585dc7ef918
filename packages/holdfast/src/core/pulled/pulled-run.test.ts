import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { parsePulledRun, pulledText, type PulledRun } from "./pulled-run.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const record = (seq: number) => ({
  run: 7,
  seq,
  kind: "started" as const,
  attempt: 0,
  name: "",
  atMs: 1,
  head: "{}",
  data: null,
});
const pulled: PulledRun = {
  header: {
    workflow: "place-order",
    run: "run_1",
    state: "completed",
    version: "v1",
    codeVersion: "v2",
    storeId: "store_1",
    fakes: 2,
    undeclared: "faked",
    versions: [{ name: "v1", atMs: 1 }],
  },
  row: { run: 7, workflow: "place-order" },
  records: [record(1), { ...record(2), data: '"line\\u2028separator"' }],
};
const text = pulledText(pulled, sha256);
const parsed = (of: string) => parsePulledRun("x.hfrun", of, sha256);
/** The lines are changed, and the digest is made to fit them. */
function resealed(change: (lines: string[], head: Record<string, unknown>) => void): string {
  const lines = text.split("\n");
  const head = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  delete head["digest"];
  change(lines, head);
  const rest = lines.slice(1).join("\n");
  const digest = sha256(`${JSON.stringify(head)}\n${rest}`);
  return `${JSON.stringify({ ...head, digest })}\n${rest}`;
}

test("a pulled run is read as it was written, also where line ends were changed", () => {
  for (const one of [text, text.replaceAll("\n", "\r\n"), resealed(() => undefined)]) {
    const { header, row, records } = parsed(one);
    expect({ header, row, records }).toMatchObject(pulled);
  }
  expect(text.split("\n")).toHaveLength(5);
});

test.each([
  ["is empty", "", /line 1 is no JSON object/],
  ["is something else", '{"a":1}\n', /its first line is not the header of one/],
  ["is cut within a line", text.slice(0, -5), /its last line is not whole/],
  ["is cut after a line", text.slice(0, text.lastIndexOf("\n", text.length - 2) + 1), /digest/],
  ["was edited in a record", text.replace('"kind":"started"', '"kind":"result"'), /digest/],
  ["was edited in its header", text.replace('"codeVersion":"v2"', '"codeVersion":"v3"'), /digest/],
  ["has no format", text.replace('"format":1', '"format":"1"'), /which format it has/],
  ["lacks a part of its header", resealed((_, head) => delete head["storeId"]), /header lacks/],
  [
    "has records of no kind",
    resealed((lines) => (lines[2] = lines[2]?.replace("started", "x") ?? "")),
    /line 3 is no record 1/,
  ],
  ["has a record twice", resealed((lines) => (lines[3] = lines[2] ?? "")), /line 4 is no record 2/],
  ["has a line that is no JSON", resealed((lines) => (lines[3] = "{")), /line 4 is no JSON object/],
])("a file that %s is refused, and told why", (_what, one, why) => {
  expect(() => parsed(one)).toThrow(
    expect.objectContaining({
      code: "HF5025",
      message: expect.stringMatching(why) as string,
    }) as Error,
  );
});

test("a file of a newer format is refused as that, whatever else is in it", () => {
  const newer = text.replace('"format":1', '"format":2');
  expect(() => parsed(newer)).toThrow(expect.objectContaining({ code: "HF5026" }) as Error);
});
