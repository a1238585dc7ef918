/** What the engine makes of local transactions whose outcome it does not know. The database is SQLite. */
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { localDatabase } from "../../connectors/sql/local-database.ts";
import type { SqliteTx } from "../../workflow/local-database.ts";
import { restore } from "../run/restored-store.test-support.ts";
import { testWorkflow } from "../test-effects.test-support.ts";
import { TestWorld } from "../test-world.test-support.ts";

const HOUR_MS = 3_600_000;

/** SQLITE_IOERR */
const IO_ERROR = 10;

/** A handle whose disk fails at the commit, as often as it is told: before it, or after. */
class FailingHandle extends DatabaseSync {
  readonly failures: ("before" | "after")[] = [];

  override exec(sql: string): void {
    const failure = sql === "commit" ? this.failures.shift() : undefined;
    if (failure !== "before") super.exec(sql);
    if (failure !== undefined)
      throw Object.assign(new Error("disk I/O error"), { errcode: IO_ERROR });
  }
}

let world: TestWorld;
let handle: FailingHandle;
beforeEach(() => {
  world = new TestWorld();
  handle = new FailingHandle(":memory:");
  handle.exec("create table moves (id text)");
});
afterEach(async () => {
  await world.remove();
  handle.close();
});

function moves(): readonly unknown[] {
  return handle
    .prepare("select id from moves")
    .all()
    .map(({ id }) => id);
}

/** Writes a line; the answer is how many lines there are. */
function write(tx: SqliteTx, id: string): { count: number } {
  tx.prepare("insert into moves values (?)").run(id);
  return { count: tx.prepare("select id from moves").all().length };
}

async function prepared() {
  const ledger = localDatabase("ledger", { owner: "team-books", sqlite: handle });
  await ledger.prepare();
  return ledger;
}

describe("a commit whose outcome is unknown", () => {
  test.each(["before", "after"] as const)("is done once (the disk fails %s it)", async (when) => {
    const ledger = await prepared();
    const flow = testWorkflow("flow", ({ id }, run) =>
      run.transact("book", ledger, (tx) => write(tx, id)),
    );
    await world.begin([flow]);
    handle.failures.push(when);
    const run = await world.start(flow, { id: "1" });
    expect(await world.resultOf(run)).toEqual({ count: 1 });
    expect(moves()).toEqual(["1"]);
    expect(await world.effects(run)).toMatchObject([
      { effect: "ledger/book", integration: "ledger", proof: "surely" },
    ]);
  });

  test.each([
    ["before", [], "no"],
    ["after", ["1", "undo of 1"], "fully"],
  ] as const)(
    "is looked up when its run is cancelled, not done first (the disk fails %s it)",
    async (when, left, compensated) => {
      const ledger = await prepared();
      let calls = 0;
      const flow = testWorkflow("flow", ({ id }, run) =>
        run.transact(
          "book",
          ledger,
          (tx, given) => {
            calls += 1;
            return write(tx, given.id);
          },
          {
            input: { id },
            compensate: (tx, given) => write(tx, `undo of ${given.id}`),
          },
        ),
      );
      await world.begin([flow]);
      handle.failures.push(when);
      const run = await world.start(flow, { id: "1" });
      await world.engine.commands.cancel(run, "bo", "not wanted");
      await world.untilState(run, "cancelled");
      expect(await world.row(run)).toMatchObject({ compensated });
      expect(calls).toBe(1);
      expect(moves()).toEqual(left);
    },
  );
});

describe("after the store was restored", () => {
  test("what the original has done is found, and adopted", async () => {
    const ledger = await prepared();
    const flow = testWorkflow("flow", async ({ id }, run) => {
      await run.sleep("1h");
      return run.transact("book", ledger, (tx) => write(tx, id));
    });
    await world.begin([flow]);
    const run = await world.start(flow, { id: "1" });
    await restore(world, [flow], 2 * HOUR_MS);
    expect(await world.resultOf(run)).toEqual({ count: 1 });
    expect(moves()).toEqual(["1"]);
    expect(await world.exceptions()).toEqual([]);
  });

  test("what a called run may have done under another key is asked of a person", async () => {
    const ledger = await prepared();
    const child = testWorkflow("child", ({ id }, run) =>
      run.transact("book", ledger, (tx) => write(tx, id)),
    );
    const flow = testWorkflow("flow", async (input, run) => {
      await run.sleep("1h");
      return run.call(child, input);
    });
    await world.begin([flow, child]);
    await world.start(flow, { id: "1" });
    await restore(world, [flow, child], 2 * HOUR_MS);
    await world.advance(HOUR_MS);
    expect(moves()).toEqual(["1"]);
    expect(await world.exceptions()).toMatchObject([
      { class: "ambiguous", reasonCode: "STORE:RESTORED", step: "book" },
    ]);
  });

  test("what it has done with another input is asked of a person", async () => {
    const ledger = await prepared();
    let made = 0;
    const flow = testWorkflow("flow", async (_, run) => {
      await run.sleep("1h");
      const reference = await run.step("reference", () => {
        made += 1;
        return made;
      });
      const options = { input: { reference } };
      return run.transact("book", ledger, (tx) => write(tx, "1"), options);
    });
    await world.begin([flow]);
    await world.start(flow, { id: "1" });
    await restore(world, [flow], 2 * HOUR_MS);
    await world.advance(HOUR_MS);
    expect(moves()).toEqual(["1"]);
    expect(await world.exceptions()).toMatchObject([{ step: "book", closedAtMs: null }]);
  });
});

test("a run whose code is gone is not undone by what another run's code holds", async () => {
  const ledger = await prepared();
  const flowWith = (isNew: boolean) =>
    testWorkflow("flow", async ({ id }, run) => {
      if (isNew && id === "1") await run.step("other", () => null);
      else {
        const compensate = (tx: SqliteTx) => write(tx, `undo of ${id}`);
        await run.transact("book", ledger, (tx) => write(tx, id), { compensate });
      }
      await run.sleep("1h");
      return null;
    });
  const old = flowWith(false);
  await world.begin([old]);
  const run = await world.start(old, { id: "1" });
  await world.start(old, { id: "2" });
  await world.crash();
  const changed = flowWith(true);
  await world.begin([changed]);
  await world.start(changed, { id: "3" });
  await world.advance(HOUR_MS);
  expect(await world.row(run)).toMatchObject({ state: "held" });
  await world.engine.commands.cancel(run, "bo", "not wanted");
  await world.untilState(run, "cancelled");
  expect(await world.row(run)).toMatchObject({ compensated: "no" });
  expect(await world.exceptions(run)).toMatchObject([
    { reasonCode: "HF2104" },
    { reasonCode: "HF3004", step: "book", closedAtMs: null },
  ]);
  expect(moves()).toEqual(["1", "2", "3"]);
});
