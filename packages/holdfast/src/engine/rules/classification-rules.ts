/**
 * The classification rules as this engine has them, and what people do to them. Whoever keeps the store
 * takes the commands; every engine reads the rules when it starts, and where workers share the store
 * each asks for what has changed. A failure that is on record keeps what was decided about it.
 */
import type { ClassificationRule } from "../../core/classification-rule.ts";
import type { RuledHead } from "../../core/journal.ts";
import { changedRules, RULE_VERSIONS_MAX, type RuleAct } from "../../core/rule-acts.ts";
import { EMPTY_BOOK, ruleBook, type RuleBook } from "../../core/rule-book.ts";
import type { WaitingCommand } from "../../store/rows.ts";
import { commandOf } from "../commands/inbox-command.ts";
import type { InboxAnswer } from "../commands/inbox-bodies.ts";
import type { Engine } from "../engine.ts";
import { requireTeam } from "../exceptions/known-team.ts";
import { ruleActOf } from "./rule-command.ts";

/** Every worker of a shared store has seen a change by then, milliseconds. */
const RULES_SEEN_MS = 5_000;

/** Changes read at a time. */
const PAGE = 500;

export class ClassificationRules {
  readonly #engine: Engine;
  /** In shadow or active, by id and version. */
  readonly #inUse = new Map<string, ClassificationRule>();
  #change = 0;
  #book: RuleBook = EMPTY_BOOK;
  #cancelTimer: (() => void) | null = null;
  #isClosed = true;
  /** One at a time: each has to see what the one before it has changed. They are few. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get book(): RuleBook {
    return this.#book;
  }

  /** Before any run is at work: no attempt fails without the rules. */
  async start(): Promise<void> {
    this.#isClosed = false;
    await this.#read();
    this.#lookLater();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #lookLater(): void {
    const { clock, places, reads } = this.#engine;
    // Of a store that is whole nobody else changes anything.
    if (this.#isClosed || places.shared === null) return;
    this.#cancelTimer = clock.after(RULES_SEEN_MS, () => {
      const looked = reads.patiently("classification rules", async () => {
        await this.#read();
        return true;
      });
      this.#engine.background(looked.then(() => this.#lookLater()));
    });
  }

  async #read(): Promise<void> {
    const { store } = this.#engine;
    for (;;) {
      const changed = await store.rules(this.#change, PAGE);
      this.#learn(changed);
      if (changed.length < PAGE) return;
    }
  }

  #learn(changed: readonly ClassificationRule[]): void {
    if (changed.length === 0) return;
    for (const rule of changed) {
      this.#change = Math.max(this.#change, rule.change);
      const name = `${rule.id}@${String(rule.version)}`;
      if (rule.state === "active" || rule.state === "shadow") this.#inUse.set(name, rule);
      else this.#inUse.delete(name);
    }
    this.#book = this.#inUse.size === 0 ? EMPTY_BOOK : ruleBook([...this.#inUse.values()]);
  }

  /** @throws {HoldfastError} as `changedRules`; HF6001 (an owner is no team), HF4120 for what is no rule, HF4102 for what is no act. */
  async command(row: WaitingCommand & { readonly topic: "rule" }): Promise<InboxAnswer> {
    const { act, reason } = commandOf<"rule">(row);
    await this.#inTurn(() => this.#act(ruleActOf(act), { by: row.by, reason, command: row.id }));
    return { ok: true };
  }

  async #act(
    act: RuleAct,
    doing: { readonly by: string; readonly reason: string; readonly command: string },
  ): Promise<void> {
    const { committer, clock, journal, exceptions } = this.#engine;
    const owner = act.kind === "add" ? act.rule.decide.owner : undefined;
    if (act.kind === "add" && owner !== undefined)
      requireTeam(exceptions.rules.policy, owner, `Rule ${act.rule.id} gives its exceptions to`);
    await committer.durable();
    const kept = await this.#kept();
    const changed = changedRules(kept, act, { ...doing, atMs: clock.nowMs() });
    for (const rule of changed) {
      const head: RuledHead = { rule };
      journal.append("ruled", head);
    }
    await committer.durable();
    this.#learn(changed);
  }

  async #kept(): Promise<readonly ClassificationRule[]> {
    const kept: ClassificationRule[] = [];
    // One more page than there may be: the bound is kept when rules are added.
    for (let pages = 0; pages <= RULE_VERSIONS_MAX / PAGE; pages += 1) {
      const page = await this.#engine.store.rules(kept.at(-1)?.change ?? 0, PAGE);
      kept.push(...page);
      if (page.length < PAGE) break;
    }
    return kept;
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(act, act);
    this.#last = turn;
    // Its caller hears of a failure; the next in line only waits for it.
    turn.catch(() => undefined);
    return turn;
  }
}
