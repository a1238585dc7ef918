/**
 * Checks a whole store: every record, every seal, the ends of the chains, the commands, the schema,
 * and every row that is looked up against a fresh fold of the journal. All in one snapshot, so an
 * engine may run meanwhile.
 */
import { HoldfastError } from "../core/error.ts";
import type { Damage, RecordVisit, VerifyReport } from "../store/damage.ts";
import { INBOX_COLUMNS, toInbox } from "../store/row-columns.ts";
import { keyId, postedDigest, sealKey } from "../store/seal.ts";
import { checkAnchor } from "./anchor-keeper.ts";
import { type CheckedFlushes, checkFlushes } from "./check-flushes.ts";
import { SCHEMA, type Connection } from "./client.ts";
import { type KeySource, foreignKey, storeKey } from "./key.ts";
import { ForgottenDigests } from "./forgotten-commands.ts";
import { isMetaSound, readMeta } from "./meta.ts";
import { schemaVersion } from "./migrations.ts";
import { connectTo } from "./open.ts";
import { ConnectionLost, SQL_STATES, StatementRefused, cannotOpen } from "./postgres-errors.ts";
import { storeIdOf } from "./reader.ts";
import { rebuildProjections } from "./rebuild.ts";
import { removalDamage } from "./removed-records.ts";
import { type SchemaStatement, expectedSchema, schemaStatements } from "./schema-text.ts";

const DAMAGE_MAX = 100;

const REMEDY =
  "Stop the engine. Restore the newest backup of the database that passes this check. What was done " +
  "since has to be looked up in the other systems. Keep the damaged database: this check names what " +
  "was lost.";

export interface VerifyOptions extends KeySource {
  readonly url: string;
  readonly anchorFile?: string;
  /** Who else looks at each record. Called when the check begins. */
  readonly startVisit?: (storeId: string) => RecordVisit;
}

/**
 * Reads everything once; takes time in proportion to the store, and room for temporary tables.
 *
 * @throws {HoldfastError} HF5002 if there is no store, HF5009 without its key, HF5010 if it is newer
 * than this Holdfast, HF5011 without pg.
 */
export async function verifyPostgresStore(options: VerifyOptions): Promise<VerifyReport> {
  const secret = storeKey(options, process.env);
  let connection: Connection | null = null;
  try {
    connection = await connectTo(options.url);
    const storeId = await storeIdOf(connection, options.url);
    return await verified(connection, storeId, secret, options);
  } catch (error) {
    throw cannotOpen(options.url, error);
  } finally {
    connection?.destroy();
  }
}

async function verified(
  connection: Connection,
  storeId: string,
  secret: Uint8Array,
  { anchorFile, startVisit }: VerifyOptions,
): Promise<VerifyReport> {
  const damage: Damage[] = [];
  damage.push(...(await listed(damage, () => schemaDamage(connection))));
  await connection.script("begin isolation level repeatable read");
  const meta = await readMeta(connection);
  if (meta === null || !isMetaSound(secret, meta)) {
    if (meta !== null && meta.keyId !== keyId(secret)) throw foreignKey();
    damage.push({ what: "the row that says who this store is was changed" });
  }
  const store = { key: sealKey(secret), storeId, visit: startVisit?.(storeId) };
  const checked = await attempt(damage, () => checkFlushes(connection, store));
  if (checked?.damage) damage.unshift(checked.damage);
  if (damage.length === 0) {
    damage.push(...(await listed(damage, () => sequenceDamage(connection))));
    damage.push(...(await listed(damage, () => inboxDamage(connection, checked))));
    damage.push(...(await listed(damage, () => removalDamage(connection, DAMAGE_MAX))));
  }
  const harmless: string[] = [];
  const removed = checked?.removed ?? 0;
  if (removed > 0)
    harmless.push(`${removed} records have left for archives: their digests are here`);
  if (anchorFile === undefined) {
    harmless.push("there is no anchor: whether the newest flushes were cut off cannot be seen");
  } else damage.push(...(await anchorDamage(connection, storeId, anchorFile)));
  // From a damaged journal the fold says nothing that the journal's own check has not said.
  if (damage.length === 0) {
    damage.push(...(await listed(damage, () => rebuildProjections(connection))));
  }
  return {
    storeId,
    isSound: damage.length === 0,
    flushes: checked?.flushes ?? 0,
    records: checked?.records ?? 0,
    damage: damage.slice(0, DAMAGE_MAX),
    harmless,
    remedy: damage.length === 0 ? null : REMEDY,
  };
}

