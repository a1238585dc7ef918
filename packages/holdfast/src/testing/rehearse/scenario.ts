/** The scenarios of a rehearsal: which call meets which fault, and when the process dies. */
import { fault, type Fault } from "../bed/fault.ts";
import type { AnyEffect } from "../../workflow/effect.ts";

/** When the process dies: before a flush is on disk, or right after. */
type Death = "before" | "after";

export interface Scenario {
  /** The same for the same rehearsal and seed: `holdfast rehearse MODULE --only ID`. */
  readonly id: string;
  /** A call meets a fault. */
  readonly fault?: { readonly call: PlannedCall; readonly name: FaultName; readonly fault: Fault };
  /** The process dies at this flush; "outcome": at the one that records what came of the fault. */
  readonly death?: { readonly at: number | "outcome"; readonly when: Death };
  /** The same input is given once more: at once, or when all is over. */
  readonly again?: "at once" | "afterwards";
  /** A person cancels the run when so many flushes are on disk. */
  readonly cancelAt?: number;
}

/** One call of the run without faults. */
export interface PlannedCall {
  readonly effect: AnyEffect;
  /** 1 for the first call of this effect in the run. */
  readonly number: number;
}

/** What the run without faults was like. */
export interface Course {
  readonly flushCount: number;
  readonly calls: readonly PlannedCall[];
}

export interface Variety {
  readonly crash: "every-checkpoint" | "none";
  readonly faults: "each-effect" | "none";
  readonly duplicates: boolean;
  readonly cancels: boolean;
}

type FaultName = (typeof FAULT_NAMES)[number];
const FAULT_NAMES = [
  "refused",
  "lost-not-done",
  "lost-done",
  "done-late",
  "slow",
  "rate-limited",
  "unavailable",
  "rejected",
  "malformed",
] as const;

/** How it is told, after the effect's name. */
const FAULT_WORDS: Readonly<Record<FaultName, string>> = {
  refused: "could not be reached",
  "lost-not-done": "lost its answer, and was not done",
  "lost-done": "lost its answer, and was done",
  "done-late": "lost its answer, and was done when the caller had given up",
  slow: "took longer than its timeout, and was done",
  "rate-limited": "was told to come later (429)",
  unavailable: "was told that the system is not available (503)",
  rejected: "was refused for good (422)",
  malformed: "was done, and answered nonsense",
};

/** After a call's timeout, milliseconds: a request that is still on its way lands then. */
const LATE_MS = 3_000;

function faultOf(name: FaultName, { plan }: AnyEffect): Fault {
  const { timeoutMs } = plan;
  switch (name) {
    case "refused":
      return fault.refused();
    case "lost-not-done":
      return fault.lostAnswer({ happened: false });
    case "lost-done":
      return fault.lostAnswer({ happened: true });
    case "done-late":
      return fault.late(`${timeoutMs + LATE_MS}ms`);
    case "slow":
      return fault.slow(`${timeoutMs + LATE_MS}ms`);
    case "rate-limited":
      return fault.rateLimited("5s");
    case "unavailable":
      return fault.status(503);
    case "rejected":
      return fault.status(422);
    case "malformed":
      return fault.malformed("<html>it works</html>");
  }
}

/** A read changes nothing: done or not is the same. */
const NOT_OF_READS: readonly FaultName[] = ["lost-done", "done-late"];

/** In a fixed order; the first is the run without faults. */
export function scenariosOf(course: Course, variety: Variety): readonly Scenario[] {
  return [
    { id: "0" },
    ...(variety.crash === "none" ? [] : crashes(course)),
    ...(variety.faults === "none" ? [] : faults(course, variety)),
    ...(variety.duplicates ? duplicates(course, variety) : []),
    ...(variety.cancels ? cancels(course) : []),
  ];
}

/** Each fault at each call that is made only when the run is taken back. */
export function undoingScenarios(
  course: Course,
  takenBack: Course,
  cancelAt: number,
): readonly Scenario[] {
  const planned = new Set(course.calls.map(idOf));
  return takenBack.calls
    .filter((call) => !planned.has(idOf(call)))
    .flatMap((call) =>
      FAULT_NAMES.map((name) => ({
        id: `cancel.${String(cancelAt)}.${idOf(call)}.${name}`,
        cancelAt,
        fault: { call, name, fault: faultOf(name, call.effect) },
      })),
    );
}

function idOf({ effect, number }: PlannedCall): string {
  return `${effect.name}${number === 1 ? "" : `#${String(number)}`}`;
}

const DEATHS: readonly Death[] = ["before", "after"];

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

function crashes({ flushCount }: Course): readonly Scenario[] {
  return upTo(flushCount).flatMap((at) =>
    DEATHS.map((when) => ({ id: `${String(at)}.${letter(when)}`, death: { at, when } })),
  );
}

function faults({ calls }: Course, { crash }: Variety): readonly Scenario[] {
  return calls.flatMap((call) => {
    const { effect } = call;
    const isRead = effect.definition.repeat === "read";
    const names = FAULT_NAMES.filter((name) => !isRead || !NOT_OF_READS.includes(name));
    return names.flatMap((name): readonly Scenario[] => {
      const alone = {
        id: `${idOf(call)}.${name}`,
        fault: { call, name, fault: faultOf(name, effect) },
      };
      if (crash === "none") return [alone];
      const deaths = DEATHS.map((when) => ({
        ...alone,
        id: `${alone.id}.${letter(when)}`,
        death: { at: "outcome" as const, when },
      }));
      return [alone, ...deaths];
    });
  });
}

function duplicates({ flushCount }: Course, { crash }: Variety): readonly Scenario[] {
  const plain: readonly Scenario[] = [
    { id: "again.at-once", again: "at once" },
    { id: "again.afterwards", again: "afterwards" },
  ];
  if (crash === "none") return plain;
  const deaths = upTo(flushCount).map((at) => ({
    id: `again.${String(at)}.a`,
    again: "at once" as const,
    death: { at, when: "after" as const },
  }));
  return [...plain, ...deaths];
}

function cancels({ flushCount }: Course): readonly Scenario[] {
  // After the last flush there is nothing to cancel.
  return upTo(flushCount - 1).map((cancelAt) => ({
    id: `cancel.${String(cancelAt)}`,
    cancelAt,
  }));
}

function letter(when: Death): string {
  return when === "before" ? "b" : "a";
}

/**
 * What happens in it, in words.
 *
 * @param holds - what the write holds that it is about, in words; empty where that is not known.
 */
export function story({ fault: met, death, again, cancelAt }: Scenario, holds = ""): string {
  const parts: string[] = [];
  const write = (number: number) => `write ${String(number)}${holds === "" ? "" : ` (${holds})`}`;
  if (again === "at once") parts.push("the same input is given twice");
  if (met !== undefined) {
    const { effect, number } = met.call;
    const call = number === 1 ? effect.name : `call ${String(number)} of ${effect.name}`;
    parts.push(`${call} ${FAULT_WORDS[met.name]}`);
  }
  if (death !== undefined) {
    const at = death.at === "outcome" ? "what came of that" : write(death.at);
    parts.push(`the process dies ${death.when === "before" ? "before" : "after"} ${at} is on disk`);
  }
  if (cancelAt !== undefined) parts.push(`a person cancels the run after ${write(cancelAt)}`);
  if (again === "afterwards") parts.push("the same input is given again when all is over");
  return parts.length === 0 ? "nothing goes wrong" : parts.join(", then ");
}
