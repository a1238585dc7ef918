/** `holdfast doctor` as a person gives it: text, JSON, exit code, cells, a module, and its bound in time. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Outside } from "./cli/outside.ts";
import { runCommandLine } from "./cli/program.ts";
import { outside } from "./command-line.ts";
import { holdfast, type App } from "./holdfast.ts";
import type { HoldfastOptions } from "./app-settings.ts";
import type { Examined } from "./operate/doctor/doctor.ts";
import { makeDatabase, openStore } from "./store-postgres/test-store.test-support.ts";
import { workflow } from "./workflow/workflow.ts";

let folder: string;
let apps: App[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-doctor-"));
  apps = [];
});
afterEach(async () => {
  for (const app of apps) await app.close();
  rmSync(folder, { recursive: true, force: true });
});

const LONG = "x".repeat(70_000);

/** Waits with a payload that is too long for the journal. */
const flow = workflow(
  "flow",
  { input: z.string(), output: z.string(), key: (id) => id, owner: "shop" },
  async (id, run) => {
    await run.step("read", () => LONG);
    await run.sleep("1h");
    return id;
  },
);

async function running(options: Partial<HoldfastOptions> = {}): Promise<App> {
  const store = `sqlite:${join(folder, "s.db")}` as const;
  const app = holdfast({ store, workflows: [flow], log: () => undefined, ...options });
  apps.push(app);
  await app.start(flow, "one");
  return app;
}

/** Nothing is broken off here, however busy the machine is. */
const patient: Outside = { ...outside, pause: () => new Promise(() => undefined) };

async function doctor(words: readonly string[], its: Outside = patient) {
  let [out, err] = ["", ""];
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
  const code = await runCommandLine(["doctor", ...words], terminal, its);
  return { code, out, err };
}

function checkIn(out: string, check: string, cell: string | null = null) {
  const { checks } = JSON.parse(out) as Examined;
  return checks.find((one) => one.check === check && one.cell === cell);
}

