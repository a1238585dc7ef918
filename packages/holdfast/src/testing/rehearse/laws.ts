/** What has to be so after each scenario, whatever the workflow does. */
import { canonicalJson } from "../../core/canonical-json.ts";
import { stateOf } from "../../core/unknown-effects.ts";
import { isFinal } from "../../core/run-state.ts";
import type { StoredRun } from "../../store/rows.ts";
import { undoingOf } from "../../workflow/effect.ts";
import type { EffectWorld, FakeWorld } from "../bed/fake-world.ts";
import type { OpenException } from "../bed/run-view.ts";
import { wronglyUndone } from "./wrong-undoing.ts";
import type { Scenario } from "./scenario.ts";

/** A law that was broken. */
export interface Breach {
  readonly law: string;
  /** What is wrong, in words. */
  readonly what: string;
  /** How that is usually mended. */
  readonly hint: string;
}

/** What is left when all has come to rest. */
export interface Outcome {
  readonly scenario: Scenario;
  readonly world: FakeWorld;
  /** Runs of the workflow that is rehearsed, and their children. */
  readonly runs: readonly StoredRun[];
  readonly exceptions: ReadonlyMap<number, readonly OpenException[]>;
  /** The run without faults; null while it is that which is looked at. */
  readonly plain: PlainEnd | null;
}

