/**
 * Counters and issues: what many runs add to. Each writer adds in a shard of its own, in order of
 * key, and readers add the shards up, so flushes of several writers never wait for each other.
 */
import type { Change } from "../store/change.ts";
import { binaryArray } from "./binary-array.ts";
import { type Written, inKeyOrder, inserted } from "./table.ts";
import { COUNTER, type CountAt, ISSUE, type IssueAt } from "./tables.ts";

type Seen = Extract<Change, { kind: "issue-seen" }>;

export class Counts {
  readonly #shard: number;
  readonly #counted = new Map<string, number>();
  readonly #seen = new Map<string, IssueAt>();
  readonly #eased = new Map<string, number>();

  constructor(shard: number) {
    this.#shard = shard;
  }

  count(name: string, delta: number): void {
    this.#counted.set(name, (this.#counted.get(name) ?? 0) + delta);
  }

  issue(change: Extract<Change, { kind: `issue-${string}` }>): void {
    const { fingerprint } = change;
    const before = this.#seen.get(fingerprint);
    if (change.kind === "issue-seen") {
      this.#seen.set(fingerprint, seenOnce(before ?? this.#firstSeen(change), change));
    } else if (before === undefined) {
      this.#eased.set(fingerprint, (this.#eased.get(fingerprint) ?? 0) + 1);
    } else {
      this.#seen.set(fingerprint, { ...before, openCount: before.openCount - 1 });
    }
  }

  finish(): Written[] {
    const written = [...this.#counterWrites(), ...this.#issueWrites()];
    for (const sums of [this.#counted, this.#seen, this.#eased]) sums.clear();
    return written;
  }

  #firstSeen({ kind: _, atMs, ...cause }: Seen): IssueAt {
    const counts = { firstSeenAtMs: atMs, lastSeenAtMs: atMs, openCount: 0, totalCount: 0 };
    return { shard: this.#shard, ...cause, ...counts };
  }

  #counterWrites(): Written[] {
    const rows: CountAt[] = [];
    for (const [name, value] of this.#counted) {
      if (value !== 0) rows.push({ shard: this.#shard, name, value });
    }
    if (rows.length === 0) return [];
    const { text, values } = inserted(COUNTER, inKeyOrder(COUNTER, rows));
    const add = "on conflict (shard, name) do update set value = counter.value + excluded.value";
    return [{ name: "add-counter", text: `${text} ${add}`, values }];
  }

  #issueWrites(): Written[] {
    const written: Written[] = [];
    if (this.#eased.size > 0) written.push(eased(this.#shard, this.#eased));
    if (this.#seen.size === 0) return written;
    const { text, values } = inserted(ISSUE, inKeyOrder(ISSUE, this.#seen.values()));
    const add = `on conflict (shard, fingerprint) do update set
      last_seen_at_ms = excluded.last_seen_at_ms,
      open_count = issue.open_count + excluded.open_count,
      total_count = issue.total_count + excluded.total_count`;
    return [...written, { name: "add-issue", text: `${text} ${add}`, values }];
  }
}

function seenOnce(issue: IssueAt, { atMs }: Seen): IssueAt {
  const { openCount, totalCount } = issue;
  return {
    ...issue,
    lastSeenAtMs: atMs,
    openCount: openCount + 1,
    totalCount: totalCount + 1,
  };
}

/** Causes that this flush only closes items of: their rows are there. */
function eased(shard: number, counts: ReadonlyMap<string, number>): Written {
  const fingerprints = [...counts.keys()].toSorted();
  return {
    name: "ease-issue",
    text: `update issue set open_count = issue.open_count - t.count
      from unnest($2::text[], $3::int4[]) as t (fingerprint, count)
      where issue.shard = $1::int2 and issue.fingerprint = t.fingerprint`,
    values: [
      shard,
      binaryArray("text", fingerprints),
      binaryArray(
        "int4",
        fingerprints.map((fingerprint) => counts.get(fingerprint) ?? 0),
      ),
    ],
  };
}
