/** One effect step's part of the journal: writes its records and folds them as they are written. */
import { inputDigest, operationKey } from "../../core/operation-key.ts";
import { effectRecordOf, type EffectRecord } from "../../core/effect-record.ts";
import { foldEffect, FRESH_EFFECT, type EffectState } from "../../core/effect-state.ts";
import { provesIt } from "../../core/undone.ts";
import type { Contract } from "../../core/contract.ts";
import { INTERRUPTED, type Failure } from "../../core/failure.ts";
import type {
  Described,
  IntentHead,
  JournalRecord,
  OutcomeHead,
  StepEnd,
} from "../../core/journal.ts";
import type { RecordKind } from "../../core/record-kinds.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import type { LiveRun } from "../run/live-run.ts";
import { headOf } from "../run/recovery.ts";
import { maybeSentBefore, type Restored } from "../run/restored-run.ts";

/** Neither a repeat nor a look-up tells anything. */
const NOT_AGAIN: Contract = { kind: "once", canProbe: false, settleMs: 0 };

/** What a person says of a step, or has it do. */
const BY_PEOPLE: ReadonlySet<RecordKind> = new Set<RecordKind>([
  "settled",
  "resumed",
  "supplied",
  "edited",
  "again",
]);

function isCutOff({ kind, head }: EffectRecord): boolean {
  return kind === "outcome" && head.failure?.reasonCode === INTERRUPTED;
}

export class EffectJournal {
  readonly #run: LiveRun;
  readonly #path: string;
  readonly #effect: AnyEffect;
  /** Of the input that the code asks with. */
  readonly digest: string;
  /** What a person has corrected it to. */
  #edit: { readonly text: string; readonly digest: string; readonly asked: string } | null = null;
  /** How the operation was declared last, also before its run was done again. */
  #doneDigest: string | null = null;
  #state: EffectState = FRESH_EFFECT;
  /** What was known to be done when it was sent last: what is sent next may leave out more. */
  #doneAtSending: readonly string[] = [];
  #notBeforeMs: number | null = null;
  #aloneUntilMs: number | null = null;
  #stack: string | null = null;
  /** Both from the first attempt after a restore on, until a person says what had become of it. */
  #isOfRestore = false;
  #differs = false;
  /** Where it was last seen, or said by a person, what had become of it: 0 for never. */
  #judgedSeq = 0;
  /** Where it last surely happened: 0 for never. */
  #provenSeq = 0;
  /** Attempts that the end of an engine has cut off, of the code that is deployed now, since a person has decided. */
  #cutOffCount = 0;
  /** Number of the last attempt's record; 0 for none. */
  #sentSeq = 0;

  constructor(run: LiveRun, path: string, effect: AnyEffect, input: unknown) {
    this.#run = run;
    this.#path = path;
    this.#effect = effect;
    this.digest = inputDigest(input, (text) => run.host.digests.hex(text));
  }

  /** JSON of the input that a person has corrected; null if nobody has. */
  get editedText(): string | null {
    return this.#corrected?.text ?? null;
  }

