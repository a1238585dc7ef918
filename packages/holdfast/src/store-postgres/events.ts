/**
 * Kept events, the ids of events, receipts of messages, and answers that came early. What one change does depends on what others have left, so these
 * few are written one by one, in their order, and not gathered.
 */
import { assertNever } from "../core/assert.ts";
import type { Change } from "../store/change.ts";
import { SYSTEM_SHARD } from "./shard.ts";
import { type Written, inserted } from "./table.ts";
import { ACCEPTED_EVENT, EARLY_ANSWER, KEPT_EVENT, RECEIVED } from "./tables.ts";

const SQL = {
  replace: `on conflict (shard, name) do update set key = excluded.key, digest = excluded.digest,
    until_ms = excluded.until_ms, run = excluded.run, kept = excluded.kept`,
  // The oldest first, as `Change` says.
  forget: `delete from accepted_event where (shard, name) in (select shard, name
    from accepted_event where until_ms <= $1::int8
    order by until_ms, namespace, event, id limit 2)`,
  // Not if the same id was accepted anew since, after its time.
  take: `update accepted_event set run = $1::int8 from kept_event k
    where k.shard = $3::int2 and k.seq = $2::int4 and accepted_event.kept = $2::int4
      and accepted_event.namespace = k.namespace and accepted_event.event = k.event
      and accepted_event.id = k.id`,
  remove: "delete from kept_event where shard = $1::int2 and seq = $2::int4",
  removeEarly: "delete from early_answer where shard = $1::int2 and seq = $2::int4",
  // The oldest first, as `Change` says.
  forgetReceived: `delete from received where (shard, name) in (select shard, name
    from received where until_ms <= $1::int8 order by until_ms, name limit 2)`,
  // What is over, was held, or was with a person until now has made room; else the first counts.
  replaceReceived: `on conflict (shard, name) do update set ${RECEIVED.columns
    .filter(({ role }) => role === "free")
    .map(({ name }) => `${name} = excluded.${name}`)
    .join(", ")} where received.state in ('held', 'review') or received.until_ms <= excluded.at_ms`,
} as const;

export class Events {
  #written: Written[] = [];

  fold(
    change: Extract<Change, { kind: `event-${string}` | `early-${string}` | "message-received" }>,
  ): void {
    switch (change.kind) {
      case "event-kept":
        this.#written.push(inserted(KEPT_EVENT, [{ shard: SYSTEM_SHARD, ...change.row }]));
        return;
      case "event-accepted": {
        const { text, values } = inserted(ACCEPTED_EVENT, [change.row]);
        this.#written.push(
          { name: "forget-accepted_event", text: SQL.forget, values: [change.atMs] },
          { name: "put-accepted_event", text: `${text} ${SQL.replace}`, values },
        );
        return;
      }
      case "event-taken": {
        const { run, seq } = change;
        this.#written.push(
          { name: "take-accepted_event", text: SQL.take, values: [run, seq, SYSTEM_SHARD] },
          { name: "remove-kept_event", text: SQL.remove, values: [SYSTEM_SHARD, seq] },
        );
        return;
      }
      case "message-received": {
        const { text, values } = inserted(RECEIVED, [change.row]);
        this.#written.push(
          { name: "forget-received", text: SQL.forgetReceived, values: [change.row.atMs] },
          { name: "put-received", text: `${text} ${SQL.replaceReceived}`, values },
        );
        return;
      }
      case "early-kept":
        this.#written.push(inserted(EARLY_ANSWER, [{ shard: SYSTEM_SHARD, ...change.row }]));
        return;
      case "early-over":
        this.#written.push({
          name: "remove-early_answer",
          text: SQL.removeEarly,
          values: [SYSTEM_SHARD, change.seq],
        });
        return;
      default:
        assertNever(change);
    }
  }

  finish(): Written[] {
    const written = this.#written;
    this.#written = [];
    return written;
  }
}
