/** What of the work in a store stands, and for how long nobody has looked. Pure. */
import { durationText } from "../duration.ts";
import { OWNER_DEFAULT } from "../exception-policy.ts";
import { type Finding, failed, warned, well } from "./finding.ts";
import { countText } from "./sizes.ts";

/** Rows that were counted; there may be more. */
export interface Counted {
  readonly count: number;
  readonly hasMore: boolean;
}

/** A command is taken within a second or two. */
const COMMAND_MS_MAX = 60_000;
/** As long as an outage lasts before its owner has an exception, by default. */
const OUTAGE_MS_MAX = 900_000;
/** Who archives at all does so more often. */
const KEPT_MS_MAX = 183 * 86_400_000;
/** Names in one sentence. */
const NAMES_MAX = 5;

function counted({ count, hasMore }: Counted, one: string): string {
  return hasMore ? `more than ${countText(count, one)}` : countText(count, one);
}

export function inbox(
  reading: Counted & {
    /** Since when the oldest waits. */
    readonly sinceMs: number | null;
    readonly engineRuns: boolean;
    readonly nowMs: number;
  },
): Finding {
  const { sinceMs, engineRuns, nowMs } = reading;
  if (sinceMs === null) return well("inbox", "no command waits");
  const since = durationText(nowMs - sinceMs);
  const what = `${counted(reading, "command")} ${reading.count === 1 ? "waits" : "wait"}, the oldest for ${since}`;
  if (!engineRuns) {
    return warned("inbox", `${what}, and no engine runs`, {
      fix: "Start the app: an engine takes them when it starts.",
    });
  }
  if (nowMs - sinceMs < COMMAND_MS_MAX) return well("inbox", what);
  return warned("inbox", what, {
    fix: "See whether the engine is at its limits (its log says HF4201), or whether the worker whose they are hangs; restart it if so.",
  });
}

export function exceptions(
  reading: Counted & {
    /** Of each: for how long, whose, and whether somebody has taken it. */
    readonly overdue: readonly {
      readonly lateMs: number;
      readonly owner: string;
      readonly isTaken: boolean;
    }[];
  },
): Finding {
  const { overdue } = reading;
  if (overdue.length === 0) return well("exceptions", "none is overdue");
  const longest = durationText(Math.max(...overdue.map(({ lateMs }) => lateMs)));
  const open = overdue.filter(({ isTaken }) => !isTaken).length;
  const isAre = overdue.length === 1 ? "is" : "are";
  const what = `${counted(reading, "exception")} ${isAre} overdue, the oldest by ${longest}: ${tallied(overdue.map(({ owner }) => owner))}; nobody has taken ${String(open)} of them`;
  return warned("exceptions", what, { fix: "holdfast exceptions --overdue" });
}

/** @param reading - open exceptions of the owner of last resort. */
export function owners(reading: Counted): Finding {
  if (reading.count === 0)
    return well("owners", "every open exception went to somebody who was named");
  return warned(
    "owners",
    `${counted(reading, "open exception")} went to "${OWNER_DEFAULT}", because nobody else was named`,
    {
      fix: `holdfast exceptions --owner ${OWNER_DEFAULT}; then give the app an owner, or route them: holdfast routing set FILE --reason "..."`,
    },
  );
}

export interface DependencyReading {
  readonly integration: string;
  readonly state: "open" | "parked" | "probing";
  readonly reason: string;
  readonly sinceMs: number;
  readonly isByHand: boolean;
}

const AWAY = { open: "out of reach", parked: "parked", probing: "tried with one call" } as const;

/** @param all - those that are not as they should be. */
export function dependencies(all: readonly DependencyReading[], nowMs: number): readonly Finding[] {
  if (all.length === 0) return [well("dependencies", "all integrations are reached")];
  return all.map(({ integration, state, reason, sinceMs, isByHand }) => {
    const forMs = nowMs - sinceMs;
    const said = isByHand ? "parked by hand" : AWAY[state];
    const what = `${integration} has been ${said} for ${durationText(forMs)}: ${reason}`;
    if (isByHand) {
      return warned("dependencies", what, {
        fix: `Once it may be called again: holdfast unpark ${integration} --reason "..."`,
      });
    }
    return warned("dependencies", what, {
      fix: "holdfast dependencies; call whoever runs it",
      ...(forMs >= OUTAGE_MS_MAX ? { code: "HF3009" } : {}),
    });
  });
}