  /** Only as long as the code asks with what was corrected. */
  get #corrected() {
    return this.#edit?.asked === this.digest ? this.#edit : null;
  }

  /** True if what was sent last was the input that is asked for now. */
  get isSameAsSent(): boolean {
    return this.#doneDigest === null || this.#doneDigest === this.#sentDigest;
  }

  get #sentDigest(): string {
    return this.#corrected?.digest ?? this.digest;
  }

  get state(): EffectState {
    return this.#state;
  }

  /** Number of the last record by which it surely happened; 0 if there is none. */
  get provenSeq(): number {
    return this.#provenSeq;
  }

  get cutOffCount(): number {
    return this.#cutOffCount;
  }

  /** When what was decided last is due; null if that has no time of its own. */
  get notBeforeMs(): number | null {
    return this.#notBeforeMs;
  }

  /** Until when it waits by itself while calls of others pass; null if it does not. */
  get aloneUntilMs(): number | null {
    return this.#aloneUntilMs;
  }

  /** JSON text of where the code threw the last failure, where that is kept; else null. */
  get stack(): string | null {
    return this.#stack;
  }

  /** The key under which the other system knows what was sent last, or what is sent first. */
  get key(): string {
    return this.#state.intent?.key ?? this.#newKey();
  }

  /** False if it is sent without parts that were not known to be done when it was sent last. */
  get sendsTheSame(): boolean {
    return (
      this.#effect.definition.byParts !== true ||
      areSame(this.#doneAtSending, this.#state.partsDone)
    );
  }

  /** What is left of a batch is another request: under the key of the whole they would answer for that. */
  get #nextKey(): string {
    return this.sendsTheSame ? this.key : this.#newKey();
  }

  /** The key of the operation, whatever part of it is sent: keys of parts are made of it. */
  get wholeKey(): string {
    return this.#keyWithout([]);
  }

  #newKey(): string {
    return this.#keyWithout(this.#effect.definition.byParts === true ? this.#state.partsDone : []);
  }

  #keyWithout(without: readonly string[]): string {
    const { namespace, run } = this.#run.row;
    const { generation } = this.#state;
    const identity = {
      namespace,
      workflow: this.#run.workflow.name,
      run,
      step: this.#path,
      generation,
      without,
    };
    return operationKey(identity, (text) => this.#run.host.digests.hex(text));
  }

  load(records: readonly JournalRecord[]): void {
    for (const record of records) this.#fold(record);
  }

  /** What it has done stays on record, and what it does next is another operation, with another key. */
  beginAnew(): void {
    const { generation, attempt } = this.#state;
    this.#state = { ...FRESH_EFFECT, attempt, attemptsBefore: attempt, generation: generation + 1 };
    this.#doneDigest = null;
  }

  write(
    kind: RecordKind,
    attempt: number,
    head: object,
    data: string | null = null,
  ): JournalRecord {
    const record = this.#run.append(kind, this.#path, head, data, attempt);
    // What failed may hold what a classifier made: only its JSON is what recovery will see.
    this.#fold(record, "failure" in head ? undefined : head);
    return record;
  }

  /**
   * Declares what is about to be done. Must be durable before the call leaves. The answer is null,
   * or why it must not leave: it may have been done already, before the store was restored.
   */
  writeIntent(
    inputText: string,
    described: Described | undefined,
    undoes: string | null,
  ): Failure | null {
    const restored = this.#unknownSince();
    const { plan, name, definition } = this.#effect;
    const { clock } = this.#run.host;
    const attempt = this.#state.attempt + 1;
    const first = this.#state.operation === null;
    // That record comes before the intent, whose number names the operation from then on.
    this.#run.goOn();
    const head: IntentHead = {
      ...described,
      effect: name,
      integration: definition.on.name,
      contract: plan.contract.kind,
      key: this.#nextKey,
      generation: this.#state.generation,
      digest: this.#sentDigest,
      ...(this.#corrected === null ? {} : { asked: this.digest }),
      deadlineAtMs: clock.nowMs() + plan.timeoutMs,
      operation: this.#state.operation ?? this.#run.nextSeq,
      ...(undoes === null ? {} : { undoes }),
      ...(definition.byParts === true ? { byParts: true as const } : {}),
      ...(restored === null ? {} : { restoredFromMs: restored.fromMs }),
      ...(restored !== null && this.#mayDiffer(restored) ? { mayDiffer: true as const } : {}),
    };
    // A correction is on record already; another input that the code asks with is not.
    const isOnRecord = !first && (this.isSameAsSent || this.#corrected !== null);
    this.write("intent", attempt, head, isOnRecord ? null : inputText);
    return restored === null ? null : maybeSentBefore(restored);
  }

  /** The restore before which it may have been sent, if nobody has found that out since. */
  #unknownSince(): Restored | null {
    const { contract } = this.#effect.plan;
    // A local transaction is only so under its key, which the original may not have had.
    const isSame = contract.kind === "idempotent" && contract.why !== "local-tx";
    if (contract.kind === "read" || isSame) return null;
    const restored = this.#run.restored();
    if (restored === null) return null;
    return this.#judgedSeq < restored.seq ? restored : null;
  }

  /** Whether the original may have asked for something else, or under another key. */
  #mayDiffer({ seq, isBegunSince }: Restored): boolean {
    return isBegunSince || this.#run.told.since(seq);
  }

  /** The original of a restored store may have sent something else under its key. */
  get isOfRestore(): boolean {
    return this.#isOfRestore;
  }

  /** How it may be repeated now: less than declared where a repeat would not be the same request. */
  get contract(): Contract {
    return this.#differs ? NOT_AGAIN : this.#effect.plan.contract;
  }

  #fold(record: JournalRecord, written?: object): void {
    const effectRecord = effectRecordOf(record, written);
    if (effectRecord === null) return;
    this.#state = foldEffect(this.#state, effectRecord);
    const { kind, head } = effectRecord;
    if (provesIt(effectRecord)) this.#provenSeq = effectRecord.seq;
    const isJudged =
      kind === "probe" || kind === "settled" || (kind === "intent" && "restoredFromMs" in head);
    if (isJudged) this.#judgedSeq = effectRecord.seq;
    if (kind === "intent") {
      this.#isOfRestore ||= "restoredFromMs" in head;
      this.#differs ||= "mayDiffer" in head;
    }
    if (kind === "edited" && head.original !== true) {
      const { digest, asked } = head;
      this.#edit = { text: effectRecord.data ?? "null", digest, asked };
    }
    if (kind === "intent") {
      this.#sentSeq = effectRecord.seq;
      this.#doneAtSending = this.#state.partsDone;
      this.#doneDigest = head.digest;
    }
    if (isCutOff(effectRecord) && this.#countsAgainst(effectRecord)) this.#cutOffCount += 1;
    if (BY_PEOPLE.has(kind)) this.#cutOffCount = 0;
    if (kind === "settled") {
      this.#isOfRestore = false;
      this.#differs = false;
    }
    if (kind === "outcome") this.#stack = "failure" in head ? record.data : null;
    if (kind === "resumed" || kind === "edited" || kind === "again") this.#waitUntil(null, null);
    if (kind === "outcome" || kind === "probe") {
      const { move, nextAtMs } = head;
      const leastMs = move?.kind === "park" ? move.leastMs : undefined;
      this.#waitUntil(nextAtMs ?? null, leastMs === undefined ? null : record.atMs + leastMs);
    }
  }

  /** Code that is not deployed any more says nothing of what is; a person has looked at what came before. */
  #countsAgainst({ seq }: EffectRecord): boolean {
    const { decidedSeq, versions } = this.#run;
    return seq > decidedSeq && this.#sentSeq > versions.changedSeq;
  }

  #waitUntil(notBeforeMs: number | null, aloneUntilMs: number | null): void {
    this.#notBeforeMs = notBeforeMs;
    this.#aloneUntilMs = aloneUntilMs;
  }

  /** How a record has ended the step. The fold knows it already if it was the last: that spares parsing it. */
  endIn(record: JournalRecord): StepEnd | undefined {
    const { next } = this.#state;
    return next.kind === "ended" && next.record.seq === record.seq
      ? next.end
      : headOf<OutcomeHead>(record).end;
  }
}

function areSame(some: readonly string[], others: readonly string[]): boolean {
  return (
    some === others || (some.length === others.length && some.every((one) => others.includes(one)))
  );
}
