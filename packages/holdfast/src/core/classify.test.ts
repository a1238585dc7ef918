import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classify, upperSnake, type ClassifierInput, type ClassifyContext } from "./classify.ts";
import {
  CLASSIFIER_SOURCES,
  EFFECT_PROOFS,
  FAILURE_CLASSES,
  PHASES,
  type Classified,
  type ClassifierSource,
  type EffectProof,
  type Evidence,
} from "./failure.ts";

function context(evidence: Evidence = {}, over: Partial<ClassifyContext> = {}): ClassifyContext {
  return {
    evidence,
    maybeBefore: false,
    thrownBy: "connector",
    message: "no answer in 30 s",
    ...over,
  };
}

function input(
  source: ClassifierSource,
  says: Classified | null,
  over: Partial<ClassifierInput> = {},
): ClassifierInput {
  return { source, says, id: `${source}/rule`, version: 3, ...over };
}

const UNSENT: Evidence = { phase: "created", callCount: 1 };
const SENT: Evidence = { phase: "sent", callCount: 1 };
const ANSWERED: Evidence = { phase: "answered", status: 400, callCount: 1 };

describe("precedence", () => {
  test("the strongest source decides, in whatever order they are given", () => {
    const inputs = CLASSIFIER_SOURCES.map((source, index) =>
      input(source, { class: FAILURE_CLASSES[index] ?? "data" }),
    );
    fc.assert(
      fc.property(fc.shuffledSubarray(inputs, { minLength: 1 }), (given) => {
        const strongest = CLASSIFIER_SOURCES.find((source) =>
          given.some((i) => i.source === source),
        );
        const failure = classify(given, context());
        expect(failure.rule).toEqual({
          source: strongest,
          id: `${strongest ?? ""}/rule`,
          version: 3,
        });
        expect(failure.class).toBe(given.find((i) => i.source === strongest)?.says?.class);
      }),
    );
  });

  test("gaps are filled by weaker sources, then by the class", () => {
    const failure = classify(
      [
        input("effect", { class: "data" }),
        input("integration", null),
        input("signal", { class: "throttled", scope: "key" }),
        input("table", {
          class: "permanent",
          scope: "system",
          reasonCode: "HTTP:STATUS_422",
          effect: "surely",
        }),
      ],
      context(ANSWERED),
    );
    expect(failure).toEqual({
      class: "data",
      scope: "key",
      origin: "remote",
      reasonCode: "HTTP:STATUS_422",
      effect: "surely",
      message: "no answer in 30 s",
      evidence: ANSWERED,
      rule: { source: "effect", id: "effect/rule", version: 3 },
    });
  });

  test("a default scope and a reason code are there for every class", () => {
    for (const cls of FAILURE_CLASSES) {
      const failure = classify(
        [input("effect", { class: cls }, { id: "effect create-invoice" })],
        context(),
      );
      expect(failure.reasonCode).toMatch(/^[A-Z0-9_]+:[A-Z0-9_]+$/);
      expect(failure.scope).toBeDefined();
    }
    expect(classify([input("table", { class: "unavailable" })], context()).scope).toBe(
      "dependency",
    );
    expect(classify([input("table", { class: "data" })], context()).scope).toBe("item");
  });
});

const never: Classified = { class: "transient", effect: "never" };

function effectFor(evidence: Evidence): EffectProof {
  return classify([input("table", never)], context(evidence)).effect;
}

describe("where nobody says so", () => {
  test.each([
    ["cancelled", "human"],
    ["interrupted", "local"],
    ["expired", "rule"],
    ["defect", "code"],
    ["poison", "code"],
  ] as const)("%s comes from %s, whatever was answered", (failureClass, origin) => {
    const failure = classify([input("effect", { class: failureClass })], context(ANSWERED));
    expect(failure.origin).toBe(origin);
  });

  test("any other comes from our code if that threw it, from the other side if that answered, or else from the network", () => {
    const says = [input("effect", { class: "data" })];
    expect(classify(says, context(ANSWERED, { thrownBy: "code" })).origin).toBe("code");
    expect(classify(says, context(ANSWERED)).origin).toBe("remote");
    expect(classify(says, context(SENT)).origin).toBe("network");
  });

  test("the reason is that of the rule's id, whatever the code is", () => {
    const rule = input("table", { class: "data" }, { id: "http-status/503/slow" });
    expect(classify([rule], context({ code: "E_17" })).reasonCode).toBe("HTTP_STATUS:503_SLOW");
  });
});

