/** Leaves a command in the inbox inside a transaction of the user's own, in the store's database. */
import {
  inboxIsFull,
  noTransaction,
  otherDatabase,
  type PromisedCommand,
} from "../store/promised.ts";
import { postedDigest } from "../store/seal.ts";
import { SCHEMA } from "./client.ts";
import { textShard } from "./shard.ts";
import { storedText } from "./text.ts";

/** What is used of a client of `pg`; every other client can be brought into this form. */
export interface PostgresTransaction {
  query(text: string, values: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

interface Place {
  readonly storeId: string;
  /** Commands that may wait; counts those of this transaction, and not those of others under way. */
  readonly waitingMax: number;
}

// The client is the user's: its search path may be any, and its types may be parsed in any way. So
// names are whole, all that comes back is text, and all that is sent is text or a number.
const SQL = {
  // The number of a transaction is given once: a second statement finds the same only inside of it.
  look: `select m.store_id as store, pg_current_xact_id()::text as transaction,
      (select count(*) from (select 1 from ${SCHEMA}.inbox where taken_by is null
        limit $1::int8) w)::text as waiting
    from ${SCHEMA}.meta m where m.one = 1`,
  // To the owner of the id's shard, so that the work of passing it on is spread over all workers.
  post: `insert into ${SCHEMA}.inbox
      (shard, id, target, topic, at_ms, sent_by, data, posted_at_us, digest)
    select $1::int2, $2::text, $1::int2, $3::text, $4::int8, $5::text, $6::text,
      (extract(epoch from clock_timestamp()) * 1000000)::int8, decode($7::text, 'hex')
    where pg_current_xact_id()::text = $8::text
    returning id`,
} as const;

/** Invalid schema name, undefined table: there is no store. */
const NO_STORE: readonly unknown[] = ["3F000", "42P01"];

interface Looked {
  readonly store: string;
  readonly transaction: string;
  readonly waiting: string;
}

/**
 * There when the transaction is committed, and not if it is rolled back.
 *
 * @throws {HoldfastError} HF5014, HF5015, HF4205; nothing was written. What the client throws is
 *   thrown as it is; PostgreSQL undoes the transaction then.
 */
export async function postInPostgres(
  tx: unknown,
  command: PromisedCommand,
  { storeId, waitingMax }: Place,
): Promise<void> {
  if (!isClient(tx)) throw noTransaction(EXPECTED);
  const looked = await look(tx, waitingMax);
  if (looked?.store !== storeId)
    throw otherDatabase(
      looked === null ? "it holds no store" : `it holds store ${looked.store}, not ${storeId}`,
    );
  if (Number(looked.waiting) >= waitingMax) throw inboxIsFull(waitingMax);
  const { id, topic, atMs, by, data } = command;
  const { rows } = await tx.query(SQL.post, [
    textShard(id),
    id,
    topic,
    atMs,
    storedText(by),
    storedText(data),
    postedDigest(command).toString("hex"),
    looked.transaction,
  ]);
  if (rows.length === 0) throw noTransaction(EXPECTED);
}

const EXPECTED = "a client of pg, or { query(text, values) }, on which BEGIN was executed";

/** Null if the row that says who the store is is not there. */
async function look(tx: PostgresTransaction, waitingMax: number): Promise<Looked | null> {
  try {
    const { rows } = await tx.query(SQL.look, [waitingMax]);
    // Three texts, as the statement says.
    return (rows[0] as Looked | undefined) ?? null;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    if (NO_STORE.includes(code)) throw otherDatabase("it holds no store", error);
    throw error;
  }
}

function isClient(tx: unknown): tx is PostgresTransaction {
  return typeof (tx as Partial<PostgresTransaction> | null | undefined)?.query === "function";
}