/** How the run without faults has ended. */
export interface PlainEnd {
  readonly state: string;
  /** Canonical JSON of the result. */
  readonly result: string;
  /** Of each effect, how often each input was done. */
  readonly deeds: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

export function brokenLaws(outcome: Outcome): readonly Breach[] {
  return [
    ...startedTwice(outcome),
    ...doneTwice(outcome),
    ...saidWrongly(outcome),
    ...leftAlone(outcome),
    ...notUndone(outcome),
    ...unlikeBefore(outcome),
    ...otherEnd(outcome),
  ];
}

function startedTwice({ runs }: Outcome): readonly Breach[] {
  const own = runs.filter(({ row }) => row.parentRun === null);
  if (own.length < 2) return [];
  return [
    {
      law: "one input is one run",
      what: `${String(own.length)} runs were started for one input, with the keys ${own
        .map(({ row }) => JSON.stringify(row.key))
        .join(", ")}`,
      hint: "Make the workflow's key from the input alone: not from the time, from chance or from a counter.",
    },
  ];
}

function doneTwice({ world, plain }: Outcome): readonly Breach[] {
  return effectsOf(world).flatMap(([name, own]) =>
    [...countsOf(own)].flatMap(([reference, count]) => {
      // What the run without faults does several times is meant so.
      const meant = plain === null ? count : (plain.deeds.get(name)?.get(reference) ?? 1);
      if (count <= meant) return [];
      return [
        {
          law: "nothing is done twice",
          what: `${name} was done ${String(count)} times for ${short(reference)}`,
          hint: hintOfTwice(own),
        },
      ];
    }),
  );
}

function hintOfTwice({ effect }: EffectWorld): string {
  switch (effect?.definition.repeat) {
    case "keyed":
      return "Its system drops repeats of a key within keyWindow: is the key window true, and does one input make one run (key of the workflow)?";
    case "probeable":
      return "A look-up that finds nothing proves nothing before a request can no longer land: make `settle` longer than that, or fence (notDone({ final: true })).";
    case "idempotent":
      return "Its input is not the same each time: take what changes (a time, a random number) from run.now and run.random.";
    case "read":
    case "once":
    case undefined:
      return "Does its input change when the code runs again, or does one input make two runs?";
  }
}

/** The journal and the other system have to tell the same story. */
function saidWrongly({ world, runs }: Outcome): readonly Breach[] {
  return runs.flatMap(({ records }) => {
    const steps = new Set(records.map(({ name }) => name));
    return [...steps].flatMap((step) => {
      const own = records.filter(({ name }) => name === step);
      const intent = own.find(({ kind }) => kind === "intent");
      if (intent === undefined) return [];
      const { effect, key } = headOf(intent.head);
      const { proof } = stateOf(own);
      const { calls, deeds } = world.of(effect);
      const call = calls.find((one) => one.key === key);
      if (call === undefined) return [];
      const reference = canonicalJson(call.input);
      const isDone = deeds.some((deed) => deed.key === key || deed.reference === reference);
      if (proof === "surely" && !isDone && !isRead(world.of(effect)))
        return [wrong(`${effect} is on record as done, and was not`)];
      if (proof === "never" && deeds.some((deed) => deed.key === key))
        return [wrong(`${effect} is on record as not done, and was done`)];
      return [];
    });
  });
}

function wrong(what: string): Breach {
  return {
    law: "what is on record is true",
    what,
    hint: "Look at classify and probe of the effect: one of them says for sure what nobody can know.",
  };
}

function leftAlone({ runs, exceptions }: Outcome): readonly Breach[] {
  return runs.flatMap(({ row }) => {
    const open = exceptions.get(row.run) ?? [];
    const isWaiting = row.state === "waiting" || row.state === "review";
    const isOwned = open.length > 0 && open.every(({ owner }) => owner !== "");
    if (isFinal(row.state) || isOwned || isWaiting) return [];
    return [
      {
        law: "nothing is left alone",
        what: `the run is ${row.state} for ever${row.reason === "" ? "" : ` (${row.reason})`}, and nobody is asked`,
        hint: "Does its code await something that is not of `run`? Use run.sleep, run.step or run.wait: nothing else is on record.",
      },
    ];
  });
}

function notUndone({ world, runs }: Outcome): readonly Breach[] {
  const [first] = runs;
  if (first === undefined || runs.some(({ row }) => row.compensated !== "fully")) return [];
  return [...undoneTooFewTimes(world), ...runs.flatMap(undoneWrongly)];
}

function undoneWrongly(run: StoredRun): readonly Breach[] {
  return wronglyUndone(run).map(({ step, effect }) => ({
    law: "what was taken back is undone",
    what: `the undoing of ${step} does not name what ${effect} has done there`,
    hint: "Look at compensate of the effect: its input has to name what this one call was asked, or has answered.",
  }));
}

function undoneTooFewTimes(world: FakeWorld): readonly Breach[] {
  return effectsOf(world).flatMap(([name, { effect, deeds }]) => {
    const undoing = effect === null ? null : undoingOf(effect.definition);
    if (effect === null || undoing === null) return [];
    const undone =
      typeof undoing === "function" ? world.undoingOf(name) : world.of(undoing.effect.name);
    if (undone.deeds.length >= deeds.length) return [];
    return [
      {
        law: "what was taken back is undone",
        what: `${name} was done ${String(deeds.length)} times and undone ${String(undone.deeds.length)} times`,
        hint: "Look at compensate of the effect: does it undo what the answer names?",
      },
    ];
  });
}

/** The code asked for something else when it ran again. */
function unlikeBefore({ exceptions }: Outcome): readonly Breach[] {
  return [...exceptions.values()].flat().flatMap(({ reasonCode, message }) =>
    DRIFT.includes(reasonCode)
      ? [
          {
            law: "the code does the same when it runs again",
            what: message,
            hint: "Take the time from run.now, chance from run.random and run.uuid, and do everything else that may change in run.step.",
          },
        ]
      : [],
  );
}

/** Reason codes of a run whose code does not fit its journal. */
const DRIFT: readonly string[] = ["HF2104"];

/** A crash alone changes nothing: the run comes to the same end. */
function otherEnd({ scenario, runs, plain, exceptions }: Outcome): readonly Breach[] {
  const [first] = runs;
  const isCrashAlone = scenario.fault === undefined && scenario.cancelAt === undefined;
  if (plain === null || first === undefined || !isCrashAlone) return [];
  const end = endOf(first);
  if (end.state === plain.state && end.result === plain.result) return [];
  // A person is asked what a crash has left unknown, or why the code does not fit.
  if ((exceptions.get(first.row.run) ?? []).length > 0) return [];
  return [
    {
      law: "a crash changes nothing",
      what: `the run is ${end.state} with ${short(end.result)}; without a crash it is ${plain.state} with ${short(plain.result)}`,
      hint: "Something in the code is not the same each time: take times from run.now and chance from run.random.",
    },
  ];
}

/** What stands in the way of the run without faults: nothing after that is rehearsed. */
export function unready(
  runs: readonly StoredRun[],
  exceptions: ReadonlyMap<number, readonly OpenException[]>,
): readonly Breach[] {
  return runs.flatMap(({ row }) => {
    const [open] = exceptions.get(row.run) ?? [];
    if (isFinal(row.state) && open === undefined) return [];
    const where = row.parentRun === null ? "the run" : `its child ${row.workflow}`;
    const why = open === undefined ? row.reason : `${open.because} ${open.message}`;
    return [
      {
        law: "it works when nothing goes wrong",
        what: `${where} is ${row.state}${why === "" ? "" : `: ${why}`}`,
        hint: "Say in `world` what it waits for: answers of effects, bed.decide for reviews, bed.sends for events, bed.completes for late answers; name child workflows in `workflows`. What comes after that is not rehearsed.",
      },
    ];
  });
}

export function plainEnd(world: FakeWorld, [first]: readonly StoredRun[]): PlainEnd {
  const end = first === undefined ? { state: "none", result: "null" } : endOf(first);
  return { ...end, deeds: new Map(effectsOf(world).map(([name, own]) => [name, countsOf(own)])) };
}

function endOf({ row, records }: StoredRun): Pick<PlainEnd, "state" | "result"> {
  const finished = records.find(({ kind }) => kind === "finished");
  return { state: row.state, result: finished?.data ?? "null" };
}

function countsOf({ deeds }: EffectWorld): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { reference } of deeds) counts.set(reference, (counts.get(reference) ?? 0) + 1);
  return counts;
}

function effectsOf(world: FakeWorld): readonly (readonly [string, EffectWorld])[] {
  return world.names.map((name) => [name, world.of(name)] as const);
}

function isRead({ effect }: EffectWorld): boolean {
  return effect?.definition.repeat === "read";
}

function headOf(head: string | null): { readonly effect: string; readonly key: string } {
  // The engine wrote it with the shape of its kind.
  return JSON.parse(head ?? "{}") as { effect: string; key: string };
}

const SHORT_CHARS = 120;

function short(text: string): string {
  return text.length <= SHORT_CHARS ? text : `${text.slice(0, SHORT_CHARS)}...`;
}
