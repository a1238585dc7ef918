/** What is wrong with a PostgreSQL server and its store that no start refuses. Pure. */
import { durationText } from "../duration.ts";
import { type Finding, failed, warned, well } from "./finding.ts";
import { countText } from "./sizes.ts";

export interface ServerReading {
  /** Null: a server of another kind, without the setting. */
  readonly checksums: string | null;
  /** As the role has it, and as a session of ours has it. */
  readonly commitOfRole: string;
  readonly commitOfSession: string;
  /** Time limits that a session of ours still has, as `NAME = VALUE`. */
  readonly limitsLeft: readonly string[];
  /** That the role has, and that no session of ours has. */
  readonly limitsOfRole: readonly string[];
}

export interface ConnectionsReading {
  readonly used: number;
  /** The lowest of the limits that hold for this role: its own, the database's, the server's. */
  readonly max: number;
}

export interface StandbyReading {
  /** As the server is told whom to wait for; empty if for nobody. */
  readonly declared: string;
  /** Standbys that commits wait for now; null if this role may not see what they are at. */
  readonly waitedFor: number | null;
  /** Standbys that are connected, whatever they are. */
  readonly connected: number;
}

/** What a worker takes: to write, to read, to beat. */
const CONNECTIONS_MIN = 3;
/** Two workers more, and what comes and goes in a deployment. */
const CONNECTIONS_LOW = 12;
const CONNECTIONS_LOW_SHARE = 0.1;
const SKEW_MS = 1_000;
const SKEW_MS_MAX = 60_000;

export function checksums({ checksums: set }: ServerReading): Finding {
  if (set === "on") return well("checksums", "data checksums are on");
  if (set === null) return well("checksums", "this server says nothing of data checksums");
  return warned(
    "checksums",
    "data checksums are off: a page that the disk has damaged is not noticed",
    {
      fix: "Stop the server in order, run `pg_checksums --enable`, start it again.",
    },
  );
}

export function commit({ commitOfRole, commitOfSession }: ServerReading): Finding {
  if (commitOfSession !== "on" && commitOfSession !== "remote_apply") {
    return failed(
      "commit",
      `a session asked for synchronous_commit = on and has ${commitOfSession}`,
      {
        code: "HF5005",
        fix: "Give the address of the server itself, or of a pooler that gives each client a session of its own.",
      },
    );
  }
  if (commitOfRole !== "off") return well("commit", `synchronous_commit = ${commitOfSession}`);
  return warned(
    "commit",
    "synchronous_commit is off for this role: the engine puts it on for itself, commits of your own (startIn, run.transact) may be lost in a crash",
    { fix: "alter role ROLE set synchronous_commit = on" },
  );
}

export function timeLimits({ limitsLeft, limitsOfRole }: ServerReading): Finding {
  if (limitsLeft.length > 0) {
    return failed(
      "time-limits",
      `a session has put its time limits off and still has ${limitsLeft.join(", ")}`,
      {
        fix: "Give the address of the server itself, or of a pooler that gives each client a session of its own.",
      },
    );
  }
  return well(
    "time-limits",
    limitsOfRole.length === 0
      ? "none"
      : `${limitsOfRole.join(", ")} of this role holds for no session of the engine`,
  );
}

export function connections({ used, max }: ConnectionsReading): Finding {
  const left = Math.max(0, max - used);
  const what = `${String(left)} of ${String(max)} connections are left`;
  const fix =
    "Raise the limit that is reached (max_connections, connection limit of the role or the database), or find who keeps connections: select usename, count(*) from pg_stat_activity group by 1";
  if (left < CONNECTIONS_MIN)
    return failed("connections", `${what}, and a worker needs ${String(CONNECTIONS_MIN)}`, { fix });
  const isLow = left < Math.max(CONNECTIONS_LOW, max * CONNECTIONS_LOW_SHARE);
  return isLow ? warned("connections", what, { fix }) : well("connections", what);
}

/** @param reading - the database's clock, and ours before and after it was asked. */
export function clock(reading: {
  readonly databaseMs: number;
  readonly beforeMs: number;
  readonly afterMs: number;
}): Finding {
  const { databaseMs, beforeMs, afterMs } = reading;
  // Whatever lies between the two may be the way there and back.
  const ahead = Math.max(databaseMs - afterMs, beforeMs - databaseMs, 0);
  const side = databaseMs > afterMs ? "ahead of" : "behind";
  if (ahead < SKEW_MS)
    return well("clock", "the database's clock and the one here agree within a second");
  const what = `the database's clock is ${durationText(ahead)} ${side} the one here`;
  const fix =
    "Let both machines keep their time (NTP, chrony): timers and due times go by the clock of the worker, leases by that of the database.";
  return ahead < SKEW_MS_MAX ? warned("clock", what, { fix }) : failed("clock", what, { fix });
}

export function standby({ declared, waitedFor, connected }: StandbyReading): Finding {
  if (declared === "") return well("standby", "no standby is declared that commits wait for");
  if (waitedFor === null && connected > 0) {
    return warned(
      "standby",
      `commits wait for ${declared}; what the standbys are at, this role cannot see`,
      {
        fix: "grant pg_monitor to ROLE",
      },
    );
  }
  if (waitedFor !== null && waitedFor > 0)
    return well(
      "standby",
      `commits wait for ${declared}: ${countText(waitedFor, "is", "are")} there`,
    );
  return failed(
    "standby",
    `commits wait for ${declared}, and no such standby is there: every write stands`,
    {
      fix: "Bring the standby back; or, knowing that the newest commits are on one disk then, take it out of synchronous_standby_names.",
    },
  );
}
