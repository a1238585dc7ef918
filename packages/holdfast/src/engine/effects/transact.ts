/**
 * `run.transact` as an effect: idempotent, because the row in the user's database says whether it was
 * done. Everything else (gate, journal, classification, exceptions, undoing) is as for every effect.
 */
import { HoldfastError } from "../../core/error.ts";
import { parseJson } from "../../core/json-text.ts";
import { inputDigest } from "../../core/operation-key.ts";
import { formatRunId } from "../../core/run-number.ts";
import { checkSensitive } from "../../core/sensitive.ts";
import type { Attempt } from "../../workflow/attempt.ts";
import type { AnyEffect, EffectDefinition } from "../../workflow/effect.ts";
import { effectPlan } from "../../workflow/effect-plan.ts";
import { checkOptions } from "../../workflow/known-options.ts";
import type {
  LocalDatabase,
  LocalOperation,
  LocalSeen,
  TransactOptions,
} from "../../workflow/local-database.ts";
import { conflict, done, notDone, type Seen } from "../../workflow/seen.ts";
import type { LiveRun } from "../run/live-run.ts";
import { toJson } from "../journal/payload.ts";
import { ANYTHING } from "./stand-in-effect.ts";

/** The types are kept by the interface: a run's verbs know values only. */
export type AnyLocalDatabase = LocalDatabase<unknown>;
export type AnyTransactOptions = TransactOptions<unknown, unknown, unknown>;
type Work = (tx: unknown, input: unknown) => unknown;

interface Asked {
  readonly run: LiveRun;
  readonly path: string;
  readonly database: AnyLocalDatabase;
  readonly work: Work;
}

/** A look-up shuts earlier attempts out, so that nothing has to be waited for. */
const SETTLE = "1s";

/** @throws {HoldfastError} HF1001 for a database, work or options that are none. */
export function transactEffect(name: string, asked: Asked, options: AnyTransactOptions): AnyEffect {
  const { database, work, run, path } = asked;
  checkAsked(name, database, work, options);
  const { sensitive = [""], compensate } = options;
  // Another database under the same name of a step is another effect: the journal tells them apart.
  const full = `${database.name}/${name}`;
  if (typeof compensate !== "function") {
    const undoing = compensate === undefined ? {} : { compensate };
    return localEffect(full, asked, options, { sensitive, ...undoing });
  }
  const undo = localEffect(
    `undo-${full}`,
    { run, path: `undo of ${path}`, database, work: undoWork(compensate) },
    options,
    { sensitive: ["/input", "/result"].flatMap((at) => sensitive.map((inside) => at + inside)) },
  );
  const undoing = { effect: undo, input: inputOfUndo };
  return localEffect(full, asked, options, { sensitive, compensate: undoing });
}

function inputOfUndo(input: unknown, result: unknown): object {
  return { input, result };
}

function undoWork(compensate: (tx: unknown, input: unknown, result: unknown) => unknown): Work {
  return (tx, undone) => {
    // As `inputOfUndo` has made it.
    const { input, result } = undone as { readonly input: unknown; readonly result: unknown };
    const undoing = compensate(tx, input, result);
    // Nobody reads what it gives. A promise stays one: SQLite refuses it.
    return undoing instanceof Promise ? undoing.then(() => null) : null;
  };
}

function localEffect(
  name: string,
  { run, path, database, work }: Asked,
  { timeout, retry }: AnyTransactOptions,
  more: Pick<EffectDefinition, "sensitive" | "compensate">,
): AnyEffect {
  const operation = (input: unknown, attempt: Attempt): LocalOperation => ({
    key: attempt.key,
    attempt: attempt.number,
    store: run.host.store.storeId,
    run: formatRunId(run.row.run),
    step: path,
    digest: inputDigest(input, (text) => run.host.digests.hex(text)),
    timeoutMs: plan.timeoutMs,
  });
  const definition: EffectDefinition = {
    on: database.integration,
    repeat: "idempotent",
    why: "local-tx",
    input: ANYTHING,
    output: ANYTHING,
    // Only the commit can make it happen, and that is marked.
    single: true,
    settle: SETTLE,
    ...(timeout === undefined ? {} : { timeout }),
    ...(retry === undefined ? {} : { retry }),
    ...more,
    run: async (input, call) => {
      const text = await database.transactions.commit({
        ...operation(input, call),
        call,
        work: (tx) => work(tx, input),
        textOf: (value) => toJson(value, run.host.limits, `result of "${path}"`),
      });
      return parseJson(text);
    },
    probe: async (input, call) => seenOf(await database.transactions.fence(operation(input, call))),
  };
  const plan = effectPlan(name, definition);
  return { kind: "effect", name, definition, plan, isInline: true };
}

function seenOf(seen: LocalSeen): Seen<unknown> {
  switch (seen.kind) {
    case "done":
      return done(parseJson(seen.text));
    case "fenced":
      return notDone({ final: true });
    case "conflict":
      return conflict(seen.why);
  }
}

const OPTIONS = {
  as: "any",
  input: "any",
  compensate: "any",
  sensitive: "any",
  timeout: "duration",
  retry: "object",
} as const;

function checkAsked(
  name: string,
  database: unknown,
  work: unknown,
  options: AnyTransactOptions,
): void {
  const what = `run.transact("${name}")`;
  if ((database as Partial<AnyLocalDatabase> | null | undefined)?.kind !== "local-database")
    throw invalid(`${what} needs a database`, 'Give what localDatabase("name", ...) has made.');
  if (typeof work !== "function") throw invalid(`${what} needs its work`, "Give a function of tx.");
  checkOptions(what, options, OPTIONS);
  checkSensitive(what, options.sensitive);
  const { compensate } = options;
  if (compensate !== undefined && compensate !== "none" && typeof compensate !== "function")
    throw invalid(`${what}: "compensate" is not valid`, 'Give a function of tx, or "none".');
}

function invalid(what: string, remedy: string): HoldfastError {
  return new HoldfastError("HF1001", `${what}.`, remedy);
}