test("how long an answer may still come is what the strongest source says, and nobody else", () => {
  const weaker = input("table", { class: "ambiguous", mayComeWithinMs: 2_000 });
  const silent = input("effect", { class: "ambiguous" });
  const strongest = input("effect", { class: "ambiguous", mayComeWithinMs: 1_000 });
  expect(classify([weaker, strongest], context())).toMatchObject({ mayComeWithinMs: 1_000 });
  expect(classify([weaker, silent], context())).not.toHaveProperty("mayComeWithinMs");
});

test("the parts of an operation are those of the strongest source that names some", () => {
  const parts = [
    { name: "line 1", effect: "surely" },
    { name: "line 2", effect: "never" },
  ] as const;
  const inputs = [
    input("effect", { class: "data" }),
    input("integration", { class: "data", parts }),
    input("table", { class: "data", parts: parts.slice(1) }),
  ];
  expect(classify(inputs, context(ANSWERED))).toMatchObject({ parts, effect: "partial" });
  expect(classify(inputs.slice(0, 1), context())).not.toHaveProperty("parts");
});

describe("the guard", () => {
  test("a table may say never only if no request left, in the attempt's only call", () => {
    expect(effectFor(UNSENT)).toBe("never");
    expect(effectFor({ phase: "none", callCount: 0 })).toBe("never");
    expect(effectFor(SENT)).toBe("maybe");
    expect(effectFor({ phase: "bodySent", callCount: 1 })).toBe("maybe");
    expect(effectFor(ANSWERED)).toBe("maybe");
    expect(effectFor({ phase: "created", callCount: 2 })).toBe("maybe");
    expect(effectFor({ phase: "created" })).toBe("maybe");
    expect(effectFor({})).toBe("maybe");
  });

  test("a row about answers may say never once an answer came", () => {
    const says = input("table", never, { neverNeeds: "answered" });
    expect(classify([says], context(ANSWERED)).effect).toBe("never");
    expect(classify([says], context({ ...ANSWERED, callCount: 2 })).effect).toBe("maybe");
    expect(classify([says], context(SENT)).effect).toBe("maybe");
  });

  test("code may say never: that is the approved assertion", () => {
    for (const source of ["effect", "integration"] as const) {
      expect(
        classify(
          [input(source, never), input("table", { class: "data", effect: "maybe" })],
          context(SENT),
        ).effect,
      ).toBe("never");
    }
  });

  test("an operator's rule may raise caution, but not lower it", () => {
    const table = input("table", never);
    const raised = input("operator-rule", { class: "data", effect: "maybe" });
    expect(classify([raised, table], context(UNSENT))).toMatchObject({
      class: "data",
      effect: "maybe",
    });
    const inPart = input("operator-rule", { class: "data", effect: "partial" });
    expect(classify([inPart, table], context(UNSENT)).effect).toBe("partial");
    for (const effect of ["never", "surely"] as const) {
      const lowered = input("operator-rule", { class: "data", effect });
      expect(
        classify([lowered, input("table", { class: "data", effect: "maybe" })], context(SENT))
          .effect,
      ).toBe("maybe");
      expect(classify([lowered], context(SENT)).effect).toBe("maybe");
    }
  });

  test("without a statement the phase decides", () => {
    const says = input("effect", { class: "transient" });
    expect(classify([says], context(UNSENT)).effect).toBe("never");
    expect(classify([says], context(SENT)).effect).toBe("maybe");
  });

  test("never is never said without proof or code, for any sources and any evidence", () => {
    const evidence = fc.record(
      { phase: fc.constantFrom(...PHASES), callCount: fc.integer({ min: 0, max: 3 }) },
      { requiredKeys: [] },
    );
    const says = fc.option(
      fc.record(
        { class: fc.constantFrom(...FAILURE_CLASSES), effect: fc.constantFrom(...EFFECT_PROOFS) },
        { requiredKeys: ["class"] },
      ),
    );
    const inputs = fc.array(
      fc.record({
        source: fc.constantFrom("operator-rule", "signal", "table", "fallback"),
        says,
        id: fc.constant("x/y"),
        version: fc.constant(1),
        neverNeeds: fc.constantFrom("unsent", "answered"),
        echo: fc.boolean(),
      }),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(inputs, evidence, fc.boolean(), (given, proof, maybeBefore) => {
        const failure = classify(given, context(proof, { maybeBefore }));
        if (failure.effect !== "never") return;
        expect(proof.callCount).toBeLessThanOrEqual(1);
        expect(["none", "created", "answered"]).toContain(proof.phase);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("the echo rule", () => {
  const duplicate = input(
    "table",
    { class: "data", effect: "never", reasonCode: "HTTP:STATUS_409" },
    { echo: true, neverNeeds: "answered" },
  );

  const repeat = context(ANSWERED, { maybeBefore: true });

  test("presumes a duplicate to be our own success after an earlier maybe, which is no proof", () => {
    expect(classify([duplicate], repeat)).toMatchObject({
      class: "ambiguous",
      effect: "maybe",
      reasonCode: "HTTP:STATUS_409",
      scope: "key",
      unlessOurs: { class: "data", scope: "item" },
    });
  });

  test("keeps what has to be paused if it was not ours", () => {
    const of = input("table", { class: "data", scope: "system" }, { echo: true });
    expect(classify([of], repeat)).toMatchObject({
      scope: "key",
      unlessOurs: { class: "data", scope: "system" },
    });
  });

  test("leaves it a data failure where no attempt before can have happened", () => {
    expect(classify([duplicate], context(ANSWERED))).toMatchObject({
      class: "data",
      effect: "never",
    });
  });

  test("is about duplicates only: any other refusal of a repeat means what it says", () => {
    const refusal = input("table", { class: "data" }, { neverNeeds: "answered" });
    const failure = classify([refusal], repeat);
    expect(failure).toMatchObject({ class: "data", scope: "item" });
    expect(failure).not.toHaveProperty("unlessOurs");
  });

  test.each(["policy", "throttled", "exhausted", "transient", "misconfigured"] as const)(
    "gives way to a signal that names another reason: %s",
    (failureClass) => {
      const signal = input("signal", { class: failureClass });
      expect(classify([signal, duplicate], repeat)).toMatchObject({
        class: failureClass,
        effect: "never",
      });
    },
  );

  test("gives way to code that says what happened, but not to a mere class", () => {
    const code = input("integration", { class: "data", effect: "never" });
    expect(classify([code, duplicate], repeat)).toMatchObject({ class: "data", effect: "never" });
    const mere = input("integration", { class: "data" });
    expect(classify([mere, duplicate], repeat)).toMatchObject({
      class: "ambiguous",
      effect: "maybe",
      rule: { source: "table", id: "table/rule" },
    });
    const weaker = input("fallback", { class: "data", effect: "never" });
    expect(classify([duplicate, weaker], repeat)).toMatchObject({ class: "ambiguous" });
  });
});

describe("the unknown", () => {
  test("is a defect if user code threw it, and not called unsent for lack of evidence", () => {
    const failure = classify([], context({}, { thrownBy: "code", code: "TypeError" }));
    expect(failure).toMatchObject({
      class: "defect",
      effect: "maybe",
      origin: "code",
      reasonCode: "CODE:TYPE_ERROR",
      rule: { source: "fallback", id: "fallback/code" },
    });
    expect(failure.unclassified).toBeUndefined();
  });

  test("is transient and listed as unclassified if a connector met it", () => {
    expect(classify([input("table", null)], context({ ...SENT, code: "E_NEW" }))).toMatchObject({
      class: "transient",
      effect: "maybe",
      unclassified: true,
      origin: "network",
      reasonCode: "UNKNOWN:E_NEW",
      rule: { source: "fallback", id: "fallback/connector" },
    });
    expect(classify([], context(UNSENT)).effect).toBe("never");
  });
});

test("long messages are cut at 500, not inside a surrogate pair", () => {
  const message = `${"x".repeat(496)}😀${"y".repeat(100)}`;
  const failure = classify([], context({ message }, { message }));
  expect(failure.message).toBe(`${"x".repeat(496)}...`);
  expect(failure.evidence.message).toBe(failure.message);
});

test("what is said keeps its other characters where it is cut", () => {
  const message = `😀${"x".repeat(600)}`;
  expect(classify([], context({}, { message })).message).toBe(`😀${"x".repeat(495)}...`);
});

test("messages of 500 are kept whole, and the fallback's rule has a version", () => {
  const message = "x".repeat(500);
  const failure = classify([], context({ message }, { message }));
  expect(failure.message).toBe(message);
  expect(failure.evidence.message).toBe(message);
  expect(failure.rule.version).toBe(1);
});

test("a rule's id without a slash is completed by the code", () => {
  const rule = input("table", { class: "data" }, { id: "erp" });
  expect(classify([rule], context({ code: "E_17" })).reasonCode).toBe("ERP:E_17");
  expect(classify([rule], context()).reasonCode).toBe("ERP:NO_CODE");
});

test.each([
  ["TypeError", "TYPE_ERROR"],
  ["ECONNRESET", "ECONNRESET"],
  ["other side closed", "OTHER_SIDE_CLOSED"],
  ["--", "NO_CODE"],
  ["__a -- b__", "A_B"],
  ["x".repeat(101), "X".repeat(100)],
])("upperSnake(%j) is %j", (text, snake) => {
  expect(upperSnake(text)).toBe(snake);
});
