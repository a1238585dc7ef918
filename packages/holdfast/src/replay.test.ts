/** Replay plans from the command line, the same on both stores: with an engine that runs, and without. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { runCommandLine } from "./cli/program.ts";
import type { Terminal } from "./cli/terminal.ts";
import { outside } from "./command-line.ts";
import { holdfast, type App } from "./holdfast.ts";
import { makeDatabase } from "./store-postgres/test-store.test-support.ts";
import { effect } from "./workflow/effect.ts";
import { integration } from "./workflow/integration.ts";
import { workflow } from "./workflow/workflow.ts";

interface StorePlace {
  readonly address: `sqlite:${string}` | `postgres://${string}`;
  readonly remove: () => Promise<void>;
}

/** Orders that the other system takes, and all that it was asked for. */
const taken = new Set<string>();
const sent: string[] = [];

const shop = integration("shop", { owner: "team-shop" });
const book = effect("book", {
  on: shop,
  repeat: "keyed",
  keyWindow: "24h",
  single: true,
  input: z.object({ id: z.string(), street: z.string(), iban: z.string() }),
  output: z.object({ ref: z.string() }),
  editable: ["/street", "/iban"],
  fourEyes: ["/iban"],
  sensitive: ["/iban"],
  classify: () => ({ class: "data", effect: "never", reasonCode: "SHOP:NO_ACCOUNT" }),
  describe: () => ({ amount: "12.50", currency: "EUR" }),
  run: async ({ id, street }) => {
    sent.push(id);
    if (!taken.has(id) && street !== "High Street") throw new Error("the account is missing");
    return { ref: `bk_${id}` };
  },
});
const order = workflow(
  "order",
  {
    input: z.object({ id: z.string(), street: z.string() }),
    output: z.string(),
    key: ({ id }) => id,
    owner: "team-orders",
    editable: ["/street"],
  },
  async ({ id, street }, run) => (await run.do(book, { id, street, iban: "DE1" })).ref,
);

interface Cli {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function onSqlite(): Promise<StorePlace> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-replay-"));
  const remove = async () => {
    rmSync(folder, { recursive: true, force: true });
  };
  return { address: `sqlite:${join(folder, "store.db")}`, remove };
}

async function onPostgres(): Promise<StorePlace> {
  vi.stubEnv("HOLDFAST_STORE_KEY", Buffer.alloc(32, 7).toString("base64"));
  const database = await makeDatabase();
  const remove = async () => {
    vi.unstubAllEnvs();
    await database.drop();
  };
  return { address: database.url as `postgres://${string}`, remove };
}

interface PlanDocument {
  readonly outcome: string;
  readonly secondPerson: string | null;
  readonly plan: {
    readonly id: string;
    readonly items: readonly unknown[];
    readonly refused: readonly unknown[];
    readonly money: readonly unknown[];
    readonly shown: { readonly again: readonly unknown[]; readonly contracts: readonly unknown[] };
  };
}

interface Summary {
  readonly run: string | null;
  readonly waitsFor: readonly string[];
  readonly state: string;
  readonly because: string | null;
  readonly total: number;
  readonly left: number;
  readonly tally: Readonly<Record<string, number>>;
}

