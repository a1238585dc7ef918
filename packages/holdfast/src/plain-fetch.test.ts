/** Calls by plain `fetch`, which no connector of ours has watched. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { holdfast } from "./holdfast.ts";
import { effect } from "./workflow/effect.ts";
import { integration } from "./workflow/integration.ts";
import { workflow } from "./workflow/workflow.ts";

/** A port of this machine at which nobody listens any more. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

test("three that are refused in a row stop all calls, and tell why", async () => {
  const url = `http://127.0.0.1:${String(await closedPort())}/`;
  const erp = integration("erp", { owner: "team-erp" });
  const book = effect("book", {
    on: erp,
    repeat: "idempotent",
    why: "put",
    input: z.string(),
    output: z.null(),
    run: async () => {
      await fetch(url, { method: "PUT" });
      return null;
    },
  });
  const order = workflow(
    "order",
    { input: z.string(), output: z.null(), key: (id) => id, owner: "shop" },
    (id, run) => run.do(book, id),
  );
  const folder = mkdtempSync(join(tmpdir(), "holdfast-fetch-"));
  const store = `sqlite:${join(folder, "store.db")}` as const;
  const app = holdfast({ store, workflows: [order], log: () => undefined });
  try {
    const changed = new Promise((resolve) => {
      app.on((event) => {
        if (event.type === "dependency.changed") resolve(event);
      });
    });
    for (const id of ["1", "2", "3"]) await app.start(order, id);
    expect(await changed).toMatchObject({
      integration: "erp",
      to: "open",
      reason: expect.stringMatching(/not reachable 3 times in a row \(NET:REFUSED\)/u),
    });
  } finally {
    await app.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
