/**
 * A transaction of the user's own client, without `run.transact`, whose answer to the commit is cut:
 * its effect may have happened, and PostgreSQL itself says whether it has (`pg_xact_status`).
 */
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { effect, done, notDone, cannotTell, integration } from "./index.ts";
import type { App, Attempt, Seen } from "./index.ts";
import { sqlFailure } from "./connectors/sql/postgres-session.ts";
import {
  startCuttingProxy,
  type CuttingProxy,
} from "./store-postgres/cutting-proxy.test-support.ts";
import { flowOf, openApp, Warehouse } from "./transact.test-support.ts";

let warehouse: Warehouse;
let proxy: CuttingProxy;
let app: App | null;
beforeEach(async () => {
  warehouse = await Warehouse.make();
  await warehouse.rows("create table sent (key text primary key, xid xid8 not null)");
  proxy = await startCuttingProxy(warehouse.database.url, "commit");
  app = null;
});
afterEach(async () => {
  await app?.close();
  await proxy.close();
  await warehouse.remove();
});

const reference = z.object({ id: z.string() });
const stock = integration("stock", {
  owner: "team-stock",
  breaker: { openAt: "100%", of: 1000, probeEvery: "100ms" },
});

/** Writes through the proxy, and keeps the transaction's id apart before it commits. */
function moveThrough(url: string, apart: pg.Pool) {
  return effect("move", {
    on: stock,
    repeat: "probeable",
    timeout: "5s",
    settle: "500ms",
    input: reference,
    output: z.object({ id: z.string() }),
    async run({ id }, attempt: Attempt) {
      const client = new pg.Client({ connectionString: url });
      client.on("error", () => undefined);
      let isCommitting = false;
      try {
        await client.connect();
        await client.query("begin");
        await client.query("insert into moves values ($1, 1)", [id]);
        const { rows } = await client.query<{ xid: string }>("select pg_current_xact_id() as xid");
        await apart.query(
          "insert into sent values ($1, $2::xid8) on conflict (key) do update set xid = excluded.xid",
          [attempt.key, rows[0]?.xid],
        );
        isCommitting = true;
        await client.query("commit");
        return { id };
      } catch (error) {
        throw sqlFailure(error, isCommitting ? "sent" : "created", isCommitting);
      } finally {
        await client.end().catch(() => undefined);
      }
    },
    async probe({ id }, attempt: Attempt): Promise<Seen<{ id: string }>> {
      const { rows } = await apart.query<{ status: string | null }>(
        "select pg_xact_status(xid) as status from sent where key = $1",
        [attempt.key],
      );
      switch (rows[0]?.status ?? "unknown") {
        case "committed":
          return done({ id });
        case "aborted":
          // The server has ended it: no late request can commit it any more.
          return notDone({ final: true });
        case "in progress":
          return cannotTell("its transaction is still open");
        default:
          return cannotTell("its transaction is not known any more");
      }
    },
  });
}

test.each([
  ["answer", "adopted, and not done again"],
  ["request", "known not to have happened, and done"],
] as const)("a commit whose %s is cut is %s", async (direction, _then) => {
  const move = moveThrough(proxy.url, warehouse.pool());
  const flow = flowOf("move", ({ id }, run) => run.do(move, { id }));
  const opened = openApp([flow]);
  ({ app } = opened);
  const { wasCut } = proxy.cutNext({ direction, afterBytes: 0 });
  const handle = await app.start(flow, { id: "1" });
  expect(await handle.result()).toEqual({ id: "1" });
  expect(wasCut()).toBe(true);
  const failed = opened.events.flatMap((event) => (event.type === "attempt.failed" ? [event] : []));
  expect(failed).toMatchObject([
    { failure: { effect: "maybe", class: "unavailable" }, move: { kind: "resolve" } },
  ]);
  expect(await warehouse.moves()).toEqual(["1"]);
});
