/** A stock in a user's database, for tests of local transactions: what was done to it is counted there. */
import pg from "pg";
import { z } from "zod";
import { holdfast, localDatabase, workflow } from "./index.ts";
import type {
  App,
  EngineEvent,
  PostgresDatabase,
  PostgresDatabaseOptions,
  PostgresTx,
  Run,
} from "./index.ts";
import { makeEmptyDatabase, type TestDatabase } from "./store-postgres/test-store.test-support.ts";
import type { OnFailure } from "./workflow/workflow.ts";

const OWNER = "team-stock";

/** Tables on purpose without a key: what is done twice is there twice. */
export const STOCK_SQL = `create table stock (sku text, left_over integer check (left_over >= 0));
  create table moves (id text, n integer);
  insert into stock values ('a', 100), ('b', 100);`;

const input = z.object({ id: z.string() });

type Body = (order: { id: string }, run: Run) => Promise<unknown>;

export function flowOf(name: string, body: Body, onFailure: OnFailure = "ask") {
  const common = { input, output: z.unknown(), key: ({ id }: { id: string }) => id, owner: OWNER };
  return workflow(name, { ...common, onFailure }, body);
}

export type Flow = ReturnType<typeof flowOf>;

/** A database of the user's with a stock in it. */
export class Warehouse {
  readonly database: TestDatabase;
  readonly #pools: pg.Pool[] = [];

  private constructor(database: TestDatabase) {
    this.database = database;
  }

  static async make(): Promise<Warehouse> {
    const warehouse = new Warehouse(await makeEmptyDatabase());
    await warehouse.pool().query(STOCK_SQL);
    return warehouse;
  }

  pool(url = this.database.url, settings: pg.PoolConfig = {}): pg.Pool {
    const pool = new pg.Pool({ connectionString: url, max: 4, ...settings });
    // A connection that breaks while it is idle is another one's business.
    pool.on("error", () => undefined);
    this.#pools.push(pool);
    return pool;
  }

  async rows(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { rows } = await this.#asking().query<Record<string, unknown>>(sql);
    return rows;
  }

  #asking(): pg.Pool {
    const [pool] = this.#pools;
    if (pool === undefined) throw new Error("it has a pool from the start");
    return pool;
  }

  /** Ids of what was done, each as often as it was. */
  async moves(): Promise<readonly unknown[]> {
    return (await this.rows("select id from moves order by id")).map(({ id }) => id);
  }

  async remove(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.end()));
    await this.database.drop();
  }
}

export function warehouseOn(
  pool: pg.Pool,
  more: Partial<PostgresDatabaseOptions> = {},
): PostgresDatabase {
  const breaker = { openAt: "100%", of: 1000, probeEvery: "100ms" } as const;
  return localDatabase("warehouse", { owner: OWNER, breaker, postgres: pool, ...more });
}

/** Takes one from the stock and says so. */
export async function take(tx: PostgresTx, id: string, sku = "a"): Promise<{ left: number }> {
  const { rows } = await tx.query<{ left: number }>(
    "update stock set left_over = left_over - 1 where sku = $1 returning left_over as left",
    [sku],
  );
  await tx.query("insert into moves values ($1, 1)", [id]);
  return { left: rows[0]?.left ?? -1 };
}

export function openApp(
  flows: readonly Flow[],
  store = ":memory:",
): { app: App; events: EngineEvent[] } {
  const events: EngineEvent[] = [];
  const app = holdfast({
    store: store as ":memory:",
    workflows: flows,
    log: () => undefined,
  });
  app.on((event) => {
    events.push(event);
  });
  return { app, events };
}

/** Resolves with the first event of this kind. */
export function heard<T extends EngineEvent["type"]>(
  app: App,
  type: T,
): Promise<Extract<EngineEvent, { type: T }>> {
  return new Promise((resolve) => {
    const off = app.on((event) => {
      if (event.type !== type) return;
      off();
      // Of that type, as the line before says.
      resolve(event as Extract<EngineEvent, { type: T }>);
    });
  });
}
