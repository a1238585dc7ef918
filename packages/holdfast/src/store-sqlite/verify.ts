/**
 * Checks a whole store: every record, every seal, the chains and the anchor, the commands, the
 * structure of the file, and every row that is looked up against a fresh fold of the journal.
 */
import { resolve } from "node:path";
import { HoldfastError } from "../core/error.ts";
import { readAnchor } from "../store/anchor.ts";
import { checkFlushes } from "./check-flushes.ts";
import type { CheckedFlushes } from "./check-flushes.ts";
import type { Damage, RecordVisit, VerifyReport } from "../store/damage.ts";
import { anchoredFlush } from "./check-start.ts";
import { foreignKey, keyPath, readKey } from "./key-file.ts";
import { readMeta, sealedAs } from "./meta.ts";
import { readPragma } from "./pragmas.ts";
import { prepareRows, rowsOf } from "./queries.ts";
import { rebuildProjections } from "./rebuild.ts";
import { removalDamage } from "./removed-records.ts";
import { INBOX_COLUMNS, toInbox } from "../store/row-columns.ts";
import type { Database } from "./runtime.ts";
import { keyId, postedDigest, sealKey } from "../store/seal.ts";
import { schemaDamage } from "./schema-check.ts";
import { onStillFile } from "./verify-file.ts";

const DAMAGE_MAX = 100;

const REMEDY =
  "Stop the engine. Restore the newest backup that passes this check, with its key beside it, and " +
  'run `holdfast store accept --reason "..."`, which lists the effects that may have been done ' +
  "since. Keep the damaged files: `holdfast store verify` names what was lost.";

export interface VerifyOptions {
  readonly path: string;
  /** Who else looks at each record. Called when a check begins: one that was disturbed begins anew. */
  readonly startVisit?: (storeId: string) => RecordVisit;
}

/**
 * Reads everything once; takes time in proportion to the store. While an engine runs, a copy is
 * made beside the store and checked instead, so that the engine's log is not held up. Leaves the
 * folder as it found it.
 *
 * @throws {HoldfastError} HF5002 if there is no store, HF5009 without its key, HF5010 if it is
 * newer than this Holdfast.
 */
export async function verifyStore(options: VerifyOptions): Promise<VerifyReport> {
  const path = resolve(options.path);
  return await onStillFile(path, (open) => verifyFile(open, { ...options, path }));
}

interface FileChecks extends VerifyOptions {
  /** `ignored`: whether it is the newest is not asked, nor whether it is a backup. */
  readonly anchor?: "compared" | "ignored";
}

/** Checks the database that `open` opens as the store at the path, whose key and anchor count. */
export function verifyFile(open: () => Database, options: FileChecks): VerifyReport {
  const key = readKey(options.path);
  let database: Database;
  try {
    database = open();
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "HF5006") throw error;
    return report(null, null, [{ what: error.message }], []);
  }
  try {
    return verifyDatabase(database, key, options);
  } finally {
    database.close();
  }
}

function verifyDatabase(
  database: Database,
  secret: Uint8Array,
  { path, anchor = "compared", startVisit }: FileChecks,
): VerifyReport {
  const damage: Damage[] = [];
  const harmless: string[] = [];
  const key = sealKey(secret);
  database.exec("begin");
  // The structure first: what it says is repeated by everything that reads.
  const structure = [
    ...attempt(() => schemaDamage(database)),
    ...attempt(() => integrity(database)),
  ];
  const meta = attemptOne(() => readMeta(database), damage);
  const kind = meta === undefined || meta === null ? "nothing" : sealedAs(key, meta);
  if (kind === "copy")
    harmless.push("it is a backup: no engine starts on it before `holdfast store accept`");
  if (meta !== undefined && kind === "nothing") {
    damage.push({ what: "the row that says who this store is was changed" });
  }
  const storeId = meta?.storeId ?? "";
  const visited = { key, storeId, visit: startVisit?.(storeId) };
  const checked = attemptOne(() => checkFlushes(database, visited, null), damage);
  // A key that fits no flush at all is another store's; one that does was named wrongly.
  const isNamed = meta === undefined || meta === null || meta.keyId === keyId(secret);
  if (!isNamed && (checked?.flushes ?? 0) === 0) throw foreignKey(keyPath(path));
  if (checked?.damage !== null && checked?.damage !== undefined) damage.push(checked.damage);
  damage.push(...attempt(() => sequenceDamage(database)), ...structure);
  damage.push(...attempt(() => removalDamage(database, checked?.removed ?? 0)));
  damage.push(...attempt(() => inboxDamage(database)));
  if (anchor === "compared")
    damage.push(...attempt(() => anchorDamage(database, storeId, path, harmless)));
  // From a damaged journal the fold says nothing that the journal's own check has not said.
  if (damage.length === 0) damage.push(...attempt(() => rebuildProjections(database)));
  const removed = checked?.removed ?? 0;
  if (removed > 0)
    harmless.push(`${removed} records have left for archives: their digests are here`);
  const free = Number(readPragma(database, "freelist_count") ?? 0);
  if (free > 0) harmless.push(`${free} free pages were not checked: nothing reads them`);
  return report(storeId, checked ?? null, damage, harmless);
}

function report(
  storeId: string | null,
  checked: CheckedFlushes | null,
  damage: readonly Damage[],
  harmless: readonly string[],
): VerifyReport {
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

/** A check that cannot even read has found damage. */
function attempt(check: () => readonly Damage[]): readonly Damage[] {
  const damage: Damage[] = [];
  const found = attemptOne(check, damage);
  return found ?? damage;
}

function attemptOne<Value>(check: () => Value, damage: Damage[]): Value | undefined {
  try {
    return check();
  } catch (error) {
    damage.push({ what: `it cannot be read: ${error instanceof Error ? error.message : "?"}` });
    return undefined;
  }
}

function integrity(database: Database): readonly Damage[] {
  const rows = rowsOf(prepareRows(database, `pragma integrity_check(${DAMAGE_MAX})`));
  const said = rows.map((cells) => String(cells[0]));
  return said.length === 1 && said[0] === "ok" ? [] : said.map((what) => ({ what }));
}

/** Sequence numbers of a run count from 1 without gaps. */
function sequenceDamage(database: Database): readonly Damage[] {
  const rows = rowsOf(
    prepareRows(
      database,
      `select run, count(*), min(seq), max(seq) from journal group by run
        having min(seq) <> 1 or max(seq) <> count(*) limit ${DAMAGE_MAX}`,
    ),
  );
  return rows.map((cells) => {
    const [run, count, , max] = cells as [number, number, number, number];
    return { what: `run ${run} has ${count} records, its last has seq ${max}`, run };
  });
}

function inboxDamage(database: Database): readonly Damage[] {
  const sql = `select ${INBOX_COLUMNS}, digest from inbox where taken_by is null order by pos`;
  return rowsOf(prepareRows(database, sql)).flatMap((cells) => {
    const command = toInbox(cells);
    // A blob column of a STRICT table.
    return postedDigest(command).equals(cells[6] as Uint8Array)
      ? []
      : [{ what: `command ${command.id} waits in the inbox and is not what was posted` }];
  });
}

function anchorDamage(
  database: Database,
  storeId: string,
  path: string,
  harmless: string[],
): readonly Damage[] {
  const anchor = readAnchor(path);
  if (anchor === null) {
    harmless.push("there is no anchor: whether the newest flushes were cut off cannot be seen");
    return [];
  }
  try {
    anchoredFlush(database, storeId, anchor, path);
    return [];
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return [{ what: error.message }];
  }
}
