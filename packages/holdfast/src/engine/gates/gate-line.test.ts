import { describe, expect, test } from "vitest";
import { GateLine } from "./gate-line.ts";

function lineOf(
  ...standing: readonly (readonly ["first" | "repeat" | "replay", string, string])[]
) {
  const line = new GateLine();
  const called: string[] = [];
  for (const [rank, namespace, name] of standing)
    line.add(rank, namespace, () => {
      called.push(name);
    });
  const all = () => {
    while (line.length > 0) line.take()?.();
    return called;
  };
  return { line, all };
}

describe("who waits at a gate", () => {
  test("goes by rank: first attempts, then repeats, then replays", () => {
    const { all } = lineOf(
      ["replay", "main", "p1"],
      ["repeat", "main", "r1"],
      ["first", "main", "f1"],
      ["repeat", "main", "r2"],
      ["first", "main", "f2"],
    );
    expect(all()).toEqual(["f1", "f2", "r1", "r2", "p1"]);
  });

  test("takes turns with other namespaces of its rank, however many of one there are", () => {
    const many = Array.from({ length: 4 }, (_, n) => ["first", "a", `a${String(n)}`] as const);
    const { all } = lineOf(...many, ["first", "b", "b0"], ["first", "b", "b1"]);
    expect(all()).toEqual(["a0", "b0", "a1", "b1", "a2", "a3"]);
  });

  test("has every eighth place for who has waited longest, so that no rank waits for ever", () => {
    const { line, all } = lineOf(["replay", "main", "old"]);
    for (let n = 0; n < 20; n += 1) line.add("first", "main", () => undefined);
    for (let n = 0; n < 7; n += 1) line.take()?.();
    expect(line.length).toBe(14);
    line.take()?.();
    expect(all()).toEqual(["old"]);
    expect(line.take()).toBeNull();
  });
});
