/** What a worker does in a store that it shares: takes and gives shards, leaves commands. */
import type { LastOwner } from "../core/suspicion.ts";
import { INBOX_COLUMNS, toInbox } from "../store/row-columns.ts";
import type { RoutedCommand, SeenGate, SharedShards, Taken } from "../store/shards.ts";
import { postedDigest } from "../store/seal.ts";
import { toPredecessor } from "../store/chain-heads.ts";
import { binaryArray } from "./binary-array.ts";
import { deadHeads } from "./chain.ts";
import type { Connection } from "./client.ts";
import { ENGINE_SQL } from "./engine-sql.ts";
import { HINT_SQL, Hints } from "./hints.ts";
import { DATABASE_NOW_MS, isAlive } from "./lease.ts";
import type { Link } from "./link.ts";
import type { Lookout } from "./lookout.ts";
import type { OwnedShards } from "./owned-shards.ts";
import { replaced } from "./postgres-errors.ts";
import { SYSTEM_SHARD, keyShard, runShard, textShard } from "./shard.ts";
import type { Ticks } from "./ticks.ts";

export interface SharedSettings {
  readonly incarnation: number;
  readonly slot: number;
  readonly link: Link;
  readonly ticks: Ticks;
  readonly lookout: Lookout;
  readonly owned: OwnedShards;
  /** What was given up is not at hand any more. */
  readonly forget: (shards: ReadonlySet<number>) => void;
}

const SHARED_SQL = {
  hint: HINT_SQL,
  // Only from who had them when they were looked at: null or a dead worker, and the dead stay so. What
  // is ours already was taken by this very call, whose answer was lost.
  // They are locked in order of number: of two takers, one waits for the other, and not both.
  take: `with wanted as (select shard.id from shard
      join unnest($2::int2[], $3::int8[]) as t (id, owner) on shard.id = t.id
      where shard.owner is not distinct from t.owner or shard.owner = $1::int8
      order by shard.id for update of shard)
    update shard set owner = $1::int8, epoch = shard.epoch + 1 from wanted
    where shard.id = wanted.id
      and exists (select 1 from worker m where m.incarnation = $1::int8 and m.alive = 1)
    returning shard.id, shard.epoch`,
  lastRunOf: `select max(r.run) from unnest($1::int2[]) as s (id) cross join lateral
    ((select run from run where run.shard = s.id order by run desc limit 1) union all
      (select run from archived_run a where a.shard = s.id order by run desc limit 1)) r`,
  // Who has written the end of its chain has closed its store. One without a flush did nothing at all.
  endedInOrder: `select o.incarnation from unnest($1::int8[]) as o (incarnation) cross join lateral
    (select closed from flush where flush.incarnation = o.incarnation order by number desc limit 1) f
    where f.closed = 1`,
  // A flush holds this row: after the lock none is under way.
  lockSelf: "select 1 from worker where incarnation = $1::int8 for update",
  release: `update shard set owner = null where owner = $1::int8 and id = any($2::int2[])`,
  ofRuns: "select run, shard from run where run = any($1::int8[])",
  // Who is dead owns nothing: somebody who lives is about to take it.
  homes: `select r.run, r.parent_run, r.shard, w.incarnation from run r
    join shard s on s.id = r.shard left join worker w on w.incarnation = s.owner and w.alive = 1
    where r.run = any($1::int8[]) order by r.run`,
  // The sender's row is locked as a flush locks it: who was replaced leaves nothing any more.
  post: `insert into inbox (shard, id, target, topic, at_ms, sent_by, data, posted_at_us, digest)
    select t.shard, t.id, t.target, t.topic, t.at_ms, t.sent_by, t.data,
      (extract(epoch from clock_timestamp()) * 1000000)::int8, t.digest
    from unnest($2::int2[], $3::text[], $4::int2[], $5::text[], $6::int8[], $7::text[], $8::text[],
      $9::bytea[]) as t (shard, id, target, topic, at_ms, sent_by, data, digest)
    where (select count(*) from
      (select 1 from worker where incarnation = $1::int8 and alive = 1 for share) w) = 1
    on conflict (shard, id) do nothing`,
  answers: `select i.id, i.answer from unnest($1::int2[], $2::text[]) as t (shard, id)
    join inbox i on i.shard = t.shard and i.id = t.id where i.answer is not null`,
  untaken: `select ${INBOX_COLUMNS} from inbox where taken_by is null and topic = $1
    order by posted_at_us, id limit $2::int8`,
  // One that has left since had ended: who waits for it hears where it is.
  ended: `select run from run where run = any($1::int8[]) and ended_at_ms is not null
    union all select run from archived_run where run = any($1::int8[])`,
  claim: `insert into key_claim (shard, key_hash, run_shard)
    select $1::int2, t.key_hash, $2::int2 from unnest($3::bytea[]) as t (key_hash)
    where exists (select 1 from worker w where w.incarnation = $4::int8 and w.alive = 1)
    on conflict (shard, key_hash) do nothing`,
  claimed: `select c.run_shard from key_claim c join unnest($2::bytea[]) as t (key_hash)
    on c.key_hash = t.key_hash where c.shard = $1::int2`,
  gates: `select ${DATABASE_NOW_MS}, (select string_agg(w.incarnation::text, ' ') from worker w
      where w.alive = 1), g.integration, g.version, g.state
    from (select 1) as one left join gate g on g.shard = $1::int2 and g.integration = any($2::text[])`,
  // Again after an answer that was lost, it finds another version: then it is read anew.
  firstGate: `insert into gate (shard, integration, version, state)
    select $1::int2, $3, 1, $4 where exists
      (select 1 from worker w where w.incarnation = $2::int8 and w.alive = 1)
    on conflict (shard, integration) do nothing returning version`,
  nextGate: `update gate set version = version + 1, state = $4
    where shard = $1::int2 and integration = $3 and version = $5::int8 and exists
      (select 1 from worker w where w.incarnation = $2::int8 and w.alive = 1)
    returning version`,
  // By the owner of the run's shard alone: what runs there may rest on the claim.
  unclaim: `delete from key_claim where shard = $1::int2 and run_shard = $2::int2
    and key_hash in (select * from unnest($3::bytea[]))
    and exists (select 1 from shard s join worker w on w.incarnation = s.owner
      where s.id = $2::int2 and w.incarnation = $4::int8 and w.alive = 1)`,
} as const;

