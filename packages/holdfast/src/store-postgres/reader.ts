/** What the command line and the console open: reads, and commands for the engine. */
import { HoldfastError } from "../core/error.ts";
import { postedDigest } from "../store/seal.ts";
import { KEEPER_SHARD } from "../store/shards.ts";
import type { StoreReader } from "../store/store.ts";
import { archivedRuns } from "./archived-queries.ts";
import { binaryArray } from "./binary-array.ts";
import { cellReader } from "./cell-rows.ts";
import type { Connection } from "./client.ts";
import { DATABASE_NOW_MS } from "./lease.ts";
import { HINT_SQL, Hints } from "./hints.ts";
import { Link } from "./link.ts";
import { readMeta } from "./meta.ts";
import { schemaVersion } from "./migrations.ts";
import { connectTo } from "./open.ts";
import { cannotOpen, shownUrl } from "./postgres-errors.ts";
import { ReaderQueries } from "./reader-queries.ts";
import { textShard } from "./shard.ts";
import { systemTicks } from "./ticks.ts";

/** How long a reader tries to come back to a database that went away. */
const RECONNECT_MS_MAX = 5000;

/** Engines that were opened last, whose newest flush is looked at: more than can share a store. */
const ENGINES_MAX = 512;

const SQL = {
  // To the owner of its run; what is about none, or about one that is not there, to the keeper.
  post: `insert into inbox (shard, id, target, topic, at_ms, sent_by, data, posted_at_us, digest)
    select $1::int2, t.texts[1],
      coalesce((select shard from run where run.run = $5::int8), ${KEEPER_SHARD}), t.texts[2], $2::int8, t.texts[3], t.texts[4],
      (extract(epoch from clock_timestamp()) * 1000000)::int8, d.digest
    from (select $3::text[] as texts) t, unnest($4::bytea[]) as d (digest)
    on conflict (shard, id) do nothing returning target`,
  waitForStandbys: "update inbox set id = id where shard = $1::int2 and id = $2",
  answer: "select answer from inbox where shard = $1::int2 and id = $2",
  engineRuns: `select count(*) from worker w join heartbeat h on h.incarnation = w.incarnation
    where w.alive = 1 and h.beat_at_ms + w.lease_ms > ${DATABASE_NOW_MS}`,
  // The newest flush of each engine by the index of flushes; those of long ago wrote nothing newer.
  pulse: `select
    (select count(*) from worker w join heartbeat h on h.incarnation = w.incarnation
      where w.alive = 1 and h.beat_at_ms + w.lease_ms > ${DATABASE_NOW_MS}),
    (select max(beat_at_ms) from heartbeat),
    (select max(f.at_ms) from
      (select incarnation from worker order by opened_at_ms desc limit ${String(ENGINES_MAX)}) w
      cross join lateral (select at_ms from flush where flush.incarnation = w.incarnation
        order by number desc limit 1) f)`,
} as const;

/**
 * Opens an existing store for reading and for leaving commands. Needs neither the key nor an
 * engine, and disturbs none: every read is short and none waits for a write.
 *
 * @throws {HoldfastError} HF5002 (no store there), HF5010 (newer schema), HF5011 (no pg).
 */
export async function openPostgresReader(options: { readonly url: string }): Promise<StoreReader> {
  const { url } = options;
  let connection: Connection | null = null;
  try {
    connection = await connectTo(url);
    const storeId = await storeIdOf(connection, url);
    return storeReader(url, connection, storeId);
  } catch (error) {
    connection?.destroy();
    throw cannotOpen(url, error);
  }
}

/** @throws {HoldfastError} HF5002 if there is no store. */
export async function storeIdOf(connection: Connection, url: string): Promise<string> {
  const meta = (await schemaVersion(connection)) === 0 ? null : await readMeta(connection);
  if (meta !== null) return meta.storeId;
  throw noStoreAt(url);
}

export function noStoreAt(url: string): HoldfastError {
  return new HoldfastError(
    "HF5002",
    `there is no store at ${shownUrl(url)}`,
    "Name the database of an app that has been started at least once.",
  );
}

function storeReader(url: string, first: Connection, storeId: string): StoreReader {
  const open = () => connectTo(url);
  const link = new Link(first, { open, ticks: systemTicks, reconnectMsMax: RECONNECT_MS_MAX });
  const read = (name: string, text: string, values: Parameters<Connection["rows"]>[2] = []) =>
    link.use((connection) => connection.rows(name, text, values));
  const queries = new ReaderQueries(read);
  const hints = new Hints((shards) => read("hint", HINT_SQL, [shards]), systemTicks);
  return {
    storeId,
    cells: cellReader(read),
    runs: (query) => queries.runs(query),
    run: (run) => queries.run(run),
    runsByKey: (key, limit) => queries.runsByKey(key, limit),
    records: (run, afterSeq, limit) => queries.records(run, afterSeq, limit),
    exceptions: (query) => queries.exceptions(query),
    effects: (query) => queries.effects(query),
    reviews: (query) => queries.reviews(query),
    issues: (level, limit) => queries.issues(level, limit),
    issue: (fingerprint) => queries.issue(fingerprint),
    issueOverlays: () => queries.issueOverlays(),
    occurrences: (of, afterMs, limit) => queries.occurrences(of, afterMs, limit),
    routings: (limit) => queries.routings(limit),
    rules: (afterChange, limit) => queries.rules(afterChange, limit),
    dependencies: () => queries.dependencies(),
    lanes: (query) => queries.lanes(query),
    declarations: () => queries.declarations(),
    versionCounts: () => queries.versionCounts(),
    inbox: (limit) => queries.inbox(limit),
    earlyAnswers: (limit) => queries.earlyAnswers(limit),
    received: (query) => queries.received(query),
    archivedRun: async (run) => (await archivedRuns(read, [run]))[0] ?? null,
    // They are read into a store in a file.
    importedArchives: () => Promise.resolve([]),
    counters: (prefix) => queries.counters(prefix),
    async post(command) {
      // Again after a lost answer: the id makes it one command.
      const posted = await read("post", SQL.post, postValues(command));
      // Who finds it there waits for no standby, unless by a write: the first commit may still do so.
      if (posted.length === 0)
        await read("wait-for-standbys", SQL.waitForStandbys, [textShard(command.id), command.id]);
      hints.posted(posted.map(([target]) => target as number));
    },
    async answer(id) {
      const [row] = await read("answer", SQL.answer, [textShard(id), id]);
      return (row?.[0] as string | null | undefined) ?? null;
    },
    pulse: async () => {
      const [cells = []] = await read("pulse", SQL.pulse);
      const [engineCount, beatAtMs, flushAtMs] = cells as readonly (number | null)[];
      return [
        { engineCount: engineCount ?? 0, beatAtMs: beatAtMs ?? null, flushAtMs: flushAtMs ?? null },
      ];
    },
    engineRuns: async () => (await read("engine-runs", SQL.engineRuns))[0]?.[0] !== 0,
    close: () => link.close(),
  };
}

function postValues(command: Parameters<StoreReader["post"]>[0]) {
  const { id, topic, atMs, by, data } = command;
  return [
    textShard(id),
    atMs,
    binaryArray("text", [id, topic, by, data]),
    binaryArray("bytea", [postedDigest(command)]),
    command.run ?? null,
  ];
}
