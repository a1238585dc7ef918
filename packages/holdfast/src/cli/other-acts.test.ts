import { expect, test } from "vitest";
import { outside } from "../command-line.ts";
import type { ActName } from "../core/offered-acts.ts";
import { otherActs } from "./other-acts.ts";
import { commandTree } from "./program.ts";

const OTHERS = ["edit", "correct", "again", "supply", "skip", "anew", "cancel"] as const;

function dealt(acts: readonly ActName[], step: string | null = "post data") {
  return { acts, id: "exc_1_4", run: "run_1", step };
}

/** What the program makes of a line that somebody pastes; throws what it would refuse. */
async function pasted(line: string): Promise<number> {
  let given = 0;
  const act = async () => {
    given += 1;
    await Promise.resolve();
  };
  const silent = { env: {}, hasFile: () => false, userName: () => null, width: null };
  const program = commandTree({ ...silent, out: () => undefined, err: () => undefined }, outside, {
    act,
    actOnCells: act,
    show: () => undefined,
    work: act,
  });
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/gu)].map((found) =>
    found.slice(1).find((word) => word !== undefined),
  );
  await program.parseAsync(words.slice(1).map(String), { from: "user" });
  return given;
}

test.each(OTHERS)("%s alone is printed as it can be given, with its run", async (act) => {
  const [line = "", ...more] = otherActs(dealt([act, "settle"]), false);
  expect(line).toMatch(new RegExp(`^holdfast ${act} run_1 .*--reason "\\.\\.\\."$`, "u"));
  expect(more).toEqual([]);
  expect(await pasted(line)).toBe(1);
});

test("a step that a shell would split is quoted", () => {
  for (const act of ["edit", "again", "supply", "skip"] as const)
    expect(otherActs(dealt([act]), false)[0]).toContain(" 'post data' ");
});

test("several stand in a list by name, with the command that shows each in full", async () => {
  const [line, ...more] = otherActs(dealt(["resume", "skip", "cancel"]), false);
  expect(line).toBe("or  skip, cancel: holdfast show exc_1_4");
  expect(more).toEqual([]);
  const whole = otherActs(dealt(["resume", "skip", "cancel"]), true);
  expect(whole).toEqual([
    `holdfast skip run_1 --step 'post data' --reason "..."`,
    'holdfast cancel run_1 --reason "..."',
  ]);
});

test("where no step is at fault, the word says what stands there", () => {
  expect(otherActs(dealt(["again"], null), false)).toEqual([
    'holdfast again run_1 --from STEP --reason "..."',
  ]);
});

test("what is printed with every exception is not printed again, and of no run nothing is", () => {
  expect(otherActs(dealt(["settle", "resume", "close"]), true)).toEqual([]);
  expect(otherActs({ ...dealt(["cancel"]), run: null }, true)).toEqual([]);
});
