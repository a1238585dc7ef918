/**
 * What operators do, end to end: a real app on a real store in one process, the command line in
 * others.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  eventually,
  holdfastCli,
  startShop,
  type Order,
  type Shop,
  LIFE_MS_MAX,
} from "./processes.ts";

// Each test starts several processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: LIFE_MS_MAX, hookTimeout: LIFE_MS_MAX });

const folder = mkdtempSync(join(tmpdir(), "holdfast-cli-"));
const store = join(folder, "shop.db");
const mended = join(folder, "mended");
const env = { HOLDFAST_STORE: `sqlite:${store}` };

const orders: readonly Order[] = [
  { id: "O-done", does: "charge" },
  { id: "O-approve", does: "ask" },
  { id: "O-reject", does: "ask" },
  { id: "O-mailed", does: "mail" },
  { id: "O-not-mailed", does: "mail" },
  { id: "O-book", does: "book" },
  { id: "O-cancel", does: "sleep" },
];

let shop: Shop;

beforeAll(async () => {
  shop = await startShop(store, orders, mended);
  await runsAtRest();
});

afterAll(async () => {
  await shop.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface RunDocument {
  readonly id: string;
  readonly key: string;
  readonly state: string;
  readonly reason: string;
  readonly compensated: string;
}

interface ItemDocument {
  readonly id: string;
  readonly key: string;
}

interface ExceptionDocument extends ItemDocument {
  readonly isBeside: boolean;
}

/** Runs a command with `--json` and gives back its document. */
async function ask<Document>(...words: readonly string[]): Promise<Document> {
  const { code, out, err } = await holdfastCli([...words, "--json"], { env });
  if (code !== 0) throw new Error(`${words.join(" ")} ended with ${String(code)}: ${err}`);
  // The shape is the command's; a test that relies on another fails at its expectation.
  return JSON.parse(out) as Document;
}

async function runOf(key: string): Promise<RunDocument> {
  return (await ask<{ run: RunDocument }>("show", key)).run;
}

async function idOf(list: "reviews" | "effects", key: string, ...words: readonly string[]) {
  const page = await ask<Record<string, readonly ItemDocument[]>>(list, "--key", key, ...words);
  const [item] = page[list] ?? [];
  if (item === undefined) throw new Error(`${key} has no ${list}`);
  return item.id;
}

function openEffect(key: string) {
  return idOf("effects", key, "--open");
}

async function runsAtRest(): Promise<void> {
  await eventually("all orders to come to rest", async () => {
    const { runs } = await ask<{ runs: readonly RunDocument[] }>("runs");
    const moving = runs.filter((run) => run.state === "running" || run.state === "parked");
    return runs.length === orders.length && moving.length === 0 ? true : null;
  });
}

async function ended(key: string, state: string): Promise<RunDocument> {
  return eventually(`${key} to be ${state}`, async () => {
    const run = await runOf(key);
    return run.state === state ? run : null;
  });
}

