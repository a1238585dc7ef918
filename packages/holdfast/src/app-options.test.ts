import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { HoldfastError } from "./core/error.ts";
import { DEFAULT_LIMITS } from "./engine/limits.ts";
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
    [{ postgres: { leaseMs: 0 } }, '"leaseMs" is not valid', "above 0"],
    [{ payloads: { inlineBytesMax: -1 } }, '"inlineBytesMax" is not valid', "above -1"],
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

/** As the refusal of one that there is not lists them. */
function taken(options: object): readonly string[] {
  try {
    holdfast({ store: ":memory:", workflows: [], ...options });
  } catch (error) {
    if (error instanceof HoldfastError)
      return (/It takes: (.+)\./u.exec(error.remedy)?.[1] ?? "").split(", ");
  }
  throw new Error("it was taken");
}

describe("the reference of holdfast()", () => {
  const page = readFileSync(new URL("../../../docs/reference/api.md", import.meta.url), "utf8");
  const section = page.slice(page.indexOf("### holdfast\n"), page.indexOf("### app.listen\n"));
  const rows = [...section.matchAll(/^\| `(.+?)` \|(.*)\|$/gmu)];
  test("lists each option, and no other", () => {
    const [options = ""] = section.split("| limit |");
    const named = [...options.matchAll(/^\| (`[a-z].*?) \| [^|]+ \| [^|]+ \|$/gmu)]
      .flatMap(([, names = ""]) => names.split(", "))
      .map((name) => name.replaceAll("`", ""));
    const under = (of: string) => taken({ [of]: { none: 1 } }).map((name) => `${of}.${name}`);
    const flat = taken({ none: 1 }).filter((name) => !["postgres", "payloads"].includes(name));
    expect(named.toSorted()).toEqual(
      [...flat, ...under("postgres"), ...under("payloads")].toSorted(),
    );
  });

  test("lists each limit with its unit, default and bound", () => {
    const limits = rows.filter(([, name = ""]) => Object.hasOwn(DEFAULT_LIMITS, name));
    expect(limits.map(([, name]) => name)).toEqual(Object.keys(DEFAULT_LIMITS));
    for (const [, name = "", rest = ""] of limits) {
      const [unit, standard, bound = ""] = rest.split(" | ").map((cell) => cell.trim());
      const value = DEFAULT_LIMITS[name as keyof typeof DEFAULT_LIMITS];
      expect([name, standard]).toEqual([name, value.toLocaleString("en-US")]);
      expect([name, unit === "milliseconds"]).toEqual([name, name.endsWith("Ms")]);
      const least = Number(bound.replace("above ", "").replaceAll(",", "").split(" ")[0]);
      const isIn = (given: number) => () =>
        holdfast({ store: ":memory:", workflows: [], limits: { [name]: given } });
      const lowest = bound.startsWith("above") ? Number.MIN_VALUE : least;
      expect(isIn(lowest)).not.toThrow();
      expect(isIn(bound.startsWith("above") ? 0 : least - 1)).toThrow(HoldfastError);
    }
  });
});