describe("holdfast doctor", () => {
  test("ends with 0 beside an engine at which all is well", async () => {
    await running();
    const store = ["--store", `sqlite:${join(folder, "s.db")}`];
    const { code, out } = await doctor(store);
    expect(out).not.toMatch(/FAIL {2}|^warn/mu);
    expect(out).toMatch(/^0 FAIL, 0 warn, \d+ ok\.$/mu);
    expect(out).toMatch(/^ok {4}engine {10}an engine runs on this store$/mu);
    expect(code).toBe(0);
    const { out: document } = await doctor([...store, "--json"]);
    expect(JSON.parse(document) as Examined).toMatchObject({ fails: 0, warns: 0 });
  });

  test("ends with 1 where something fails, with its code and what to do", async () => {
    await (await running()).close();
    rmSync(join(folder, "s.db.key"));
    const { code, out } = await doctor(["--store", `sqlite:${join(folder, "s.db")}`]);
    expect(code).toBe(1);
    expect(out).toMatch(/^FAIL {2}key {13}HF5009 {2}the key file .* is missing\n {6}fix {2}Put /mu);
    expect(out).toMatch(/^1 FAIL, 1 warn, \d+ ok\. Something is to be mended/mu);
  });

  test("says where there is no store, and has made none", async () => {
    const { code, out } = await doctor(["--store", `sqlite:${join(folder, "n.db")}`, "--json"]);
    expect(code).toBe(1);
    expect(checkIn(out, "store")).toMatchObject({ level: "fail", code: "HF5002" });
    // Nothing was asked of a store that is not there.
    expect((JSON.parse(out) as Examined).fails).toBe(1);
  });

  test("a file beside the store that this user cannot read is a finding, and the rest is looked at", async () => {
    await (await running()).close();
    const ring = join(folder, "ring.keys");
    // As a file without rights is to whoever is not root.
    for (const file of ["s.db.key", "s.db.anchor", "ring.keys"]) {
      rmSync(join(folder, file), { force: true });
      mkdirSync(join(folder, file));
    }
    const store = ["--store", `sqlite:${join(folder, "s.db")}`, "--json"];
    const { code, out } = await doctor(store);
    expect(code).toBe(1);
    const cannot = { level: "fail", what: expect.stringContaining("cannot be read") as unknown };
    expect(checkIn(out, "key")).toMatchObject({ ...cannot, code: "HF5009" });
    expect(checkIn(out, "anchor")).toMatchObject({ ...cannot, code: "HF5006" });
    expect(checkIn(out, "key")?.fix).toContain("right to read it");
    expect(checkIn(out, "inbox")?.level).toBe("ok");
    const withRing = await doctor([...store, "--key-ring", ring]);
    const { checks } = JSON.parse(withRing.out) as Examined;
    expect(checks.find((one) => one.code === "HF5020")).toMatchObject(cannot);
  });

  test("a folder that this user cannot enter is a finding", async () => {
    // As a folder without rights is to whoever is not root.
    symlinkSync("s.db", join(folder, "s.db"));
    const { code, out } = await doctor(["--store", `sqlite:${join(folder, "s.db")}`, "--json"]);
    expect(code).toBe(1);
    expect(checkIn(out, "store")).toMatchObject({
      level: "fail",
      code: "HF5002",
      what: expect.stringContaining("cannot be read: ELOOP") as unknown,
    });
  });

  test("an anchor is named for a server alone, and a directory of payloads has to be there", async () => {
    await running();
    const store = ["--store", `sqlite:${join(folder, "s.db")}`, "--json"];
    const anchored = await doctor([...store, "--anchor", join(folder, "a")]);
    expect(anchored.code).toBe(1);
    const { checks } = JSON.parse(anchored.out) as Examined;
    expect(checks.filter(({ check }) => check === "anchor").map(({ code }) => code)).toEqual([
      "HF4102",
      null,
    ]);
    const filed = await doctor([...store, "--payload-files", join(folder, "nowhere")]);
    expect(checkIn(filed.out, "payloads")).toMatchObject({ level: "fail", code: "HF5020" });
  });

  test("looks at each of several cells, with its name", async () => {
    const store = {
      north: `sqlite:${join(folder, "north.db")}`,
      south: `sqlite:${join(folder, "south.db")}`,
    } as const;
    await (await running({ store })).close();
    rmSync(join(folder, "south.db.anchor"));
    const names = Object.entries(store).flatMap(([name, at]) => ["--store", `${name}=${at}`]);
    const { out } = await doctor([...names, "--json"]);
    expect(checkIn(out, "anchor", "north")?.level).toBe("ok");
    expect(checkIn(out, "anchor", "south")).toMatchObject({ level: "warn" });
    expect(checkIn(out, "node")?.level).toBe("ok");
    expect((await doctor(names)).out).toMatch(/^warn {2}\[south\] anchor/mu);
  });

  test("takes the anchor of a cell on a server by the cell's name", async () => {
    const database = await makeDatabase();
    await (await openStore(database.url)).close();
    const anchor = join(folder, "anchor");
    const { out } = await doctor([
      "--store",
      `north=${database.url}`,
      "--store",
      `south=sqlite:${join(folder, "south.db")}`,
      "--anchor",
      anchor,
      "--json",
    ]);
    expect(checkIn(out, "anchor", "north")?.what).toContain(
      `the anchor ${anchor}.north is missing`,
    );
    await database.drop();
  });

  test("ends within its bound although the database says nothing, and says so", async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => {
      silent.listen(0, "127.0.0.1", resolve);
    });
    // A server that listens on a port has an address of this form.
    const { port } = silent.address() as AddressInfo;
    const url = `postgres://shop@127.0.0.1:${String(port)}/orders`;
    const { code, out } = await doctor(["--store", url, "--json"], outside);
    expect(code).toBe(1);
    expect(checkIn(out, "store")).toMatchObject({
      level: "fail",
      code: "HF5002",
      what: expect.stringContaining("no answer in time"),
    });
    // What was found by then is told.
    expect(checkIn(out, "node")?.level).toBe("ok");
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});

test("sealed payloads need the store's own key ring", async () => {
  const [keyRing, other] = [join(folder, "own.keys"), join(folder, "other.keys")];
  for (const file of [keyRing, other]) outside.newKeyRing(file);
  await (await running({ payloads: { keyRing } })).close();
  const store = ["--store", `sqlite:${join(folder, "s.db")}`, "--json"];
  const payloadsWith = async (...given: string[]) =>
    checkIn((await doctor([...store, ...given])).out, "payloads");
  expect(await payloadsWith()).toMatchObject({ level: "warn", code: "HF5020" });
  expect(await payloadsWith("--key-ring", other)).toMatchObject({ level: "fail", code: "HF5020" });
  expect(await payloadsWith("--key-ring", keyRing)).toMatchObject({ level: "ok" });
});

