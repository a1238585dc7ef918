/** Strings that break programs, through every place of a run that takes a text. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { workflow } from "../../workflow/workflow.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

/** Takes everything, so that what is refused is refused by the engine. */
const takesAll = workflow(
  "takes-all",
  {
    input: z.unknown(),
    output: z.unknown(),
    key: (input) => (typeof input === "string" ? input : "key"),
    owner: "team",
    describe: () => ({ keys: { a: "b" } }),
  },
  async (input, run) => {
    await run.step("see", () => input, { durable: true });
    await run.sleep("1h");
    return input;
  },
);

/** Picked from the big list of naughty strings (Max Woolf, MIT licence): one or more of each sort. */
const NAUGHTY: readonly string[] = [
  "undefined",
  "undef",
  "null",
  "NULL",
  "(null)",
  "nil",
  "NIL",
  "true",
  "false",
  "None",
  "hasOwnProperty",
  "then",
  "constructor",
  "__proto__",
  "prototype",
  "toString",
  "valueOf",
  "\\",
  "\\\\",
  "0",
  "1",
  "1.00",
  "$1.00",
  "1/2",
  "1E2",
  "-1",
  "1/0",
  "0/0",
  "NaN",
  "Infinity",
  "-Infinity",
  "INF",
  "0x0",
  "0xffffffffffffffff",
  "999999999999999999999",
  "123456789012345678901234567890",
  "1,000.00",
  ",./;'[]\\-=",
  '<>?:"{}|_+',
  "!@#$%^&*()`~",
  "\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008",
  "\u0080\u0081\u0082\u0083\u0084\u0086",
  "\t\u000b\f \u0085 \u1680\u180e\u2002\u2003\u2028\u2029\u202f\u205f\u3000",
  "\u00ad\u0600\u0601\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff",
  "\ufeff",
  "\ufffe",
  "Ω≈ç√∫˜µ≤≥÷",
  "田中さんにあげて下さい",
  "社會科學院語學研究所",
  "찦차를 타고 온 펲시맨과 쑛다리 똠방각하",
  "Ⱥ",
  "ヽ༼ຈل͜ຈ༽ﾉ ヽ༼ຈل͜ຈ༽ﾉ",
  "😍",
  "👩🏽",
  "👨‍👩‍👧‍👦",
  "🇺🇸🇷🇺🇸 🇦🇫",
  "１２３",
  "١٢٣",
  "ثم نفس سقطت وبالتحديد،",
  "בְּרֵאשִׁית, בָּרָא אֱלֹהִים",
  "test\u2060test\u202b",
  "Ṱ̺̺̕o͞ ̷i̲̬͇̪͙n̝̗͕v̟̜̘̦͟o̶̙̰̠kè͚̮̺̪̹̱̤",
  "˙ɐnbᴉlɐ ɐuƃɐɯ",
  "<script>alert(0)</script>",
  '"><img src=x onerror=alert(1)>',
  "javascript:alert(1)",
  "1;DROP TABLE users",
  "1'; DROP TABLE users-- 1",
  "' OR 1=1 -- 1",
  "'; EXEC sp_MSForEachTable 'DROP TABLE ?'; --",
  "%",
  "_",
  "--help",
  "$USER",
  "/dev/null; touch /tmp/x ; echo",
  "`touch /tmp/x`",
  "$(touch /tmp/x)",
  '@{[system "touch /tmp/x"]}',
  'System("ls")',
  "../../../../../../../../../../../etc/passwd%00",
  "() { 0; }; touch /tmp/x;",
  "<<< %s(un='%s') = %u",
  "+++ATH0",
  "CON",
  "PRN",
  "AUX",
  "A:",
  "ZZ:",
  "DCC SEND STARTKEYLOGGER 0 0 0",
  "Scunthorpe General Hospital",
  "If you're reading this, you've been in a coma",
  "Roses are \u001b[0;31mred\u001b[0m",
  "But now...\u001b[20Cfor my greatest trick...\u001b[8m",
  "The quic\b\b\b\b\b\bk brown fo\u0007\u0007x",
  "Power\u0644\u064f\u0644\u064f\u0635\u0651\u0628\u064f\u0644\u064f\u0644\u0635\u0651\u0628\u064f\u0631\u0631\u064b \u0963 \u0963h \u0963 \u0963\u5197",
  "%*.*s",
  "%d%s%n",
  "{0}",
  "{{7*7}}",
  "${7*7}",
  "\r\nSet-Cookie: a=b",
  "a\u0000b",
  "\u0000",
];