export function sharedShards(settings: SharedSettings): SharedShards {
  const { incarnation, slot, link, lookout, owned } = settings;
  const ask = (name: keyof typeof SHARED_SQL, values: Parameters<Connection["rows"]>[2]) =>
    link.use((connection) => connection.rows(`shared-${name}`, SHARED_SQL[name], values));
  const hints = new Hints((shards) => ask("hint", [shards]), settings.ticks);
  return {
    isWhole: false,
    slot,
    ofStart: runShard,
    ...places(ask),
    onSilence: (listener) => {
      lookout.onSilence(listener);
    },
    onLook: (listener) => {
      lookout.onLook(listener);
    },
    lookSoon: () => {
      lookout.lookSoon();
    },
    take: (shards) => take(settings, shards, ask),
    async release(shards) {
      settings.forget(new Set(shards));
      for (const shard of shards) owned.remove(shard);
      const values = [incarnation, binaryArray("int2", shards)];
      await link.use((connection) =>
        connection.transaction([
          { name: "shared-lock-self", text: SHARED_SQL.lockSelf, values: [incarnation] },
          { name: "shared-release", text: SHARED_SQL.release, values },
        ]),
      );
    },
    confirmed: () => lookout.confirmed(),
    async post(commands) {
      await ask("post", postValues(incarnation, commands));
      const isAliveStill = await link.use((connection) => isAlive(connection, incarnation));
      if (!isAliveStill) throw ended();
      hints.posted(commands.map(({ shard }) => shard));
    },
    async answers(ids) {
      const shards = binaryArray("int2", ids.map(textShard));
      const rows = await ask("answers", [shards, binaryArray("text", ids)]);
      return rows.map((cells) => [cells[0] as string, cells[1] as string] as const);
    },
    untaken: async (topic, limit) => (await ask("untaken", [topic, limit])).map(toInbox),
    async ended(runs) {
      const rows = await ask("ended", [binaryArray("int8", runs)]);
      return rows.map((cells) => cells[0] as number);
    },
    deadChains: async () =>
      (await link.use((connection) => deadHeads(connection.rows))).map(toPredecessor),
    async lastSystemSeq() {
      const [row] = await link.use((connection) =>
        connection.rows("lastSystemSeq", ENGINE_SQL.lastSystemSeq),
      );
      return (row?.[0] as number | null | undefined) ?? 0;
    },
    ...claims(ask, settings),
    ...gates(ask, incarnation),
  };
}

function places(ask: Ask): Pick<SharedShards, "ofRuns" | "homes"> {
  return {
    async ofRuns(runs) {
      const rows = await ask("ofRuns", [binaryArray("int8", runs)]);
      const found = new Map(rows.map((cells) => [cells[0] as number, cells[1] as number]));
      return runs.map((run) => found.get(run) ?? null);
    },
    async homes(runs) {
      const rows = await ask("homes", [binaryArray("int8", runs)]);
      return rows.map(([run, parentRun, shard, owner]) => ({
        run: run as number,
        parentRun: parentRun as number | null,
        shard: shard as number,
        owner: owner as number | null,
      }));
    },
  };
}