describe.each([
  ["SQLite", onSqlite],
  ["PostgreSQL", onPostgres],
] as const)("a replay from the command line, on %s:", (_name, make) => {
  let place: StorePlace;
  let app: App | null;
  beforeEach(async () => {
    taken.clear();
    sent.length = 0;
    app = null;
    place = await make();
  });
  afterEach(async () => {
    await app?.close();
    await place.remove();
    vi.unstubAllEnvs();
  });

  async function open(): Promise<App> {
    app = holdfast({ store: place.address, workflows: [order], log: () => undefined });
    await app.listen({ signals: [] });
    return app;
  }

  async function close(): Promise<void> {
    await app?.close();
    app = null;
  }

  async function cli(...words: readonly string[]): Promise<Cli> {
    let out = "";
    let err = "";
    const terminal: Terminal = {
      env: process.env,
      hasFile: () => false,
      userName: () => "kim",
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      width: null,
    };
    const code = await runCommandLine(["--store", place.address, ...words], terminal, outside);
    return { code, out, err };
  }

  async function planned(...words: readonly string[]): Promise<PlanDocument> {
    const { out } = await cli("--json", "replay", ...words, "--reason", "account made");
    return JSON.parse(out) as PlanDocument;
  }

  /** The plan's own line, and those of its items. */
  async function lines(id: string, ...words: readonly string[]) {
    const { out } = await cli("--json", "replay", id, ...words);
    const [summary, ...items] = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    return { summary: summary as Summary, items: items as { key: string; end: string | null }[] };
  }

  async function untilState(id: string, state: string): Promise<Summary> {
    await expect.poll(async () => (await lines(id)).summary.state, { timeout: 30_000 }).toBe(state);
    return (await lines(id)).summary;
  }

  async function stuck(running: App, count: number): Promise<void> {
    for (let n = 0; n < count; n += 1)
      await running.start(order, { id: `O-${String(n)}`, street: "Hihg Street" });
    await expect
      .poll(
        async () =>
          (await cli("--json", "exceptions", "--limit", "1000")).out.match(/"exc_/g)?.length ?? 0,
        {
          timeout: 30_000,
        },
      )
      .toBeGreaterThanOrEqual(count);
  }

  test("is planned, shown, started, and comes to a sum that is whole", async () => {
    await stuck(await open(), 4);
    const { plan, outcome, secondPerson } = await planned("workflow:order key:O-*");
    expect({ outcome, secondPerson }).toEqual({ outcome: "applied", secondPerson: null });
    expect(plan.items.length).toBe(4);
    expect(plan.money).toEqual([{ currency: "EUR", amount: "50.00" }]);
    expect(plan.shown.again).toEqual([["book", 4, 4]]);
    expect(plan.shown.contracts).toEqual([["keyed", 4]]);
    const before = sent.length;
    expect((await lines(plan.id)).summary).toMatchObject({ state: "planned", left: 4 });
    expect(sent.length).toBe(before);
    for (let n = 0; n < 4; n += 1) taken.add(`O-${String(n)}`);
    expect(await cli("replay", plan.id, "--start")).toMatchObject({ code: 0 });
    const { tally, total, left } = await untilState(plan.id, "completed");
    expect({ tally, total, left }).toMatchObject({ total: 4, left: 0, tally: { succeeded: 4 } });
    const { items } = await lines(plan.id, "--limit", "3");
    expect(items.map(({ key, end }) => [key, end])).toEqual([
      ["O-0", "succeeded"],
      ["O-1", "succeeded"],
      ["O-2", "succeeded"],
    ]);
    expect((await lines(plan.id, "--after", "2")).items.length).toBe(1);
    expect(sent.length).toBe(before + 4);
    expect((await cli("replays")).out).toContain(plan.id);
    expect((await cli("replay", plan.id)).out).toContain("4 succeeded");
    expect((await cli("replay", plan.id, "--stop", "--reason", "no")).code).toBe(4);
    await close();
    expect(await cli("store", "verify")).toMatchObject({ code: 0 });
  });

  test("stops itself, and no plan of the same cause is started for ten minutes", async () => {
    await stuck(await open(), 5);
    const { plan } = await planned("class:data");
    taken.add("O-0");
    await cli("replay", plan.id, "--start");
    const { tally, because } = await untilState(plan.id, "stopped");
    // The other one of the second wave may have begun in the same moment.
    const { succeeded, "failed-same": failed = 0, "not-reached": rest = 0 } = tally;
    expect({ succeeded, reached: failed + rest }).toEqual({ succeeded: 1, reached: 4 });
    expect([1, 2]).toContain(failed);
    expect(because).toContain("failed");
    const again = await planned("class:data");
    const refused = await cli("replay", again.plan.id, "--start");
    expect(refused).toMatchObject({ code: 4, err: expect.stringContaining("stopped itself") });
  });

  test("needs somebody else above 50 items", async () => {
    await stuck(await open(), 51);
    const { plan, secondPerson } = await planned("workflow:order");
    expect(secondPerson).toContain("51 items");
    expect((await cli("replay", plan.id, "--start")).err).toMatch(/^HF6002/);
    const own = await cli("approve", plan.id, "--by", " Kim", "--reason", "ok");
    expect(own).toMatchObject({ code: 3, err: expect.stringContaining("may not approve") });
    expect(await cli("approve", plan.id, "--by", "bo", "--reason", "ok")).toMatchObject({
      code: 0,
    });
    await expect.poll(async () => (await lines(plan.id)).summary.state).toBe("approved");
    for (let n = 0; n < 51; n += 1) taken.add(`O-${String(n)}`);
    expect(await cli("replay", plan.id, "--start")).toMatchObject({ code: 0 });
    expect((await untilState(plan.id, "completed")).tally).toMatchObject({ succeeded: 51 });
  });

  test("is kept without an engine, with all that was decided, and taken by the next", async () => {
    await stuck(await open(), 2);
    await close();
    const { plan, outcome } = await planned("workflow:order");
    expect(outcome).toBe("kept");
    expect((await lines(plan.id)).summary.state).toBe("kept");
    taken.add("O-0").add("O-1");
    expect((await cli("replay", plan.id, "--start")).out).toContain("kept until one starts");
    expect((await cli("replay", plan.id, "--start")).err).toMatch(/^HF6003/);
    await open();
    expect((await untilState(plan.id, "completed")).tally).toMatchObject({ succeeded: 2 });
  });

  test("whose own run is cancelled has stopped, and says what was not reached", async () => {
    await stuck(await open(), 3);
    const { plan } = await planned("workflow:order");
    const { summary } = await lines(plan.id);
    await cli("cancel", summary.run ?? "", "--reason", "no more");
    const { tally, left } = await untilState(plan.id, "stopped");
    expect({ left, tally }).toMatchObject({ left: 0, tally: { "not-reached": 3 } });
  });

  test("says which system its items wait for", async () => {
    await stuck(await open(), 1);
    await cli("park", "shop", "--for", "1h", "--reason", "window");
    const { plan } = await planned("workflow:order");
    expect((await cli("replay", plan.id)).out).toContain("waits for    shop (parked now)");
    await cli("replay", plan.id, "--start");
    expect((await lines(plan.id)).summary).toMatchObject({ waitsFor: ["shop"], left: 1 });
  });

  test("corrects each by the same change, or does each again from a step", async () => {
    await stuck(await open(), 4);
    const edited = await planned("key:[O-0,O-1]", "--set", "/street=High Street");
    expect(edited.plan.shown.again).toEqual([["book (redo)", 2, 2]]);
    // Whoever starts or approves it sees what would be sent.
    expect((await cli("replay", edited.plan.id)).out).toContain(
      'each is tried again, its input changed:\n  book /street: "Hihg Street" (2) -> "High Street"\n',
    );
    await cli("replay", edited.plan.id, "--start");
    expect((await untilState(edited.plan.id, "completed")).tally).toMatchObject({ succeeded: 2 });
    const misfit = await planned("workflow:order", "--from", "no-such-step");
    expect(misfit.plan.items).toEqual([]);
    const why = expect.stringContaining('no step "no-such-step"') as string;
    const refused = [expect.any(String), expect.any(Number), "no-repair", why];
    expect(misfit.plan.refused).toEqual([refused, refused]);
    expect((await cli("replay", misfit.plan.id)).out).toMatch(
      /refused {6}run_\w+: what shall be done to each does not fit it: .* no step "no-such-step"/u,
    );
    const empty = misfit.plan.id;
    for (const words of [
      ["replay", empty, "--start"],
      ["approve", empty, "--by", "bob", "--reason", "x"],
    ])
      expect(await cli(...words)).toMatchObject({
        code: 4,
        err: expect.stringMatching(
          /^HF6003 .*nothing of it would run, each of its 2 items is refused \(2: what shall be done/u,
        ) as string,
      });
    taken.add("O-2").add("O-3");
    const again = await planned("workflow:order", "--from", "book");
    await cli("replay", again.plan.id, "--start");
    expect((await untilState(again.plan.id, "completed")).tally).toMatchObject({ succeeded: 2 });
    expect(sent.filter((id) => id === "O-2").length).toBe(2);
  });

  test("corrects the input of each run by the same change, and does each again", async () => {
    await stuck(await open(), 3);
    const way = ["--set-input", "/street=High Street"];
    const { plan } = await planned("key:[O-0,O-1]", ...way);
    expect((await cli("replay", plan.id)).out).toContain(
      'each is done again from its beginning, its input changed:\n  order /street: "Hihg Street" (2) -> "High Street"\n',
    );
    await cli("replay", plan.id, "--start");
    expect((await untilState(plan.id, "completed")).tally).toMatchObject({ succeeded: 2 });
    const { run } = JSON.parse((await cli("--json", "show", "O-1")).out) as {
      run: { readonly state: string };
    };
    expect(run.state).toBe("completed");
    // A field that nobody has declared is refused for each, by the engine that knows the code.
    const stray = await planned("workflow:order", "--set-input", "/id=O-9");
    expect(stray.plan).toMatchObject({ items: [], refused: [expect.anything()] });
    expect(await cli("replay", stray.plan.id, "--start")).toMatchObject({
      code: 4,
      err: expect.stringContaining("nothing of it would run") as string,
    });
    const both = await cli("replay", "workflow:order", ...way, "--from", "book", "--reason", "x");
    expect(both).toMatchObject({ code: 2, err: expect.stringContaining("several ways") as string });
  });

  test("gives each the same result, or skips each, once a second person has approved that", async () => {
    await stuck(await open(), 3);
    const { plan, secondPerson } = await planned("key:[O-0,O-1]", "--supply", '{"ref":"by hand"}');
    expect(secondPerson).toBe("results are given by hand");
    expect(plan.shown.again).toEqual([["book (supply)", 2, 2]]);
    expect((await cli("replay", plan.id)).out).toContain(
      'each effect gets the result {"ref":"by hand"}\n',
    );
    expect((await cli("replay", plan.id, "--start")).err).toMatch(/^HF6002/);
    expect(await cli("approve", plan.id, "--reason", "ok")).toMatchObject({ code: 3 });
    await cli("approve", plan.id, "--by", "bo", "--reason", "ok");
    expect(await cli("replay", plan.id, "--start")).toMatchObject({ code: 0 });
    expect((await untilState(plan.id, "completed")).tally).toMatchObject({ succeeded: 2 });
    const shown = (await cli("show", "O-1", "--payloads")).out;
    expect(shown).toContain("by hand");
    expect(sent.filter((id) => id === "O-1").length).toBe(1);
    const misfit = await planned("workflow:order", "--skip", "7");
    expect(misfit.plan).toMatchObject({
      items: [],
      refused: [
        [
          expect.any(String),
          expect.any(Number),
          "no-repair",
          expect.stringContaining("does not fit"),
        ],
      ],
    });
    const both = await cli(
      "replay",
      "workflow:order",
      "--skip",
      "1",
      "--supply",
      "2",
      "--reason",
      "x",
    );
    expect(both).toMatchObject({ code: 2, err: expect.stringContaining("several ways") as string });
  });

  test("leaves a proposal where a change needs two people for each, and does not wait for it", async () => {
    await stuck(await open(), 2);
    const { plan } = await planned("workflow:order", "--set", "/iban=DE2");
    // What is declared sensitive is shown to nobody.
    expect(JSON.stringify(plan)).not.toContain("DE2");
    expect((await cli("replay", plan.id)).out).toContain(
      'book /iban: "[masked string]" (2) -> "[masked string]"\n',
    );
    expect((await cli("--json", "replay", plan.id)).out).not.toContain("DE1");
    expect((await cli("--json", "replay", plan.id)).out).not.toContain("DE2");
    await cli("replay", plan.id, "--start");
    expect((await untilState(plan.id, "completed")).tally).toMatchObject({ skipped: 2 });
    const { proposals } = JSON.parse((await cli("--json", "proposals")).out) as {
      proposals: readonly { readonly by: string }[];
    };
    expect(proposals.map(({ by }) => by)).toEqual(["kim", "kim"]);
  });

  test("refuses what cannot be meant, and says how it is written", async () => {
    await open();
    const { err, code } = await cli("replay", "clas:data", "--reason", "x");
    expect({ err, code }).toEqual({ code: 2, err: expect.stringContaining('mean "class"') });
    expect((await cli("replay", "class:data", "--reason", "x")).err).toContain("No open exception");
    expect((await cli("replay", "class:data")).err).toContain("needs a reason");
    expect((await cli("replay", "class:data", "--start")).err).toContain("nothing was shown yet");
    expect((await cli("replay", "rpl_0000000000000000")).err).toMatch(/^HF6001/);
  });
});
