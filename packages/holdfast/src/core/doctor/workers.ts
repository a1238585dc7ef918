/** Who works on a store on PostgreSQL, and what of it nobody has. Pure. */
import { durationText } from "../duration.ts";
import { type Finding, warned, well } from "./finding.ts";
import { countText } from "./sizes.ts";
import { noEngine } from "./store-file.ts";

export interface WorkersReading {
  readonly workers: readonly {
    /** Of its lease; below 0 it is over, and nobody has put it to death yet. */
    readonly leftMs: number;
    readonly isShared: boolean;
    readonly shards: number;
  }[];
  /** Shards without a living owner. */
  readonly freeShards: number;
}

export function workers({ workers: all }: WorkersReading): Finding {
  const over = all.filter(({ leftMs }) => leftMs <= 0);
  const living = all.length - over.length;
  if (over.length > 0) {
    const longestMs = Math.max(...over.map(({ leftMs }) => -leftMs));
    return warned(
      "engine",
      `${countText(over.length, "worker has", "workers have")} not shown for ${durationText(longestMs)} beyond the lease; ${String(living)} live`,
      {
        fix: "Another worker takes over by itself; where none lives, start one. Find out what has stopped that one, or its way to the database.",
      },
    );
  }
  if (living === 0) return noEngine();
  const isAlone = all.every(({ isShared }) => !isShared);
  return well(
    "engine",
    isAlone
      ? "an engine has the store for itself"
      : countText(living, "worker lives", "workers live"),
  );
}

export function shards({ workers: all, freeShards }: WorkersReading): Finding {
  const hasWorker = all.some(({ leftMs, isShared }) => isShared && leftMs > 0);
  if (!hasWorker) return well("shards", "no worker shares the store");
  if (freeShards === 0) return well("shards", "each has a living owner");
  return warned(
    "shards",
    `${countText(freeShards, "shard has", "shards have")} no living owner: their runs stand`,
    {
      fix: "Look again in some seconds: workers take what is free at their next beat. If it stays, restart the oldest worker.",
    },
  );
}
