import { describe, expect, test } from "vitest";
import { z } from "zod";
import { effect } from "./effect.ts";
import { integration } from "./integration.ts";
import { review } from "./review.ts";
import { workflow } from "./workflow.ts";

// JavaScript callers: the casts leave out what the compiler would ask for.
const shop = integration("shop", { owner: "team" });
const whole = {
  effect: { on: shop, repeat: "read", input: z.string(), output: z.string(), run: () => "x" },
  review: { subject: z.string(), decision: z.string(), by: "b" },
  workflow: { input: z.string(), output: z.string(), key: String, owner: "o" },
  integration: { owner: "o" },
} as const;

const make = {
  effect: (o: object) => effect("it", o as never),
  review: (o: object) => review("it", o as never),
  workflow: (o: object) => workflow("it", o as never, () => Promise.resolve("")),
  integration: (o: object) => integration("it", o as never),
};

describe("a definition that misses a part", () => {
  test.each([
    ["effect", "on"],
    ["effect", "input"],
    ["effect", "output"],
    ["effect", "run"],
    ["review", "subject"],
    ["review", "decision"],
    ["review", "by"],
    ["workflow", "input"],
    ["workflow", "output"],
    ["workflow", "key"],
    ["workflow", "owner"],
    ["integration", "owner"],
  ] as const)("%s without %s is refused where it is written", (kind, part) => {
    expect(() => make[kind]({ ...whole[kind], [part]: undefined })).toThrow(
      `${kind} "it" needs "${part}"`,
    );
    expect(() => make[kind](whole[kind])).not.toThrow();
  });

  test("a contract that is none is named", () => {
    expect(() => make.effect({ ...whole.effect, repeat: "twice" })).toThrow(
      '"twice" is no repeat contract',
    );
  });
});
