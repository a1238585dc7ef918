/** Repairs from the command line, the same on both stores: with an engine that runs, and without. */
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

/** What the other system was asked for, and did. */
const sent: string[] = [];

const shop = integration("shop", { owner: "team-shop" });
const charge = effect("charge", {
  on: shop,
  repeat: "keyed",
  keyWindow: "24h",
  compensate: "none",
  input: z.object({ id: z.string() }),
  output: z.object({ ref: z.string() }),
  run: async ({ id }, attempt) => {
    sent.push(`charge ${id} ${attempt.key}`);
    return { ref: `ch_${id}` };
  },
});
const book = effect("book", {
  on: shop,
  repeat: "once",
  compensate: "none",
  input: z.object({ street: z.string(), iban: z.string() }),
  output: z.object({ ref: z.string() }),
  editable: ["/street", "/iban"],
  fourEyes: ["/iban"],
  sensitive: ["/iban"],
  single: true,
  classify: () => ({ class: "data", effect: "never" }),
  run: async ({ street, iban }) => {
    if (street !== "High Street 1") throw new Error("no such street");
    sent.push(`book ${street} ${iban}`);
    return { ref: "bk_1" };
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
    sensitive: [],
  },
  async ({ id, street }, run) => {
    const { ref } = await run.do(charge, { id });
    const booked = await run.do(book, { street, iban: "DE1" });
    return `${ref} ${booked.ref}`;
  },
);

interface Cli {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function onSqlite(): Promise<StorePlace> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-repair-"));
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

describe.each([
  ["SQLite", onSqlite],
  ["PostgreSQL", onPostgres],
] as const)("a repair from the command line, on %s:", (_name, make) => {
  let place: StorePlace;
  let app: App | null;
  beforeEach(async () => {
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

  async function cli(words: readonly string[], over: Partial<Terminal> = {}): Promise<Cli> {
    let out = "";
    let err = "";
    const terminal: Terminal = {
      env: process.env,
      hasFile: () => false,
      userName: () => "ana",
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      width: null,
      ...over,
    };
    const code = await runCommandLine(["--store", place.address, ...words], terminal, outside);
    return { code, out, err };
  }

  async function json(...words: readonly string[]): Promise<Record<string, unknown>> {
    return JSON.parse((await cli(["--json", ...words])).out) as Record<string, unknown>;
  }

  async function stateOf(key: string): Promise<unknown> {
    return ((await json("show", key))["run"] as { readonly state: string }).state;
  }

  /** A run that waits because its street was refused. */
  async function stuck(running: App, id = "1"): Promise<void> {
    await running.start(order, { id, street: "Hihg Street 1" });
    await expect.poll(() => stateOf(id), { timeout: 20_000 }).toBe("exception");
  }

  async function ids(): Promise<readonly { readonly id: string }[]> {
    return (await json("proposals"))["proposals"] as { id: string }[];
  }

  const EDIT = [
    "edit",
    "1",
    "--step",
    "book",
    "--set",
    "/street=High Street 1",
    "--reason",
    "typo",
  ];
  const SUPPLY = [
    "supply",
    "1",
    "--step",
    "book",
    "--value",
    '{"ref":"fax"}',
    "--reason",
    "by fax",
  ];

  test("shows its plan, is done once that plan is confirmed, and leaves a sound store", async () => {
    const running = await open();
    await stuck(running);
    const { plan, outcome } = (await json(...EDIT, "--plan")) as {
      plan: { digest: string };
      outcome: string;
    };
    expect(outcome).toBe("planned");
    expect(plan).toMatchObject({ act: "edit", effects: [{ step: "book", what: "redo" }] });
    // Nobody sits there, and nothing was confirmed; nor is another plan than this.
    expect((await cli(EDIT)).code).toBe(4);
    expect((await cli([...EDIT, "--yes", "0000"])).out).toContain(`plan ${plan.digest}`);
    expect(await stateOf("1")).toBe("exception");
    const done = await cli([...EDIT, "--yes", plan.digest]);
    expect(done).toMatchObject({ code: 0 });
    await expect.poll(() => stateOf("1"), { timeout: 20_000 }).toBe("completed");
    expect(sent.at(-1)).toBe("book High Street 1 DE1");
    const shown = await cli(["show", "1"]);
    expect(shown.out).toContain("manual: input corrected at /street");
    expect(await json("store", "verify")).toMatchObject({ isSound: true });
  });

  test("is looked at by the engine that runs before its plan is shown: what would be refused is", async () => {
    const running = await open();
    await stuck(running);
    const stray = ["edit", "1", "--step", "book", "--set", "/note=x", "--reason", "typo"];
    const before = (await json("show", "1"))["timeline"];
    const plans = [
      [stray, /^HF6003 .*does not declare "\/note" as editable/u],
      [[...EDIT.slice(0, 4), "--set", "/street=5", "--reason", "typo"], /^HF4102 .*does not fit/u],
      [["correct", "1", "--set", "/id=2", "--reason", "typo"], /^HF6003 .*as editable/u],
      [[...SUPPLY.slice(0, 4), "--value", "7", "--reason", "by fax"], /^HF4102 .*does not fit/u],
    ] as const;
    for (const [words, said] of plans) {
      const { code, err } = await cli([...words, "--plan"]);
      expect(code).not.toBe(0);
      expect(err).toMatch(said);
    }
    const careful = await cli([...EDIT, "--set", "/iban=DE2", "--plan"]);
    expect(careful.out).toContain("second person: it changes /iban, which two people change");
    const { plan } = (await json(...EDIT, "--plan")) as { plan: object };
    expect(plan).toMatchObject({ isLookedAt: true, secondPerson: null });
    expect((await cli([...EDIT, "--plan"])).out).toContain("second person: none");
    // Nothing of it was done, or left.
    expect(await stateOf("1")).toBe("exception");
    expect(await ids()).toEqual([]);
    const shown = await json("show", "1");
    expect(shown["kept"]).toEqual([]);
    expect(shown["timeline"]).toEqual(before);
    const all = ["replay", "key:1", "--set", "/note=x", "--reason", "typo"];
    expect((await json(...all))["plan"]).toMatchObject({
      items: [],
      refused: [
        [expect.any(String), expect.any(Number), "no-repair", expect.stringContaining("editable")],
      ],
    });
    const fitting = ["replay", "key:1", "--set", "/street=High Street 1", "--reason", "typo"];
    expect((await json(...fitting))["plan"]).toMatchObject({ refused: [] });
  });

  test("says where no engine has looked at its plan, and refuses what the journal tells", async () => {
    await stuck(await open());
    await close();
    const planned = await cli([...EDIT, "--plan"]);
    expect(planned.out).toContain("no engine has looked at it");
    expect(planned.out).toContain("second person: only if a field is declared fourEyes");
    const same = [...EDIT.slice(0, 4), "--set", "/street=Hihg Street 1", "--reason", "typo"];
    expect((await cli([...same, "--plan"])).err).toMatch(/^HF4102 .*changes nothing/u);
    const nowhere = ["correct", "1", "--set", "/a/b=1", "--reason", "typo", "--plan"];
    expect((await cli(nowhere)).err).toMatch(/^HF4102 .*nothing at "\/a\/b"/u);
    const supply = [...SUPPLY.slice(0, 4), "--value", '{"ref":7}', "--reason", "by fax", "--plan"];
    expect((await cli(supply)).err).toMatch(/^HF4102 .*"ref" is not TEXT/u);
    expect((await json("show", "1"))["kept"]).toEqual([]);
  });

  test("is refused with the new plan where the run has moved while the person was asked", async () => {
    const running = await open();
    await stuck(running);
    const ask = async () => {
      const others = [...EDIT.slice(0, 4), "--set", "/street=Low Street", "--reason", "guess"];
      expect((await cli([...others, "--yes"])).code).toBe(0);
      await expect.poll(() => stateOf("1"), { timeout: 20_000 }).toBe("exception");
      return "yes";
    };
    const late = await cli(EDIT, { ask });
    expect(late.code).toBe(4);
    expect(late.out).toContain("this is not the plan that was confirmed");
    expect((await cli(EDIT, { ask: async () => "yes" })).code).toBe(0);
    await expect.poll(() => stateOf("1"), { timeout: 20_000 }).toBe("completed");
  });

  test("waits for a second person where money is concerned, who sees what is proposed", async () => {
    const running = await open();
    await stuck(running);
    const iban = [...EDIT, "--set", "/iban=DE2", "--yes"];
    const proposed = await cli(["--json", ...iban]);
    expect(proposed.code).toBe(3);
    const { proposal } = JSON.parse(proposed.out) as { proposal: string };
    const listed = (await json("proposals")) as { proposals: Record<string, unknown>[] };
    expect(listed.proposals).toMatchObject([{ id: proposal, act: "edit", by: "ana" }]);
    // Masked as declared.
    expect(JSON.stringify(listed)).not.toContain("DE2");
    expect((await json("reviews"))["reviews"]).toEqual([]);
    const own = await cli(["approve", proposal, "--reason", "me again"]);
    expect(own.code).toBe(3);
    const other = await cli(["approve", proposal, "--reason", "seen", "--by", "bo"]);
    expect(other.code).toBe(0);
    await expect.poll(() => stateOf("1"), { timeout: 20_000 }).toBe("completed");
    expect(sent.at(-1)).toBe("book High Street 1 DE2");
    expect((await cli(["show", "1"])).out).toContain("approved by bo");
  });

  test("proposed is listed with what became of it", async () => {
    const running = await open();
    await stuck(running);
    const propose = async (...words: readonly string[]) =>
      String((await json(...words, "--yes"))["proposal"]);
    const rejected = await propose(...SUPPLY);
    await cli(["reject", rejected, "--reason", "no such fax", "--by", "bo"]);
    const left = await propose(...SUPPLY);
    const guess = [...EDIT.slice(0, 4), "--set", "/street=Low Street", "--reason", "guess"];
    await cli([...guess, "--yes"]);
    await expect.poll(() => stateOf("1"), { timeout: 20_000 }).toBe("exception");
    expect((await cli(["approve", left, "--reason", "seen", "--by", "bo"])).code).toBe(4);
    const late = await propose(...SUPPLY);
    const iban = await propose(...EDIT, "--set", "/iban=DE2");
    expect((await cli(["proposals"])).out.match(/ open /g)).toHaveLength(2);
    await cli(["approve", iban, "--reason", "seen", "--by", "bo"]);
    await expect.poll(() => stateOf("1"), { timeout: 20_000 }).toBe("completed");
    const { proposals } = (await json("proposals", "--all")) as { proposals: { id: string }[] };
    expect(proposals).toMatchObject([
      { id: rejected, state: "answered", verdict: "rejected", decidedBy: "bo" },
      { id: left, state: "withdrawn", verdict: "void", decidedBy: null },
      { id: late, state: "withdrawn", verdict: null, decidedBy: null },
      { id: iban, state: "answered", verdict: "approved", decidedBy: "bo" },
    ]);
    const { out } = await cli(["proposals", "--all"]);
    for (const said of ["rejected by bo", "void: its run has moved", "approved by bo"])
      expect(out).toContain(` ${said} `);
    expect(out).toContain(" withdrawn: its run has ended ");
    expect((await cli(["proposals"])).out).toBe("no proposals\n");
  });

  test("is kept while no engine runs, and done by the next one", async () => {
    await stuck(await open());
    await close();
    const kept = await cli([...SUPPLY, "--yes"]);
    expect(kept).toMatchObject({ code: 0 });
    expect(kept.out).toContain("is kept");
    await open();
    await expect.poll(async () => (await ids()).length, { timeout: 20_000 }).toBe(1);
    await close();
    const [proposal] = await ids();
    await cli(["approve", proposal?.id ?? "", "--reason", "seen", "--by", "bo"]);
    await open();
    await expect.poll(() => stateOf("1"), { timeout: 20_000 }).toBe("completed");
    expect(sent.filter((one) => one.startsWith("book"))).toEqual([]);
  });

  test("that corrects a run does it again and sends nothing a second time under another key", async () => {
    const running = await open();
    await stuck(running);
    const correct = ["correct", "1", "--set", "/street=High Street 1", "--reason", "typo"];
    expect((await cli([...correct, "--yes"])).code).toBe(0);
    await expect.poll(() => stateOf("1"), { timeout: 20_000 }).toBe("completed");
    const charges = sent.filter((one) => one.startsWith("charge"));
    expect(charges).toHaveLength(2);
    expect(charges[0]).toBe(charges[1]);
    expect(await json("store", "verify")).toMatchObject({ isSound: true });
  });

  test("that starts a run anew says what is done twice, and needs a second person", async () => {
    const running = await open();
    await stuck(running);
    await cli([...EDIT, "--yes"]);
    await expect.poll(() => stateOf("1"), { timeout: 20_000 }).toBe("completed");
    const anew = ["anew", "1", "--reason", "lost over there"];
    const plan = await cli([...anew, "--plan"]);
    expect(plan.out).toContain("predicted duplicates: 2");
    const { proposal } = await json(...anew, "--yes");
    await cli(["approve", String(proposal), "--reason", "seen", "--by", "bo"]);
    const isSecond = async () => (await json("show", "1"))["run"];
    await expect.poll(isSecond, { timeout: 20_000 }).toMatchObject({ generation: 2 });
    await expect.poll(() => stateOf("1"), { timeout: 20_000 }).toBe("exception");
    expect(new Set(sent.filter((one) => one.startsWith("charge"))).size).toBe(2);
    expect(await json("store", "verify")).toMatchObject({ isSound: true });
  });
});
