/**
 * One worker of several on a store in PostgreSQL, whose runs write to a database of the user's. Says in
 * JSON lines when a work has written, and waits there for a line of its own if it is the first.
 *
 * `node worker.ts STORE DATABASE first|second`, the store's key in HOLDFAST_STORE_KEY.
 */
import { once } from "node:events";
import { holdfast, localDatabase, workflow } from "holdfast";
import pg from "pg";
import { z } from "zod";

const [store = "", place = "", which = ""] = process.argv.slice(2);

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const pool = new pg.Pool({ connectionString: place, max: 2 });
// What breaks while it is idle is made anew at its next use.
pool.on("error", () => undefined);
const breaker = { openAt: "100%", of: 1000, probeEvery: "100ms" } as const;
const warehouse = localDatabase("warehouse", { owner: "stock", breaker, postgres: pool });
const reserve = workflow(
  "reserve",
  {
    input: z.object({ id: z.string() }),
    output: z.string(),
    key: ({ id }) => id,
    owner: "stock",
  },
  ({ id }, run) =>
    run.transact(
      "take",
      warehouse,
      async (tx) => {
        await tx.query("insert into moves values ($1)", [id]);
        say({ works: id });
        if (which === "first") await once(process.stdin, "data");
        return which;
      },
      { timeout: "2s" },
    ),
);

const app = holdfast({
  store: store as `postgres://${string}`,
  postgres: { shared: true },
  workflows: [reserve],
  log: () => undefined,
});
app.on((event) => {
  if (event.type === "engine.fatal") say({ replaced: true });
});
await app.listen();
// It ends with whoever started it.
process.stdin.on("end", () => process.exit(1)).resume();
const handle = await app.start(reserve, { id: "1" });
say({ result: await handle.result() });
