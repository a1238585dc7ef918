/**
 * Looks at a server and the store on it, for `holdfast doctor`. Its session is read-only, by the server
 * itself, and gives up by itself. Readings are made here; what they mean is in core/doctor, or in the
 * very checks of the start-up.
 */
import { existsSync } from "node:fs";
import { checking, checkingLater } from "../core/doctor/checking.ts";
import { type Finding, type Tell, notLookedAt, refused, warned } from "../core/doctor/finding.ts";
import { schema } from "../core/doctor/schema.ts";
import * as judged from "../core/doctor/server.ts";
import { anchorMissing } from "../core/doctor/store-file.ts";
import { shards, workers } from "../core/doctor/workers.ts";
import { HoldfastError } from "../core/error.ts";
import { checkAnchor } from "./anchor-keeper.ts";
import { type Connection, connect } from "./client.ts";
import { storeKey } from "./key.ts";
import { readMeta, prepareSession, type StoredMeta } from "./meta.ts";
import { SCHEMA_VERSION, migrationTables, schemaVersion } from "./migrations.ts";
import { requireOwnKey } from "./open.ts";
import { cannotOpen } from "./postgres-errors.ts";
import { noStoreAt } from "./reader.ts";
import {
  type LimitsOfRole,
  connectionsReading,
  databaseNowMs,
  limitsOfRole,
  serverReading,
  standbyReading,
  workersReading,
} from "./look-readings.ts";
import {
  missingRights,
  requireEncoding,
  requireRights,
  requireSync,
  requireVersion,
  requireWritable,
  serverSettings,
} from "./server-settings.ts";

export interface LookOptions {
  readonly url: string;
  /** The file that the app keeps as its anchor; not given: nothing is known of one. */
  readonly anchorFile?: string;
  readonly nowMs: () => number;
  /** After so long the server itself ends a statement of this look. */
  readonly statementMsMax: number;
  readonly env: NodeJS.ProcessEnv;
}

/** @returns whether there is a store whose work can be looked at. */
export async function lookAtPostgres(options: LookOptions, tell: Tell): Promise<boolean> {
  const { url } = options;
  let connection: Connection | null = null;
  try {
    connection = await connect(url);
    const role = await limitsOfRole(connection);
    await lookAtServer(connection, role, options, tell);
    return await lookAtStore(connection, options, tell);
  } catch (thrown) {
    const error = cannotOpen(url, thrown);
    if (!(error instanceof HoldfastError)) throw error;
    tell(refused("server", error));
    return false;
  } finally {
    connection?.destroy();
  }
}

async function lookAtServer(
  connection: Connection,
  role: LimitsOfRole,
  { nowMs, statementMsMax }: LookOptions,
  tell: Tell,
): Promise<void> {
  const settings = await serverSettings(connection);
  const is = (check: string, require: (found: typeof settings) => void, how: string) => {
    tell(
      checking(check, () => {
        require(settings);
        return how;
      }),
    );
  };
  is("server-version", requireVersion, `PostgreSQL ${settings.version}`);
  is("writable", requireWritable, "it takes writes");
  is("encoding", requireEncoding, settings.encoding ?? "not told");
  is("sync", requireSync, "fsync and full_page_writes are on");
  await prepareSession(connection);
  const reading = await serverReading(connection, role);
  await onlyRead(connection, statementMsMax);
  tell(judged.checksums(reading));
  tell(judged.commit(reading));
  tell(judged.timeLimits(reading));
  tell(judged.connections(await connectionsReading(connection)));
  const beforeMs = nowMs();
  const databaseMs = await databaseNowMs(connection);
  tell(judged.clock({ databaseMs, beforeMs, afterMs: nowMs() }));
  tell(judged.standby(await standbyReading(connection)));
}

/** From here on the server refuses whatever would change something. */
async function onlyRead(connection: Connection, statementMsMax: number): Promise<void> {
  await connection.script(
    `set session characteristics as transaction read only; set statement_timeout = ${String(statementMsMax)}`,
  );
}

async function lookAtStore(
  connection: Connection,
  options: LookOptions,
  tell: Tell,
): Promise<boolean> {
  const { url } = options;
  const each = async (check: string, look: () => Promise<Finding | string>) => {
    const finding = await checkingLater(check, look, (error) => cannotOpen(url, error));
    tell(finding);
    return finding.level !== "fail";
  };
  const isThere = await each("store", async () => {
    const version = await schemaVersion(connection);
    if (version === 0) throw noStoreAt(url);
    return schema(version, SCHEMA_VERSION);
  });
  if (!isThere) return false;
  let mayRead = false;
  await each("rights", async () => {
    const missing = await missingRights(connection, migrationTables());
    mayRead = !missing.some((one) => one.includes("select"));
    requireRights(missing);
    return "this role has those of an engine";
  });
  let meta: StoredMeta | null = null;
  await each("key", async () => {
    meta = await readMeta(connection);
    if (meta === null) throw noStoreAt(url);
    return keyFinding(meta, options.env);
  });
  const storeId = (meta as StoredMeta | null)?.storeId;
  if (storeId === undefined) return false;
  await each("anchor", () => anchorFinding(connection, storeId, options.anchorFile));
  await each("engine", async () => {
    const reading = await workersReading(connection);
    tell(shards(reading));
    return workers(reading);
  });
  return mayRead;
}

/** Who looks may have no key at hand; then it is not known whether the app's is the right one. */
function keyFinding(meta: StoredMeta, env: NodeJS.ProcessEnv): Finding | string {
  let secret: Uint8Array;
  try {
    secret = storeKey({}, env);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return notLookedAt(refused("key", error));
  }
  requireOwnKey(secret, meta);
  return "the key is this store's";
}

async function anchorFinding(
  connection: Connection,
  storeId: string,
  file: string | undefined,
): Promise<Finding | string> {
  if (file === undefined) {
    return warned("anchor", "not looked at: no anchor is named", {
      fix: "Add --anchor FILE, as the app has it in postgres.anchorFile. Without one an older copy of the database is taken for the store.",
    });
  }
  if (!existsSync(file)) return anchorMissing(file);
  await checkAnchor(file, storeId, connection.rows);
  return "the store is not older than its anchor";
}