export interface ReviewReading {
  readonly id: string;
  readonly dueAtMs: number | null;
  /** Who may answer it now, and who may not. */
  readonly by: string;
  readonly notBy: string | null;
}

export function reviews(
  reading: Counted & { readonly open: readonly ReviewReading[]; readonly nowMs: number },
): readonly Finding[] {
  const { open, nowMs } = reading;
  const late = open.filter(({ dueAtMs }) => dueAtMs !== null && dueAtMs < nowMs);
  const nobodys = open.filter(({ by, notBy }) => by === notBy);
  return [
    late.length === 0
      ? well("reviews", "none is overdue")
      : warned(
          "reviews",
          `${countText(late.length, "review is", "reviews are")} overdue: ${tallied(late.map(({ by }) => by))}`,
          {
            fix: "holdfast reviews",
          },
        ),
    nobodys.length === 0
      ? well("reviewers", "somebody may answer each review")
      : warned(
          "reviewers",
          `nobody may answer ${named(nobodys.map(({ id }) => id))}: who may is who is excluded`,
          {
            code: "HF6002",
            fix: "holdfast show RUN; cancel the run, or have it done again with a review that another may answer (by, notBy).",
          },
        ),
  ];
}

export interface FlightReading {
  readonly version: string;
  readonly isHeld: boolean;
  readonly count: number;
}

export function held(all: readonly FlightReading[]): Finding {
  const count = sum(all.filter(({ isHeld }) => isHeld));
  const versions = new Set(all.map(({ version }) => version));
  const flight = `${countText(sum(all), "run")} in flight, of ${countText(versions.size, "version")}`;
  if (count === 0) return well("held", `no run waits for a version of the code; ${flight}`);
  return warned(
    "held",
    `${countText(count, "run waits", "runs wait")} for a version of the code that fits; ${flight}`,
    {
      code: "HF2104",
      fix: "holdfast held says which step, and which version could go on with them",
    },
  );
}

/** @param endedAtMs - of the run that began first of those that have ended and are here; null if none is. */
export function retention(endedAtMs: number | null, nowMs: number): Finding {
  if (endedAtMs === null) return well("retention", "no run has ended");
  const what = `of the runs that have ended, the first to begin ended ${durationText(nowMs - endedAtMs)} ago`;
  if (nowMs - endedAtMs < KEPT_MS_MAX) return well("retention", what);
  return warned("retention", `${what}, and is here: the store grows without end`, {
    fix: "holdfast archive --older-than 90d --to FILE shows what may leave; see docs/operate/retention.md",
  });
}

/** @param payloads - what was looked at, and which could not be read. */
export function payloads(reading: {
  readonly looked: number;
  readonly unreadable: readonly string[];
}): Finding {
  const { looked, unreadable } = reading;
  if (unreadable.length > 0) {
    return failed(
      "payloads",
      `${countText(unreadable.length, "payload")} of ${String(looked)} cannot be read: ${named(unreadable)}`,
      {
        code: "HF5021",
        fix: "Bring the file back from the backup of the payload files, or give the key ring in its newest form; holdfast store verify names all of them.",
      },
    );
  }
  return well("payloads", `${countText(looked, "payload")} of open runs can be read`);
}

function sum(all: readonly { readonly count: number }[]): number {
  return all.reduce((total, { count }) => total + count, 0);
}

/** `team-ap (2), operators (1)`: those with the most first. */
function tallied(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const all = [...counts].toSorted(([, one], [, other]) => other - one);
  return named(all.map(([name, count]) => `${name} (${String(count)})`));
}

function named(names: readonly string[]): string {
  const left = names.length - NAMES_MAX;
  const shown = names.slice(0, NAMES_MAX).join(", ");
  return left > 0 ? `${shown} and ${String(left)} more` : shown;
}