describe("payloads in files", () => {
  test("need their directory, and each file of a sample", async () => {
    const directory = join(folder, "payloads");
    await (await running({ payloads: { directory } })).close();
    const store = ["--store", `sqlite:${join(folder, "s.db")}`, "--json"];
    expect(checkIn((await doctor(store)).out, "payloads")).toMatchObject({
      level: "warn",
      code: "HF5020",
      what: expect.stringContaining("not looked at: long payloads of this store lie in files"),
    });
    const given = [...store, "--payload-files", directory];
    expect(checkIn((await doctor(given)).out, "payloads")).toMatchObject({ level: "ok" });
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    expect(checkIn((await doctor(given)).out, "payloads")).toMatchObject({
      level: "fail",
      code: "HF5021",
      what: expect.stringMatching(/^1 payload of \d+ cannot be read: run_\w+ record \d+$/u),
    });
  });
});

/** With a store at which all is well. */
async function lookAt(path: string) {
  return await doctor([path, "--store", `sqlite:${join(folder, "s.db")}`, "--json"]);
}

describe("with a module", () => {
  const source = new URL("./index.ts", import.meta.url).href;

  function moduleWith(name: string, definitions: string): string {
    const path = join(folder, `${name}.ts`);
    const head = `import { effect, integration, workflow } from ${JSON.stringify(source)};
      const text = { "~standard": { version: 1, vendor: "t", validate: (value) => ({ value }) } };
      const erp = integration("erp", { owner: "team-erp" });
      const flow = workflow("flow", { input: text, output: text, key: (id) => id, owner: "shop" }, async (id) => id);
      const all = { on: erp, input: text, output: text, run: async (id) => id };`;
    writeFileSync(path, `${head}\n${definitions}`);
    return path;
  }

  beforeEach(async () => {
    await running();
  });

  test("a definition that is refused is named by its own code", async () => {
    const path = moduleWith(
      "refused",
      `effect("pay", { ...all, repeat: "keyed", keyWindow: "24h", retry: { within: "36h" } });
      export default { workflows: [flow] };`,
    );
    const { code, out } = await lookAt(path);
    expect(code).toBe(1);
    expect(checkIn(out, "module")).toMatchObject({
      level: "fail",
      code: "HF1107",
      what: expect.stringContaining('"pay"'),
    });
  });

  test("one that cannot be imported, or defines nothing, is told so", async () => {
    expect(checkIn((await lookAt(join(folder, "none.ts"))).out, "module")).toMatchObject({
      level: "fail",
      code: "HF4102",
    });
  });

  test.each([
    ["its own code throws", 'throw new Error("DB_URL is not set");', /Its own code has thrown/u],
    ["it imports what is not there", 'import "./none.ts";', /Mend the import/u],
  ])("what to do is said by what is wrong: %s", async (_what, text, fix) => {
    const path = join(folder, `wrong-${String(text.length)}.mjs`);
    writeFileSync(path, text);
    expect(checkIn((await lookAt(path)).out, "module")).toMatchObject({
      level: "fail",
      code: "HF4102",
      fix: expect.stringMatching(fix) as unknown,
    });
  });

  test("one that never comes to an end as it is loaded is told so, once", async () => {
    const path = join(folder, "hangs.mjs");
    writeFileSync(path, "await new Promise(() => undefined); export default {};");
    const stopped: string[] = [];
    // The module is what is waited for longest.
    const its: Outside = {
      ...outside,
      pause: (ms) => (ms > 5_000 ? Promise.resolve() : new Promise(() => undefined)),
      stopLooking: () => stopped.push("module"),
    };
    const store = ["--store", `sqlite:${join(folder, "s.db")}`, "--json"];
    const { code, out } = await doctor([path, ...store], its);
    expect(code).toBe(1);
    expect(checkIn(out, "module")).toMatchObject({
      level: "fail",
      code: "HF4102",
      fix: expect.stringContaining("top level") as unknown,
    });
    expect(stopped).toEqual(["module"]);
  });

  test("what is left to chance is a warning each, and what was declared is not", async () => {
    const bare = await lookAt(moduleWith("bare", "export default { workflows: [flow] };"));
    for (const check of ["version", "effects", "app-owner", "kept"])
      expect([check, checkIn(bare.out, check)?.level]).toEqual([check, "warn"]);
    expect(checkIn(bare.out, "once")?.level).toBe("ok");
    const whole = await lookAt(
      moduleWith(
        "whole",
        `const mail = effect("mail", { ...all, repeat: "once" });
        export default { workflows: [flow], effects: [mail], version: "7", owner: "team-shop",
          retention: { completed: "90d" } };`,
      ),
    );
    for (const check of ["version", "effects", "app-owner", "kept"])
      expect([check, checkIn(whole.out, check)?.level]).toEqual([check, "ok"]);
    expect(checkIn(whole.out, "once")).toMatchObject({
      level: "warn",
      what: expect.stringMatching(/^mail is once/u),
    });
  });
});
