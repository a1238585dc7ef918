/** Lists of the command line, as operators read them, on a store that was written before. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cliAt, type CliAt } from "./cli-at.test-support.ts";
import { formatRunId } from "./core/run-number.ts";
import { makeFolder, openInline } from "./store-sqlite/test-store.test-support.ts";
import {
  closedHead,
  intentHead,
  openedHead,
  SAMPLE_START_MS,
  SampleJournal,
  startedHead,
  stateHead,
  SYSTEM_RUN,
} from "./testing/sample-journal.ts";

const folder = makeFolder();
let cli: CliAt;

/**
 * Runs of "order", which team-sales owns, in one lane. The first waits for team-data and then team-tax,
 * the second for the first; of the third an exception beside it is open, and one is closed.
 */
beforeAll(async () => {
  const path = `${folder.path}/store.db`;
  const store = await openInline(path);
  const sample = new SampleJournal();
  sample.continueIn(store);
  for (const run of [1, 2, 3])
    sample.add(run, "started", startedHead(run, { owner: "team-sales", lane: "acme" }));
  for (const owner of ["team-data", "team-tax", "team-data"])
    sample.add(1, "opened", openedHead({ owner }), { name: `post ${owner}` });
  sample.add(1, "state", stateHead("running", "exception", { reason: '"post" needs team-data' }));
  const behind = `waits behind ${formatRunId(1)} in lane "acme"`;
  sample.add(2, "state", stateHead("running", "waiting", { reason: behind }));
  sample.add(3, "opened", openedHead({ owner: "team-late", beside: { subject: "event 1" } }));
  const closed = sample.add(3, "opened", openedHead({ owner: "team-past" }), { name: "post" });
  sample.add(3, "closed", closedHead(closed), { name: "post" });
  // Of the second step of run 3 bo has said that it did not happen, and it was sent once more.
  const settled = {
    effect: "ship",
    proof: "never",
    happened: false,
    by: "bo",
    reason: "no",
  } as const;
  for (const step of ["print", "ship"]) {
    const operation = sample.nextSeq(3);
    sample.add(3, "intent", intentHead(operation), { name: step, attempt: 1 });
    sample.add(3, "settled", { operation, ...settled }, { name: step });
    if (step === "ship") sample.add(3, "intent", intentHead(operation), { name: step, attempt: 2 });
  }
  const down = { reason: "it cannot be reached", class: "unavailable", probeAtMs: 1_000 } as const;
  sample.add(SYSTEM_RUN, "dependency", { integration: "erp", to: "open", ...down });
  sample.add(4, "started", startedHead(4, { key: "parked" }));
  const parked = { reason: "waits for erp", dependency: "erp", wakeAtMs: SAMPLE_START_MS };
  sample.add(4, "state", stateHead("running", "parked", parked));
  await sample.flushTo(store);
  await store.close();
  cli = cliAt(`sqlite:${path}`);
});
afterAll(() => {
  folder.remove();
});

async function lines(...words: readonly string[]): Promise<readonly string[]> {
  const { out, err } = await cli.say(...words);
  return [...out.split("\n"), ...err.split("\n")];
}
const lineWith = async (text: string, ...words: readonly string[]) =>
  (await lines(...words)).find((line) => line.includes(text));

describe("who has to act", () => {
  test("runs name the owners of open exceptions, and the team of the workflow where there are none", async () => {
    expect(await lineWith(formatRunId(1), "runs")).toContain("team-data, team-tax");
    expect(await lineWith(formatRunId(3), "runs")).toContain("team-sales");
    const { runs } = await cli.json<{ runs: readonly unknown[] }>("runs");
    expect(runs).toMatchObject([
      { owner: "team-sales", exceptionOwners: ["team-data", "team-tax"] },
      { exceptionOwners: [] },
      { exceptionOwners: [] },
      { key: "parked" },
    ]);
  });

  test("a run names them with the team that its workflow belongs to", async () => {
    const [first, third] = [formatRunId(1), formatRunId(3)];
    const owner = "team-data, team-tax (order belongs to team-sales)";
    expect(await lineWith("owner  ", "show", first)).toContain(owner);
    expect(await lineWith("owner  ", "show", third)).toMatch(/owner +team-sales$/u);
    expect(await cli.json("why", first)).toMatchObject({
      run: { exceptionOwners: ["team-data", "team-tax"] },
    });
  });

  test("a lane, and a run behind another, name who holds them up", async () => {
    expect(await lineWith("acme", "lanes")).toContain("team-data, team-tax");
    expect(
      await lineWith("(order order-1, team-data, team-tax)", "why", formatRunId(2)),
    ).toBeDefined();
    expect(await cli.json("lanes")).toMatchObject({
      lanes: [{ owner: "team-sales", exceptionOwners: ["team-data", "team-tax"] }],
    });
    expect(await cli.json("why", formatRunId(2))).toMatchObject({
      blockers: [{ owner: "team-sales", exceptionOwners: ["team-data", "team-tax"] }],
    });
  });
});

test("what a person has said of an effect is told while it stands, and not of what was sent since", async () => {
  expect(await lineWith("print", "effects")).toMatch(/not done .*\(says bo\)/u);
  expect(await lineWith("ship", "effects")).toContain("may have happened, open");
  expect(await lineWith("ship", "effects")).not.toContain("says");
});

test("an integration that no code has is not parked, also while no engine runs", async () => {
  const { err, code } = await cli.say("park", "epr", "--for", "1h", "--reason", "window");
  expect(code).not.toBe(0);
  expect(err).toMatch(/^HF6001 .*"epr" is on record/u);
  expect(err).toContain('Did you mean "erp"? Known are: erp.');
});

test("a time at which a system was to be tried is not told once it is over", async () => {
  expect(await lineWith("it cannot be reached", "dependencies")).toContain(
    "one call at a time is tried again and again",
  );
  expect(await lineWith("erp is open", "why", "parked")).toContain(", tried again and again: ");
  expect(await lineWith("next  ", "why", "parked")).toContain("which is tried again and again");
  expect(await cli.json("dependencies")).toMatchObject({ dependencies: [{ probeAt: null }] });
});
