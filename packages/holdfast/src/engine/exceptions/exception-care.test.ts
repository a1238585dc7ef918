import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { DEFAULT_POLICY, type ExceptionPolicy } from "../../core/exception-policy.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { HandledHead } from "../../core/journal.ts";
import type { ExceptionRow } from "../../store/rows.ts";
import { verifyStore } from "../../store-sqlite/index.ts";
import { effect } from "../../workflow/effect.ts";
import { testIntegration, testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;
const doing = { by: "ana", reason: "because", command: null };

const TEAMS: ExceptionPolicy = {
  ...DEFAULT_POLICY,
  teams: new Map([
    ["team-flow", { lead: "flow-lead", manager: "cto" }],
    ["team-erp", { lead: "erp-lead", manager: null }],
    ["stewards", { lead: null, manager: null }],
  ]),
};

const input = z.object({ id: z.string() });
const post = effect("post", {
  on: testIntegration("erp"),
  repeat: "keyed",
  keyWindow: "24h",
  owners: { data: "stewards", policy: "nobody-there" },
  input,
  output: z.any(),
  describe: ({ id }) => ({ amount: "12.50", currency: "EUR", keys: { order: id } }),
  classify: () => ({ class: "data", effect: "never", reasonCode: "ERP:NO_TAX_ID" }),
  run: async ({ id }) => {
    throw new Error(`order ${id} has no tax id at /lines/0/taxId`);
  },
});
const flow = testWorkflow("flow", (given, run) => run.do(post, given));

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(async () => {
  await world.remove();
});

async function opened(policy = TEAMS, workflow = flow): Promise<ExceptionRow> {
  await world.begin([workflow], { exceptions: policy, version: "v7" });
  const run = await world.start(workflow, { id: "o-1" });
  await world.untilState(run, "exception");
  return await theOnly();
}

async function theOnly(): Promise<ExceptionRow> {
  const [row] = await world.exceptions();
  if (row === undefined) throw new Error("no exception");
  return row;
}

const dueEvents = () =>
  world.life.events.flatMap((event) =>
    event.type === "exception.due" ? [[event.crossing, event.to]] : [],
  );

async function expectSound(): Promise<void> {
  await world.close();
  const { damage } = await verifyStore({ path: world.path });
  expect(damage).toEqual([]);
}

describe("what is on record of an exception", () => {
  test("says why, how sure, whose by which rule, and what is at stake", async () => {
    const row = await opened();
    expect(row).toMatchObject({ owner: "stewards", reasonCode: "ERP:NO_TAX_ID", amount: "12.50" });
    expect(row.record).toMatchObject({
      namespace: "main",
      codeVersion: "v7",
      runVersion: "v7",
      confidence: "declared",
      severity: "normal",
      attempts: 1,
      keys: { order: "o-1" },
      fieldPath: "/lines/0/taxId",
      ownership: { rule: "code/data", isFallback: false, owner: "stewards", declared: "stewards" },
      duePolicy: "default/data",
      withinMs: 12 * HOUR_MS,
    });
    const { firstSentAtMs } = (await world.effects(row.run))[0] ?? {};
    expect(row.record.keyWindowEndsAtMs).toBe((firstSentAtMs ?? 0) + 24 * HOUR_MS);
    expect(row.record.operationKey).toMatch(/^hf1_/u);
    expect(row.record.fingerprints.data).toMatch(/^f4\.1\./u);
    expect(row.fingerprint).toBe(row.record.fingerprints.place);
    await expectSound();
  });

  test("holds the frames of what code threw, and they make another group in another version", async () => {
    const broken = testWorkflow("broken", async () => {
      throw new TypeError("x is not a function");
    });
    const prints: ExceptionRow["record"][] = [];
    for (const version of ["v1", "v2"]) {
      await world.begin([broken], { version });
      const run = await world.start(broken, { id: version });
      await world.untilState(run, "held");
      const [row] = await world.exceptions(run);
      if (row !== undefined) prints.push(row.record);
      await world.close();
    }
    const [one, other] = prints;
    expect(one?.frames[0]).toContain("exceptions/exception-care.test.ts");
    expect(other?.fingerprints.place).toBe(one?.fingerprints.place);
    expect(other?.fingerprints.code).not.toBe(one?.fingerprints.code);
  });

  test("goes to the workflow's owner where the named one is no team, with an alarm", async () => {
    const teams = { ...TEAMS, teams: new Map([["team-flow", { lead: null, manager: null }]]) };
    const row = await opened(teams);
    expect(row.owner).toBe("team-flow");
    expect(row.record.ownership.isFallback).toBe(true);
    expect(world.life.events).toContainEqual(
      expect.objectContaining({ type: "exception.unowned", owner: "team-flow" }),
    );
    expect(await world.counters("exceptions-fallback/")).toEqual([
      { name: "exceptions-fallback/flow", value: 1 },
    ]);
    await expectSound();
  });
});

describe("the times of an open exception", () => {
  test("pass once each: its owner is warned and told, then the lead, then the manager", async () => {
    const slow = testWorkflow("slow", async () => {
      throw new Error("broken");
    });
    const run = await (async () => {
      await world.begin([slow], { exceptions: TEAMS });
      return await world.start(slow, { id: "1" });
    })();
    await world.untilState(run, "held");
    // A defect has four hours.
    await world.advance(3 * HOUR_MS - 1);
    expect(dueEvents()).toEqual([]);
    await world.advance(1);
    expect(dueEvents()).toEqual([["warning", "team-flow"]]);
    await world.advance(HOUR_MS);
    expect(dueEvents()).toEqual([
      ["warning", "team-flow"],
      ["overdue", "team-flow"],
    ]);
    await world.advance(30 * HOUR_MS);
    expect(dueEvents().slice(2)).toEqual([
      ["escalation", "flow-lead"],
      ["escalation", "cto"],
    ]);
    const row = await theOnly();
    expect(row.handling.crossed.map(({ to }) => to)).toEqual([
      "team-flow",
      "team-flow",
      "flow-lead",
      "cto",
    ]);
    expect(row.nextAtMs).toBeNull();
    await expectSound();
  });

  test("that passed while no engine ran are told by the next one, and those before not again", async () => {
    const row = await opened();
    await world.advance(9 * HOUR_MS);
    expect(dueEvents()).toEqual([["warning", "stewards"]]);
    await world.crash();
    world.clock.setMs(world.clock.nowMs() + 4 * HOUR_MS);
    await world.begin([flow], { exceptions: TEAMS });
    expect(dueEvents()).toEqual([["overdue", "stewards"]]);
    expect((await theOnly()).handling.crossed).toHaveLength(2);
    expect(row.record.crossings).toHaveLength(2);
  });

  test("stand still while a vendor has the move, and go on from there", async () => {
    const row = await opened();
    const { acts } = world.engine.exceptions;
    await world.advance(HOUR_MS);
    await acts.handle(row, { kind: "waits", for: "vendor" }, doing);
    expect((await theOnly()).nextAtMs).toBeNull();
    await world.advance(100 * HOUR_MS);
    expect(dueEvents()).toEqual([]);
    await acts.handle(row, { kind: "goes-on" }, doing);
    const on = await theOnly();
    expect(on.dueAtMs).toBe(world.clock.nowMs() + 11 * HOUR_MS);
    expect(on.handling).toMatchObject({ status: "triaged", waitsFor: null, stoppedAtMs: null });
    await world.advance(11 * HOUR_MS);
    expect(dueEvents()).toEqual([
      ["warning", "stewards"],
      ["overdue", "stewards"],
    ]);
    await expectSound();
  });

  test("are told before somebody stops the clock, or not at all: both look at what the other has left", async () => {
    const row = await opened();
    const { acts } = world.engine.exceptions;
    await world.advance(9 * HOUR_MS - 1);
    const { store } = world.life.watched;
    const read = store.exception.bind(store);
    const stopped: Promise<void>[] = [];
    store.exception = async (run, seq) => {
      const seen = await read(run, seq);
      if (stopped.length > 0) return seen;
      // While the engine looks, a person says that the vendor has the move.
      stopped.push(acts.handle(row, { kind: "waits", for: "vendor" }, doing));
      for (let turn = 0; turn < 30; turn += 1) await new Promise((next) => setImmediate(next));
      return seen;
    };
    await world.advance(1);
    await Promise.all(stopped);
    const heads = (await world.records(row.run)).filter(({ kind }) => kind === "handled");
    const kinds = heads.map(({ head }) => (JSON.parse(head ?? "") as HandledHead).act.kind);
    expect(kinds).toEqual(["crossed", "waits"]);
    await world.advance(100 * HOUR_MS);
    expect(dueEvents()).toEqual([["warning", "stewards"]]);
    await expectSound();
  });

  test("run on while it waits for something of our own", async () => {
    const row = await opened();
    await world.engine.exceptions.acts.handle(row, { kind: "waits", for: "code" }, doing);
    await world.advance(12 * HOUR_MS);
    expect(dueEvents()).toHaveLength(2);
  });

  test("are those of the other team's people once it is handed over", async () => {
    const row = await opened();
    const { acts } = world.engine.exceptions;
    await acts.handle(row, { kind: "assigned", to: "bo" }, doing);
    await acts.handle(row, { kind: "handed-over", owner: "team-erp" }, doing);
    const after = await theOnly();
    expect(after).toMatchObject({ owner: "team-erp", dueAtMs: row.dueAtMs });
    expect(after.handling.assignee).toBeNull();
    expect(after.handling.crossings.map(({ to }) => to)).toEqual([
      "team-erp",
      "team-erp",
      "erp-lead",
    ]);
    await expect(
      acts.handle(row, { kind: "handed-over", owner: "x" }, doing),
    ).rejects.toMatchObject({
      code: "HF6001",
    });
  });
});

describe("what people do to an exception", () => {
  test("stays with it over a restart, and notes are taken after it is closed, too", async () => {
    const row = await opened();
    const { acts } = world.engine.exceptions;
    await acts.handle(row, { kind: "noted", text: "asked the customer" }, doing);
    await acts.handle(row, { kind: "tagged", tag: "tax" }, doing);
    const link = { kind: "ticket", to: "https://tracker.example/7" } as const;
    await acts.handle(row, { kind: "linked", link }, doing);
    await world.engine.commands.cancel(row.run, "ana", "no longer wanted");
    await world.until("closed", async () => (await theOnly()).closedAtMs !== null);
    await acts.handle(row, { kind: "noted", text: "they answered" }, doing);
    await expect(acts.handle(row, { kind: "assigned", to: "bo" }, doing)).rejects.toMatchObject({
      code: "HF6003",
    });
    await world.crash();
    await world.begin([flow]);
    const { handling } = await theOnly();
    expect(handling.notes.map(({ text, by }) => [text, by])).toEqual([
      ["asked the customer", "ana"],
      ["they answered", "ana"],
    ]);
    expect(handling).toMatchObject({ tags: ["tax"], links: [link], status: "closed" });
    expect(handling.closedBecause).not.toBe("");
    await expectSound();
  });

  test("is bounded", async () => {
    const row = await opened();
    const { acts } = world.engine.exceptions;
    for (let count = 0; count < 20; count += 1) {
      await acts.handle(row, { kind: "tagged", tag: `t${String(count)}` }, doing);
    }
    await expect(acts.handle(row, { kind: "tagged", tag: "more" }, doing)).rejects.toMatchObject({
      code: "HF4203",
    });
    await acts.handle(row, { kind: "tagged", tag: "t3" }, doing);
  });

  test("comes by command once, also if the command is taken again", async () => {
    const row = await opened();
    const act = { kind: "noted", text: "once" };
    const data = JSON.stringify({ run: formatRunId(row.run), seq: row.seq, act, reason: "" });
    const command = {
      id: "cmd_1",
      topic: "handle",
      atMs: 1,
      by: "ana",
      data,
      answer: null,
    } as const;
    const { acts } = world.engine.exceptions;
    await acts.command({ ...command, isAsPosted: true });
    await acts.command({ ...command, isAsPosted: true });
    expect((await theOnly()).handling.notes).toHaveLength(1);
    const wrong = JSON.stringify({
      run: formatRunId(row.run),
      seq: row.seq,
      act: { kind: "crossed" },
      reason: "",
    });
    await expect(acts.command({ ...command, data: wrong, isAsPosted: true })).rejects.toMatchObject(
      {
        code: "HF4102",
      },
    );
  });
});

describe("groups and routing", () => {
  test("what is decided about a group stays, and each change is on record", async () => {
    const row = await opened();
    const { acts } = world.engine.exceptions;
    await acts.group(row.fingerprint, { kind: "resolved", inVersion: "v8" }, doing);
    await acts.group(row.fingerprint, { kind: "reopened" }, doing);
    await expect(acts.group(row.fingerprint, { kind: "reopened" }, doing)).rejects.toMatchObject({
      code: "HF6003",
    });
    await acts.group(row.fingerprint, { kind: "muted", until: { kind: "count", count: 5 } }, doing);
    await world.crash();
    await world.begin([flow]);
    const { store } = world.engine;
    expect(await store.issueOverlay(row.fingerprint)).toMatchObject({
      revision: 3,
      resolved: null,
      muted: { kind: "count", count: 5 },
      by: "ana",
    });
    await expectSound();
  });

  test("rules send new exceptions elsewhere, over restarts, and nobody's rules are overwritten", async () => {
    const row = await opened(DEFAULT_POLICY);
    const { acts } = world.engine.exceptions;
    const rules = [{ name: "tax", match: { reason: "ERP:NO_TAX*" }, owner: "tax-team" }];
    const tried = { tried: 4, changed: 2 };
    await acts.route({ rules, version: 0, tried }, doing);
    // Proposed is not in force; who has proposed it does not approve it, and nobody something else.
    const approved = { rules, version: 1, tried: null };
    await expect(acts.route(approved, { ...doing, by: " ANA" })).rejects.toMatchObject({
      code: "HF6002",
    });
    const other1 = acts.route({ ...approved, rules: [] }, { ...doing, by: "bo" });
    await expect(other1).rejects.toMatchObject({ code: "HF6003" });
    await world.crash();
    await world.begin([flow], { exceptions: DEFAULT_POLICY });
    expect(await world.engine.store.routing()).toMatchObject({
      rules: [],
      by: "ana",
      proposed: { rules, ...tried },
    });
    await world.engine.exceptions.acts.route(approved, { ...doing, by: "bo" });
    // Taken once more, after a crash: nothing else is written.
    await world.engine.exceptions.acts.route(approved, { ...doing, by: "bo" });
    expect(await world.engine.store.routing()).toMatchObject({
      version: 2,
      rules,
      by: "ana",
      approved: { by: "bo" },
    });
    const late = world.engine.exceptions.acts.route({ rules: [], version: 0, tried }, doing);
    await expect(late).rejects.toMatchObject({ code: "HF6003" });
    const other = await world.start(flow, { id: "o-2" });
    await world.untilState(other, "exception");
    await world.crash();
    await world.begin([flow], { exceptions: DEFAULT_POLICY });
    const last = await world.start(flow, { id: "o-3" });
    await world.untilState(last, "exception");
    const owners = (await world.exceptions()).map(({ owner }) => owner);
    expect([row.owner, ...owners]).toEqual(["stewards", "stewards", "tax-team", "tax-team"]);
    const [second] = await world.exceptions(other);
    expect(second?.record.ownership.rule).toBe("routing@2/tax");
    await expectSound();
  });
});

const proposal = (owner: string) => ({
  rules: [{ name: "large", match: { class: "data" }, owner }],
  version: 0,
  tried: { tried: 0, changed: 0 },
});

test("rules give exceptions to no team that there is not", async () => {
  await world.begin([flow], { exceptions: TEAMS });
  const { acts } = world.engine.exceptions;
  const unknown = {
    code: "HF6001",
    message: expect.stringContaining('"team-epr", and there is no such team') as string,
    remedy: "The teams of this app are: team-flow, team-erp, stewards.",
  };
  await expect(acts.route(proposal("team-epr"), doing)).rejects.toMatchObject(unknown);
  await acts.route(proposal("team-erp"), doing);
  const rule = (owner: string) => {
    const decide = { class: "data", owner };
    const text = { id: "cut", order: 100, when: { code: ["X"] }, decide };
    const act = { kind: "add", rule: text, assertion: null, version: 1 };
    const data = JSON.stringify({ run: "run_00000000000", act, reason: "so" });
    const row = { id: `c-${owner}`, topic: "rule" as const, by: "ana", atMs: 0, data };
    const posted = { ...row, answer: null, isAsPosted: true };
    return world.engine.rules.command(posted);
  };
  await expect(rule("team-epr")).rejects.toMatchObject(unknown);
  await rule("team-erp");
  expect(await world.engine.store.rules(0, 10)).toMatchObject([{ id: "cut" }]);
});
