/**
 * No run is gone on with by code that its history does not fit (P9): what it has asked other systems for
 * is what that code would have asked for. That is said by the program alone, not by what the engine compares.
 */
import type { IntentHead, JournalRecord } from "#src/core/journal.ts";
import type { RecordKind } from "#src/core/record-kinds.ts";
import { isFinal } from "#src/core/run-state.ts";
import type { Disk } from "../store/disk.ts";
import type { Program } from "../programs.ts";
import { askedAt, type AskedEffect, type CodeVersion } from "../versions.ts";
import type { Report } from "./violation.ts";

/** Records that only the run's code brings about. */
const OF_CODE: ReadonlySet<RecordKind> = new Set(["result", "asked", "called", "timer"]);

interface Asked extends AskedEffect {
  readonly as: string;
}

export interface VersionRulesOptions {
  readonly disk: Disk;
  readonly programs: ReadonlyMap<string, Program>;
  readonly report: Report;
  /** Told of each run that a deployment has left without code that fits. */
  readonly note: (text: string) => void;
}

export class VersionRules {
  readonly #options: VersionRulesOptions;
  /** What each run has asked for, as it is on record. */
  readonly #asked = new Map<number, Asked[]>();

  constructor(options: VersionRulesOptions) {
    this.#options = options;
  }

  committed(records: readonly JournalRecord[], version: CodeVersion): void {
    for (const record of records) {
      const { run, kind, name, head, data } = record;
      if (run === 0) continue;
      // The engine wrote it with the shape of its kind.
      const intent = kind === "intent" ? (JSON.parse(head ?? "null") as IntentHead) : null;
      const isForward = intent !== null && intent.undoes === undefined;
      const isFirst = intent?.operation === record.seq;
      if ((isForward && isFirst) || isCompletion(record) || this.#goesOn(record, isForward))
        this.#require(run, version, `"${kind}" of "${name}" was written`);
      if (isForward) this.#keep(run, name, data);
    }
  }

  /** A request that does something, and is no undoing, leaves a process with code of this version. */
  leaves(run: number, version: CodeVersion, what: string): void {
    if (!this.#isTakenBack(run)) this.#require(run, version, `${what} left`);
  }

  #goesOn({ run, kind }: JournalRecord, isForward: boolean): boolean {
    return (isForward || OF_CODE.has(kind)) && !this.#isTakenBack(run);
  }

  /** That is done by its records alone: to find out what became of a request it may be sent again. */
  #isTakenBack(run: number): boolean {
    const state = this.#options.disk.tables.runs.get(run)?.row.state;
    return state === "cancelling" || state === "compensating";
  }

  /** What the last deployment does not fit has ended, or is held and somebody's. */
  checkEnd(version: CodeVersion): void {
    const { disk, report, note } = this.#options;
    for (const run of this.#asked.keys()) {
      const row = disk.tables.runs.get(run)?.row;
      if (row === undefined || this.#misfit(run, version) === null) continue;
      note(`misfit ${String(run)} is ${row.state} under version ${version}`);
      if (!isFinal(row.state) && row.state !== "held" && row.state !== "exception")
        report("P9", run, `no code fits it, and it is ${row.state} (${row.reason}), not held`);
    }
  }

  #keep(run: number, name: string, data: string | null): void {
    // What is sent again is on record once.
    if (data === null) return;
    const [effect = "", as = ""] = (name.split("/").at(-1) ?? "").split("#");
    const { id } = JSON.parse(data) as { readonly id: string };
    // The name of a step begins with that of its effect, which is one of ours.
    const asked = { effect: effect as AskedEffect["effect"], as, id };
    const before = this.#asked.get(run) ?? [];
    if (before.some((one) => one.as === as && one.effect === effect && one.id === id)) return;
    this.#asked.set(run, [...before, asked]);
  }

  #require(run: number, version: CodeVersion, what: string): void {
    const misfit = this.#misfit(run, version);
    if (misfit !== null)
      this.#options.report("P9", run, `${what} by version ${version}, which ${misfit}`);
  }

  /** What the history holds that code of this version does not ask for; null if it fits. */
  #misfit(run: number, version: CodeVersion): string | null {
    const { disk, programs } = this.#options;
    const program = programs.get(disk.tables.runs.get(run)?.row.key ?? "");
    if (program === undefined) return null;
    for (const { as, effect, id } of this.#asked.get(run) ?? []) {
      const wanted = askedAt(version, program, as);
      if (wanted?.effect === effect && wanted.id === id) continue;
      const other = wanted === null ? "nothing" : `${wanted.effect} ${wanted.id}`;
      return `asks for ${other} where it has asked for ${effect} ${id}`;
    }
    return null;
  }
}

function isCompletion({ kind, head }: JournalRecord): boolean {
  if (kind !== "finished") return false;
  const { state } = JSON.parse(head ?? "null") as { readonly state: string };
  return state === "completed";
}
