import { describe, expect, test } from "vitest";
import { sinceProblem, takesNewPath, unaskedProblem } from "./since.ts";

const known = ["v44", "v45", "v46"];
const deployed = (running: string) => ({ running, known });

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
    ["v99", "v46", /not the version of this app, which is v46, and none/],
    ["v45", "sha256:00ff", /made of its files \(sha256:00ff\)/],
  ])("%s in code of %s", (version, running, says) => {
    const problem = sinceProblem(version, { running, known: [...known, "sha256:00ff"] });
    expect(problem ?? "none").toMatch(says);
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
