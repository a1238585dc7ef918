import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planFaults, type FaultDecision, type FaultPlanOptions } from "./fault-plan.ts";

function decisions(count: number, options: Partial<FaultPlanOptions> = {}): FaultDecision[] {
  const plan = planFaults({ seed: 1, faultRate: 0.25, protocol: "http", ...options });
  return Array.from({ length: count }, () => plan.next());
}

describe("planFaults", () => {
  test("decides the same for the same seed, and numbers its decisions", () => {
    expect(decisions(200)).toEqual(decisions(200));
    expect(decisions(200)).not.toEqual(decisions(200, { seed: 2 }));
    expect(decisions(3).map((decision) => decision.index)).toEqual([0, 1, 2]);
  });

  test("meets its rate, and uses every kind of the protocol but too-late", () => {
    const all = decisions(10_000);
    const faulty = all.filter((decision) => decision.kind !== "deliver");
    expect(faulty.length / all.length).toBeCloseTo(0.25, 1);
    expect([...new Set(faulty.map((decision) => decision.kind))].toSorted()).toEqual([
      "cut",
      "late",
      "malformed",
      "outage",
      "refuse",
      "reset-after",
      "reset-before",
      "swallow",
      "throttle",
    ]);
  });

  test("follows the weights of the mix", () => {
    const all = decisions(10_000, { faultRate: 1, mix: { cut: 3, throttle: 1 } });
    const cuts = all.filter((decision) => decision.kind === "cut").length;
    expect(cuts / all.length).toBeCloseTo(0.75, 1);
    expect(all.every((decision) => decision.kind === "cut" || decision.kind === "throttle")).toBe(
      true,
    );
  });

  test("a higher rate only adds faults: those of the lower one stay as they are", () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0, max: 1, noNaN: true }), (seed, rate) => {
        const low = decisions(50, { seed, faultRate: rate / 2 });
        const high = decisions(50, { seed, faultRate: rate });
        const shared = low.map((decision, index) =>
          decision.kind === "deliver" ? high[index] : decision,
        );
        expect(high).toEqual(shared);
      }),
    );
  });

  test("the rate may change on the way", () => {
    const plan = planFaults({ seed: 1, faultRate: 0, protocol: "http" });
    expect(plan.next().kind).toBe("deliver");
    plan.setRate(1);
    expect(plan.next().kind).not.toBe("deliver");
    expect(() => {
      plan.setRate(2);
    }).toThrow(/from 0 to 1, got 2/);
  });

  test("too-late needs breakContract, so that nobody breaks promises by accident", () => {
    const options = { faultRate: 1, mix: { "too-late": 1 } } as const;
    expect(() => decisions(1, options)).toThrow(/breakContract/);
    expect(decisions(1, { ...options, breakContract: true })[0]?.kind).toBe("too-late");
  });
});
