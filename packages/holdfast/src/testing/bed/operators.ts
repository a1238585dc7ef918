/**
 * What people do to one run of a test bed by hand: the same commands as those of the command line, taken
 * by the same engine, with the same refusals.
 */
import { HoldfastError } from "../../core/error.ts";
import type { IntentHead, JournalRecord, OpenedHead } from "../../core/journal.ts";
import type { JsonChange } from "../../core/json-edit.ts";
import { parseJson } from "../../core/json-text.ts";
import type { RepairAct } from "../../core/repaired.ts";
import { formatRunId } from "../../core/run-number.ts";
import { versionOf } from "../../core/run-version.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import type { BedLives } from "./bed-lives.ts";

/** Who acts, and why. */
export interface ByHand {
  readonly by: string;
  readonly reason: string;
  /** A second person, where one is needed: who has approved it. */
  readonly approvedBy?: string;
  /** Path of the step (scopes, name and `as`), where the effect is asked for in several. */
  readonly step?: string;
}

type Engine = Awaited<ReturnType<BedLives["engine"]>>;

export class Operators {
  readonly #lives: BedLives;

  constructor(lives: BedLives) {
    this.#lives = lives;
  }

  async settle(
    run: number,
    effect: AnyEffect,
    said: { readonly happened: boolean; readonly value: unknown; readonly ref: string | null },
    hand: ByHand,
  ): Promise<void> {
    const records = await this.#recordsOf(run);
    const step = stepOf(run, records, effect, hand);
    const intent = records.findLast(({ kind, name }) => kind === "intent" && name === step);
    if (intent === undefined) throw nothingSent(run, step);
    const { operation } = headOf<IntentHead>(intent);
    await this.#twoPeople(run, hand, ({ commands }) =>
      commands.repairs.settle({ run, operation, ...said, by: hand.by, reason: hand.reason }),
    );
  }

  async resume(run: number, { by, reason, step }: Omit<ByHand, "approvedBy">): Promise<void> {
    await this.#lives.ask(({ commands }) => commands.resume(run, step ?? null, by, reason));
  }

  async supply(
    run: number,
    effect: AnyEffect,
    said: { readonly value: unknown; readonly ref: string | null; readonly isSkipped: boolean },
    hand: ByHand,
  ): Promise<void> {
    const { value, ref } = said;
    const more = { value, ...(ref === null ? {} : { ref }) };
    await this.#repair(run, said.isSkipped ? "skip" : "supply", { effect, hand, more });
  }

  async retry(
    run: number,
    effect: AnyEffect,
    said: { readonly set: readonly JsonChange[]; readonly isNewKey: boolean },
    hand: ByHand,
  ): Promise<void> {
    if (said.set.length === 0 && !said.isNewKey) {
      const step = stepOf(run, await this.#recordsOf(run), effect, hand);
      await this.resume(run, { ...hand, step });
      return;
    }
    const more = { value: said.set, ...(said.isNewKey ? { newKey: true as const } : {}) };
    await this.#repair(run, "edit", { effect, hand, more });
  }

  async #repair(
    run: number,
    act: RepairAct,
    {
      effect,
      hand,
      more,
    }: {
      readonly effect: AnyEffect;
      readonly hand: ByHand;
      readonly more: { readonly value: unknown; readonly ref?: string; readonly newKey?: true };
    },
  ): Promise<void> {
    const records = await this.#recordsOf(run);
    const step = stepOf(run, records, effect, hand);
    const { by, reason } = hand;
    const order = {
      run,
      act,
      step,
      version: versionOf(records),
      by,
      reason,
      command: null,
      ...more,
    };
    await this.#twoPeople(run, hand, ({ commands }) => commands.repairs.repair(order));
  }

  /** @throws {HoldfastError} HF6002 if a second person is needed and none is named: it is proposed then. */
  async #twoPeople(
    run: number,
    { reason, approvedBy }: ByHand,
    act: (engine: Engine) => Promise<{ readonly proposal: number | null }>,
  ): Promise<void> {
    const { proposal: seq } = await this.#lives.ask(act);
    if (seq === null) return;
    if (approvedBy === undefined) throw needsAnother(run);
    const decision = { run, seq, approve: true, reason, by: approvedBy, command: null };
    await this.#lives.ask(({ commands }) => commands.repairs.decide(decision));
  }

  async #recordsOf(run: number): Promise<readonly JournalRecord[]> {
    const [stored] = await this.#lives.stored([run]);
    return stored?.records ?? [];
  }
}

/** The one step of that effect; what is said in `hand` wins. */
function stepOf(
  run: number,
  records: readonly JournalRecord[],
  { name: effect }: AnyEffect,
  { step }: ByHand,
): string {
  if (step !== undefined) return step;
  const paths = new Set(
    records.filter((record) => isOf(record, effect)).map((record) => record.name),
  );
  const [first, ...others] = paths;
  if (first !== undefined && others.length === 0) return first;
  throw new HoldfastError(
    first === undefined ? "HF6001" : "HF1001",
    first === undefined
      ? `Run ${formatRunId(run)} has no step of effect "${effect}" yet.`
      : `Run ${formatRunId(run)} has several steps of effect "${effect}": ${[...paths].join(", ")}.`,
    first === undefined
      ? "Let the run come to it first: await bed.advance or bed.rest."
      : "Name one of them: { step }.",
  );
}

function isOf(record: JournalRecord, effect: string): boolean {
  if (record.kind === "opened") return headOf<OpenedHead>(record).effectName === effect;
  return record.kind === "intent" && headOf<IntentHead>(record).effect === effect;
}

/** The engine wrote it with the shape of its kind. */
function headOf<Head>({ head }: JournalRecord): Head {
  return parseJson(head ?? "null") as Head;
}

function nothingSent(run: number, step: string): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `Nothing was sent for step "${step}" of run ${formatRunId(run)}, so there is no outcome to settle.`,
    "Give its result with bed.supply, or let it be tried with bed.retry.",
  );
}

function needsAnother(run: number): HoldfastError {
  return new HoldfastError(
    "HF6002",
    `A second person has to approve this for run ${formatRunId(run)}. It is proposed, and nothing goes on.`,
    "Name that person: { by, reason, approvedBy }.",
  );
}
