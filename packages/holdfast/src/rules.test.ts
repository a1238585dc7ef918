/** Classification rules by the command line, on a real app on each store. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { runCommandLine } from "./cli/program.ts";
import { outside } from "./command-line.ts";
import { effect, holdfast, integration, workflow } from "./index.ts";
import { verifyPostgresStore } from "./store-postgres/index.ts";
import { makeDatabase } from "./store-postgres/test-store.test-support.ts";
import { verifyStore } from "./store-sqlite/index.ts";
import { CallFailed } from "./workflow/attempt.ts";

const bank = integration("bank", { owner: "team-bank" });
const input = z.object({ id: z.string(), code: z.string(), sent: z.boolean() });

/** Ends as its input says, in a way that no table knows. */
async function answer({ code, sent }: z.output<typeof input>): Promise<never> {
  throw new CallFailed({
    message: `POST /payments: the bank says ${code}`,
    evidence: {
      phase: sent ? "answered" : "created",
      code,
      message: `refused: ${code.toLowerCase()} after 15:00`,
      path: "/payments",
      headers: { server: "bank/7" },
      callCount: 1,
    },
  });
}

const pay = effect("pay", {
  on: bank,
  repeat: "idempotent",
  why: "upsert",
  retry: { attempts: 2 },
  input,
  output: z.any(),
  run: answer,
});
const wire = effect("wire", { on: bank, repeat: "once", input, output: z.any(), run: answer });
const payment = workflow(
  "payment",
  { input, output: z.any(), key: ({ id }) => id, owner: "team-sales" },
  (given, run) => run.do(pay, given),
);
const transfer = workflow(
  "transfer",
  { input, output: z.any(), key: ({ id }) => id, owner: "team-sales" },
  (given, run) => run.do(wire, given),
);

