/**
 * A process that only looks at code. `holdfast test`, `versions check` and their like import the module of
 * an app, and that may listen or start runs as it is loaded: real work, done by who only asked whether the
 * code fits. So in the process of the command line no app works, but for `holdfast worker`.
 */
import { writeSync } from "node:fs";
import { HoldfastError } from "./core/error.ts";

/** On the global object: the module may bring a copy of this package of its own. */
const MARK = Symbol.for("holdfast.lookingOnly");

interface Look {
  hasCalled: boolean;
  /** Told at the first call of an app. */
  onCall: () => void;
  /** Told where a module that is being loaded is waited for no longer. */
  onStop: () => void;
}

type Marked = typeof globalThis & { [MARK]?: Look };

const marked: Marked = globalThis;

/** From now on no app of this process opens a store. */
export function lookOnly(): void {
  marked[MARK] ??= { hasCalled: false, onCall: () => undefined, onStop: () => undefined };
}

/** What `holdfast worker` is for. */
export function mayWork(): void {
  delete marked[MARK];
}

/** That it never came to an end has been said: the end of this process says no more of it. */
export function stopLooking(): void {
  marked[MARK]?.onStop();
}

/**
 * Where code is only looked at, this never settles: a call that fails could be caught, and who catches it
 * may end the process.
 */
export async function requireWork(): Promise<void> {
  const look = marked[MARK];
  if (look === undefined) return;
  look.hasCalled = true;
  look.onCall();
  await new Promise<never>(() => undefined);
}

/** @throws {HoldfastError} HF1112 if the module makes an app work as it is loaded. */
export async function loaded<Module>(path: string, load: () => Promise<Module>): Promise<Module> {
  const look = marked[MARK];
  if (look === undefined) return await load();
  look.hasCalled = false;
  // The module may wait for its app for ever.
  const called = new Promise<never>((_, reject) => {
    look.onCall = () => {
      reject(worksOnLoading(path));
    };
  });
  const ended = () => {
    tellOfEnd(path);
  };
  process.once("exit", ended);
  look.onStop = () => {
    process.off("exit", ended);
  };
  try {
    const module = await Promise.race([load(), called]);
    if (look.hasCalled) throw worksOnLoading(path);
    return module;
  } finally {
    process.off("exit", ended);
  }
}

/** Exit code of what was called in a way that cannot be done. */
const BAD_USE = 2;

/** The module has called process.exit, or waits for what never comes: whoever asked must not read that as "all well". */
function tellOfEnd(path: string): void {
  const { code, message, remedy } = new HoldfastError(
    "HF4102",
    `The module ${path} has ended this process as it was loaded: nothing was looked at.`,
    "Keep the workflows in a module that only exports them, without process.exit and without waiting for anything at its top level.",
  );
  writeSync(STANDARD_ERROR, `${code}  ${message}\n        Fix: ${remedy}\n`);
  process.exitCode = BAD_USE;
}

const STANDARD_ERROR = 2;

function worksOnLoading(path: string): HoldfastError {
  return new HoldfastError(
    "HF1112",
    `The module ${path} makes an app work as it is loaded: it calls app.listen, app.start or the like at its top level. This command only looks at the code, so the app was not let: no store was opened, and nothing was executed.`,
    "Keep the workflows in a module that only exports them, and app.listen in the file that is your program, which imports it. Name the former here.",
  );
}