describe("looking", () => {
  test("lists runs with their states, and one by its state", async () => {
    const { out, code } = await holdfastCli(["runs"], { env });
    expect(code).toBe(0);
    expect(out).toMatch(/^RUN +KEY +WORKFLOW +STATE +SINCE +OWNER +REASON$/m);
    expect(out).toMatch(/^run_\w{11} +O-done +place-order +completed /m);
    const page = await ask<{ runs: readonly RunDocument[] }>("runs", "--state", "waiting");
    expect(page.runs.map((run) => run.key)).toEqual(["O-cancel"]);
  });

  test("pages by a cursor without missing or repeating a run", async () => {
    const keys: string[] = [];
    let after: string | null = null;
    do {
      const words: readonly string[] = after === null ? [] : ["--after", after];
      const page: { runs: readonly RunDocument[]; next: string | null } = await ask(
        "runs",
        "--limit",
        "3",
        ...words,
      );
      keys.push(...page.runs.map((run) => run.key));
      after = page.next;
    } while (after !== null);
    expect(keys).toEqual(orders.map(({ id }) => id));
  });

  test("shows a run's journal as a timeline, by key and by id, with payloads only if asked", async () => {
    const { out } = await holdfastCli(["show", "O-done"], { env });
    expect(out).toMatch(/ charge +1 +intent\n +sent to bank \(keyed\), answer awaited until /);
    expect(out).toMatch(/completed: its code has returned/);
    expect(out).toMatch(/^eff_\w{11}_2 +O-done +charge +keyed +done +1 +120\.00 EUR/m);
    expect(out).not.toContain("ch_O-done");
    const { id } = await runOf("O-done");
    const byId = await holdfastCli(["show", id, "--payloads"], { env });
    expect(byId.out).toContain('{"chargeId":"ch_O-done"}');
  });

  test("shows a long timeline in pages", async () => {
    interface Page {
      readonly timeline: readonly { readonly seq: number }[];
      readonly next: number | null;
    }
    const first = await ask<Page>("show", "O-done", "--limit", "2");
    expect(first.timeline.map(({ seq }) => seq)).toEqual([1, 2]);
    const second = await ask<Page>("show", "O-done", "--limit", "2", "--after", String(first.next));
    expect(second.timeline.map(({ seq }) => seq)).toEqual([3, 4]);
  });

  test("says why a run stands still, what is proven and what is safe", async () => {
    const { out, code } = await holdfastCli(["why", "O-mailed"], { env });
    expect(code).toBe(0);
    expect(out).toMatch(/^EXCEPTION at mail, /m);
    expect(out).toContain("mail may have happened");
    expect(out).toContain("charge done (120.00 EUR, proven)");
    // Once: by the exception that it led to.
    expect(out.split("the line went dead")).toHaveLength(2);
    expect(out).toMatch(/^last decision {2}.* mail: askOutcome \(rule fallback\/code@1\)/m);
    expect(out).toMatch(/^safe {2}settle mail \| cancel \(finds out about mail first\)$/m);
    const explained = await ask<{
      verdict: { safe: readonly string[] };
      decision: { move: string };
      exceptions: readonly { page: string; owner: string }[];
    }>("why", "O-mailed");
    expect(explained.verdict.safe).toEqual(["settle mail", "cancel (finds out about mail first)"]);
    expect(explained.decision.move).toBe("askOutcome");
    expect(explained.exceptions).toMatchObject([{ page: "HF3001", owner: "team-post" }]);
  });

  test("lists exceptions by class, owner, workflow and key", async () => {
    const wanted: readonly (readonly [words: readonly string[], keys: readonly string[]])[] = [
      [[], ["O-mailed", "O-not-mailed", "O-book"]],
      [["--class", "data"], ["O-book"]],
      [
        ["--owner", "team-post"],
        ["O-mailed", "O-not-mailed"],
      ],
      [["--workflow", "no-such-workflow"], []],
      [["--workflow", "place-order", "--limit", "1"], ["O-mailed"]],
      [["--key", "O-book"], ["O-book"]],
    ];
    const pages = await Promise.all(
      wanted.map(([words]) => ask<{ exceptions: readonly ItemDocument[] }>("exceptions", ...words)),
    );
    const found = pages.map(({ exceptions }) => exceptions.map(({ key }) => key));
    expect(found).toEqual(wanted.map(([, keys]) => keys));
  });
});

test("documents have the fields that the reference lists", async () => {
  const reference = new URL("../../docs/reference/cli.md", import.meta.url);
  const text = readFileSync(reference, "utf8").replaceAll(/\s+/g, " ");
  const listed = (what: string) =>
    text.match(new RegExp(`${what} has \`([^\`]+)\``))?.[1]?.split(" ");
  const shown = await ask<Record<string, readonly object[]>>("show", "O-mailed");
  const { reviews } = await ask<{ reviews: readonly object[] }>("reviews", "--key", "O-approve");
  const { decision } = await ask<{ decision: object }>("why", "O-mailed");
  const samples = {
    "A RUN": shown["run"],
    "An EFFECT": shown["effects"]?.[0],
    "An EXCEPTION": shown["exceptions"]?.[0],
    "A REVIEW": reviews[0],
    "An entry of the timeline": shown["timeline"]?.[0],
    "`decision`": decision,
  };
  for (const [what, sample] of Object.entries(samples)) {
    expect({ what, fields: Object.keys(sample ?? {}).toSorted() }).toEqual({
      what,
      fields: listed(what)?.toSorted(),
    });
  }
});

describe("answering", () => {
  test("lets the run go on with the decision", async () => {
    const review = await idOf("reviews", "O-approve");
    const { code, out } = await holdfastCli(
      ["answer", review, "approve=true", "note=as agreed", "--by", "bo"],
      { env },
    );
    expect(out).toMatch(/^Done by bo: review rev_\w+ of run_\w+ is answered\.$/m);
    expect(code).toBe(0);
    await ended("O-approve", "completed");
    const { out: shown } = await holdfastCli(["show", "O-approve", "--payloads"], { env });
    expect(shown).toContain('{"told":"approved: as agreed"}');
  });

  test("takes a decision as JSON, and refuses a second answer before it is sent", async () => {
    const review = await idOf("reviews", "O-reject");
    const rejection = '{"approve":false,"note":"too much"}';
    const { code, out } = await holdfastCli(["answer", review, "--json", rejection, "--by", "bo"], {
      env,
    });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ topic: "answer", by: "bo", outcome: "applied" });
    const run = await ended("O-reject", "stopped");
    expect(run).toMatchObject({ reason: "rejected: too much", compensated: "fully" });
    const again = await holdfastCli(["answer", review, "approve=true", "--by", "cy"], { env });
    expect(again.code).toBe(4);
    expect(again.err).toMatch(
      /^HF6003 {2}Review "big-order" was answered already, by bo at \S+: .*approve/s,
    );
  });
});

