/** What the engine reads. Each is one statement; all answers are bounded by the caller. */
import {
  ACCEPTED_COLUMNS,
  DECLARATION_COLUMNS,
  DEPENDENCY_COLUMNS,
  EARLY_COLUMNS,
  EXCEPTION_COLUMNS,
  INBOX_COLUMNS,
  KEPT_COLUMNS,
  RECEIVED_COLUMNS,
  OVERLAY_COLUMNS,
  RECORD_COLUMNS,
  ROUTING_COLUMNS,
  RULE_COLUMNS,
  RUN_COLUMNS,
} from "../store/row-columns.ts";
import { prefixed } from "./runs-at-hand.ts";

export const ENGINE_SQL = {
  // Key by key, which "offset 0" asks for: planned while the table was small, a join would read all
  // of it (measured: a seventh of the time of all flushes after a few seconds).
  find: `select k.key_hash, k.run, k.generation, k.input_digest, ${prefixed("r", RUN_COLUMNS)}
    from unnest($1::int2[], $2::bytea[]) as t (shard, key_hash) cross join lateral
    (select * from run_key where shard = t.shard and key_hash = t.key_hash offset 0) k
    left join run r on r.shard = k.run_shard and r.run = k.run`,
  runs: `select ${RUN_COLUMNS}, shard from run where run = any($1::int8[]) order by run`,
  records: `select ${prefixed("j", RECORD_COLUMNS)}, j.pos, j.digest from run r
    join journal j on j.shard = r.shard and j.run = r.run
    where r.run = any($1::int8[]) order by j.run, j.seq`,
  // One range of the index (state, run) for each state. Said so that no other index gives the order:
  // one by run alone would be read to its end for the few runs that are at work.
  inStates: `select r.run from unnest($1::int2[]) as t (state) cross join lateral
    (select run from run where (run.state, run.run) > (t.state, $2::int8)
      and (run.state, run.run) < (t.state + 1, 0) order by run.state, run.run limit $3::int8) r
    order by r.run limit $3::int8`,
  // The same of some shards, for who does not own all.
  inStatesOf: `select r.run from unnest($1::int2[]) as t (state) cross join lateral
    (select run from run where (run.state, run.run) > (t.state, $2::int8)
      and (run.state, run.run) < (t.state + 1, 0) and run.shard = any($4::int2[])
      order by run.state, run.run limit $3::int8) r
    order by r.run limit $3::int8`,
  dueOf: `select run, wake_at_ms from run where wake_at_ms > $1::int8 and wake_at_ms <= $2::int8
    and shard = any($4::int2[]) order by wake_at_ms, run limit $3::int8`,
  parkedOf: `select run from run where dependency = $1 and run > $2::int8
    and shard = any($4::int2[]) order by run limit $3::int8`,
  openLanesOf: `select run, namespace, lane, parent_run, workflow from run where lane is not null
    and ended_at_ms is null and run > $1::int8 and shard = any($3::int2[])
    order by run limit $2::int8`,
  inboxOf: `select ${INBOX_COLUMNS}, digest, posted_at_us, target from inbox where taken_by is null
    and target = any($2::int2[]) order by posted_at_us, id limit $1::int8`,
  due: `select run, wake_at_ms from run where wake_at_ms > $1::int8 and wake_at_ms <= $2::int8
    order by wake_at_ms, run limit $3::int8`,
  parkedCount: "select count(*) from run where dependency = $1",
  parked: `select run from run where dependency = $1 and run > $2::int8
    order by run limit $3::int8`,
  lane: `select ${RUN_COLUMNS} from run where namespace = $1 and left(lane, 200) = left($2, 200)
    and lane = $2 and lane is not null and ended_at_ms is null order by run limit $3::int8`,
  openLanes: `select run, namespace, lane, parent_run, workflow from run where lane is not null
    and ended_at_ms is null and run > $1::int8 order by run limit $2::int8`,
  kept: `select ${KEPT_COLUMNS} from kept_event where event = $1 and left(key, 200) = left($2, 200)
    and key = $2 and namespace = $3 order by seq limit $4::int8`,
  awaiting: `select a.run from awaiting a join run r on r.shard = a.shard and r.run = a.run
    where a.event = $1 and left(a.key, 200) = left($2, 200) and a.key = $2 and r.namespace = $3
    order by a.since_ms, a.run, a.seq limit $4::int8`,
  accepted: `select a.name, ${prefixed("a", ACCEPTED_COLUMNS)}
    from unnest($1::int2[], $2::bytea[]) as t (shard, name)
    join accepted_event a on a.shard = t.shard and a.name = t.name`,
  received: `select ${prefixed("m", RECEIVED_COLUMNS)}
    from unnest($1::int2[], $2::bytea[]) as t (shard, name)
    join received m on m.shard = t.shard and m.name = t.name`,
  receivedCount: "select count(*) from received",
  newestInOrder: `select order_number from received where order_name = decode($1, 'hex')
    and order_name is not null and state not in ('held', 'superseded')
    order by order_number desc limit 1`,
  held: `select ${RECEIVED_COLUMNS} from received where state = 'held' and name > decode($1, 'hex')
    order by name limit $2::int8`,
  ended: `select run, operation from effect where left(ref, 200) = left($1, 200) and ref = $1
    and integration = $2 and ended = 1 limit 1`,
  early: `select ${EARLY_COLUMNS} from early_answer where state = 'kept'
    order by seq limit $1::int8`,
  keptCount: "select count(*) from kept_event",
  acceptedCount: "select count(*) from accepted_event where until_ms > $1::int8",
  exception: `select ${EXCEPTION_COLUMNS} from exception where run = $1::int8 and seq = $2::int4`,
  exceptionsDue: `select run, seq, next_at_ms from exception where next_at_ms is not null
    order by next_at_ms, run, seq limit $1::int8`,
  exceptionsDueOf: `select run, seq, next_at_ms from exception where next_at_ms is not null
    and shard = any($2::int2[]) order by next_at_ms, run, seq limit $1::int8`,
  overlay: `select ${OVERLAY_COLUMNS} from issue_overlay where fingerprint = $1`,
  rules: `select ${RULE_COLUMNS} from classification_rule where change > $1::int8
    order by change limit $2::int8`,
  routing: `select ${ROUTING_COLUMNS} from routing order by version desc limit 1`,
  beside: `select seq from exception where run = $1::int8
    and left(subject, 200) = left($2, 200) and subject = $2 and subject is not null limit 1`,
  besideOpen: `select count(*) from exception where run = $1::int8 and subject is not null
    and closed_at_ms is null`,
  declarations: `select ${DECLARATION_COLUMNS} from declaration order by definition, name`,
  pending: `select run, operation from pending where integration = $1
    and left(ref, 200) = left($2, 200) and ref = $2 order by run, operation limit 1`,
  dependencies: `select ${DEPENDENCY_COLUMNS} from dependency order by integration`,
  groups: "select number, runs, crashes from recovery_group order by number",
  inbox: `select ${INBOX_COLUMNS}, digest, posted_at_us from inbox where taken_by is null
    order by posted_at_us, id limit $1::int8`,
  waiting: `select id from inbox where taken_by is null order by posted_at_us, id limit $1::int8`,
  // Numbers of runs that have left are never given again.
  lastRun: "select greatest((select max(run) from run), (select max(run) from archived_run))",
  lastSystemSeq: `select max(j.seq) from incarnation i cross join lateral
    (select seq from journal where journal.shard = i.shard and journal.run = -i.incarnation
      order by seq desc limit 1) j`,
} as const;
