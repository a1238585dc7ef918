import { expect, test } from "vitest";
import { z } from "zod";
import { review } from "./review.ts";

const options = { subject: z.string(), decision: z.object({ ok: z.boolean() }), by: "finance" };

test("a default that is no decision is refused where it is written", () => {
  const over = { within: "4h", onTimeout: { default: { ok: "yes" } } } as never;
  expect(() => review("approval", { ...options, ...(over as object) })).toThrow(
    expect.objectContaining({
      code: "HF1001",
      message: expect.stringMatching(
        /the default of "onTimeout" is no decision: .*\/ok/u,
      ) as string,
    }),
  );
});

test.each(["previous-reviewer", " ", "\u200b"])(
  "notBy %j, which excludes nobody, is refused",
  (notBy) => {
    expect(() => review("approval", { ...options, notBy })).toThrow(
      expect.objectContaining({
        code: "HF1001",
        message: expect.stringContaining('"notBy" is not valid') as string,
      }),
    );
  },
);
