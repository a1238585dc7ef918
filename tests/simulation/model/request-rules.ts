/** What is held of every request, in the moment in which it leaves. */
import { isFinal } from "#src/core/run-state.ts";
import type { Disk } from "../store/disk.ts";
import type { Process } from "../process.ts";
import type { Systems } from "../systems.ts";
import type { Request } from "../transport.ts";
import type { Sent } from "./sent.ts";
import type { Report } from "./violation.ts";

export interface RequestRulesOptions {
  readonly disk: Disk;
  readonly sent: Sent;
  readonly systems: Systems;
  readonly flyingUnder: (key: string) => number;
  readonly report: Report;
}

/** After these nothing is sent again before a person has decided. */
const FINAL_CLASSES: readonly string[] = ["permanent", "data", "policy"];

export class RequestRules {
  readonly #options: RequestRulesOptions;
  /** Lanes: runs in the order in which their starts were committed. */
  readonly #lanes = new Map<string, number[]>();

  constructor(options: RequestRulesOptions) {
    this.#options = options;
  }

  startedIn(lane: string, run: number): void {
    const runs = this.#lanes.get(lane);
    if (runs === undefined) this.#lanes.set(lane, [run]);
    else runs.push(run);
  }

  leaves(request: Request, process: Process): void {
    const { disk, sent, report } = this.#options;
    const { action, id, key, number, kind } = request;
    const what = `${action} ${id} #${String(number)}`;
    if (!process.chain.isAlive)
      report("P3", null, `${what} left a worker that has been replaced: ${process.name}`);
    // A read declares nothing.
    if (kind === "read") return;
    const operation = sent.left(key, action, id);
    if (operation === null || !operation.attempts.has(number)) {
      report("P4", operation?.run ?? null, `${what} left before its intent was durable`);
      return;
    }
    const { run, step } = operation;
    const row = disk.tables.runs.get(run)?.row;
    if (row !== undefined && isFinal(row.state))
      report("P4", run, `${what} left after its run had ended`);
    this.#requireKnown(request, run, what);
    this.#requireAllowed(run, step, what);
    if (operation.head.undoes !== undefined) this.#requireDone(run, operation.head.undoes, what);
    this.#requireTurn(run, what);
  }

  /** What is not harmless to repeat is not repeated while an earlier attempt may have happened. */
  #requireKnown({ kind, action, id, key }: Request, run: number, what: string): void {
    const { systems, flyingUnder, report } = this.#options;
    if (kind !== "search" && kind !== "none") return;
    if (flyingUnder(key) > 0) report("P5", run, `${what} left while an earlier one may still land`);
    if (systems.count(action, id) > 0)
      report("P5", run, `${what} left although it was done already`);
  }

  #requireAllowed(run: number, step: string, what: string): void {
    const { disk, report } = this.#options;
    const records = (disk.journal.get(run) ?? []).map(({ record }) => record);
    const last = records.findLast(
      ({ name, kind }) =>
        name === step &&
        ["outcome", "probe", "settled", "resumed", "edited", "supplied", "again"].includes(kind),
    );
    if (last?.kind !== "outcome") return;
    const head = JSON.parse(last.head ?? "null") as {
      readonly failure?: { readonly class: string };
      readonly move?: { readonly kind: string };
    };
    const failureClass = head.failure?.class ?? "";
    // What is found out by a repeat is none.
    if (FINAL_CLASSES.includes(failureClass) && head.move?.kind !== "retry")
      report("P8", run, `${what} left after a failure of class ${failureClass}`);
  }

  #requireDone(run: number, undoes: string, what: string): void {
    const { disk, report } = this.#options;
    const row = [...disk.tables.effects.values()].findLast(
      (one) => one.run === run && one.step === undoes,
    );
    if (row?.proof !== "surely")
      report(
        "P4",
        run,
        `${what} undoes "${undoes}", of which is known: ${row?.proof ?? "nothing"}`,
      );
  }

  #requireTurn(run: number, what: string): void {
    const { disk, report } = this.#options;
    const row = disk.tables.runs.get(run)?.row;
    if (row === undefined || row.lane === null) return;
    const first = (this.#lanes.get(row.lane) ?? []).find((other) => {
      const one = disk.tables.runs.get(other)?.row;
      return one !== undefined && one.lane !== null && !isFinal(one.state);
    });
    if (first !== undefined && first !== run)
      report("P7", run, `${what} left before the turn of its run: ${String(first)} is first`);
  }
}
