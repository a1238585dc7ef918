/** `holdfast why` says where in the user's own code something was thrown. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { explainedRunText } from "./cli/show-run-text.ts";
import { holdfast } from "./holdfast.ts";
import { whyRun } from "./operate/why-run.ts";
import { openSqliteReader } from "./store-sqlite/index.ts";
import { workflow } from "./workflow/workflow.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-why-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function priceOf(): never {
  throw new TypeError("no price");
}

const broken = workflow(
  "broken",
  { input: z.string(), output: z.string(), key: (id) => id, owner: "team" },
  async (id, run) => {
    if (id === "code") return priceOf();
    return id === "step" ? await run.step("price", priceOf) : await run.sleep("1h").then(() => id);
  },
);

test.each([
  ["code", /^priceOf \(.*why-thrown\.test\.ts:\d+:\d+\)$/u],
  ["step", /priceOf.*why-thrown\.test\.ts:\d+:\d+\)$/u],
  ["sleep", /^none$/u],
])("of a run that has failed in its %s", async (id, place) => {
  const path = join(folder, "s.db");
  const app = holdfast({ store: `sqlite:${path}`, workflows: [broken], log: () => undefined });
  const rests = new Promise<void>((tell) => {
    app.on((event) => {
      if (event.type === "run.state") tell();
    });
  });
  const { id: run } = await app.start(broken, id);
  await rests;
  await app.close();
  const reader = await openSqliteReader({ path });
  const why = await whyRun(reader, { run }, Date.UTC(2026, 11, 1));
  await reader.close();
  expect(why.thrownAt ?? "none").toMatch(place);
  const text = explainedRunText(why, { screen: { width: 200, isColored: false } } as never);
  expect(text.includes(`show ${run} --stack`)).toBe(why.thrownAt !== null);
});
