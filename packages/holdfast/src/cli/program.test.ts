import { describe, expect, test } from "vitest";
import { HoldfastError } from "../core/error.ts";
import type { StoreCare } from "../operate/store-care.ts";
import { runCommandLine } from "./program.ts";
import type { Outside } from "./outside.ts";
import type { Terminal } from "./terminal.ts";

const SOUND = {
  storeId: "store_1",
  isSound: true,
  flushes: 2,
  records: 3,
  damage: [],
  harmless: [],
  remedy: null,
};

function unexpected(): Promise<never> {
  return Promise.reject(new Error("not expected here"));
}

/** A store that only says whether it is sound: the commands for runs have tests of their own. */
function care(over: Partial<StoreCare> = {}): StoreCare {
  return {
    openReader: unexpected,
    verify: async () => SOUND,
    look: unexpected,
    lookAtPayloads: unexpected,
    backup: unexpected,
    sweep: unexpected,
    openStored: unexpected,
    checkVersions: unexpected,
    openBuild: unexpected,
    importArchive: unexpected,
    accept: unexpected,
    ...over,
  };
}

interface Setting {
  /** What comes in on the standard input. */
  readonly input?: string;
  readonly terminal?: Partial<Terminal>;
  readonly store?: StoreCare;
}

async function run(
  words: readonly string[],
  { terminal, input = "", store = care() }: Setting = {},
) {
  const addresses: string[] = [];
  let out = "";
  let err = "";
  const outside: Outside = {
    rehearsalsIn: () => Promise.reject(new Error("none")),
    requireAbsent: () => Promise.resolve(),
    writeText: () => Promise.resolve(),
    version: () => "1.2.3",
    nowMs: () => 0,
    lookAround: unexpected,
    stopLooking: () => undefined,
    readInput: () => Promise.resolve(input),
    pause: async () => undefined,
    newStoreKey: () => "a-new-key",
    randomKey: () => new Uint8Array(32),
    testPulled: () => Promise.reject(new Error("none")),
    startWorker: () => Promise.reject(new Error("no worker here")),
    storeOverCells: (stores) => {
      addresses.push(...stores.map(({ address }) => address));
      return store;
    },
    cellsAt: () => {
      throw new Error("no cells here");
    },
    newKeyRing: () => "k1",
    rotateKeyRing: () => "k2",
    newArchive: unexpected,
    linesOf: () => {
      throw new Error("no file here");
    },
    storeAt: (address) => {
      addresses.push(address);
      return store;
    },
  };
  const code = await runCommandLine(
    words,
    {
      env: {},
      hasFile: () => false,
      userName: () => "ana",
      out: (text) => (out += text),
      err: (text) => (err += text),
      width: null,
      ...terminal,
    },
    outside,
  );
  return { code, out, err, addresses };
}

const STORE = ["--store", "sqlite:a.db"];

const CHECK = ["versions", "check", "./dist/app.js", "--store", "sqlite:store.db"];

const failing = care({
  openReader: () =>
    Promise.reject(new HoldfastError("HF6001", "There is none.", "List them with: holdfast runs")),
});

describe("commands that are printed", () => {
  test("name the store that was named on the command line, in the Fix of an error too", async () => {
    const { err } = await run(["runs", ...STORE], { store: failing });
    expect(err).toContain("Fix: List them with: holdfast --store sqlite:a.db runs\n");
    const terminal = { env: { HOLDFAST_STORE: "sqlite:a.db" } };
    expect((await run(["runs"], { store: failing, terminal })).err).toContain(
      "Fix: List them with: holdfast runs\n",
    );
  });

  test("say so where its password is not repeated", async () => {
    const { err } = await run(["runs", "--store", "postgres://a:secret@db/x"], { store: failing });
    expect(err).toMatch(/holdfast runs\n[^]*The commands above need your --store as well/u);
    expect(err).not.toContain("secret");
  });
});

