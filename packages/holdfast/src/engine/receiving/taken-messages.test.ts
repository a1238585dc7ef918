/** What fails beside a message: neither the message nor the workflow is blamed for it. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { FlushSeen } from "../../testing/bed/watched-store.ts";
import type { IncomingMessage } from "../../workflow/message.ts";
import { workflow } from "../../workflow/workflow.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const bill = workflow(
  "bill",
  { input: z.object({ id: z.string() }), output: z.any(), key: ({ id }) => id, owner: "billing" },
  async () => null,
);

function message(id: string, more: Partial<IncomingMessage> = {}): IncomingMessage {
  return {
    workflow: bill,
    input: { id },
    payload: { id },
    ingress: "orders",
    by: "shop",
    source: "shop",
    id,
    duplicates: "merge",
    order: null,
    holdMs: 0,
    windowMs: null,
    busy: "wait",
    ...more,
  };
}

const order = () => {
  throw new TypeError("no order");
};
const dies = ({ kinds }: FlushSeen) => (kinds.includes("received") ? "diesBefore" : "applied");
const receiving = () => world.engine.commands.receiving;

test("what is thrown elsewhere than in a function of the workflow is not laid at its door", async () => {
  await world.begin([bill]);
  const payload = {
    get id(): string {
      throw new TypeError("not the workflow's");
    },
  };
  await expect(receiving().receive(message("m-1", { payload }))).rejects.toThrow(
    "not the workflow's",
  );
  await expect(receiving().receive(message("m-2", { order }))).rejects.toMatchObject({
    code: "HF1113",
  });
});

test("a message that was taken has its receipt and its room, and what fails after it is done later", async () => {
  await world.begin([bill], { fateOf: dies });
  const { busy, ingress, by, source } = message("m-1");
  const about = { workflow: bill, ingress, by, source, id: "m-1", payload: "?", busy };
  const unfit = { ...about, body: "?", form: "text/plain", problem: "It is not valid." };
  void receiving()
    .receiveUnfit(unfit)
    .catch(() => undefined);
  await world.settle();
  await world.crash();
  await world.begin([bill], { limits: { receivedMax: 1 } });
  world.life.watched.failsRead = (verb) => verb === "besideExceptions";
  expect(await receiving().receive(message("m-1"))).toMatchObject({ state: "started" });
  await expect(receiving().receive(message("m-2"))).rejects.toMatchObject({ code: "HF4202" });
  expect(await world.exceptions()).toMatchObject([{ closedBy: null }]);
  world.life.watched.failsRead = () => false;
  await world.advance(60_000);
  expect(await world.exceptions()).toMatchObject([{ closedBy: "holdfast" }]);
});
