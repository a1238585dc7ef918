/** The forms of headers, against what others have published of them. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseSfString } from "./sf-string.ts";
import { secretBytes, signatureProblem } from "./webhook-signature.ts";

interface Vector {
  readonly name: string;
  readonly raw: readonly string[];
  readonly must_fail?: boolean;
  readonly expected?: readonly [string, readonly unknown[]];
}

describe("a structured field of type string", () => {
  const shared = new URL("../../../../../shared/data/structured-fields/", import.meta.url);
  const files = ["string.json", "string-generated.json"].filter((file) =>
    existsSync(new URL(file, shared)),
  );
  test.skipIf(files.length === 0)(
    "is what the vectors of the HTTP working group say (where shared/data is present)",
    () => {
      let count = 0;
      for (const file of files) {
        const text = readFileSync(new URL(file, shared), "utf8");
        // Their form is described in the README beside them.
        for (const { name, raw, must_fail, expected } of JSON.parse(text) as Vector[]) {
          // As node:http joins them.
          const parsed = parseSfString(raw.join(", "));
          expect([name, parsed]).toEqual([name, must_fail === true ? null : expected?.[0]]);
          count += 1;
        }
      }
      expect(count).toBeGreaterThan(10);
    },
  );

  test("is one text in quotes and nothing else", () => {
    expect(parseSfString('  "a \\"b\\" \\\\ c" ')).toBe('a "b" \\ c');
    for (const none of ["", '"', "a", '"a', 'a"', '"a"b', '"a";b', '\t"a"', '"\\n"', "'a'", '"é"'])
      expect(parseSfString(none)).toBeNull();
  });
});

// Made with the npm package standardwebhooks 1.1.1.
const example = {
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  timestamp: "1614265330",
  signatures: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  body: Buffer.from('{"test": 2432232314}'),
};
const secret = secretBytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "test");
const atMs = 1_614_265_330_000;
const at = (ms: number) => signatureProblem(example, [secret], atMs + ms, 300_000);

describe("a signature of a webhook", () => {
  test("is what the reference libraries make", () => {
    expect(signatureProblem(example, [secret], atMs, 300_000)).toBeNull();
    const changed = { ...example, body: Buffer.from('{"test": 2432232315}') };
    expect(signatureProblem(changed, [secret], atMs, 300_000)).toMatch(/no signature/);
  });

  test("counts for as long as the clocks may be apart", () => {
    expect([at(300_000), at(-300_000)]).toEqual([null, null]);
    expect([at(300_001), at(-300_001)]).toEqual([expect.any(String), expect.any(String)]);
  });
});