describe("holdfast versions check", () => {
  const checked = {
    version: "v45",
    workflows: ["flow"],
    checked: 214,
    fits: 214,
    misfits: [],
    misfitCount: 0,
    hasMore: false,
  };
  const misfit = {
    run: "run_0e800380002",
    key: "O-1",
    workflow: "flow",
    state: "waiting",
    version: "v44",
    codeVersion: "v44",
    code: "HF2104",
    message: 'The journal says step "tax" was the effect "tax".',
    remedy: "Keep it.",
  } as const;

  test("says that a build fits, and ends with 0", async () => {
    const modules: string[] = [];
    const store = care({
      checkVersions: async (module) => {
        modules.push(module);
        return checked;
      },
    });
    const { out, code: exitCode } = await run(CHECK, { store });
    expect(out).toContain("v45 fits 214 of 214 runs in flight.");
    expect([exitCode, modules]).toEqual([0, ["./dist/app.js"]]);
  });

  test("names the runs that it does not fit, and ends with 1", async () => {
    const found = { ...checked, fits: 211, misfitCount: 3, misfits: [misfit] };
    const store = care({ checkVersions: async () => found });
    const { out, code: exitCode } = await run(CHECK, { store });
    expect(out).toContain("v45 fits 211 of 214 runs in flight; 3 do not:");
    for (const said of [
      "run_0e800380002",
      "HF2104",
      'step "tax"',
      "Fix: Keep it.",
      "and 2 more",
      "run.since",
    ])
      expect(out).toContain(said);
    expect(exitCode).toBe(1);
  });

  test("ends with 1 if not all runs were looked at", async () => {
    const store = care({ checkVersions: async () => ({ ...checked, hasMore: true }) });
    const { out, code: exitCode } = await run(CHECK, { store });
    expect(out).toContain("the answer is not whole");
    expect(exitCode).toBe(1);
  });
});

describe("help", () => {
  test("knows the commands of a group", async () => {
    const { code, out } = await run(["help", "store", "backup"]);
    expect(out).toContain("--to <path>");
    expect(code).toBe(0);
  });

  test("is printed for a group that is given without a command", async () => {
    const { code, out, err } = await run(["store"]);
    expect(err).toMatch(/^HF4102 {2}No command of "store" was given\./);
    expect(out).toMatch(/^ +backup .*copy the store/m);
    expect(code).toBe(2);
  });
});

describe("bad use", () => {
  test.each([
    [["frobnicate"], /^HF4102 {2}Unknown command 'frobnicate'\./],
    [["runz"], /^HF4102 {2}Unknown command 'runz' \(Did you mean runs\?\)/],
    [["runs", "--jso"], /^HF4102 {2}Unknown option '--jso' \(Did you mean --json\?\)/],
    [["show"], /^HF4102 {2}Missing required argument 'run'\./],
    [["runs", "x", ...STORE], /^HF4102 {2}Too many arguments for 'runs'\./],
    [[], /^HF4102 {2}No command was given\./],
    [["help", "nix"], /^HF4102 {2}There is no command "nix"\./],
    [["help", "store", "backap"], /^HF4102 {2}There is no command "store backap"\.\n.*"backup"\?/],
    [["runs"], /^HF4102 {2}No store is named, and there is no \.\/holdfast\.db in this folder\./],
    [
      ["runs", "--limit", "0", ...STORE],
      /^HF4102 {2}--limit must be a whole number from 1 to 1000/,
    ],
    [["runs", "--state", "done", ...STORE], /^HF4102 {2}--state "done" is not a state of a run\./],
    [
      ["exceptions", "--class", "odd", ...STORE],
      /'odd' is invalid\. Allowed choices are transient,/,
    ],
    [
      ["settle", "eff_1", "maybe", "--reason", "x", ...STORE],
      /Allowed choices are happened, not, in-part, cannot-tell\./,
    ],
    [["cancel", "O-1", ...STORE], /^HF4102 {2}Required option '--reason <text>' not specified\./],
    [
      ["cancel", "O-1", "--reason", "x", "--wait", "soon", ...STORE],
      /^HF1001 {2}--wait is not a duration/,
    ],
    [
      ["cancel", "O-1", "--reason", "x", "--wait", "2h", ...STORE],
      /^HF4102 {2}--wait must be at most 10m/,
    ],
    [["store", "backup", ...STORE], /^HF4102 {2}Required option '--to <path>' not specified\./],
  ])("%j is one error in our form, with exit code 2", async (words, said) => {
    const { code, out, err } = await run(words);
    expect(err).toMatch(said);
    expect(err).toMatch(
      /^HF\d{4} {2}.*\n {8}Fix: .*\n {8}See docs\/reference\/errors\.md#hf\d{4}\n$/,
    );
    expect({ code, out }).toEqual({ code: 2, out: "" });
  });

  test.each([
    [["runs", "--limitt"], "See what the command takes with: holdfast help runs"],
    [["store", "backup", "--too", "x"], "See what the command takes with: holdfast help store"],
    [["frobnicate"], "See what there is with: holdfast --help"],
    [["runs", "--limit", "0", ...STORE], "Give a whole number, for example: --limit 50"],
  ])("%j says what to do with the words that were meant", async (words, remedy) => {
    expect((await run(words)).err).toContain(`Fix: ${remedy}\n`);
  });

  test("a reason must say something, and a person must have a name", async () => {
    const words = ["store", "accept", "--reason", " ", ...STORE];
    expect((await run(words)).err).toMatch(
      /--reason must be a text of 1 to 2000 characters, got none/,
    );
    const nameless = { terminal: { userName: () => null } };
    const said = await run(["store", "accept", "--reason", "why", ...STORE], nameless);
    expect(said.err).toMatch(/does not know your name.*\n.*Add --by NAME/);
    expect(said.code).toBe(2);
  });
});

