/** Messages that do not fit, in the engine: kept once, taken after all, over crashes. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { RecordKind } from "../../core/record-kinds.ts";
import type { IncomingMessage, UnfitMessage } from "../../workflow/message.ts";
import { formatItemId } from "../../core/run-number.ts";
import { timelineEntry } from "../../operate/timeline.ts";
import { verifyStore } from "../../store-sqlite/index.ts";
import { workflow } from "../../workflow/workflow.ts";
import type { FlushSeen } from "../../testing/bed/watched-store.ts";
import { TestWorld } from "../test-world.test-support.ts";

let world: TestWorld;
beforeEach(() => {
  world = new TestWorld();
});
afterEach(() => world.remove());

const input = z.object({ id: z.string(), cents: z.number() });
const bill = workflow(
  "bill",
  { input, output: z.any(), key: ({ id }) => id, owner: "billing" },
  async ({ cents }) => cents,
);

const picky = workflow(
  "picky",
  {
    input,
    output: z.any(),
    key: () => {
      throw new TypeError("no key for it");
    },
    owner: "billing",
  },
  async () => null,
);

const about = {
  workflow: bill,
  ingress: "orders",
  by: "shop",
  source: "shop",
  busy: "wait",
} as const;

function unfit(id: string, body = '{"id":"O-1","cents":"many"}'): UnfitMessage {
  const problem = "The input of bill is not valid.";
  return { ...about, id, body, form: "application/json", problem, payload: { unread: body } };
}

const receiving = () => world.engine.commands.receiving;
const keep = (id: string, body?: string) => receiving().receiveUnfit(unfit(id, body));

function fitting(id: string, body: z.infer<typeof input>): IncomingMessage {
  const terms = { duplicates: "merge", order: null, holdMs: 0, windowMs: null } as const;
  return { ...about, ...terms, id, input: body, payload: body };
}

async function admit(body: unknown, by = "bo") {
  const [exception] = await world.exceptions();
  if (exception === undefined) throw new Error("nobody has an exception");
  const { run, seq } = exception;
  return await receiving().admit({
    exception: { run, seq },
    input: body,
    by,
    reason: "asked them",
  });
}

const mended = { id: "O-1", cents: 100 };
const kept = { state: "review", run: null, duplicateOf: null };

describe("a message that does not fit", () => {
  test("is given to the owner of its workflow, once, and starts nothing", async () => {
    await world.begin([bill]);
    const first = await keep("m-1");
    const [exception] = (await world.exceptions()).map((row) => formatItemId("exc", row));
    expect(first).toEqual({ ...kept, isRepeat: false, exception });
    expect(await keep("m-1")).toEqual({ ...kept, isRepeat: true, exception });
    await expect(keep("m-1", "{")).rejects.toMatchObject({ code: "HF4110" });
    const [open, ...more] = await world.exceptions();
    expect(more).toEqual([]);
    expect(open).toMatchObject({
      reasonCode: "HF4115",
      class: "data",
      owner: "billing",
      workflow: "bill",
      effect: "never",
    });
    expect(open?.because).toContain('Message "m-1" of shop came by "orders"');
    expect(await world.allRuns()).toEqual([]);
  });

  test("begins with what a person gives, who started it then; its sender hears of the run", async () => {
    await world.begin([bill]);
    await keep("m-1");
    const receipt = await admit(mended);
    const [run] = await world.allRuns();
    expect(receipt).toMatchObject({ state: "started", isRepeat: false });
    expect(run).toMatchObject({ key: "O-1", startedBy: "bo" });
    expect(await keep("m-1")).toEqual({ ...receipt, isRepeat: true });
    const [closed] = await world.exceptions();
    expect(closed).toMatchObject({ closedBy: "bo", resolution: "dealt-with" });
    // Who took it and why is said at the exception, and at the run.
    expect(closed?.handling.notes).toMatchObject([
      { by: "bo", text: `admitted: started, run ${receipt.run ?? ""}; asked them` },
    ]);
    const [started] = await world.records(run?.run ?? 0);
    if (started === undefined) throw new Error("the run has no beginning");
    expect(timelineEntry(started)).toMatchObject({
      by: "bo",
      what: expect.stringMatching(/did not fit \(exc_\w+, admitted: asked them\)/u) as unknown,
    });
    // Said twice, it is still one run; and who gives something else is told.
    expect(await admit(mended)).toMatchObject({ run: receipt.run, isRepeat: true });
    const other = admit({ id: "O-2", cents: 1 }, "cy");
    await expect(other).rejects.toMatchObject({ code: "HF6003" });
    await expect(other).rejects.toThrow(/taken by bo already: it is started/u);
    expect(await world.allRuns()).toHaveLength(1);
    await world.close();
    expect(await verifyStore({ path: world.path })).toMatchObject({ damage: [] });
  });

  test("joins the run that has its business key by then", async () => {
    await world.begin([bill]);
    await keep("m-1");
    const { run } = await receiving().receive(fitting("m-2", mended));
    expect(await admit(mended)).toMatchObject({ state: "joined", run, duplicateOf: run });
    expect(await world.allRuns()).toHaveLength(1);
  });

  test("stays with its owner where what is given does not fit either", async () => {
    await world.begin([bill]);
    await keep("m-1");
    await expect(admit({ id: "O-1" })).rejects.toMatchObject({ code: "HF4102" });
    const [open] = await world.exceptions();
    expect(open?.closedAtMs).toBeNull();
    expect(await keep("m-1")).toMatchObject({ ...kept, isRepeat: true });
    expect(await admit(mended)).toMatchObject({ state: "started" });
  });

  test("is not taken once somebody has closed it", async () => {
    await world.begin([bill]);
    await keep("m-1");
    const [open] = await world.exceptions();
    const { run = 0, seq = 0 } = open ?? {};
    await world.engine.exceptions.beside.close({ run, seq }, "ana", "leave it: fraud");
    await expect(admit(mended)).rejects.toThrow(/ana has closed .*: the message is left/u);
    expect(await world.allRuns()).toEqual([]);
    expect(await keep("m-1")).toEqual({ ...kept, isRepeat: true });
  });

  test("is told of the code that breaks over what is given", async () => {
    await world.begin([picky]);
    await receiving().receiveUnfit({ ...unfit("m-1"), workflow: picky });
    await expect(admit(mended)).rejects.toMatchObject({ code: "HF4102" });
    expect(await world.allRuns()).toEqual([]);
  });

  test("is the only thing that is taken so", async () => {
    await world.begin([bill]);
    await receiving().receive(fitting("m-1", mended));
    await receiving().receive({ ...fitting("m-2", mended), duplicates: "review" });
    await expect(admit(mended)).rejects.toMatchObject({ code: "HF6003" });
    const nobody = { exception: { run: 0, seq: 99 }, input: mended, by: "bo", reason: "" };
    await expect(receiving().admit(nobody)).rejects.toMatchObject({ code: "HF6001" });
    expect(await world.allRuns()).toHaveLength(1);
  });

  test("that was taken before under its id gets the receipt of then", async () => {
    await world.begin([bill]);
    const first = await receiving().receive(fitting("m-1", mended));
    // The schema has changed since: the same body does not fit any more.
    const now = { ...unfit("m-1"), payload: mended };
    expect(await receiving().receiveUnfit(now)).toEqual({ ...first, isRepeat: true });
    expect(await world.exceptions()).toEqual([]);
  });

  test("is refused where no more exceptions may be open, and its id stays free", async () => {
    await world.begin([bill], { limits: { besideOpenMax: 1 } });
    await keep("m-1");
    await expect(keep("m-2")).rejects.toMatchObject({ code: "HF4203" });
    const fits = await receiving().receive(fitting("m-2", mended));
    expect(fits).toMatchObject({ state: "started", isRepeat: false });
  });
});

describe("a message that does not fit, over a crash", () => {
  const FATES = ["diesBefore", "diesAfter"] as const;
  /** The process dies with each flush that holds such a record. */
  const fateOf =
    (kind: RecordKind, fate: (typeof FATES)[number]) =>
    ({ kinds }: FlushSeen) =>
      kinds.includes(kind) ? fate : "applied";

  for (const kind of ["opened", "received"] as const) {
    for (const fate of FATES) {
      test(`is kept once when its sender comes again (${fate} of "${kind}")`, async () => {
        await world.begin([bill], { fateOf: fateOf(kind, fate) });
        void keep("m-1").catch(() => undefined);
        await world.settle();
        await world.crash();
        await world.begin([bill]);
        expect(await keep("m-1")).toMatchObject(kept);
        expect(await world.exceptions()).toHaveLength(1);
        expect(await admit(mended)).toMatchObject({ state: "started" });
      });
    }
  }

  test("is with somebody again where the exception was closed before it was accepted", async () => {
    await world.begin([bill], { fateOf: fateOf("received", "diesBefore") });
    void keep("m-1").catch(() => undefined);
    await world.settle();
    await world.crash();
    await world.begin([bill]);
    const [open] = await world.exceptions();
    const { run = 0, seq = 0 } = open ?? {};
    await world.engine.exceptions.beside.close({ run, seq }, "ana", "it was not accepted");
    expect(await keep("m-1")).toMatchObject(kept);
    const all = await world.exceptions();
    expect(all.map(({ closedBy }) => closedBy)).toEqual(["ana", null]);
    const { run: of = 0, seq: second = 0 } = all[1] ?? {};
    const admission = {
      exception: { run: of, seq: second },
      input: mended,
      by: "bo",
      reason: "ok",
    };
    expect(await receiving().admit(admission)).toMatchObject({ state: "started" });
  });

  for (const dies of ["received", "started", "closed"] as const) {
    test(`leaves no exception open where it fits when it comes again (dies before "${dies}")`, async () => {
      await world.begin([bill], { fateOf: fateOf("received", "diesBefore") });
      void keep("m-1").catch(() => undefined);
      await world.settle();
      await world.crash();
      // Other code is at work, which takes it; it may die over that as well.
      await world.begin([bill], dies === "received" ? {} : { fateOf: fateOf(dies, "diesBefore") });
      const again = receiving().receive(fitting("m-1", mended));
      if (dies !== "received") {
        void again.catch(() => undefined);
        await world.settle();
        await world.crash();
        await world.begin([bill]);
      }
      const { state, run } =
        dies === "received" ? await again : await receiving().receive(fitting("m-1", mended));
      expect(state).toBe("started");
      expect(await world.allRuns()).toHaveLength(1);
      const [exception, ...more] = await world.exceptions();
      expect(more).toEqual([]);
      expect(exception).toMatchObject({ closedBy: "holdfast" });
      const records = await world.records(0);
      const closed = records.find(({ kind }) => kind === "closed");
      expect(closed?.head).toContain(`it is started, run ${run ?? ""}`);
    });
  }

  for (const kind of ["started", "closed"] as const) {
    for (const fate of FATES) {
      test(`begins once when it is admitted again (${fate} of "${kind}")`, async () => {
        await world.begin([bill]);
        await keep("m-1");
        await world.crash();
        await world.begin([bill], { fateOf: fateOf(kind, fate) });
        void admit(mended).catch(() => undefined);
        await world.settle();
        await world.crash();
        await world.begin([bill]);
        expect(await admit(mended)).toMatchObject({ state: "started" });
        expect(await world.allRuns()).toHaveLength(1);
        const [exception, ...more] = await world.exceptions();
        expect(exception?.closedBy).toBe("bo");
        expect(more).toEqual([]);
      });
    }
  }
});

