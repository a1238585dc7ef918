import { afterEach, beforeEach, expect, test } from "vitest";
import { formatRunId } from "../core/run-number.ts";
import { testWorkflow } from "../engine/test-effects.test-support.ts";
import { TestWorld } from "../engine/test-world.test-support.ts";
import { openSqliteReader } from "../store-sqlite/index.ts";
import { parseReplayQuery } from "./replay/replay-query.ts";
import { selectItems } from "./replay/select-items.ts";
import { heldSentence, listHeld } from "./list-held.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const early = testWorkflow("flow", (_input, run) => run.sleep("1h"));
/** Its journal says that the first step was another one. */
const other = testWorkflow("flow", (_input, run) => run.step("other", () => 1));

async function held() {
  await world.settle();
  const reader = await openSqliteReader({ path: world.path });
  try {
    return await listHeld(reader, world.clock.nowMs());
  } finally {
    await reader.close();
  }
}

test("held runs are counted by version and cause, and it is said which is to be tried when a newer one is here", async () => {
  await world.begin([early], { version: "v44" });
  const first = await world.start(early, { id: "1" });
  const second = await world.start(early, { id: "2" });
  expect(await held()).toEqual({ newestVersion: "v44", groups: [], count: 0, hasMore: false });
  await world.close();
  world.clock.setMs(world.clock.nowMs() + 1_000);
  await world.begin([other], { version: "v45" });
  await world.untilState(first, "held");
  await world.untilState(second, "held");
  const before = await held();
  expect(before).toMatchObject({ newestVersion: "v45", count: 2 });
  expect(before.groups).toMatchObject([
    { version: "v45", workflow: "flow", count: 2, run: formatRunId(first), key: "1" },
  ]);
  const [group] = before.groups;
  if (group === undefined) throw new Error("nothing is held");
  expect(group.isReady).toBe(false);
  expect(heldSentence(group, before.newestVersion)).toContain("the same code does the same again");
  await world.close();
  world.clock.setMs(world.clock.nowMs() + 1_000);
  await world.begin([early], { version: "v46" });
  const { newestVersion, groups } = await held();
  expect(groups).toMatchObject([{ isReady: true, count: 2 }]);
  const [ready] = groups;
  if (ready?.issue == null) throw new Error("nothing is ready");
  expect(heldSentence(ready, newestVersion)).toBe(
    `ready: v46 is here, and 2 runs are held for defects of v45; try one, then the rest: holdfast replay 'issue:${ready.issue} failedin:v45' --canary 1,rest --reason "..."`,
  );
  expect(heldSentence({ ...ready, count: 1 }, newestVersion)).toContain(
    `holdfast resume ${formatRunId(first)} --reason "..."`,
  );
  // What it offers is a plan for those, and for nothing else.
  const reader = await openSqliteReader({ path: world.path });
  const query = parseReplayQuery(`issue:${ready.issue} failedin:v45`);
  const items = await selectItems(reader, query, null, world.clock.nowMs());
  const none = parseReplayQuery(`issue:${ready.issue} -failedin:v45`);
  const others = await selectItems(reader, none, null, world.clock.nowMs());
  await reader.close();
  expect(items.map(({ run }) => run.run)).toEqual([first, second]);
  expect(others).toEqual([]);
});
