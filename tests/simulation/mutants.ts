/**
 * Planted bugs, as data: what to find in a file of the sources, where it is one time, and what to put in its
 * place. The simulator has to notice each; if it does not, what it looks at has a hole.
 */
export interface Mutant {
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Notices it, as far as is known; where it does not any more, others do, and it is time to name one. */
  readonly seed: number;
}

const SRC = "packages/holdfast/src";

export const MUTANTS: readonly Mutant[] = [
  {
    name: "fence skipped",
    file: `${SRC}/engine/effects/effect-attempt.ts`,
    find: "if (unsure !== null) return unsure.then(() => makeCall(options, call, input));",
    replace: "",
    seed: 495,
  },
  {
    name: "record after effect, without intent",
    file: `${SRC}/engine/effects/effect-calls.ts`,
    find: "await this.#step.run.host.committer.durable();\n        if (!this.#maySend()) return;",
    replace: "if (!this.#maySend()) return;",
    seed: 1,
  },
  {
    name: "dedupe window off by one",
    file: `${SRC}/core/situation.ts`,
    find: "return s.nowMs < s.firstSentAtMs + usableMs;",
    replace: "return s.nowMs < s.firstSentAtMs + usableMs + windowMs;",
    seed: 154,
  },
  {
    name: "probe trusted before the settle time",
    file: `${SRC}/core/after-probe.ts`,
    find: 'return contract.kind === "read" ? 0 : contract.settleMs;',
    replace: "return 0;",
    seed: 18,
  },
  {
    name: "attempt burned while parked",
    file: `${SRC}/core/proof.ts`,
    find: 'case "transient":\n    case "ambiguous":',
    replace: 'case "transient":\n    case "unavailable":\n    case "ambiguous":',
    seed: 1,
  },
  {
    name: "compensation of an unknown effect",
    file: `${SRC}/engine/effects/compensation.ts`,
    find: "step.doneSeq !== null && step.undoes === null",
    replace: "step.undoes === null",
    seed: 10,
  },
  {
    name: "approval bound to nothing",
    file: `${SRC}/core/run-version.ts`,
    find: "return !STANDS.has(kind);",
    replace: 'return kind === "started";',
    seed: 11,
  },
  {
    name: "timer fired twice",
    file: `${SRC}/engine/steps/sleep-step.ts`,
    find: 'this.#run.deliver(slot, this.#run.append("fired", this.#path, null));',
    replace:
      'this.#run.append("fired", this.#path, null);\n      this.#run.deliver(slot, this.#run.append("fired", this.#path, null));',
    seed: 2,
  },
  {
    name: "seal not checked",
    file: `${SRC}/store/record-check.ts`,
    find: "if (!this.#digest.equals(digest))",
    replace: "if (this.#digest.length !== digest.length)",
    seed: 16,
  },
  {
    name: "lane order lost",
    file: `${SRC}/engine/starts/lanes.ts`,
    find: "queue.push(run);\n    return before;",
    replace: "queue.push(run);\n    return null;",
    seed: 7,
  },
  {
    name: "event that was kept is not offered when it is repeated",
    file: `${SRC}/engine/deliveries/event-delivery.ts`,
    find: "if (known !== null && known.kept !== null && known.run === null)",
    replace: "if (known !== null && known.kept !== null && known.run !== null)",
    seed: 337,
  },
  {
    name: "command between workers is not tried again",
    file: `${SRC}/engine/commands/inbox-door.ts`,
    find: "if (isOfWorker(row.topic)) {",
    replace: "if (isOfWorker(row.id)) {",
    seed: 36,
  },
  {
    name: "history with another input taken for its own",
    file: `${SRC}/core/drift.ts`,
    find: "recorded.digest !== asked.digest && recorded.digest !== null",
    replace: "recorded.digest !== asked.digest && recorded.digest === null",
    seed: 24,
  },
  {
    name: "message held beyond the bound",
    file: `${SRC}/engine/receiving/receiving.ts`,
    find: "if (this.#held.count + this.#keeping >= limits.heldMessagesMax)",
    replace: "if (this.#held.count + this.#keeping > limits.heldMessagesMax)",
    seed: 1552,
  },
  {
    name: "message refused in its turn is not tried again",
    file: `${SRC}/engine/receiving/receiving.ts`,
    find: "this.#held.refused(orderName);\n      return false;",
    replace: "return false;",
    seed: 395,
  },
  {
    name: "code goes on before its beginning is on disk, after a crash too",
    file: `${SRC}/engine/run/caution.ts`,
    find: "return this.#clock.nowMs() < this.#untilMs;",
    replace: "return this.#clock.nowMs() < Number.NEGATIVE_INFINITY;",
    seed: 60,
  },
  {
    name: "run that is paused goes on",
    file: `${SRC}/engine/run/live-run.ts`,
    find: "if (this.ending.isFrozen) {\n      // Its code has no more say",
    replace:
      "if (this.ending.isFrozen && !this.ending.isPaused) {\n      // Its code has no more say",
    seed: 67,
  },
];
