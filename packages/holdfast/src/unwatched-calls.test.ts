/** Calls that no connector of ours has watched: by plain `fetch`, and by a connector of the user's own. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { cliAt } from "./cli-at.test-support.ts";
import { holdfast } from "./holdfast.ts";
import { CallFailed } from "./workflow/attempt.ts";
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

/** A workflow that makes one call, and tells the class of its failure. */
function ordering(call: () => Promise<unknown>) {
  const book = effect("book", {
    on: integration("erp", { owner: "team-erp" }),
    repeat: "idempotent",
    why: "put",
    input: z.string(),
    output: z.null(),
    run: async () => {
      await call();
      return null;
    },
  });
  const options = { input: z.string(), output: z.string(), key: (id: string) => id, owner: "shop" };
  return workflow("order", options, async (id, run) => {
    const outcome = await run.try(book, id, { handOver: true });
    return outcome.ok ? "done" : outcome.failure.class;
  });
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-unwatched-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a status means what HTTP says of it, if a connector has no table of its own", async () => {
  const evidence = { phase: "answered", status: 422, callCount: 1 } as const;
  const order = ordering(() => Promise.reject(new CallFailed({ message: "no", evidence })));
  const store = `sqlite:${join(folder, "store.db")}` as const;
  const app = holdfast({ store, workflows: [order], log: () => undefined });
  try {
    const handle = await app.start(order, "1");
    expect(await handle.result()).toBe("data");
  } finally {
    await app.close();
  }
});

test("three that are refused in a row stop all calls, and their owner hears what can be done", async () => {
  const url = `http://127.0.0.1:${String(await closedPort())}/`;
  const order = ordering(() => fetch(url, { method: "PUT" }));
  const store = `sqlite:${join(folder, "store.db")}` as const;
  const limits = { outageAlarmMs: 1 };
  const app = holdfast({ store, workflows: [order], limits, log: () => undefined });
  try {
    const told = Promise.all(
      (["dependency.changed", "exception.opened"] as const).map(
        (type) =>
          new Promise((resolve) => {
            app.on((event) => {
              if (event.type === type) resolve(event);
            });
          }),
      ),
    );
    for (const id of ["1", "2", "3"]) await app.start(order, id);
    const [changed] = await told;
    expect(changed).toMatchObject({
      integration: "erp",
      to: "open",
      reason: expect.stringMatching(/not reachable 3 times in a row \(NET:REFUSED\)/u) as string,
    });
    expect((await cliAt(store).say("exceptions")).out).toMatch(
      /holdfast unpark erp --reason ".+"\n.*holdfast park erp --for 30m --reason ".+"\n.*holdfast close exc_/u,
    );
  } finally {
    await app.close();
  }
});
