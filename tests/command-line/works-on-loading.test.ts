/** A module that listens or starts runs as it is loaded is refused where it is only looked at. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { holdfast } from "holdfast";
import { afterEach, beforeEach, expect, test } from "vitest";
import { holdfastCli, LIFE_MS_MAX } from "./processes.ts";

const WORKS = fileURLToPath(new URL("../versions/works-on-loading.ts", import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-works-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const LOOKING = ["versions check", "test", "rehearse"] as const;

test.each(LOOKING.flatMap((command) => ["awaits", "starts"].map((how) => ({ command, how }))))(
  "$command refuses a module that $how its app, before a store is opened",
  { timeout: LIFE_MS_MAX },
  async ({ command, how }) => {
    const store = join(folder, "store.db");
    const app = holdfast({ store: `sqlite:${store}`, workflows: [], log: () => undefined });
    await app.listen({ signals: [] });
    await app.close();
    const file = join(folder, "one.hfrun");
    writeFileSync(file, "{}\n");
    const appStore = join(folder, "of-the-module.db");
    const words = command === "test" ? ["test", file, WORKS] : [...command.split(" "), WORKS];
    const { code, out, err } = await holdfastCli(["--store", `sqlite:${store}`, ...words], {
      env: { APP_STORE: appStore, HOW: how },
    });
    expect(err).toMatch(/^HF1112 {2}The module .*works-on-loading\.ts makes an app work/u);
    expect({ code, out, wasOpened: existsSync(appStore) }).toEqual({
      code: 2,
      out: "",
      wasOpened: false,
    });
  },
);

test.each(["process.exit(0);", "await new Promise(() => undefined);"])(
  "a module that ends the process as it is loaded is no success: %s",
  { timeout: LIFE_MS_MAX },
  async (line) => {
    const file = join(folder, "ends.mjs");
    writeFileSync(file, `${line} export default {};\n`);
    const { code, out, err } = await holdfastCli(["rehearse", file], {});
    expect(err).toMatch(
      /HF4102 {2}The module .*ends\.mjs has ended this process as it was loaded/u,
    );
    expect({ code, out }).toEqual({ code: 2, out: "" });
  },
);

test(
  "a module that hangs is said by the doctor alone, and not once more when its process ends",
  { timeout: LIFE_MS_MAX },
  async () => {
    const file = join(folder, "hangs.mjs");
    writeFileSync(file, "setTimeout(() => undefined, 1e8); await new Promise(() => undefined);\n");
    const store = `sqlite:${join(folder, "none.db")}`;
    const { code, out, err } = await holdfastCli(["--store", store, "doctor", file], {});
    expect(out).toMatch(/FAIL {2}module {10}HF4102 {2}it has not come to an end within 10 s/u);
    expect({ code, err }).toEqual({ code: 1, err: "" });
  },
);

test(
  "a module that is no code is told from one whose code throws",
  { timeout: LIFE_MS_MAX },
  async () => {
    const file = join(folder, "wrong.mjs");
    writeFileSync(file, "const a = ;\n");
    const { err } = await holdfastCli(["rehearse", file], {});
    expect(err).toContain("this Node.js cannot read as code");
  },
);
