/** Reads what stands in a store; what it means is in core/doctor. Every read is short and bounded. */
import { well, warned, type Finding, type Tell } from "../../core/doctor/finding.ts";
import * as judged from "../../core/doctor/work.ts";
import { lateMs } from "../../core/exception-handling.ts";
import { OWNER_DEFAULT } from "../../core/exception-policy.ts";
import { FINAL_RUN_STATES } from "../../core/run-state.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { StoreReader } from "../../store/store.ts";

const COMMANDS_MAX = 200;
const EXCEPTIONS_MAX = 1_000;
const REVIEWS_MAX = 1_000;
const DEPENDENCIES_MAX = 20;

export async function lookAtWork(reader: StoreReader, nowMs: number, tell: Tell): Promise<void> {
  // Side by side: on a server far away each of them is a way there and back.
  const looks: readonly Promise<readonly Finding[]>[] = [
    cells(reader),
    inbox(reader, nowMs),
    exceptions(reader, nowMs),
    owners(reader),
    dependencies(reader, nowMs),
    reviews(reader, nowMs),
    held(reader),
    retention(reader, nowMs),
  ];
  for (const findings of await Promise.all(looks)) for (const one of findings) tell(one);
}

async function cells(reader: StoreReader): Promise<readonly Finding[]> {
  const head = await reader.cells.list();
  if (head === null) return [well("cells", "this store is no cell")];
  const what = `cell ${head.self} of ${head.list.cells.map(({ name }) => name).join(", ")}`;
  if (head.isAgreed) return [well("cells", what)];
  return [
    warned(
      "cells",
      `${what}; the change to generation ${String(head.list.generation)} is not finished`,
      {
        code: "HF5024",
        fix: "Give the command again that began it (holdfast cells add or holdfast cells drain): it goes on where it was.",
      },
    ),
  ];
}

async function inbox(reader: StoreReader, nowMs: number): Promise<readonly Finding[]> {
  const rows = await reader.inbox(COMMANDS_MAX);
  return [
    judged.inbox({
      ...countOf(rows, COMMANDS_MAX),
      sinceMs: rows.length === 0 ? null : Math.min(...rows.map(({ atMs }) => atMs)),
      engineRuns: await reader.engineRuns(),
      nowMs,
    }),
  ];
}

async function exceptions(reader: StoreReader, nowMs: number): Promise<readonly Finding[]> {
  const query = { afterRun: -1, limit: EXCEPTIONS_MAX, dueBeforeMs: nowMs };
  const rows = await reader.exceptions(query);
  const overdue = rows.map(({ dueAtMs, owner, handling }) => ({
    lateMs: lateMs({ dueAtMs, stoppedAtMs: handling.stoppedAtMs }, nowMs),
    owner,
    isTaken: handling.assignee !== null,
  }));
  return [judged.exceptions({ ...countOf(rows, EXCEPTIONS_MAX), overdue })];
}

async function owners(reader: StoreReader): Promise<readonly Finding[]> {
  const query = { afterRun: -1, limit: EXCEPTIONS_MAX, owner: OWNER_DEFAULT };
  return [judged.owners(countOf(await reader.exceptions(query), EXCEPTIONS_MAX))];
}

async function dependencies(reader: StoreReader, nowMs: number): Promise<readonly Finding[]> {
  const rows = await reader.dependencies();
  const away = rows.flatMap(({ integration, state, reason, sinceMs, byHand }) =>
    state === "closed" ? [] : [{ integration, state, reason, sinceMs, isByHand: byHand === 1 }],
  );
  return judged.dependencies(away.slice(0, DEPENDENCIES_MAX), nowMs);
}

async function reviews(reader: StoreReader, nowMs: number): Promise<readonly Finding[]> {
  const rows = await reader.reviews({ afterRun: 0, limit: REVIEWS_MAX });
  const open = rows.map(({ run, review, dueAtMs, by, notBy, escalatedTo }) => ({
    id: `${review} of ${formatRunId(run)}`,
    dueAtMs,
    by: escalatedTo ?? by,
    notBy,
  }));
  return judged.reviews({ ...countOf(rows, REVIEWS_MAX), open, nowMs });
}

async function held(reader: StoreReader): Promise<readonly Finding[]> {
  const counts = await reader.versionCounts();
  return [
    judged.held(
      counts.map(({ codeVersion, state, count }) => ({
        version: codeVersion,
        isHeld: state === "held",
        count,
      })),
    ),
  ];
}

async function retention(reader: StoreReader, nowMs: number): Promise<readonly Finding[]> {
  // By run number, which is by start: the one that began first ended long ago, too.
  const [oldest] = await reader.runs({ states: FINAL_RUN_STATES, afterRun: 0, limit: 1 });
  return [judged.retention(oldest?.endedAtMs ?? null, nowMs)];
}

function countOf(rows: readonly unknown[], limit: number): judged.Counted {
  return { count: rows.length, hasMore: rows.length >= limit };
}
