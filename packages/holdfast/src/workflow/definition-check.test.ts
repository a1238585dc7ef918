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

const undo = make.effect({ ...whole.effect, repeat: "once" });
const called = (): null => null;
const of = {
  read: whole.effect,
  idempotent: { ...whole.effect, repeat: "idempotent", why: "put" },
  keyed: { ...whole.effect, repeat: "keyed", keyWindow: "24h" },
  probeable: { ...whole.effect, repeat: "probeable", probe: () => null },
  once: { ...whole.effect, repeat: "once" },
} as const;

describe("an option that says nothing", () => {
  test.each([
    ["effect", { ...of.keyed, retries: 3 }, 'effect "it" has no option "retries"', "retry"],
    ["effect", { ...of.keyed, retry: 3 }, '"retry" is not valid: expected an object, got 3', ""],
    [
      "effect",
      { ...of.keyed, retry: { attempt: 3 } },
      'retry of effect "it" has no option "attempt"',
      'Did you mean "attempts"? It takes: attempts, within, first.',
    ],
    ["effect", { ...of.keyed, timeOut: "5s" }, 'no option "timeOut"', 'Did you mean "timeout"?'],
    ["effect", { ...of.keyed, owner: "" }, '"owner" is not valid', ""],
    ["effect", { ...of.keyed, replays: "none" }, '"replays" is not valid', "2xx | non5xx"],
    ["effect", { ...of.keyed, classify: "data" }, '"classify" is not valid', ""],
    ["effect", { ...of.idempotent, why: "because" }, '"why" is not valid', "put | delete"],
    ["effect", { ...of.once, keyWindow: "1h" }, 'to which "keyWindow" does not belong', '"keyed"'],
    ["effect", { ...of.read, compensate: "none" }, 'to which "compensate" does not', '"once"'],
    ["effect", { ...of.once, compensate: called }, '"compensate" is a function', "{ effect,"],
    ["effect", { ...of.probeable, compensate: called }, '"compensate" is a function', ""],
    ["effect", { ...of.once, compensate: "undo" }, '"compensate" is not valid', ""],
    ["review", { ...whole.review, with: "1h" }, 'no option "with"', ""],
    ["review", { ...whole.review, within: "soon" }, "within of review", ""],
    ["review", { ...whole.review, onTimeout: { default: 1 } }, 'and no "within"', 'within: "4h"'],
    [
      "review",
      { ...whole.review, within: "1h", onTimeout: { escalate: "b" } },
      'no option "escalate"',
      "escalateTo, default",
    ],
    ["review", { ...whole.review, within: "1h", onTimeout: {} }, "either escalateTo or", ""],
    [
      "workflow",
      { ...whole.workflow, onFailure: "undo" },
      '"onFailure" is not valid: expected compensate, ask, stop, got "undo"',
      "Choose: compensate | ask | stop",
    ],
    ["workflow", { ...whole.workflow, lane: "x" }, '"lane" is not valid: expected a function', ""],
    ["workflow", { ...whole.workflow, lanes: String }, 'no option "lanes"', 'mean "lane"?'],
    ["workflow", { ...whole.workflow, reviews: ["r"] }, '"reviews" is not valid', "bigOrder"],
    ["integration", { owner: "o", limits: {} }, 'no option "limits"', 'Did you mean "limit"?'],
    ["integration", { owner: "o", limit: { rate: 5 } }, '"rate" is not valid', ""],
    ["integration", { owner: "o", limit: { rate: "5" } }, "is not a rate", ""],
    ["integration", { owner: "o", limit: { concurrency: 0 } }, "limit.concurrency of", "above 0"],
    ["integration", { owner: "o", breaker: { openAt: 0.5 } }, "breaker.openAt of", '"50%"'],
  ] as const)("%s %o is refused", (kind, options, message, remedy) => {
    const define = () => make[kind](options);
    expect(define).toThrow(message);
    const words: unknown = expect.stringContaining(remedy);
    expect(define).toThrow(expect.objectContaining({ code: "HF1001", remedy: words }));
  });

  test.each(Object.entries(of))("%s with all that it takes is taken", (_repeat, options) => {
    expect(() =>
      make.effect({
        ...options,
        timeout: "5s",
        owner: "b",
        classify: undefined,
        single: true,
        describe: () => ({}),
        sensitive: ["/iban"],
        ...(options.repeat === "read"
          ? {}
          : { settle: "1s", compensate: { effect: undo, input: String } }),
        ...(options.repeat === "once" ? {} : { retry: { attempts: 2, within: "1m", first: "1s" } }),
      }),
    ).not.toThrow();
  });
});

test("an effect whose calls may take no time is refused where it is written", () => {
  expect(() => effect("it", { ...whole.effect, timeout: "0s" } as never)).toThrow(
    'timeout of effect "it" is not valid: expected more than 0',
  );
});
