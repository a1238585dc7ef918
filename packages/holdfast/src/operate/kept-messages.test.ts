/** Messages that did not fit, as operators see them. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { formatItemId } from "../core/run-number.ts";
import { TestWorld } from "../engine/test-world.test-support.ts";
import { openSqliteReader } from "../store-sqlite/index.ts";
import type { StoreReader } from "../store/store.ts";
import { workflow } from "../workflow/workflow.ts";
import { bodyOfMessage } from "./admit-message.ts";
import { listReceived } from "./list-received.ts";
import { showException } from "./show-exception.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

function billOf(sensitive: readonly string[]) {
  return workflow(
    "bill",
    {
      input: z.object({ id: z.string(), iban: z.string() }),
      output: z.any(),
      key: ({ id }) => id,
      owner: "billing",
      sensitive,
    },
    async () => null,
  );
}

async function kept(body: string, sensitive: readonly string[] = []): Promise<string> {
  const bill = billOf(sensitive);
  await world.begin([bill]);
  await world.engine.commands.receiving.receiveUnfit({
    workflow: bill,
    ingress: "orders",
    by: "shop",
    source: "shop",
    busy: "wait",
    id: "m-1",
    body,
    form: "application/json",
    problem: "The input of bill is not valid.",
    payload: { unread: body },
  });
  const [row] = await world.exceptions();
  if (row === undefined) throw new Error("nobody has it");
  return formatItemId("exc", row);
}

async function reading<T>(read: (reader: StoreReader) => Promise<T>): Promise<T> {
  const reader = await openSqliteReader({ path: world.path });
  try {
    return await read(reader);
  } finally {
    await reader.close();
  }
}

const payloadOf = (id: string) =>
  reading(async (reader) => (await showException(reader, id, 1_000, 0)).payload);

const BODY = '{\n  "id": "O-1",\n  "Iban": "DE89 3704"\n}';

describe("what came", () => {
  test("is shown as it came", async () => {
    const id = await kept(BODY);
    expect(await payloadOf(id)).toMatchObject({ text: BODY, masked: "none" });
  });

  test("is shown by its fields alone where some are sensitive: a name with a slip is covered too", async () => {
    const id = await kept(BODY, ["/iban"]);
    const shown = await payloadOf(id);
    expect(shown?.text).toBe('{"id":"[masked string]","Iban":"[masked string]"}');
    expect(shown?.masked).toBe("fields");
  });

  test("is covered whole where it is no JSON, and some are sensitive", async () => {
    const id = await kept("iban=DE89", ["/iban"]);
    expect(await payloadOf(id)).toMatchObject({ text: '"[masked string]"', masked: "whole" });
  });

  test("can be begun with as it is, and nothing else can", async () => {
    const id = await kept(BODY);
    expect(await reading((reader) => bodyOfMessage(reader, id))).toEqual({
      id: "O-1",
      Iban: "DE89 3704",
    });
    const wrong = (text: string) => reading((reader) => bodyOfMessage(reader, text));
    await expect(wrong("exc_00000000000_99")).rejects.toMatchObject({ code: "HF6001" });
  });

  test("is refused as a beginning where it is no JSON", async () => {
    const id = await kept("{");
    await expect(reading((reader) => bodyOfMessage(reader, id))).rejects.toMatchObject({
      code: "HF4102",
    });
  });
});

const list = () => reading(async (reader) => (await listReceived(reader, { limit: 5 })).messages);

test("a message names its exception, and says that it is left once that is closed", async () => {
  const id = await kept(BODY);
  expect(await list()).toMatchObject([{ state: "review", exception: id, isLeft: false }]);
  const [row] = await world.exceptions();
  const place = { run: 0, seq: row?.seq ?? 0 };
  await world.engine.exceptions.beside.close(place, "ana", "fraud");
  expect(await list()).toMatchObject([{ state: "review", exception: id, isLeft: true }]);
});
