/**
 * Counters and issues: what many runs add to. Each writer adds to counters in a shard of its own, and
 * to issues in the shard of the run, in order of key; readers add the shards up. So flushes of several
 * writers never wait for each other for long, and an issue is eased where it was seen.
 */
import type { ArchivedIssue } from "../core/archived.ts";
import type { Change } from "../store/change.ts";
import { binaryArray } from "./binary-array.ts";
import { type Written, inKeyOrder, inserted } from "./table.ts";
import { COUNTER, type CountAt, ISSUE, type IssueAt } from "./count-tables.ts";

type Seen = Extract<Change, { kind: "issue-seen" }>;

interface EasedAt {
  readonly shard: number;
  readonly fingerprint: string;
  readonly count: number;
}

export class Counts {
  readonly #shard: number;
  readonly #counted = new Map<string, number>();
  readonly #seen = new Map<string, IssueAt>();
  readonly #eased = new Map<string, EasedAt>();

  constructor(shard: number) {
    this.#shard = shard;
  }

  count(name: string, delta: number): void {
    this.#counted.set(name, (this.#counted.get(name) ?? 0) + delta);
  }

  /** @param shard - that of the run. */
  issue(change: Extract<Change, { kind: "issue-seen" | "issue-eased" }>, shard: number): void {
    const { fingerprint } = change;
    const key = `${String(shard)}|${fingerprint}`;
    const before = this.#seen.get(key);
    if (change.kind === "issue-seen") {
      this.#seen.set(key, seenOnce(before ?? firstSeen(change, shard), change));
    } else if (before === undefined) {
      const count = (this.#eased.get(key)?.count ?? 0) + 1;
      this.#eased.set(key, { shard, fingerprint, count });
    } else {
      this.#seen.set(key, { ...before, openCount: before.openCount - 1 });
    }
  }

  /** All of its exceptions are closed. */
  addIssue(issue: ArchivedIssue, shard: number): void {
    const key = `${String(shard)}|${issue.fingerprint}`;
    const { firstSeenAtMs, lastSeenAtMs, totalCount } = issue;
    const before = this.#seen.get(key);
    const added = { ...issue, shard, openCount: 0 };
    this.#seen.set(
      key,
      before === undefined
        ? added
        : {
            ...before,
            firstSeenAtMs: Math.min(before.firstSeenAtMs, firstSeenAtMs),
            lastSeenAtMs: Math.max(before.lastSeenAtMs, lastSeenAtMs),
            totalCount: before.totalCount + totalCount,
          },
    );
  }

  finish(): Written[] {
    const written = [...this.#counterWrites(), ...this.#issueWrites()];
    for (const sums of [this.#counted, this.#seen, this.#eased]) sums.clear();
    return written;
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
    if (this.#eased.size > 0) written.push(eased([...this.#eased.values()]));
    if (this.#seen.size === 0) return written;
    const { text, values } = inserted(ISSUE, inKeyOrder(ISSUE, this.#seen.values()));
    // By time and not by order: runs of one shard may have had several owners.
    const add = `on conflict (shard, fingerprint) do update set
      first_seen_at_ms = least(issue.first_seen_at_ms, excluded.first_seen_at_ms),
      last_seen_at_ms = greatest(issue.last_seen_at_ms, excluded.last_seen_at_ms),
      open_count = issue.open_count + excluded.open_count,
      total_count = issue.total_count + excluded.total_count`;
    return [...written, { name: "add-issue", text: `${text} ${add}`, values }];
  }
}

function firstSeen({ kind: _, atMs, ...cause }: Seen, shard: number): IssueAt {
  const counts = { firstSeenAtMs: atMs, lastSeenAtMs: atMs, openCount: 0, totalCount: 0 };
  return { shard, ...cause, ...counts };
}

function seenOnce(issue: IssueAt, { atMs }: Seen): IssueAt {
  const { openCount, totalCount } = issue;
  return {
    ...issue,
    firstSeenAtMs: Math.min(issue.firstSeenAtMs, atMs),
    lastSeenAtMs: Math.max(issue.lastSeenAtMs, atMs),
    openCount: openCount + 1,
    totalCount: totalCount + 1,
  };
}

/** Causes that this flush only closes items of: their rows are there, with their runs. */
function eased(rows: readonly EasedAt[]): Written {
  const sorted = rows.toSorted(
    (a, b) => a.shard - b.shard || (a.fingerprint < b.fingerprint ? -1 : 1),
  );
  return {
    name: "ease-issue",
    text: `update issue set open_count = issue.open_count - t.count
      from unnest($1::int2[], $2::text[], $3::int4[]) as t (shard, fingerprint, count)
      where issue.shard = t.shard and issue.fingerprint = t.fingerprint`,
    values: [
      binaryArray(
        "int2",
        sorted.map(({ shard }) => shard),
      ),
      binaryArray(
        "text",
        sorted.map(({ fingerprint }) => fingerprint),
      ),
      binaryArray(
        "int4",
        sorted.map(({ count }) => count),
      ),
    ],
  };
}
