import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);
const DOOR = fileURLToPath(new URL("./index.ts", import.meta.url));

/** Node.js itself says that it does not find the package, as where nobody has installed it. */
const WITHOUT_PG = `import { registerHooks } from "node:module";
  registerHooks({
    resolve(name, context, next) {
      if (name !== "pg") return next(name, context);
      throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
    },
  });`;

test("a store on PostgreSQL without pg says what to install; the driver loads without it", async () => {
  const program = `import { openPostgresStore } from ${JSON.stringify(DOOR)};
    const key = new Uint8Array(32);
    const url = "postgres://nobody@127.0.0.1:1/nothing";
    try {
      await openPostgresStore({ url, key, nowMs: () => 1 });
    } catch (error) {
      console.log(error.code, error.remedy);
    }`;
  const hooks = `data:text/javascript,${encodeURIComponent(WITHOUT_PG)}`;
  const words = ["--import", hooks, "--input-type=module", "-e", program];
  const { stdout } = await run(process.execPath, words);
  expect(stdout).toContain("HF5011 Install it beside holdfast: npm install pg");
});