async function listed(
  damage: Damage[],
  check: () => Promise<readonly Damage[]>,
): Promise<readonly Damage[]> {
  return (await attempt(damage, check)) ?? [];
}

/** A check that cannot even read has found damage, unless it was kept from reading. */
async function attempt<Value>(
  damage: Damage[],
  check: () => Promise<Value>,
): Promise<Value | undefined> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof HoldfastError || error instanceof ConnectionLost) throw error;
    if (error instanceof StatementRefused && !saysDamage(error)) throw notChecked(error);
    damage.push({ what: `it cannot be read: ${error instanceof Error ? error.message : "?"}` });
    return undefined;
  }
}

/**
 * What a statement is refused for because of what is stored: a value that is none (22), a fold that
 * breaks a key (23), a table or column that is not there (42, but not a right that is missing), a file
 * that cannot be read (58), a page that is broken (XX). A time limit, a full disk or somebody who
 * breaks a statement off says nothing of the store.
 */
function saysDamage({ sqlState }: StatementRefused): boolean {
  const isRight = sqlState === SQL_STATES.insufficientPrivilege;
  return !isRight && ["22", "23", "42", "58", "XX"].includes(sqlState.slice(0, 2));
}

function notChecked(error: StatementRefused): HoldfastError {
  return new HoldfastError(
    "HF5002",
    `the store could not be checked: ${error.message}`,
    "This says nothing of the store's state. Give the check what it lacks (time, a right, room on the server's disk for temporary tables) and run it again.",
    { cause: error },
  );
}

/**
 * Tables of the user's are no damage: PostgreSQL puts what a role called `holdfast` makes into the
 * schema of that name, which is ours, unless it says another one.
 */
async function schemaDamage(connection: Connection): Promise<Damage[]> {
  // One of an earlier version is brought up to date by the next engine.
  const expected = await expectedSchema(connection, await schemaVersion(connection));
  const found = await schemaStatements(connection.rows, SCHEMA);
  const ours = new Set(expected.map(({ table }) => table));
  const missing = without(expected, found);
  const foreign = without(found, expected).filter(({ table }) => ours.has(table));
  return [...missing, ...foreign].map(({ text }) => ({
    what: `the schema was changed: ${text.split("\n")[0] ?? ""}`,
  }));
}

function without(
  statements: readonly SchemaStatement[],
  others: readonly SchemaStatement[],
): readonly SchemaStatement[] {
  const texts = new Set(others.map(({ text }) => text));
  return statements.filter(({ text }) => !texts.has(text));
}

/** Sequence numbers of a run count from 1 without gaps; those of the store's own journals go on. */
async function sequenceDamage(connection: Connection): Promise<readonly Damage[]> {
  const rows = await connection.rows(
    "sequences",
    `select run, count(*), max(seq) from journal where run > 0 group by shard, run
      having min(seq) <> 1 or max(seq) <> count(*) limit ${DAMAGE_MAX}`,
  );
  return rows.map((cells) => {
    const [run, count, max] = cells as [number, number, number];
    return { what: `run ${run} has ${count} records, its last has seq ${max}`, run };
  });
}

async function inboxDamage(
  connection: Connection,
  checked: CheckedFlushes | undefined,
): Promise<readonly Damage[]> {
  const waiting = await connection.rows(
    "inbox-waiting",
    `select ${INBOX_COLUMNS}, digest from inbox where taken_by is null order by posted_at_us, id`,
  );
  const damage: Damage[] = waiting.flatMap((cells) => {
    const command = toInbox(cells);
    return postedDigest(command).equals(cells[6] as Uint8Array)
      ? []
      : [{ what: `command ${command.id} waits in the inbox and is not what was posted` }];
  });
  const [row] = await connection.rows(
    "inbox-strays",
    `select min(i.id) from inbox i left join flush f
      on f.incarnation = i.taken_by and f.number = i.taken_in
      where i.taken_by is not null and (f.taken is null or f.taken = 0)`,
  );
  const stray = (row?.[0] ?? null) as string | null;
  if (checked !== undefined && stray !== null) {
    damage.push({ what: `command ${stray} was taken by a flush that is not there` });
  }
  const forgotten = await new ForgottenDigests(connection).stray();
  if (forgotten !== null)
    damage.push({ what: `digests of commands are kept for ${forgotten}, which took none` });
  return damage;
}

async function anchorDamage(
  connection: Connection,
  storeId: string,
  file: string,
): Promise<readonly Damage[]> {
  try {
    await checkAnchor(file, storeId, connection.rows);
    return [];
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return [{ what: error.message }];
  }
}
