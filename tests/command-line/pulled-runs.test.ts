/** `holdfast pull` and `holdfast test` as a user gives them, from either store. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { holdfast, workflow } from "holdfast";
import { checkPulledRun } from "holdfast/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { makeDatabase, type TestDatabase } from "../postgres-database.ts";
import { holdfastCli, LIFE_MS_MAX } from "./processes.ts";

vi.setConfig({ testTimeout: LIFE_MS_MAX, hookTimeout: LIFE_MS_MAX });

const key = Buffer.alloc(32, 5).toString("base64");
const folder = mkdtempSync(join(tmpdir(), "holdfast-pull-"));
let database: TestDatabase;

beforeAll(async () => {
  database = await makeDatabase();
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database.drop();
});

/** What users write: `holdfast test` takes it as a module, the test beside it as values. */
const SOURCE = (step: string) => `
  import { workflow } from "holdfast";
  import { z } from "zod";
  const input = z.object({ id: z.string(), mail: z.email() });
  const options = { input, output: z.string(), key: ({ id }) => id, owner: "shop", sensitive: ["/mail"] };
  const flow = workflow("greet", options, ({ id, mail }, run) =>
    run.step("${step}", () => id + " for " + mail, { sensitive: [] }));
  export default { workflows: [flow] };
`;
const greet = workflow(
  "greet",
  {
    input: z.object({ id: z.string(), mail: z.email() }),
    output: z.string(),
    key: ({ id }) => id,
    owner: "shop",
    sensitive: ["/mail"],
  },
  ({ id, mail }, run) => run.step("made", () => `${id} for ${mail}`, { sensitive: [] }),
);

// Packages are found from here, not from a folder of the system's.
const here = (source: string) =>
  source.replaceAll(/from "(\w+)"/g, (_, name: string) => `from "${import.meta.resolve(name)}"`);

const SECRET = "ada@bank.org";

describe.each(["SQLite", "PostgreSQL"])("from a store on %s", (kind) => {
  const address = (): `sqlite:${string}` | `postgres://${string}` =>
    kind === "SQLite" ? `sqlite:${join(folder, "shop.db")}` : database.url;
  const env = { HOLDFAST_STORE_KEY: key };
  const fileOf = (name: string) => join(folder, `${kind}-${name}`);

  test("a run is pulled, fits its code, and not another one", async () => {
    const app = holdfast({ store: address(), workflows: [greet], postgres: { key } });
    await (await app.start(greet, { id: "A-1", mail: SECRET })).result();
    await app.close();
    const pulled = await holdfastCli(["--store", address(), "pull", "A-1"], { env });
    expect(pulled).toMatchObject({ code: 0 });
    expect(pulled.err).toMatch(/^run_\w+: 2 sensitive values are replaced by fakes\.\n$/);
    expect(pulled.out).not.toContain(SECRET);
    const [run, same, other] = ["a.hfrun", "same.mjs", "other.mjs"].map(fileOf) as [
      string,
      string,
      string,
    ];
    writeFileSync(run, pulled.out);
    writeFileSync(same, here(SOURCE("made")));
    writeFileSync(other, here(SOURCE("written")));
    expect(await holdfastCli(["test", run, same])).toMatchObject({
      code: 0,
      out: "the build fits 1 of 1 pulled runs\n",
    });
    const junit = fileOf("report.xml");
    const misfit = await holdfastCli(["test", run, other, "--junit", junit]);
    expect(misfit.code).toBe(1);
    expect(misfit.out).toMatch(/fits 0 of 1 pulled runs; not:[^]*HF2104 {2}.*step "made"/);
    expect(readFileSync(junit, "utf8")).toMatch(
      /<testcase classname="greet" name=".*a\.hfrun">\s*<failure message="HF2104/,
    );
    expect((await checkPulledRun(pathToFileURL(run), { workflows: [greet] })).misfit).toBeNull();
    writeFileSync(run, pulled.out.replace('"completed"', '"stopped"'));
    const edited = await holdfastCli(["test", run, same, "--json"]);
    expect(edited.code).toBe(1);
    expect(JSON.parse(edited.out)).toMatchObject({ tested: [{ misfit: { code: "HF5025" } }] });
  });
});

test("holdfast test without a module, or without a run, says what it takes", async () => {
  for (const words of [["a.hfrun"], ["a.hfrun", "b.hfrun"], ["./app.js"]]) {
    const { code, err } = await holdfastCli(["test", ...words]);
    expect([words, code]).toEqual([words, 2]);
    expect(err).toContain("holdfast test runs/*.hfrun ./dist/app.js");
  }
});