/** A key is a column of its own, and no store keeps NUL in one. */
const KEYS = NAUGHTY.filter((text) => !text.includes("\u0000"));

describe("naughty strings", () => {
  test("with NUL are refused as keys, and come through in payloads", async () => {
    const engine = await world.begin([takesAll]);
    for (const text of NAUGHTY.filter((one) => !KEYS.includes(one)))
      await expect(engine.startRun(takesAll, text)).rejects.toMatchObject({ code: "HF4102" });
    expect(await world.allRuns()).toEqual([]);
    const run = await world.start(takesAll, { text: "a\u0000b" });
    await world.crash();
    await world.begin([takesAll]);
    expect(await world.resultOf(run)).toEqual({ text: "a\u0000b" });
  });

  test("as keys and payloads come through unchanged, each as a run of its own, over a crash", async () => {
    const engine = await world.begin([takesAll]);
    const runs: number[] = [];
    for (const text of KEYS) runs.push((await engine.startRun(takesAll, text)).run);
    expect(new Set(runs).size).toBe(KEYS.length);
    await world.crash();
    const next = await world.begin([takesAll]);
    for (const [index, text] of KEYS.entries()) {
      const again = { run: runs[index], isNew: false, differs: false };
      expect(await next.startRun(takesAll, text)).toEqual(again);
    }
    await world.advance(3_700_000);
    for (const [index, text] of KEYS.entries()) {
      const run = runs[index] ?? 0;
      expect(await world.row(run)).toMatchObject({ key: text, state: "completed" });
      expect(await world.resultOf(run)).toBe(text);
    }
  });

  test("as property names and values of one payload come back the same", async () => {
    const input = Object.fromEntries(NAUGHTY.map((text, index) => [text, [text, index]]));
    await world.begin([takesAll]);
    const run = await world.start(takesAll, input);
    await world.crash();
    await world.begin([takesAll]);
    const result = (await world.resultOf(run)) as Record<string, unknown>;
    for (const [index, text] of NAUGHTY.entries()) {
      if (text === "__proto__") continue;
      expect(Object.hasOwn(result, text)).toBe(true);
      expect(result[text]).toEqual([text, index]);
    }
  });

  test("as names of steps either work and are found again, or are refused by their code", async () => {
    const refused: unknown[] = [];
    const flow = workflow(
      "flow",
      { input: z.unknown(), output: z.unknown(), key: () => "k", owner: "t" },
      async (_input, run) => {
        const seen: string[] = [];
        for (const text of NAUGHTY) {
          seen.push(
            await run
              .step("s", () => text, { as: text })
              .catch((error: { code?: string }) => {
                refused.push(error.code);
                return "refused";
              }),
          );
        }
        await run.sleep("1h");
        return seen;
      },
    );
    await world.begin([flow]);
    const run = await world.start(flow, {});
    await world.settle();
    await world.crash();
    await world.begin([flow]);
    const seen = (await world.resultOf(run)) as string[];
    expect(new Set(refused)).toEqual(new Set(["HF1001"]));
    // Both times the same.
    expect(seen.filter((text) => text === "refused")).toHaveLength(refused.length / 2);
    for (const [index, text] of NAUGHTY.entries()) expect(["refused", text]).toContain(seen[index]);
    expect(seen.filter((text) => text !== "refused").length).toBeGreaterThan(NAUGHTY.length / 2);
  });
});
