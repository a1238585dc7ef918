/** Keys and reasons that try to break a table, a terminal or a document. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { eventually, holdfastCli, startShop, type Shop, LIFE_MS_MAX } from "./processes.ts";

// Each test starts several processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: LIFE_MS_MAX, hookTimeout: LIFE_MS_MAX });

const folder = mkdtempSync(join(tmpdir(), "holdfast-cli-"));
const store = join(folder, "shop.db");
const env = { HOLDFAST_STORE: `sqlite:${store}` };

const KEYS = [
  "plain",
  "two\nlines\r\nand\ttabs",
  "\u001b[2J\u001b[31mred",
  "\u009b31mC1",
  "\u0007bell\b\b",
  "right\u202eto left",
  "zero\u200bwidth\ufeff",
  "line\u2028separator",
  "日本語キー",
  "👩‍👩‍👧🚀",
  "e\u0301\u0327\u0336zalgo",
  "'; DROP TABLE run; --",
  "%s%d%n",
  "__proto__",
  "-1",
  "run_0000000000z",
  "../../../etc/passwd",
  '"quoted"',
  " leading and trailing ",
  "x".repeat(300),
];

let shop: Shop;

beforeAll(async () => {
  const orders = KEYS.map((id) => ({ id, does: "sleep" }) as const);
  shop = await startShop(store, orders);
  await eventually("all to sleep", async () => {
    const { out } = await holdfastCli(["runs", "--json", "--state", "waiting"], { env });
    return keysIn(out).length === KEYS.length ? true : null;
  });
});

afterAll(async () => {
  await shop.stop();
  rmSync(folder, { recursive: true, force: true });
});

function keysIn(document: string): readonly string[] {
  // The command's own document; another shape has no keys and fails the test.
  return (JSON.parse(document) as { runs: readonly { key: string }[] }).runs.map(({ key }) => key);
}

test("a table has one line for each run and no character that a terminal acts on", async () => {
  const { out } = await holdfastCli(["runs"], { env });
  const lines = out.trimEnd().split("\n");
  expect(lines).toHaveLength(KEYS.length + 1);
  for (const line of lines.slice(1)) {
    expect(line).toMatch(/^run_\w{11} {2}.* place-order +waiting /);
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  }
});

test("a document holds the keys as they are, in characters that are safe to print", async () => {
  const { out } = await holdfastCli(["runs", "--json"], { env });
  expect(keysIn(out)).toEqual(KEYS);
  expect(out.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
});

test("a run is found by such a key, and a reason is kept as it was given", async () => {
  const reason = "because\u001b[2J\n\u202ewhy not\u2028日本 --json '; x";
  const keys = ["two\nlines\r\nand\ttabs", "run_0000000000z", "-1", "👩‍👩‍👧🚀"];
  const cancel = ["cancel", "--reason", reason, "--by", "bo\u0007", "--"];
  const cancelled = await Promise.all(keys.map((key) => holdfastCli([...cancel, key], { env })));
  for (const { code, err } of cancelled) expect({ code, err }).toEqual({ code: 0, err: "" });
  const [document, ...texts] = await Promise.all([
    holdfastCli(["show", "--json", "--", keys[0] ?? ""], { env }),
    ...keys.map((key) => holdfastCli(["show", "--", key], { env })),
    ...keys.map((key) => holdfastCli(["why", "--", key], { env })),
  ]);
  const shown = JSON.parse(document.out) as { timeline: readonly { kind: string }[] };
  const entry = shown.timeline.find(({ kind }) => kind === "cancel");
  expect(entry).toMatchObject({ what: `cancellation asked for: ${reason}`, by: "bo\u0007" });
  for (const { out } of texts) {
    expect(out).toContain("because\\u{1b}[2J\\n\\u{202e}why not\\u{2028}日本 --json '; x");
    expect(out.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  }
});

test("an error about such a key is safe to print too", async () => {
  const { code, err } = await holdfastCli(["show", "no\u001b[2J\u202ekey"], { env });
  expect(err).toContain('business key "no\\u001b[2J\\u{202e}key"');
  expect(err.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(code).toBe(1);
});
