/** Who does something is on record: each door inside the process asks for a name, and for true or false. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { formatItemId, formatRunId } from "./core/run-number.ts";
import { type Actor, type App, holdfast } from "./holdfast.ts";
import { testbed } from "./testing/bed/testbed.ts";
import { review } from "./workflow/review.ts";
import { workflow } from "./workflow/workflow.ts";

const approval = review("approval", {
  subject: z.string(),
  decision: z.boolean(),
  by: "finance",
  notBy: "starter",
});
const approved = workflow(
  "approved",
  { input: z.string(), output: z.boolean(), key: (id) => id, owner: "team-orders" },
  async (id, run) => await run.ask(approval, id),
);

const RUN = formatRunId(7);
const EFFECT = formatItemId("eff", { run: 7, seq: 2 });
const PROPOSAL = formatItemId("prp", { run: 7, seq: 2 });
const EXCEPTION = formatItemId("exc", { run: 7, seq: 2 });
const REVIEW = formatItemId("rev", { run: 7, seq: 2 });

const NAMES: readonly (readonly [string, unknown])[] = [
  ["an empty name", ""],
  ["a blank one", " "],
  ["one of which nothing is to be seen", "\u200b\u2060"],
  ["none", undefined],
  ["a number", 5],
  ["one with NUL", "a\u0000"],
];

type Act = (app: App, by: string, reason: string) => Promise<unknown>;
const DOORS: readonly (readonly [string, Act])[] = [
  ["start", (app, by) => app.start(approved, "O-1", { by: by ?? null })],
  ["cancel", (app, by, reason) => app.cancel(RUN, { by, reason })],
  ["answer", (app, by, reason) => app.answer(REVIEW, true, { by, reason })],
  ["settle", (app, by, reason) => app.settle(EFFECT, { happened: true }, { by, reason })],
  ["decide", (app, by, reason) => app.decide(PROPOSAL, true, { by, reason })],
  ["resume", (app, by, reason) => app.resume(RUN, { by, reason })],
  ["closeException", (app, by, reason) => app.closeException(EXCEPTION, { by, reason })],
];

describe("an app", () => {
  let app: App;
  beforeEach(() => {
    app = holdfast({ store: ":memory:", workflows: [approved], log: () => undefined });
  });
  afterEach(() => app.close());

  describe.each(DOORS)("%s", (_door, act) => {
    test.each(NAMES)("refuses %s", async (_name, by) => {
      // JavaScript callers: the cast gives what the compiler would refuse.
      await expect(act(app, by as string, "because")).rejects.toMatchObject({
        code: "HF4102",
        message: expect.stringMatching(/^The name of who .* is not valid/) as string,
      });
    });
  });

  describe.each(DOORS.filter(([door]) => door !== "start"))("%s", (_door, act) => {
    test.each([
      ["an object", {}],
      ["a text with NUL", "a\u0000b"],
      ["a text that is too long", "x".repeat(10_001)],
    ])("refuses a reason that is %s", async (_name, reason) => {
      await expect(act(app, "bo", reason as string)).rejects.toMatchObject({
        code: "HF4102",
        message: expect.stringMatching(/^The reason of who .* is not valid/) as string,
      });
    });
  });

  test.each([
    ["happened", (by: Actor) => app.settle(EFFECT, { happened: "false" as never }, by)],
    [
      "decision about a proposal",
      (by: Actor) => app.decide(PROPOSAL, "false" as never, { ...by, reason: "r" }),
    ],
    ["reference", (by: Actor) => app.settle(EFFECT, { happened: true, ref: {} as never }, by)],
    ["step", (by: Actor) => app.resume(RUN, { ...by, step: {} as never })],
  ])("refuses a %s of another type", async (what, act) => {
    await expect(act({ by: "bo" })).rejects.toMatchObject({
      code: "HF4102",
      message: expect.stringContaining(what) as string,
    });
  });

  test("nobody answers a review that excludes the starter", async () => {
    const asked = new Promise<string>((tell) => {
      app.on((event) => {
        if (event.type === "review.asked") tell(formatItemId("rev", event));
      });
    });
    const { id } = await app.start(approved, "O-1", { by: "ana" });
    const open = await asked;
    await expect(app.answer(open, true, { by: "" })).rejects.toMatchObject({ code: "HF4102" });
    await expect(app.answer(open, true, { by: "an\u200ba" })).rejects.toMatchObject({
      code: "HF6002",
    });
    expect((await app.get(id))?.state).toBe("review");
  });
});

test("a test bed takes no answer of nobody either", async () => {
  const bed = testbed({ workflows: [approved] });
  await bed.start(approved, "O-1", { by: "ana" });
  await expect(bed.answer(approval, true, { user: "" })).rejects.toMatchObject({ code: "HF4102" });
  await bed.close();
});
