/** One effect step's part of the journal: writes its records and folds them as they are written. */
import { inputDigest, operationKey } from "../../core/operation-key.ts";
import {
  effectRecordOf,
  foldEffect,
  FRESH_EFFECT,
  type EffectState,
} from "../../core/effect-state.ts";
import type { Contract } from "../../core/contract.ts";
import type { Failure } from "../../core/failure.ts";
import type { Described, IntentHead, JournalRecord, RecordKind } from "../../core/journal.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import type { LiveRun } from "../run/live-run.ts";
import { maybeSentBefore, type Restored } from "../run/restored-run.ts";

/** Neither a repeat nor a look-up tells anything. */
const NOT_AGAIN: Contract = { kind: "once", canProbe: false, settleMs: 0 };

export class EffectJournal {
  readonly #run: LiveRun;
  readonly #path: string;
  readonly #effect: AnyEffect;
  readonly digest: string;
  #state: EffectState = FRESH_EFFECT;
  #key: string | null = null;
  #notBeforeMs: number | null = null;
  #stack: string | null = null;
  /** Both from the first attempt after a restore on, until a person says what had become of it. */
  #isOfRestore = false;
  #differs = false;
  /** Where it was last seen, or said by a person, what had become of it: 0 for never. */
  #judgedSeq = 0;

  constructor(run: LiveRun, path: string, effect: AnyEffect, input: unknown) {
    this.#run = run;
    this.#path = path;
    this.#effect = effect;
    this.digest = inputDigest(input, (text) => run.host.digests.hex(text));
  }

  get state(): EffectState {
    return this.#state;
  }

  /** When what was decided last is due; null if that has no time of its own. */
  get notBeforeMs(): number | null {
    return this.#notBeforeMs;
  }

  /** JSON text of where the code threw the last failure, where that is kept; else null. */
  get stack(): string | null {
    return this.#stack;
  }

  /** The key under which the other system knows this operation. */
  get key(): string {
    this.#key ??= this.#state.intent?.key ?? this.#newKey();
    return this.#key;
  }

  #newKey(): string {
    const { namespace, run } = this.#run.row;
    const identity = {
      namespace,
      workflow: this.#run.workflow.name,
      run,
      step: this.#path,
      generation: 1,
    };
    return operationKey(identity, (text) => this.#run.host.digests.hex(text));
  }

  load(records: readonly JournalRecord[]): void {
    for (const record of records) this.#fold(record);
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
      key: this.key,
      generation: this.#state.intent?.generation ?? 1,
      digest: this.digest,
      deadlineAtMs: clock.nowMs() + plan.timeoutMs,
      operation: this.#state.operation ?? this.#run.nextSeq,
      ...(undoes === null ? {} : { undoes }),
      ...(restored === null ? {} : { restoredFromMs: restored.fromMs }),
      ...(restored !== null && this.#mayDiffer(restored) ? { mayDiffer: true as const } : {}),
    };
    this.write("intent", attempt, head, first ? inputText : null);
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
    const isJudged =
      kind === "probe" || kind === "settled" || (kind === "intent" && "restoredFromMs" in head);
    if (isJudged) this.#judgedSeq = effectRecord.seq;
    if (kind === "intent") {
      this.#isOfRestore ||= "restoredFromMs" in head;
      this.#differs ||= "mayDiffer" in head;
    }
    if (kind === "settled") {
      this.#isOfRestore = false;
      this.#differs = false;
    }
    if (kind === "outcome") this.#stack = "failure" in head ? record.data : null;
    if (kind === "resumed") this.#notBeforeMs = null;
    if (kind === "outcome" || kind === "probe") this.#notBeforeMs = head.nextAtMs ?? null;
  }
}