interface Place {
  readonly store: `sqlite:${string}` | `postgres://${string}`;
  readonly postgres?: { readonly key: string; readonly shared?: boolean };
  readonly isSound: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

const folder = mkdtempSync(join(tmpdir(), "holdfast-rules-"));

const PLACES: Readonly<Record<"SQLite" | "PostgreSQL", () => Promise<Place>>> = {
  async SQLite() {
    const path = join(mkdtempSync(join(folder, "store-")), "store.db");
    return {
      store: `sqlite:${path}`,
      isSound: async () => {
        expect((await verifyStore({ path })).damage).toEqual([]);
      },
      remove: async () => {
        rmSync(path, { force: true });
      },
    };
  },
  async PostgreSQL() {
    const database = await makeDatabase();
    const key = randomBytes(32);
    return {
      store: database.url as `postgres://${string}`,
      postgres: { key: key.toString("base64") },
      isSound: async () => {
        expect((await verifyPostgresStore({ url: database.url, key })).damage).toEqual([]);
      },
      remove: () => database.drop(),
    };
  },
};

function appAt({ store, postgres }: Place, isShared = false) {
  return holdfast({
    store,
    ...(postgres === undefined
      ? {}
      : { postgres: isShared ? { ...postgres, shared: true } : postgres }),
    workflows: [payment, transfer],
    version: "v1",
    log: () => undefined,
  });
}

type App = ReturnType<typeof appAt>;

// Each test takes many turns of a machine that may be busy with others.
vi.setConfig({ testTimeout: 180_000 });
const PATIENT = { timeout: 60_000, interval: 50 };

interface Exception {
  readonly id: string;
  readonly key: string;
  readonly class: string;
  readonly rule: string;
  readonly because: string;
  readonly owner: string;
}
interface View {
  readonly rule: { readonly id: string; readonly version: number; readonly state: string };
  readonly decidedCount: number;
  readonly shadowCount: number;
  readonly lastHit: string | null;
}
interface Trial {
  readonly met: number;
  readonly changed: number;
  readonly byChange: readonly { from: string; to: string; count: number }[];
}

function fileOf(rules: unknown): string {
  const path = join(mkdtempSync(join(folder, "file-")), "rules.json");
  writeFileSync(path, JSON.stringify(rules));
  return path;
}

/** As a file: says of one code that nothing happened, or that nobody knows. */
function ruleOnEffect(id: string, code: string, proof: string): string {
  return fileOf({ id, when: { code: [code] }, decide: { class: "data", effect: proof } });
}

function ruleOnBank(id: string, order: number, says: string) {
  return {
    id,
    order,
    when: { integration: ["bank"], path: ["/pay*"], header: { server: "^bank/\\d$" } },
    decide: { class: says },
  };
}

describe.each(["SQLite", "PostgreSQL"] as const)("on %s", (name) => {
  let place: Place;
  let app: App;
  beforeEach(async () => {
    place = await PLACES[name]();
    app = appAt(place);
  });
  afterEach(async () => {
    await app.close();
    await place.remove();
  });

  async function cliWith<Document>(given: string, ...words: readonly string[]): Promise<Document> {
    let out = "";
    let err = "";
    const terminal = {
      env: {},
      hasFile: () => false,
      userName: () => "ana",
      width: null,
      out: (text: string) => {
        out += text;
      },
      err: (text: string) => {
        err += text;
      },
    };
    const at = ["--store", place.store, "--json"];
    const code = await runCommandLine([...words, ...at], terminal, {
      ...outside,
      readInput: async () => given,
    });
    if (code !== 0) throw new Error(`${words.join(" ")} ended with ${String(code)}: ${err}`);
    return JSON.parse(out) as Document;
  }
  const cli = <Document>(...words: readonly string[]) => cliWith<Document>("", ...words);

  const why = ["--reason", "the bank says so"];
  const rules = async () => (await cli<{ rules: readonly View[] }>("rules")).rules;
  const exceptions = async () =>
    (await cli<{ exceptions: readonly Exception[] }>("exceptions")).exceptions;

  /** The exception that a new run comes to. */
  async function fails(
    id: string,
    code = "CUT_OFF",
    of: { readonly by?: typeof payment | typeof transfer; readonly sent?: boolean } = {},
  ): Promise<Exception> {
    // There is no store yet before an app has done anything.
    const before = new Set((await exceptions().catch(() => [])).map((one) => one.id));
    await app.start(of.by ?? payment, { id, code, sent: of.sent ?? false });
    return await vi.waitFor(async () => {
      const found = (await exceptions()).find((one) => !before.has(one.id));
      if (found === undefined) throw new Error("none yet");
      return found;
    }, PATIENT);
  }

  test("what nobody knew is taught: drafted, tried, watched, put in force, kept, retired", async () => {
    expect(await fails("o-1")).toMatchObject({ class: "transient", owner: "team-bank" });
    const drafts = await cli<readonly { id: string; decide: object }[]>(
      "rules",
      "unclassified",
      "--drafts",
    );
    expect(drafts).toMatchObject([{ id: "teach-bank-cut-off", decide: { class: "data" } }]);
    const taught = drafts.map((draft) => ({
      ...draft,
      decide: { class: "policy", reasonCode: "BANK:CUT_OFF", owner: "team-treasury" },
    }));
    expect(await cli("rules", "test", fileOf(taught))).toMatchObject({
      failures: 2,
      met: 2,
      changed: 2,
      byChange: [
        {
          from: expect.stringMatching(/^transient, reason [A-Z:_0-9]+, owner as declared$/u),
          to: "policy, reason BANK:CUT_OFF, owner team-treasury",
          count: 2,
        },
      ],
    });
    await cliWith(JSON.stringify(taught), "rules", "add", "-", ...why);
    await fails("o-2");
    expect(await rules()).toMatchObject([{ rule: { state: "draft" }, shadowCount: 0 }]);

    await cli("rules", "shadow", "teach-bank-cut-off", ...why);
    expect(await fails("o-3")).toMatchObject({ class: "transient", owner: "team-bank" });
    expect(await rules()).toMatchObject([
      { rule: { state: "shadow" }, decidedCount: 0, shadowCount: 2 },
    ]);

    await expect(
      cli("rules", "activate", "--yes", "teach-bank-cut-off", "--by", " ANA", ...why),
    ).rejects.toThrow(
      /HF6002(?=.*another person)(?=.*\n {8}rule teach-bank-cut-off@1\n)(?=.*test --rule teach-bank-cut-off@1;)/su,
    );
    // What it says to be given is a command.
    await cli("rules", "test", "--rule", "teach-bank-cut-off@1");
    // What it would have changed is shown before anything is done.
    const tried = await cli("rules", "activate", "teach-bank-cut-off", "--by", "bob", ...why);
    expect(tried).toMatchObject({
      rule: "teach-bank-cut-off@1",
      trial: { met: expect.any(Number) as number },
      message: expect.stringContaining("Nothing was changed") as unknown,
    });
    expect(await rules()).toMatchObject([{ rule: { state: "shadow" } }]);
    await cli("rules", "activate", "--yes", "teach-bank-cut-off", "--by", "bob", ...why);
    const ruled = await fails("o-4");
    expect(ruled).toMatchObject({
      class: "policy",
      rule: "teach-bank-cut-off@1",
      owner: "team-treasury",
    });
    expect(ruled.because).toContain("Rule teach-bank-cut-off@1 has decided");
    expect(await rules()).toMatchObject([
      { decidedCount: 1, shadowCount: 2, lastHit: expect.stringMatching(/^\d{4}-\d\d$/u) },
    ]);
    await app.close();

    app = appAt(place);
    expect(await fails("o-5")).toMatchObject({ class: "policy" });
    const before = (await exceptions()).filter(({ class: one }) => one === "transient");
    expect(before).toHaveLength(3);
    const without = await cli("rules", "retire", "teach-bank-cut-off", ...why);
    expect(without).toMatchObject({ trial: { met: 2, changed: 2 } });
    const wanted = await cli("rules", "retire", "--yes", "teach-bank-cut-off", ...why);
    expect(wanted).toMatchObject({ trial: { met: 2, changed: 2 } });
    expect(await fails("o-5b")).toMatchObject({ class: "policy" });
    await cli("rules", "retire", "--yes", "teach-bank-cut-off", "--by", "bob", ...why);
    expect(await fails("o-6")).toMatchObject({ class: "transient" });
    await expect(
      cli("rules", "activate", "--yes", "teach-bank-cut-off", "--by", "bob", ...why),
    ).rejects.toThrow(/HF6003.*retired/su);
    await app.close();
    await place.isSound();
  });

  test("caution is raised by a rule alone, and lowered only on a person's word", async () => {
    // Nobody knows whether a transfer was done: it is asked for.
    expect(await fails("t-1", "NO_FUNDS", { by: transfer, sent: true })).toMatchObject({
      class: "ambiguous",
    });
    const lowers = ruleOnEffect("no-funds", "NO_FUNDS", "never");
    await expect(cli("rules", "add", lowers, ...why)).rejects.toThrow(/HF4121.*nothing happened/su);
    await expect(cli("rules", "test", lowers)).rejects.toThrow(/HF4121.*nothing happened/su);
    expect(await cli("rules", "test", lowers, "--assert", "they check")).toMatchObject({
      changed: 1,
    });
    await expect(cli("rules", "add", ruleOnEffect("x", "X", "surely"), ...why)).rejects.toThrow(
      /HF4120/u,
    );
    await expect(
      cli("rules", "add", ruleOnEffect("x", "X", "maybe"), "--assert", "sure", ...why),
    ).rejects.toThrow(/HF4121.*nothing to assert/su);
    expect(await rules()).toEqual([]);
    await cli("rules", "add", lowers, "--assert", "the bank checks first", ...why);
    await cli("rules", "activate", "--yes", "no-funds", "--by", "bob", ...why);
    const vouched = await fails("t-2", "NO_FUNDS", { by: transfer, sent: true });
    expect(vouched.class).toBe("data");
    expect(vouched.because).toContain("asserted by ana, approved by bob: the bank checks first");
    // It never left, as the marks prove; the rule takes that proof away.
    expect((await fails("t-3", "BUSY", { by: transfer, sent: false })).class).toBe("transient");
    await cli("rules", "add", ruleOnEffect("doubt", "BUSY", "maybe"), ...why);
    await cli("rules", "activate", "--yes", "doubt", "--by", "bob", ...why);
    const doubted = await fails("t-4", "BUSY", { by: transfer, sent: false });
    expect(doubted.class).toBe("ambiguous");
    await app.close();
    await place.isSound();
  });

  test("the rule with the lower order decides; a new version takes the place of the old one", async () => {
    await fails("o-0");
    await cli(
      "rules",
      "add",
      fileOf([ruleOnBank("wide", 20, "data"), ruleOnBank("first", 10, "policy")]),
      ...why,
    );
    for (const id of ["wide", "first"])
      await cli("rules", "activate", "--yes", id, "--by", "bob", ...why);
    expect(await fails("o-1")).toMatchObject({ class: "policy", rule: "first@1" });
    await cli("rules", "add", fileOf(ruleOnBank("first", 10, "misconfigured")), ...why);
    expect(await fails("o-2")).toMatchObject({ rule: "first@1" });
    await cli("rules", "retire", "--yes", "first@1", ...why);
    await cli("rules", "retire", "--yes", "first@1", "--by", "bob", ...why);
    expect(await fails("o-3")).toMatchObject({ class: "data", rule: "wide@1" });
    await cli("rules", "activate", "--yes", "first", "--by", "bob", ...why);
    await cli("rules", "add", fileOf(ruleOnBank("first", 10, "permanent")), ...why);
    await cli("rules", "activate", "--yes", "first", "--by", "bob", ...why);
    const states = (await rules()).map(({ rule: { id, version, state } }) => [id, version, state]);
    expect(states).toContainEqual(["first", 2, "retired"]);
    expect(states).toContainEqual(["first", 3, "active"]);
    await app.close();
    await place.isSound();
  });

  test("a trial says exactly what happens when its rules are put in force", async () => {
    const codes = ["CUT_OFF", "NO_FUNDS", "CUT_SHORT"];
    for (const code of codes) await fails(`before-${code}`, code);
    const given = [
      { id: "cut", when: { code: ["CUT_*"], attemptFrom: 2 }, decide: { class: "policy" } },
      { id: "funds", when: { body: "no_funds .*15:00$" }, decide: { class: "data" } },
    ];
    const trial = await cli<Trial>("rules", "test", fileOf(given));
    const same = { class: "transient", attemptsMax: 1, waitMs: 60_000 };
    const slower = { id: "slower", when: { code: ["CUT_OFF"] }, decide: same };
    expect((await cli<Trial>("rules", "test", fileOf(slower))).byChange).toEqual([
      {
        from: "transient, attempts as declared, wait as ever",
        to: "transient, attempts 1, wait 60 s",
        count: 2,
      },
    ]);
    await cli("rules", "add", fileOf(given), ...why);
    for (const { id } of given) await cli("rules", "activate", "--yes", id, "--by", "bob", ...why);
    const became: Record<string, number> = {};
    for (const code of codes) {
      const after = await fails(`after-${code}`, code);
      if (after.class !== "transient") became[after.class] = (became[after.class] ?? 0) + 1;
    }
    const decided = (await rules()).reduce((sum, { decidedCount }) => sum + decidedCount, 0);
    // The one that repairs at its first attempt has no second one any more.
    expect(trial.byChange).toEqual([
      { from: "transient", to: "policy", count: 2 },
      { from: "transient", to: "data", count: 2 },
    ]);
    expect(became).toEqual({ policy: 2, data: 1 });
    expect(decided).toBe(3);
    await app.close();
    await place.isSound();
  });
});

test("every worker of a shared store has a rule within its time", async () => {
  const place = await PLACES.PostgreSQL();
  const said = vi.fn<(text: string) => void>();
  const terminal = {
    env: {},
    hasFile: () => false,
    userName: () => "ana",
    width: null,
    out: () => undefined,
    err: said,
  };
  const run = async (...words: readonly string[]) => {
    await runCommandLine([...words, "--reason", "so", "--store", place.store], terminal, outside);
    expect(said.mock.calls).toEqual([]);
  };
  const apps = [appAt(place, true), appAt(place, true)] as const;
  const classes = new Map<string, string>();
  for (const [worker, app] of apps.entries()) {
    app.on((event) => {
      if (event.type === "attempt.failed") {
        classes.set(`${String(worker)} ${event.failure.class}`, event.failure.rule.id);
      }
    });
  }
  const path = join(mkdtempSync(join(folder, "file-")), "rule.json");
  writeFileSync(
    path,
    JSON.stringify({ id: "cut", when: { code: ["CUT_OFF"] }, decide: { class: "policy" } }),
  );
  try {
    for (const [worker, app] of apps.entries()) {
      await app.start(payment, { id: `first-${String(worker)}`, code: "CUT_OFF", sent: true });
    }
    await run("rules", "add", path);
    await run("rules", "activate", "--yes", "cut", "--by", "bob");
    let number = 0;
    await vi.waitFor(async () => {
      for (let more = 0; more < 4; more += 1) {
        number += 1;
        await apps[0].start(payment, { id: `p-${String(number)}`, code: "CUT_OFF", sent: true });
      }
      expect(classes.get("0 policy")).toBe("cut");
      expect(classes.get("1 policy")).toBe("cut");
    }, PATIENT);
  } finally {
    await Promise.all(apps.map((app) => app.close()));
  }
  await place.isSound();
  await place.remove();
});
