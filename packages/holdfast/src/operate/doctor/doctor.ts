/** `holdfast doctor`: all looks at a store, within a bound of time. */
import { failed, refused, type Finding, type Tell } from "../../core/doctor/finding.ts";
import { HoldfastError } from "../../core/error.ts";
import type { StoreCare } from "../store-care.ts";
import { lookAtWork } from "./look-at-work.ts";

/** Stores: all of it has to end within 2 s; the rest is the start of the program. */
export const LOOKING_MS_MAX = 1_500;
/** A module: its import is work of its own, and only one that never ends is broken off. */
const IMPORT_MS_MAX = 10_000;

export interface DoctorNeeds {
  readonly nowMs: () => number;
  readonly pause: (ms: number) => Promise<void>;
  /** Tells what is not of one store: the program, and the definitions of a build. */
  readonly lookAround: (tell: Tell) => Promise<void>;
  /** It has taken too long: what it does from then on is told nobody. */
  readonly stopLooking: () => void;
  readonly anchorFile: string | null;
}

export interface Check extends Finding {
  /** Whose it is, where several cells are looked at together. */
  readonly cell: string | null;
}

export interface Examined {
  readonly checks: readonly Check[];
  readonly fails: number;
  readonly warns: number;
}

export async function examine(care: StoreCare, needs: DoctorNeeds): Promise<Examined> {
  const { anchorFile, lookAround, stopLooking } = needs;
  const { pause } = needs;
  const around = bounded(
    "module",
    null,
    lookAround,
    () => pause(IMPORT_MS_MAX),
    () => {
      stopLooking();
      return hangs();
    },
  );
  const stores = care.cells ?? [{ name: null, care }];
  const looked = await Promise.all([
    around,
    ...stores.map(({ name, care: one }) => {
      // Each cell has an anchor of its own, as in the app.
      const anchor = anchorFile === null || name === null ? anchorFile : `${anchorFile}.${name}`;
      const look = (tell: Tell) => lookAtOne(one, anchor, needs, tell);
      return bounded(
        "store",
        name,
        look,
        () => pause(LOOKING_MS_MAX),
        (last) => tooLate("store", last),
      );
    }),
  ]);
  const checks = looked.flat();
  const count = (level: Finding["level"]) => checks.filter((one) => one.level === level).length;
  return { checks, fails: count("fail"), warns: count("warn") };
}

async function lookAtOne(
  care: StoreCare,
  anchorFile: string | null,
  { nowMs }: DoctorNeeds,
  tell: Tell,
): Promise<void> {
  const isThere = await care.look(anchorFile === null ? {} : { anchorFile }, tell);
  if (!isThere) return;
  const reader = await care.openReader();
  try {
    await lookAtWork(reader, nowMs(), tell);
    await care.lookAtPayloads(reader, tell);
  } finally {
    await reader.close();
  }
}

/** What was told before the time was over is kept, and that it was over is a finding. */
async function bounded(
  check: string,
  cell: string | null,
  look: (tell: Tell) => Promise<void>,
  timeIsOver: () => Promise<void>,
  late: (last: string | null) => Finding,
): Promise<readonly Check[]> {
  const told: Check[] = [];
  let isOver = false;
  const tell: Tell = (finding) => {
    if (!isOver) told.push({ cell, ...finding });
  };
  const whole = look(tell).then(
    () => "done" as const,
    (error: unknown) => {
      if (!(error instanceof HoldfastError)) throw error;
      tell(refused(check, error));
      return "done" as const;
    },
  );
  const ended = await Promise.race([whole, timeIsOver().then(() => "late" as const)]);
  if (ended === "late") tell(late(told.at(-1)?.check ?? null));
  isOver = true;
  return told;
}

function hangs(): Finding {
  const seconds = String(IMPORT_MS_MAX / 1_000);
  return failed("module", `it has not come to an end within ${seconds} s of being loaded`, {
    code: "HF4102",
    fix: "Keep the workflows in a module that only exports them: let nothing at its top level, or in what it imports, wait for a database, a network or a timer.",
  });
}

function tooLate(check: string, last: string | null): Finding {
  const after = last === null ? "" : ` after the check "${last}"`;
  return failed(check, `no answer in time${after}: the rest was not looked at`, {
    code: "HF5002",
    fix: "See whether the database answers, and what it is busy with; then look again.",
  });
}