describe("help and version", () => {
  test.each([[["--help"]], [["help", "show"]], [["store", "verify", "--help"]], [["-h"]]])(
    "%j goes to the output, with exit code 0",
    async (words) => {
      const { code, out, err } = await run(words);
      expect(out).toMatch(/^Usage: holdfast /);
      expect({ code, err }).toEqual({ code: 0, err: "" });
    },
  );

  test("--version is the package's", async () => {
    expect(await run(["--version"])).toMatchObject({ code: 0, out: "1.2.3\n" });
  });
});

test("a key for a new store is printed, and needs no store", async () => {
  expect(await run(["store", "key"])).toMatchObject({ code: 0, out: "a-new-key\n", addresses: [] });
  expect((await run(["store", "key", "--json"])).out).toContain('"key": "a-new-key"');
});

describe("the store that is meant", () => {
  test("is the option's, else the environment's, else ./holdfast.db", async () => {
    const terminal = { env: { HOLDFAST_STORE: "sqlite:env.db" }, hasFile: () => true };
    const verify = ["store", "verify"];
    expect((await run([...verify, ...STORE], { terminal })).addresses).toEqual(["sqlite:a.db"]);
    expect((await run(["--store=sqlite:b.db", ...verify])).addresses).toEqual(["sqlite:b.db"]);
    expect((await run(verify, { terminal })).addresses).toEqual(["sqlite:env.db"]);
    const file = { terminal: { hasFile: (path: string) => path === "./holdfast.db" } };
    expect((await run(verify, file)).addresses).toEqual(["sqlite:./holdfast.db"]);
  });
});

describe("what is printed", () => {
  test("text for people, one document for scripts, wherever --json stands", async () => {
    const { out } = await run(["store", "verify", ...STORE]);
    expect(out).toBe("sound: 3 records in 2 flushes checked\n");
    for (const words of [
      ["--json", "store", "verify"],
      ["store", "verify", "--json"],
    ]) {
      expect(JSON.parse((await run([...words, ...STORE])).out)).toEqual(SOUND);
    }
  });

  test("damage, with its records under the ids of their runs, and exit code 1", async () => {
    const damage = [{ what: "record 7 was changed", pos: 7, run: 1, seq: 3 }];
    const verify = async () => ({ ...SOUND, isSound: false, damage, remedy: "Restore it." });
    const store = care({ verify });
    const { code, out } = await run(["store", "verify", ...STORE], { store });
    expect(out).toBe(
      "DAMAGED: 3 records in 2 flushes checked\n  record 7 was changed: run_00000000001\nFix: Restore it.\n",
    );
    expect(code).toBe(1);
  });

  test("an error as the document too, where a document was asked for", async () => {
    const refused = new HoldfastError("HF6004", "not now", "Wait.", { where: "run_1" });
    const store = care({ verify: () => Promise.reject(refused) });
    const { code, out, err } = await run(["store", "verify", "--json", ...STORE], { store });
    expect(JSON.parse(out)).toEqual({
      error: {
        code: "HF6004",
        message: "not now",
        where: "run_1",
        remedy: "Wait.",
        page: "docs/reference/errors.md#hf6004",
      },
    });
    expect(err).toMatch(/^HF6004 {2}not now\n {8}run_1\n {8}Fix: Wait\.\n/);
    expect(code).toBe(4);
  });

  test("a defect of our own without its stack, and foreign text made visible", async () => {
    const store = care({ verify: () => Promise.reject(new TypeError("x\u001b[2J\nis undefined")) });
    const { code, err } = await run(["store", "verify", ...STORE], { store });
    expect(err).toMatch(/TypeError: x\\u\{1b\}\[2J\n/);
    expect(err).toContain("This is a defect of Holdfast");
    expect(err).not.toMatch(/^ +at /m);
    expect(code).toBe(1);
  });
});
