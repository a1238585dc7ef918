/**
 * An app in a process of its own whose orders all stand until they are mended, for replay plans to work
 * on. What it books is in a file of its own, one row for each key, with a count of requests. Says in JSON
 * lines how many orders were started, how many were booked in this life, and when a plan begins to be
 * carried out here. Runs until SIGTERM.
 *
 * `node engine.ts STORE BOOKS MENDED COUNT`: STORE is an address, on PostgreSQL shared. MENDED is a file with the numbers below which orders are
 * taken; while it is missing none is. COUNT orders are started, those that are there already joined.
 */
import { existsSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { effect, holdfast, integration, workflow } from "holdfast";
import { z } from "zod";

const [store = "", books = "", mended = "", count = "0"] = process.argv.slice(2);
/** Bookings between two lines about them. */
const SAY_EVERY = 10;

const database = new DatabaseSync(books);
database.exec(`
  pragma busy_timeout = 10000;
  pragma journal_mode = wal;
  pragma synchronous = off;
  create table if not exists booking (key text primary key, id text not null, requests integer not null) strict;
`);
const book = database.prepare(
  `insert into booking (key, id, requests) values (?, ?, 1)
    on conflict (key) do update set requests = requests + 1`,
);

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

function taken(): number {
  return existsSync(mended) ? Number(readFileSync(mended, "utf8")) : 0;
}

let booked = 0;
const ledger = integration("ledger", { owner: "team-ledger" });
const bookOrder = effect("book", {
  on: ledger,
  repeat: "keyed",
  keyWindow: "24h",
  single: true,
  input: z.object({ id: z.string() }),
  output: z.object({ ref: z.string() }),
  classify: () => ({ class: "data", effect: "never", reasonCode: "LEDGER:NO_ACCOUNT" }),
  run: async ({ id }, attempt) => {
    if (Number(id) >= taken()) throw new Error("the account is missing");
    attempt.mark("sent");
    book.run(attempt.key, id);
    booked += 1;
    if (booked % SAY_EVERY === 0) say({ booked });
    return { ref: `bk_${id}` };
  },
});

const order = workflow(
  "order",
  { input: z.object({ id: z.string() }), output: z.string(), key: ({ id }) => id, owner: "team" },
  async ({ id }, run) => (await run.do(bookOrder, { id })).ref,
);

const app = holdfast({
  // The test gives one of these.
  store: store as `sqlite:${string}` | `postgres://${string}`,
  ...(store.startsWith("postgres:") ? { postgres: { shared: true } } : {}),
  workflows: [order],
  log: () => undefined,
});
app.on((event) => {
  if (event.type === "run.state" && event.workflow === "holdfast.replay")
    say({ plan: event.state });
});
await app.listen();
const ids = Array.from({ length: Number(count) }, (_, index) => ({ id: String(index) }));
for (let at = 0; at < ids.length; at += 500)
  await Promise.all(ids.slice(at, at + 500).map((input) => app.start(order, input)));
say({ started: ids.length });
