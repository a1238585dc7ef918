/** `run.ask`: a person decides. */
import { parseJson } from "../../core/json-text.ts";
import { canonicalJson } from "../../core/canonical-json.ts";
import { durationMs } from "../../core/duration.ts";
import { HoldfastError } from "../../core/error.ts";
import type { AskedHead, AnsweredHead, JournalRecord } from "../../core/journal.ts";
import { formatItemId } from "../../core/run-number.ts";
import { excludedText, isSamePerson, UNNAMED_STARTER } from "../../core/person.ts";
import { misfitDefault, type AnyReview } from "../../workflow/review.ts";
import { parse, problemText } from "../../workflow/schema.ts";
import { checkedDescription } from "../journal/checked-values.ts";
import { Deferred } from "../run/deferred.ts";
import type { LiveRun } from "../run/live-run.ts";
import { toJson } from "../journal/payload.ts";
import { headOf } from "../run/recovery.ts";
import { stepDrift } from "./step-drift.ts";
import { unnamedStarter } from "../starts/start-input.ts";
import {
  APPLIED,
  refused,
  type CommandAnswer,
  type StepCommand,
  type StepSlot,
  type StepVerb,
  type TakingBack,
} from "./step-slot.ts";

export class AskStep implements StepVerb {
  readonly #run: LiveRun;
  readonly #path: string;
  readonly #review: AnyReview;
  readonly #subject: string;
  readonly #subjectValue: unknown;
  readonly #deferred = new Deferred<unknown>();
  #slot: StepSlot | null = null;
  #asked: { readonly seq: number; readonly head: AskedHead } | null = null;
  #escalatedTo: string | null = null;

  constructor(run: LiveRun, path: string, review: AnyReview, subject: unknown) {
    this.#run = run;
    this.#path = path;
    this.#review = review;
    this.#subjectValue = subject;
    this.#subject = toJson(subject, run.host.limits, `subject of review "${path}"`);
    run.host.declarations.declareReview(review);
    run.sensitive.learn(review.definition, subject);
    run.enter(path, this);
  }

  get what(): string {
    return `review ${this.#path}`;
  }

  get promise(): Promise<unknown> {
    return this.#deferred.promise;
  }

  misfit(records: readonly JournalRecord[]): string | null {
    // One whose subject did not fit was answered without having been asked.
    if (records[0]?.kind === "answered") return null;
    const asked = { verb: "review" as const, target: this.#review.name, digest: this.#digest() };
    const { sensitive = [] } = this.#review.definition;
    return stepDrift(this.#path, records, asked, {
      text: this.#subject,
      sensitive,
      check: this.#run.host.check,
    });
  }

