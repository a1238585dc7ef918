import { describe, expect, test } from "vitest";
import { sinceProblem, takesNewPath, unaskedProblem } from "./since.ts";

const known = ["v44", "v45", "v46"];
const deployed = (running: string) => ({ running, known, earlier: [] as string[] });

describe("which path a run takes", () => {
  test.each([
    ["v44", false, false],
    ["v45", false, true],
    ["v46", false, true],
    // Begun by a worker that was deployed after this one: newer than all that this one knows.
    ["v47", false, true],
    ["v44", true, false],
    ["v45", true, false],
    ["v47", true, false],
  ])("begun with %s, passed %s: the new one %s", (began, hasPassed, isNew) => {
    expect(takesNewPath("v45", { began, hasPassed }, deployed("v46"))).toBe(isNew);
  });
});

describe("a version that nobody can place", () => {
  test.each([
    ["v45", "v45", /^none$/],
    ["v45", "v46", /^none$/],
    ["v46", "v45", /newer than the version of this app, which is v45/],
    ["v99", "v46", /not the version of this app, which is v46, it was never deployed/],
    ["v45", "sha256:00ff", /made of its files \(sha256:00ff\)/],
  ])("%s in code of %s", (version, running, says) => {
    const names = [...known, "sha256:00ff"];
    const problem = sinceProblem(version, "v44", { running, known: names, earlier: [] });
    expect(problem ?? "none").toMatch(says);
  });
});

describe("a store that has never seen the version", () => {
  const skipped = { running: "v47", known: ["v44", "v47"], earlier: [] };
  const listed = { ...skipped, earlier: ["v44", "v45", "v46"] };
  const fresh = { running: "v47", known: ["v47"], earlier: [] };

  test.each([
    ["v47", fresh, true],
    ["v47", skipped, true],
    ["v47", listed, true],
    ["v44", listed, false],
    ["v46", listed, true],
    ["v45", listed, true],
    // Begun by a newer one.
    ["v48", listed, true],
  ])("is answered for a run that began with %s", (began, on, isNew) => {
    expect(sinceProblem("v45", began, on)).toBeNull();
    expect(takesNewPath("v45", { began, hasPassed: false }, on)).toBe(isNew);
  });

  test.each([
    ["v44", skipped, /whether it came before v44, with which the run began, nobody can say/],
    ["v43", { ...listed, known: ["v43", "v47"] }, /v43, which is not among the earlier versions/],
  ])("is not answered by a guess for one that began with %s", (began, on, says) => {
    expect(sinceProblem("v45", began, on)).toMatch(says);
  });

  test("the code's list wins over the order of a rollback", () => {
    const back = { running: "v47", known: ["v44", "v47", "v45"], earlier: ["v44", "v45", "v46"] };
    expect(sinceProblem("v45", "v44", back)).toBeNull();
    expect(takesNewPath("v45", { began: "v45", hasPassed: false }, back)).toBe(true);
    expect(takesNewPath("v46", { began: "v45", hasPassed: false }, back)).toBe(false);
  });
});

describe("code that does not ask any more", () => {
  test.each([
    [true, "v44", /path that v45 has brought, and this code, v44, is from before it/],
    [true, "v45", /^none$/],
    [true, "v46", /^none$/],
    [false, "v44", /^none$/],
    [false, "v45", /from before v45, which your code no longer has/],
    [false, "v46", /from before v45/],
  ])("answered %s, now %s", (isNew, running, says) => {
    const problem = unaskedProblem({ version: "v45", isNew }, deployed(running));
    expect(problem ?? "none").toMatch(says);
  });
});
