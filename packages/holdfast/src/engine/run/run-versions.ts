/**
 * Which version of the code has a run, and which path the run takes where versions differ. The version
 * is on record when the run begins, and again whenever another one goes on with it: after its history
 * has been found to fit, before anything of it is executed.
 */
import { HoldfastError } from "../../core/error.ts";
import type { CodeHead, JournalRecord, ResultHead } from "../../core/journal.ts";
import {
  sinceProblem,
  takesNewPath,
  unaskedProblem,
  type Deployed,
  type SinceAnswer,
} from "../../core/since.ts";
import type { LiveRun } from "./live-run.ts";
import { headOf } from "./recovery.ts";

export class RunVersions {
  readonly #run: LiveRun;
  /** That went on with it last. */
  #version: string;
  /** What its code was told, by version: the first answer holds for all of them. */
  readonly #answers = new Map<string, boolean>();
  /** Answers of a recovery, by path: on record once the history has been found to fit. */
  readonly #unwritten = new Map<string, SinceAnswer>();

  /** By each version that has gone on with it: number of the record by which it did so first. */
  readonly #firstSeqs = new Map<string, number>();

  constructor(run: LiveRun, ofRun: readonly JournalRecord[]) {
    this.#run = run;
    this.#version = run.row.codeVersion;
    this.#firstSeqs.set(run.row.version, 0);
    for (const record of ofRun)
      if (record.kind === "code") this.#wentOn(headOf<CodeHead>(record).version, record.seq);
  }

  /** Number of the record by which the deployed code first went on with it; 0: it has begun with that. */
  get changedSeq(): number {
    return this.#firstSeqs.get(this.#version) ?? 0;
  }

  #wentOn(version: string, seq: number): void {
    if (!this.#firstSeqs.has(version)) this.#firstSeqs.set(version, seq);
  }

  /** The deployed code goes on with it from here. */
  goOn(): void {
    const { version } = this.#run.host;
    if (version !== this.#version) {
      const head: CodeHead = { version, from: this.#version };
      this.#wentOn(version, this.#run.append("code", "", head).seq);
      this.#version = version;
    }
    for (const [path, answer] of this.#unwritten) this.#write(path, answer);
    this.#unwritten.clear();
  }

  /**
   * Whether the run takes the path that this version has brought.
   *
   * @param hasPassed - the journal holds something that comes behind this question.
   * @throws {HoldfastError} HF1111 if that cannot be said.
   */
  since(path: string, version: string, hasPassed: () => boolean): boolean {
    const known = this.#recorded(path);
    if (known !== null) return this.#same(path, known);
    const began = this.#run.row.version;
    const problem = sinceProblem(version, began, this.#deployed);
    if (problem !== null) throw misplaced(version, problem, this.#run.id);
    const facts = { began, hasPassed: hasPassed() };
    // One that has taken the old path once stays on it, wherever it is asked again.
    const isNew =
      this.#answers.get(version) !== false && takesNewPath(version, facts, this.#deployed);
    const answer = { version, isNew };
    this.#same(path, answer);
    if (this.#run.mode === "recovering") this.#unwritten.set(path, answer);
    else this.#write(path, answer);
    return isNew;
  }

  /** Why code that has not asked for these steps does not fit them; null if it does. */
  unasked(paths: Iterable<string>): string | null {
    for (const path of paths) {
      if (this.#run.slots.has(path)) continue;
      const answer = sinceIn(this.#run.recorded(path));
      const problem = answer === null ? null : unaskedProblem(answer, this.#deployed);
      if (problem === null) continue;
      return `The journal holds an answer to run.since under ${JSON.stringify(path)}, which your code no longer asks for: ${problem}.`;
    }
    return null;
  }

  get #deployed(): Deployed {
    const { version, declarations, earlierVersions } = this.#run.host;
    return { running: version, known: declarations.versions, earlier: earlierVersions };
  }

  /** Also one from before the run was done again: it stays on its path. */
  #recorded(path: string): SinceAnswer | null {
    return sinceIn(this.#run.recorded(path)) ?? sinceIn(this.#run.superseded.get(path) ?? []);
  }

  #same(path: string, { version, isNew }: SinceAnswer): boolean {
    const before = this.#answers.get(version);
    if (before !== undefined && before !== isNew) {
      const why = `the run was told ${String(before)} before, and at "${path}" its history says ${String(isNew)}`;
      throw misplaced(version, why, this.#run.id);
    }
    this.#answers.set(version, isNew);
    return isNew;
  }

  #write(path: string, since: SinceAnswer): void {
    const head: ResultHead = { since };
    this.#run.append("result", path, head);
  }
}

function sinceIn(records: readonly JournalRecord[]): SinceAnswer | null {
  const first = records[0];
  if (first?.kind !== "result" || first.head === null) return null;
  return headOf<ResultHead>(first).since ?? null;
}

function misplaced(version: string, why: string, run: string): HoldfastError {
  return new HoldfastError(
    "HF1111",
    `run.since(${JSON.stringify(version)}) of run ${run} cannot be answered: ${why}. The run is held.`,
    "Name the version with which the change is deployed, and give that name to the app: holdfast({ version }). Where a store has not seen all versions, list those before: earlierVersions. For a later change at another place name a later version.",
  );
}
