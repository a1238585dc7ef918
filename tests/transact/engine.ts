/**
 * An app that writes to a database of the user's in each run, and is killed at a moment of its commit:
 * `before` it is sent, right when it is `sent`, or `after` it is answered and before anything of that is
 * on record; `never` in the last life. Says in JSON lines what happens.
 *
 * `node engine.ts STORE postgres|sqlite DATABASE MOMENT`
 */
import { DatabaseSync } from "node:sqlite";
import { holdfast, localDatabase, workflow, type PostgresDatabaseOptions } from "holdfast";
import pg from "pg";
import { z } from "zod";

const [store = "", kind = "", place = "", moment = ""] = process.argv.slice(2);

function die(now: string): void {
  if (now === moment) process.kill(process.pid, "SIGKILL");
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** A pool whose clients end the process at their commit. */
function dyingPool(pool: pg.Pool): PostgresDatabaseOptions["postgres"] {
  return {
    connect: async () => {
      const client = await pool.connect();
      return {
        query: async (text, values) => {
          const isCommit = text === "commit";
          if (isCommit) die("before");
          const answer = client.query(text, values);
          // Its bytes are with the system by then, or not: both may be.
          if (isCommit) setImmediate(() => die("sent"));
          const answered = await answer;
          if (isCommit) die("after");
          return answered;
        },
        release: (destroy) => client.release(destroy),
        on: (event, listener) => client.on(event, listener),
        off: (event, listener) => client.off(event, listener),
      };
    },
  };
}

class Handle extends DatabaseSync {
  override exec(sql: string): void {
    if (sql === "commit") die("before");
    super.exec(sql);
    if (sql === "commit") die("after");
  }
}

const input = z.object({ id: z.string() });
const common = { input, output: z.number(), key: ({ id }: { id: string }) => id, owner: "stock" };

function reserveOnPostgres() {
  const pool = dyingPool(new pg.Pool({ connectionString: place, max: 2 }));
  const breaker = { openAt: "100%", of: 1000, probeEvery: "100ms" } as const;
  const warehouse = localDatabase("warehouse", { owner: "stock", breaker, postgres: pool });
  return workflow("reserve", common, ({ id }, run) =>
    run.transact("take", warehouse, async (tx) => {
      say({ works: id });
      await tx.query("insert into moves values ($1)", [id]);
      const { rows } = await tx.query<{ n: number }>("select count(*)::int as n from moves");
      return rows[0]?.n ?? 0;
    }),
  );
}

function reserveOnSqlite() {
  const warehouse = localDatabase("warehouse", { owner: "stock", sqlite: new Handle(place) });
  return workflow("reserve", common, ({ id }, run) =>
    run.transact("take", warehouse, (tx) => {
      say({ works: id });
      tx.prepare("insert into moves values (?)").run(id);
      return tx.prepare("select id from moves").all().length;
    }),
  );
}

const reserve = kind === "postgres" ? reserveOnPostgres() : reserveOnSqlite();
const app = holdfast({ store: `sqlite:${store}`, workflows: [reserve], log: () => undefined });
await app.listen();
// It ends with whoever started it.
process.stdin.on("end", () => process.exit(1)).resume();
const handle = await app.start(reserve, { id: "1" });
say({ result: await handle.result() });
await app.close();
process.exit(0);