describe("what is refused", () => {
  test("a decision that does not fit, with what it takes", async () => {
    await shopWith({ id: "O-misfit", does: "ask" });
    const review = await idOf("reviews", "O-misfit");
    const { code, err } = await holdfastCli(["answer", review, "approve=maybe", "--by", "bo"], {
      env,
    });
    expect(err).toMatch(/^HF4102 {2}The decision .* is not valid: "approve" is not true\|false\./);
    expect(err).toMatch(/Fix: It takes: approve=true\|false/);
    expect(code).toBe(2);
  });

  test("an answer by the one who started the run", async () => {
    const review = await idOf("reviews", "O-misfit");
    const { code, err } = await holdfastCli(["answer", review, "approve=true", "--by", "ana"], {
      env,
    });
    expect(err).toMatch(
      /^HF6002 {2}ana may not decide this: the review excludes ana, who started the run\./,
    );
    expect(code).toBe(3);
  });

  test("settling what is known, resuming what is unknown, cancelling what has ended", async () => {
    const charge = await idOf("effects", "O-done");
    const settled = await holdfastCli(["settle", charge, "not", "--reason", "try"], { env });
    expect(settled.err).toMatch(/^HF6003 {2}The outcome of "charge" is known: it was done, /);
    expect(settled.code).toBe(4);
    const resumed = await holdfastCli(["resume", "O-mailed", "--reason", "try"], { env });
    expect(resumed.err).toMatch(/^HF6004 {2}Not resumed: "mail" may have happened/);
    expect(resumed.code).toBe(4);
    const cancelled = await holdfastCli(["cancel", "O-done", "--reason", "try"], { env });
    expect(cancelled.err).toMatch(/^HF6003 {2}run_\w+ is completed and cannot be cancelled/);
    expect(cancelled.code).toBe(4);
  });
});

/** What is said while the open proposal of this key is approved; "" if it is taken. */
async function approved(key: string, by: string): Promise<string> {
  const { out } = await holdfastCli(["proposals", "--json"], { env });
  const { proposals } = JSON.parse(out) as { proposals: readonly ItemDocument[] };
  const id = proposals.find((one) => one.key === key)?.id ?? "";
  const words = ["approve", id, "--reason", "looked at it too", "--by", by];
  return (await holdfastCli(words, { env })).err;
}

describe("settling an effect that nobody can look up", () => {
  test("as happened: its answer goes to the run, and nothing is sent again", async () => {
    const effect = await openEffect("O-mailed");
    const [open] = await exceptionsOf("--key", "O-mailed");
    const seen = open?.id ?? "";
    const { out: listed } = await holdfastCli(["exceptions", "--key", "O-mailed"], { env });
    expect(listed).toContain(
      `holdfast settle ${effect} happened --value JSON --exception ${seen} --reason "..."   or   holdfast settle ${effect} not --exception ${seen} --reason "..."`,
    );
    const value = ["--value", '{"messageId":"m-91"}'];
    const other = await holdfastCli(
      ["settle", effect, "happened", ...value, "--exception", `${seen}9`, "--reason", "x"],
      { env },
    );
    expect(other.err).toMatch(/^HF6001 {2}There is no exception /);
    const words = ["settle", effect, "happened", ...value, "--exception", seen];
    const { code, err } = await holdfastCli(
      [...words, "--ref", "line 14", "--by", "bo", "--reason", "it is in the sent folder"],
      { env },
    );
    expect({ code, err }).toEqual({ code: 3, err: "" });
    await approved("O-mailed", "cy");
    await ended("O-mailed", "completed");
    const { out } = await holdfastCli(["show", "O-mailed", "--payloads"], { env });
    expect(out).toContain('{"told":"m-91"}');
    expect(out).toMatch(/ mail +once +done +1 +line 14 \(says bo\)/);
    const why = await holdfastCli(["why", "O-mailed"], { env });
    expect(why.out).toMatch(/^it failed with {2}the line went dead$/m);
  });

  test("as not happened: it is sent once more", async () => {
    const effect = await openEffect("O-not-mailed");
    const words = ["settle", effect, "not", "--by", "bo", "--reason", "the provider has no trace"];
    const { code, err } = await holdfastCli(words, { env });
    expect({ code, err }).toEqual({ code: 3, err: "" });
    const alone = await approved("O-not-mailed", " BO");
    expect(alone).toMatch(/^HF6002 {2} BO may not approve this/);
    expect(await approved("O-not-mailed", "cy")).toBe("");
    await ended("O-not-mailed", "completed");
    const { out } = await holdfastCli(["show", "O-not-mailed", "--payloads"], { env });
    expect(out).toContain('{"told":"sent-by-attempt-2"}');
  });
});