  #digest(): string {
    return this.#run.host.digests.hex(canonicalJson(this.#subjectValue));
  }

  settle(record: JournalRecord): void | Promise<void> {
    if (headOf<AnsweredHead>(record).end === "failed") {
      this.#deferred.reject(invalidSubject(this.#path, String(parseJson(record.data ?? "null"))));
      return undefined;
    }
    const recorded = parseJson(record.data ?? "null");
    this.#run.sensitive.learn(this.#review.definition, recorded);
    const parsed = parse(this.#review.definition.decision, recorded);
    return parsed instanceof Promise ? parsed.then((p) => this.#hand(p)) : this.#hand(parsed);
  }

  #hand(parsed: Awaited<ReturnType<typeof parse>>): void {
    if (parsed.ok) this.#deferred.resolve(parsed.value);
    else
      this.#run.ending.drift(
        `The recorded decision of "${this.#path}" no longer fits its schema: ${problemText(parsed.problems)}.`,
      );
  }

  live(slot: StepSlot): void {
    this.#slot = slot;
    const [asked] = slot.records;
    if (asked === undefined) {
      this.#ask(slot);
      return;
    }
    this.#asked = { seq: asked.seq, head: headOf<AskedHead>(asked) };
    const escalated = slot.records.findLast((record) => record.kind === "escalated");
    if (escalated !== undefined) this.#escalatedTo = headOf<{ to: string }>(escalated).to;
    this.#wait(slot);
  }

  #ask(slot: StepSlot): void {
    const { definition } = this.#review;
    const parsed = parse(definition.subject, this.#subjectValue);
    const ask = (p: Awaited<typeof parsed>) => {
      if (!p.ok) {
        // On record, so that code which handles it takes the same path on recovery.
        const head: AnsweredHead = { asked: 0, end: "failed", by: "(engine)" };
        const why = JSON.stringify(this.#run.sensitive.mask(problemText(p.problems)));
        this.#run.deliver(slot, this.#run.append("answered", this.#path, head, why));
        return;
      }
      const notBy = this.#excluded();
      const withinMs =
        definition.within === undefined ? null : durationMs(definition.within, "within");
      const head: AskedHead = {
        ...checkedDescription(definition.describe?.(p.value), this.what),
        review: this.#review.name,
        by: definition.by,
        notBy,
        dueAtMs: withinMs === null ? null : this.#run.host.clock.nowMs() + withinMs,
        digest: this.#digest(),
      };
      const record = this.#run.append("asked", this.#path, head, this.#subject);
      this.#asked = { seq: record.seq, head };
      const { by, dueAtMs } = head;
      this.#run.host.emit({ type: "review.asked", ...this.#told(record.seq), by, dueAtMs });
      this.#wait(slot);
    };
    const guarded = (p: Awaited<typeof parsed>) => {
      this.#run.guarded(slot, () => {
        ask(p);
      });
    };
    if (parsed instanceof Promise) this.#run.host.background(parsed.then(guarded));
    else guarded(parsed);
  }

  /** Who may not answer. An exclusion that would exclude nobody is refused: four-eyes would not hold. */
  #excluded(): string | null {
    const { notBy } = this.#review.definition;
    if (notBy !== "starter") return notBy ?? null;
    const { startedBy } = this.#run.row;
    if (startedBy === UNNAMED_STARTER)
      throw unnamedStarter(this.#review.name, `run ${this.#run.id}`);
    return startedBy;
  }

  #wait(slot: StepSlot): void {
    const asked = this.#asked;
    if (asked === null) return;
    const { dueAtMs, by } = asked.head;
    const wakeAtMs = this.#escalatedTo === null ? dueAtMs : null;
    if (wakeAtMs !== null && wakeAtMs <= this.#run.host.clock.nowMs()) {
      this.#timeOut(slot, asked.seq);
      return;
    }
    this.#run.setWait(slot, {
      state: "review",
      reason: `review "${this.#review.name}" waits for ${this.#escalatedTo ?? by}`,
      wakeAtMs,
      onWake: () => {
        this.#wait(slot);
      },
    });
  }

  #timeOut(slot: StepSlot, asked: number): void {
    const { onTimeout } = this.#review.definition;
    if (onTimeout !== undefined && "default" in onTimeout) {
      this.#decideByDefault(slot, asked, onTimeout.default);
      return;
    }
    // Without a declared default nothing is decided: the review stays open and goes up.
    this.#escalatedTo = onTimeout?.escalateTo ?? this.#run.row.owner;
    this.#run.append("escalated", this.#path, { asked, to: this.#escalatedTo });
    const to = this.#escalatedTo;
    this.#run.host.emit({ type: "review.overdue", ...this.#told(asked), to });
    this.#wait(slot);
  }

  /** Held against its schema as every decision: one that does not fit would be on record for ever. */
  #decideByDefault(slot: StepSlot, asked: number, decision: unknown): void {
    const parsed = parse(this.#review.definition.decision, decision);
    const decide = (p: Awaited<typeof parsed>) => {
      this.#run.guarded(slot, () => {
        // Somebody may have answered while the schema was asked.
        if (slot.ended) return;
        if (!p.ok) throw misfitDefault(this.#review.name, p.problems);
        const what = `default of review "${this.#path}"`;
        const text = toJson(decision, this.#run.host.limits, what);
        const head: AnsweredHead = { asked, end: "value", by: "(timeout)", timedOut: true };
        this.#run.deliver(slot, this.#run.append("answered", this.#path, head, text));
      });
    };
    if (parsed instanceof Promise) this.#run.host.background(parsed.then(decide));
    else decide(parsed);
  }

  /** Its scope is undone: nobody needs the answer any more. */
  unwind(by?: TakingBack): void {
    const slot = this.#run.slots.get(this.#path);
    if (slot === undefined) return;
    const asked = this.#asked?.seq ?? slot.records.find(({ kind }) => kind === "asked")?.seq;
    if (by === undefined || asked === undefined) {
      this.#run.end(slot);
      return;
    }
    const head: AnsweredHead = { asked, end: "failed", by: "(engine)", reason: by.reason };
    const data = JSON.stringify(by.reason);
    this.#run.deliver(slot, this.#run.append("answered", this.#path, head, data));
  }

  #told(seq: number) {
    const { row, workflow } = this.#run;
    return { run: row.run, workflow: workflow.name, key: row.key, seq, review: this.#review.name };
  }

  async command(command: StepCommand): Promise<CommandAnswer> {
    const slot = this.#slot;
    if (command.kind !== "answer" && slot !== null && !slot.ended && this.#asked !== null) {
      const id = formatItemId("rev", { run: this.#run.row.run, seq: this.#asked.seq });
      const waits = `"${this.#path}" waits for an answer and takes no ${command.kind}.`;
      return refused("HF6003", `${waits} Answer it: holdfast answer ${id}`);
    }
    if (command.kind !== "answer" || slot === null || slot.ended || this.#asked === null) {
      return refused("HF6003", `Review "${this.#path}" does not wait for an answer.`);
    }
    if (command.seq !== this.#asked.seq)
      return refused("HF6003", "That review was answered already.");
    const { notBy } = this.#asked.head;
    if (notBy !== null && isSamePerson(notBy, command.by)) {
      return refused("HF6002", excludedText(command.by, notBy, this.#run.row.startedBy));
    }
    this.#run.sensitive.learn(this.#review.definition, command.decision);
    const parsed = await parse(this.#review.definition.decision, command.decision);
    if (!parsed.ok) {
      const why = this.#run.sensitive.mask(problemText(parsed.problems));
      return refused("HF4102", `The decision is not valid: ${why}.`);
    }
    if (slot.ended) return refused("HF6003", "That review was answered already.");
    const text = toJson(command.decision, this.#run.host.limits, `decision of "${this.#path}"`);
    const { by, reason } = command;
    const head: AnsweredHead = {
      asked: this.#asked.seq,
      end: "value",
      by,
      ...(reason === "" ? {} : { reason }),
    };
    this.#run.deliver(slot, this.#run.append("answered", this.#path, head, text));
    return APPLIED;
  }
}

function invalidSubject(path: string, problems: string): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `The subject of review "${path}" is not valid: ${problems}.`,
    "Mend the workflow's code or the schema.",
  );
}