const dyingBefore = (kind: string) => ({
  fateOf: ({ kinds }: FlushSeen) =>
    (kinds as readonly string[]).includes(kind) ? ("diesBefore" as const) : ("applied" as const),
});

/** An engine that dies before it can write a record of that kind. */
async function dyingAt(kind: string, act: () => Promise<unknown>): Promise<void> {
  await world.begin([bill], dyingBefore(kind));
  void act().catch(() => undefined);
  await world.settle();
  await world.crash();
}

/** What becomes of eve's admission with another input, and who has closed the exception then. */
async function admittedByEve() {
  await world.begin([bill]);
  const told = await admit({ id: "O-1", cents: 999 }, "eve").catch((error: unknown) => error);
  const [one] = await world.exceptions();
  const notes = JSON.stringify(one?.handling.notes);
  return { told, closedBy: one?.closedBy, isHers: notes.includes("eve") };
}

const REFUSED = { told: { code: "HF6003" }, closedBy: "holdfast", isHers: false };

describe("who admits what another input has begun already", () => {
  test("is refused where another's admission was cut off by a crash", async () => {
    await world.begin([bill]);
    await keep("m-1");
    await world.crash();
    await dyingAt("closed", () => admit(mended));
    expect(await admittedByEve()).toMatchObject(REFUSED);
  });

  test("is refused where the message has come again and fits", async () => {
    await dyingAt("received", () => keep("m-1"));
    await dyingAt("closed", () => receiving().receive(fitting("m-1", mended)));
    expect(await admittedByEve()).toMatchObject(REFUSED);
  });

  test("is a repeat where the input is the same", async () => {
    await world.begin([bill]);
    await keep("m-1");
    await world.crash();
    await dyingAt("closed", () => admit(mended));
    await world.begin([bill]);
    expect(await admit(mended)).toMatchObject({ state: "started", isRepeat: true });
  });
});