describe("resuming and cancelling", () => {
  test("resumes a step after its cause was mended", async () => {
    expect(existsSync(mended)).toBe(false);
    writeFileSync(mended, "");
    const [open] = await exceptionsOf("--key", "O-book");
    const seen = ["--exception", open?.id ?? ""];
    const words = ["resume", "O-book", ...seen, "--by", "bo", "--reason", "account made"];
    const { code, err } = await holdfastCli(words, { env });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    await ended("O-book", "completed");
    const closed = await ask<{ exceptions: readonly { closedBy: string; resolution: string }[] }>(
      "exceptions",
      "--all",
      "--key",
      "O-book",
    );
    // The first approval stands; the same word about an exception that is closed is refused.
    expect((await holdfastCli(words, { env })).err).toMatch(/^HF6003 /);
    expect(closed.exceptions).toMatchObject([{ closedBy: "bo", resolution: "resumed" }]);
  });

  test("cancels a run and undoes what it did", async () => {
    const words = ["cancel", "O-cancel", "--by", "bo", "--reason", "the customer has called"];
    const { code, err } = await holdfastCli(words, { env });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const run = await ended("O-cancel", "cancelled");
    expect(run).toMatchObject({ reason: "the customer has called", compensated: "fully" });
    const { effects } = await ask<{ effects: readonly { effect: string; proof: string }[] }>(
      "effects",
      "--key",
      "O-cancel",
    );
    expect(effects).toMatchObject([
      { effect: "charge", proof: "surely" },
      { effect: "refund", proof: "surely" },
    ]);
  });
});

async function exceptionsOf(...words: readonly string[]): Promise<readonly ExceptionDocument[]> {
  return (await ask<{ exceptions: readonly ExceptionDocument[] }>("exceptions", ...words))
    .exceptions;
}

describe("closing an exception", () => {
  test("that stands beside its run, and no other", async () => {
    // The same order again, with another content: it joins the run, and somebody has to look.
    await shop.stop();
    shop = await startShop(store, [{ id: "O-done", does: "sleep" }], mended);
    const [open, ...others] = await exceptionsOf("--key", "O-done");
    expect(others).toEqual([]);
    expect(open).toMatchObject({
      isBeside: true,
      class: "data",
      owner: "team-shop",
      page: "HF4107",
      step: null,
    });
    expect(await runOf("O-done")).toMatchObject({ state: "completed" });
    const id = open?.id ?? "";
    const text = await holdfastCli(["exceptions", "--key", "O-done"], { env });
    expect(text.out).toMatch(/^exc_\w+ +O-done +\(beside the run\) +data /m);
    expect(text.out).toContain(`holdfast close ${id} --reason "..."`);
    // Both inputs can be compared, shown as far as their workflow's declarations let them.
    const shown = await holdfastCli(["show", "O-done", "--payloads"], { env });
    expect(shown.out).toContain('{"id":"O-done","does":"charge"}');
    expect(shown.out).toContain('{"id":"O-done","does":"sleep"}');
    const why = await holdfastCli(["why", "O-done"], { env });
    expect(why.out).toContain("An exception stands beside it (team-shop, due in");

    const without = await holdfastCli(["close", id, "--by", "bo"], { env });
    expect(without.code).toBe(2);
    const words = ["close", id, "--by", "bo", "--reason", "the shop has cancelled the second one"];
    const { code, out, err } = await holdfastCli(words, { env });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toBe(`Done by bo: exception ${id} is closed.\n`);
    expect(await exceptionsOf("--key", "O-done")).toEqual([]);
    expect(await exceptionsOf("--key", "O-done", "--all")).toMatchObject([
      { id, closedBy: "bo", resolution: "dealt-with" },
    ]);
    expect((await holdfastCli(words, { env })).code).toBe(4);
  });
});

/** Restarts the app with one more order and waits until it has come to rest. */
async function shopWith(order: Order): Promise<void> {
  await shop.stop();
  shop = await startShop(store, [order], mended);
  await ended(order.id, "review");
}
