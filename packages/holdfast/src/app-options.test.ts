import { describe, expect, test } from "vitest";
import { z } from "zod";
import { holdfast, type App } from "./holdfast.ts";
import { workflow } from "./workflow/workflow.ts";

const greet = workflow(
  "greet",
  { input: z.string(), output: z.string(), key: (name) => name, owner: "team" },
  (name) => Promise.resolve(`hello ${name}`),
);

// JavaScript callers: the casts give what the compiler would refuse.
function app(options: object): App {
  return holdfast({ store: ":memory:", workflows: [greet], ...options });
}

describe("an app in JavaScript", () => {
  test.each([
    [{ versoin: "2" }, 'holdfast() has no option "versoin"', 'Did you mean "version"?'],
    [{ postgres: { sharedd: true } }, 'has no option "sharedd"', 'Did you mean "shared"?'],
    [{ payloads: { keyring: "k" } }, 'has no option "keyring"', 'Did you mean "keyRing"?'],
    [{ limits: { drainMS: 5 } }, 'has no option "drainMS"', 'Did you mean "drainMs"?'],
    [{ limits: { drainMs: "5s" } }, '"drainMs" is not valid', "Give a number"],
    [{ limits: { commandsKeptMs: 3_599_999 } }, "expected at least 3600000", "commandsKeptMax"],
    [{ limits: { liveRunsMax: -1 } }, '"liveRunsMax" is not valid', "of 0 or more"],
    [{ limits: { stepsMax: 0 } }, '"stepsMax" is not valid', "a whole number above 0"],
    [{ limits: { stepsMax: 1.5 } }, '"stepsMax" is not valid', "a whole number above 0"],
    [{ limits: { drainMs: -1 } }, '"drainMs" is not valid', "0 or more"],
    [{ limits: { drainMs: Number.NaN } }, '"drainMs" is not valid', "0 or more"],
    [{ limits: { intakeShare: 0 } }, '"intakeShare" is not valid', "a share above 0"],
    [{ limits: { intakeShare: 2 } }, '"intakeShare" is not valid', "a share above 0"],
    [{ version: "v 45" }, "without a space", 'version: "v45"'],
    [{ earlierVersions: ["v44"] }, '"earlierVersions"', 'version: "v47"'],
    [{ version: "v45", earlierVersions: "v44" }, '"earlierVersions"', "Give both"],
    [{ version: "v45", earlierVersions: ["v44", "v45"] }, '"earlierVersions"', "Give both"],
    [{ version: "v45", earlierVersions: ["v44", "v44"] }, '"earlierVersions"', "Give both"],
    [{ version: "v45", earlierVersions: ["v 44"] }, '"earlierVersions"', "Give both"],
    [{ store: undefined }, 'holdfast() needs "store"', 'store: "sqlite:./holdfast.db"'],
    [{ workflows: greet }, 'holdfast() needs "workflows"', "workflows: [order]"],
  ])("refuses %j where it is made", (options, message, remedy) => {
    expect(() => app(options)).toThrow(
      expect.objectContaining({
        code: "HF1001",
        message: expect.stringContaining(message) as string,
        remedy: expect.stringContaining(remedy) as string,
      }),
    );
  });

  test.each([
    ["start", (it: App) => it.start(greet, "ann", { byy: "bo" } as never), "by"],
    ["send", (it: App) => it.send({} as never, { kee: "1" } as never), "key"],
    [
      "startIn",
      (it: App) => it.startIn({} as never, greet, "ann", { corelationId: "c" } as never),
      "correlationId",
    ],
    ["sendIn", (it: App) => it.sendIn({} as never, {} as never, { kee: "1" } as never), "key"],
    ["cancel", (it: App) => it.cancel("run_1", { by: "bo", reson: "x" } as never), "reason"],
    ["answer", (it: App) => it.answer("rev_1_1", 1, { bye: "bo" } as never), "by"],
    [
      "settle",
      (it: App) => it.settle("eff_1_1", { hapened: true } as never, { by: "b" }),
      "happened",
    ],
    ["resume", (it: App) => it.resume("run_1", { by: "bo", stepp: "x" } as never), "step"],
    [
      "decide",
      (it: App) => it.decide("prp_1_1", true, { by: "bo", raison: "x" } as never),
      "reason",
    ],
    ["closeException", (it: App) => it.closeException("exc_1_1", { bi: "bo" } as never), "by"],
    ["listen", (it: App) => it.listen({ signal: [] } as never), "signals"],
  ] as const)("refuses a misspelt option of %s, and nothing is done", async (call, act, meant) => {
    const made = app({});
    await expect(act(made)).rejects.toMatchObject({
      code: "HF1001",
      message: expect.stringContaining(`app.${call} has no option`) as string,
      remedy: expect.stringContaining(`Did you mean "${meant}"?`) as string,
    });
    await made.close();
  });
});

test.each([[["SIGFOO"]], [["SIGTERM", 5]], ["SIGTERM"]])(
  "listen refuses signals that are %j, and opens nothing",
  async (signals) => {
    const made = app({});
    await expect(made.listen({ signals: signals as never })).rejects.toMatchObject({
      code: "HF1001",
      message: expect.stringContaining('"signals" of app.listen') as string,
    });
    expect(process.listenerCount("SIGTERM")).toBe(0);
    await made.close();
  },
);

test.each(["name", "key", "id"])("send refuses a NUL in the %s of an event", async (what) => {
  const made = app({});
  const names = { name: "paid", key: "O-1", id: "1", [what]: "a\u0000b" };
  const { name, key, id } = names;
  const sent = made.send({ name, schema: z.string() }, { key, id, payload: "x" });
  await expect(sent).rejects.toMatchObject({
    code: what === "name" ? "HF1001" : "HF4102",
  });
  await made.close();
});
