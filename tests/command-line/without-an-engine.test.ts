/** The command line where no engine runs: commands wait, and the store can be cared for. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { eventually, holdfastCli, startShop, LIFE_MS_MAX } from "./processes.ts";

// Each test starts several processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: LIFE_MS_MAX, hookTimeout: LIFE_MS_MAX });

const folder = mkdtempSync(join(tmpdir(), "holdfast-cli-"));
const store = join(folder, "holdfast.db");
const address = `sqlite:${store}`;

beforeAll(async () => {
  const shop = await startShop(store, [
    { id: "O-1", does: "ask" },
    { id: "O-2", does: "sleep" },
  ]);
  await eventually("both to wait", async () => {
    const { out } = await holdfastCli(["runs", "--state", "review,waiting", "--store", address]);
    return out.includes("O-1") && out.includes("O-2") ? true : null;
  });
  await shop.stop();
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("without an engine", () => {
  test("keeps commands, joins one that is given twice, and the next engine applies them", async () => {
    const reviews = await holdfastCli(["reviews", "--store", address, "--json"]);
    const [review] = (JSON.parse(reviews.out) as { reviews: readonly { id: string }[] }).reviews;
    const words = ["answer", review?.id ?? "", "approve=true", "--by", "bo", "--store", address];
    const kept = await holdfastCli(words);
    expect(kept.code).toBe(0);
    expect(kept.out).toMatch(
      /^No engine runs on this store\. The command \((cmd_\w{32}), by bo\) is kept and will be tried when an engine starts\.$/m,
    );
    const again = await holdfastCli([...words, "--json"]);
    const receipt = JSON.parse(again.out) as { id: string; outcome: string };
    expect(receipt.outcome).toBe("kept");
    expect(kept.out).toContain(receipt.id);
    const slip = await holdfastCli(["answer", review?.id ?? "", "approve=yes", "--store", address]);
    expect(slip.err).toMatch(/^HF4102 {2}.* is not valid: "approve" is not true\|false\. Nothing/);
    expect(slip.err).toMatch(/Fix: It takes: approve=true\|false/);
    const late = ["answer", review?.id ?? "", "approve=false", "--by", "cy", "--store", address];
    const { out: second } = await holdfastCli(late);
    expect(second).toContain(
      "tried when an engine starts. bo has already left an answer, which comes first.",
    );
    for (const look of [["reviews"], ["why", "O-1"], ["show", "O-1"]]) {
      const { out } = await holdfastCli([...look, "--store", address]);
      expect(out).toMatch(/^ +answer left by bo at \S+Z \(no engine has taken it yet\)$/m);
      expect(out.match(/answer left by/g)).toHaveLength(2);
    }
    const cancel = ["cancel", "O-2", "--reason", "nobody waits", "--by", "bo", "--store", address];
    expect((await holdfastCli(cancel)).code).toBe(0);

    const without = await holdfastCli(["runs", "--store", address]);
    expect(without.err).toBe(
      "No engine runs on this store: nothing moves until your app is started.\n",
    );
    const document = await holdfastCli(["show", "O-1", "--json", "--store", address]);
    expect(document.err).toBe("");
    expect(JSON.parse(document.out)).toMatchObject({ engineRuns: false });

    const shop = await startShop(store, []);
    try {
      const beside = await holdfastCli(["runs", "--store", address]);
      expect(beside.err).toBe("");
      await eventually("both commands to be applied", async () => {
        const { out } = await holdfastCli(["runs", "--store", address]);
        return /O-1 .* completed /.test(out) && /O-2 .* cancelled, undone /.test(out) ? true : null;
      });
    } finally {
      await shop.stop();
    }
  });

  test("checks a store, and names what was changed in it", async () => {
    const sound = await holdfastCli(["store", "verify", "--store", address]);
    expect(sound.out).toMatch(/^sound: \d+ records in \d+ flushes checked$/m);
    expect(sound.code).toBe(0);
    const document = await holdfastCli(["store", "verify", "--json", "--store", address]);
    expect(JSON.parse(document.out)).toMatchObject({ isSound: true, damage: [] });

    const damaged = join(folder, "damaged.db");
    for (const suffix of ["", ".key", ".anchor"]) copyFileSync(store + suffix, damaged + suffix);
    const bytes = readFileSync(damaged, "latin1");
    const changed = bytes.replaceAll("nobody waits", "nobody cares");
    expect(changed).not.toBe(bytes);
    writeFileSync(damaged, changed, "latin1");
    const found = await holdfastCli(["store", "verify", "--store", `sqlite:${damaged}`]);
    expect(found.out).toMatch(/^DAMAGED: .*\n {2}\S.*\nFix: Stop the engine\. /);
    expect(found.code).toBe(1);
  });

  test("copies a store; the copy is refused to an engine until it was accepted", async () => {
    const copy = join(folder, "copy.db");
    const copied = `sqlite:${copy}`;
    const backup = await holdfastCli(["store", "backup", "--to", copy, "--store", address]);
    expect({ code: backup.code, err: backup.err }).toEqual({ code: 0, err: "" });
    const twice = await holdfastCli(["store", "backup", "--to", copy, "--store", address]);
    expect(twice.err).toMatch(/^HF5002 {2}.* exists already/);
    expect(twice.code).toBe(1);
    await expect(startShop(copy, [])).rejects.toThrow(/HF5007|older than its anchor|anchor/);
    const words = ["store", "accept", "--reason", "disk lost", "--by", "bo", "--store", copied];
    const accepted = await holdfastCli(words);
    expect({ code: accepted.code, err: accepted.err }).toEqual({ code: 0, err: "" });
    expect(accepted.out).toMatch(/^accepted: store_/);
    expect(accepted.out.replaceAll(/\s+/g, " ")).toMatch(
      /Its newest work is of 20\d\d-\S+Z\. What its original began after that, until 20\d\d-\S+Z, is not in it/,
    );
    const shop = await startShop(copy, []);
    await shop.stop();
  });
});

describe("which store is meant", () => {
  test("./holdfast.db where nothing is named, else a sentence", async () => {
    const here = await holdfastCli(["runs"], { cwd: folder });
    expect(here.out).toContain("O-1");
    const nowhere = await holdfastCli(["runs"], { cwd: tmpdir() });
    expect(nowhere.err).toMatch(/^HF4102 {2}No store is named, and there is no \.\/holdfast\.db/);
    expect(nowhere.code).toBe(2);
  });

  test("a file that is no store, or not there, is one sentence and no stack", async () => {
    const file = join(folder, "note.txt");
    writeFileSync(file, "not a database, only a text that is long enough to be read as a page");
    for (const path of [file, join(folder, "missing.db")]) {
      const { code, err } = await holdfastCli(["runs", "--store", `sqlite:${path}`]);
      expect(err).toMatch(/^HF500[26] {2}.*\n(?: {8}.*\n)* {8}Fix: .*\n {8}See docs/);
      expect(err).not.toMatch(/^ +at /m);
      expect(code).toBe(1);
    }
  });
});