function claims(
  ask: Ask,
  { incarnation, link }: SharedSettings,
): Pick<SharedShards, "claimKey" | "unclaimKey"> {
  return {
    async claimKey(keyHash, shard) {
      const key = binaryArray("bytea", [Buffer.from(keyHash, "hex")]);
      const home = keyShard(keyHash);
      for (;;) {
        await ask("claim", [home, shard, key, incarnation]);
        const [row] = await ask("claimed", [home, key]);
        if (row !== undefined) return row[0] as number;
        // Given up between the two, and free again; or this worker may claim nothing any more.
        if (!(await link.use((connection) => isAlive(connection, incarnation)))) throw ended();
      }
    },
    async unclaimKey(keyHash, shard) {
      const key = binaryArray("bytea", [Buffer.from(keyHash, "hex")]);
      await ask("unclaim", [keyShard(keyHash), shard, key, incarnation]);
    },
  };
}

function ended(): Error {
  return replaced("the database says that it is dead");
}

function gates(ask: Ask, incarnation: number): Pick<SharedShards, "gates" | "saveGate"> {
  return {
    async gates(integrations) {
      const rows = await ask("gates", [SYSTEM_SHARD, binaryArray("text", integrations)]);
      const [nowMs, living] = (rows[0] ?? [0, null]) as [number, string | null];
      return {
        nowMs,
        living: living?.split(" ").map(Number) ?? [],
        gates: rows.flatMap(([, , integration, version, state]) =>
          integration === null ? [] : [{ integration, version, state } as SeenGate],
        ),
      };
    },
    async saveGate(integration, version, state) {
      const values = [SYSTEM_SHARD, incarnation, integration, state];
      const saved =
        version === 0
          ? await ask("firstGate", values)
          : await ask("nextGate", [...values, version]);
      return saved.length === 1;
    },
  };
}

type Ask = (
  name: keyof typeof SHARED_SQL,
  values: Parameters<Connection["rows"]>[2],
) => ReturnType<Connection["rows"]>;

async function take(
  { incarnation, lookout, owned }: SharedSettings,
  shards: readonly number[],
  ask: Ask,
): Promise<Taken> {
  // A look that was under way while they were taken still shows them as free: to take them again
  // would change their epoch under a flush.
  const wanted = shards.filter((shard) => lookout.owners.has(shard) && !owned.has(shard));
  if (wanted.length === 0) return { shards: [], lastRun: 0, lastOwners: new Map() };
  const owners = wanted.map((shard) => lookout.owners.get(shard) ?? null);
  const rows = await ask("take", [
    incarnation,
    binaryArray("int2", wanted),
    binaryArray("int8", owners),
  ]);
  const got = rows.map((cells) => cells[0] as number);
  // A snapshot after the taking: it has every run that an owner before has written.
  const [row] = await ask("lastRunOf", [binaryArray("int2", got)]);
  const before = new Map(wanted.map((shard, at) => [shard, owners[at] ?? incarnation]));
  const lastOwners = await lastOwnersOf(got, before, incarnation, ask);
  // Last: what is not known here is free to be taken again, by us.
  for (const [id, epoch] of rows) owned.add(id as number, epoch as number);
  return { shards: got, lastRun: (row?.[0] as number | null | undefined) ?? 0, lastOwners };
}

/** @param before - whose each shard was; this engine's own incarnation stands for nobody's. */
async function lastOwnersOf(
  shards: readonly number[],
  before: ReadonlyMap<number, number>,
  self: number,
  ask: Ask,
): Promise<Map<number, LastOwner>> {
  const found = shards.map((shard) => [shard, before.get(shard) ?? self] as const);
  const others = found.filter(([, incarnation]) => incarnation !== self);
  const names = [...new Set(others.map(([, incarnation]) => incarnation))];
  if (names.length === 0) return new Map();
  const rows = await ask("endedInOrder", [binaryArray("int8", names)]);
  const inOrder = new Set(rows.map(([incarnation]) => incarnation as number));
  return new Map(
    others.map(([shard, incarnation]) => [shard, { incarnation, clean: inOrder.has(incarnation) }]),
  );
}

function postValues(incarnation: number, commands: readonly RoutedCommand[]) {
  const texts = (of: (command: RoutedCommand) => string) => binaryArray("text", commands.map(of));
  return [
    incarnation,
    binaryArray(
      "int2",
      commands.map(({ id }) => textShard(id)),
    ),
    texts(({ id }) => id),
    binaryArray(
      "int2",
      commands.map(({ shard }) => shard),
    ),
    texts(({ topic }) => topic),
    binaryArray(
      "int8",
      commands.map(({ atMs }) => atMs),
    ),
    texts(({ by }) => by),
    texts(({ data }) => data),
    binaryArray("bytea", commands.map(postedDigest)),
  ];
}
