/**
 * Puts on record what definitions declare of their payloads, before the first record of each: the
 * command line has no user code, and has to know what to mask. A definition that declares nothing is
 * on record too, because what nobody declared is masked whole.
 */
import { versionsInOrder } from "../../core/code-version.ts";
import { decisionFields, missingFields, type DecisionField } from "../../core/decision-fields.ts";
import { HoldfastError } from "../../core/error.ts";
import type { DeclaredHead, DefinitionKind } from "../../core/journal.ts";
import type { DeclarationRow } from "../../store/rows.ts";
import type { Store } from "../../store/store.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import type { AnyReview } from "../../workflow/review.ts";
import { jsonSchemaOf, parse, type Schema } from "../../workflow/schema.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { SystemJournal } from "./system-journal.ts";

interface Sensitive {
  readonly sensitive?: readonly string[];
}

export class Declarations {
  readonly #journal: SystemJournal;
  readonly #countMax: number;
  /** What is on record of each definition: its lists of pointers, and what answers it. */
  readonly #known = new Map<string, { readonly lists: Set<string>; decision: string }>();
  /** Definitions that were looked at already: nothing more is asked of them. */
  readonly #seen = new WeakSet<object>();
  #versions: readonly string[] = [];

  constructor(journal: SystemJournal, countMax: number) {
    this.#journal = journal;
    this.#countMax = countMax;
  }

  /** Workflows at once; what their code uses, when it comes to it. */
  async begin(
    store: Pick<Store, "declarations" | "requirements">,
    workflows: Iterable<AnyWorkflow>,
    version: string,
  ): Promise<void> {
    const rows = await store.declarations();
    this.#restore(rows.filter(({ definition }) => definition !== "version"));
    this.#deploy(
      version,
      versionsInOrder(rows).map(({ name }) => name),
    );
    for (const name of store.requirements ?? []) this.declare("payloads", name, {}, { name });
    for (const { name, definition } of workflows) {
      this.declare("workflow", name, definition, definition);
    }
  }

  /** Puts on record that code of this version was deployed, once: their order tells new from old. */
  #deploy(name: string, known: readonly string[]): void {
    const isKnown = known.includes(name);
    this.#versions = isKnown ? known : [...known, name];
    if (isKnown || known.length >= VERSIONS_MAX) return;
    const head: DeclaredHead = { definition: "version", name, sensitive: [], decision: null };
    this.#journal.append("declared", head);
  }

  /** Of the code: those that were deployed before this engine began, and its own; the oldest first. */
  get versions(): readonly string[] {
    return this.#versions;
  }

  /** What earlier engines have put on record, oldest of one definition first or not. */
  #restore(rows: readonly DeclarationRow[]): void {
    for (const row of rows.toSorted((a, b) => a.atMs - b.atMs)) {
      this.#note(row.definition, row.name, JSON.stringify(row.sensitive), row.decision);
    }
  }

  /** @throws {HoldfastError} HF4104 beyond the limit `declarationsMax`. */
  declare(
    definition: Exclude<DefinitionKind, "review" | "effect" | "version">,
    name: string,
    { sensitive = [] }: Sensitive,
    by: object,
  ): void {
    if (this.#seen.has(by)) return;
    this.#seen.add(by);
    this.#declare(definition, name, sensitive, null);
  }

  /** A review, with what its answer looks like. */
  declareReview(review: AnyReview): void {
    if (this.#seen.has(review)) return;
    this.#seen.add(review);
    const { sensitive = [], decision } = review.definition;
    this.#declare("review", review.name, sensitive, fieldsOf(decision));
  }

  /**
   * An effect, with what its answer looks like: whoever settles it by hand is told of a slip although
   * no engine runs. Only by its JSON Schema: nothing is asked of the schema that somebody could see.
   */
  declareEffect({ name, definition }: AnyEffect): void {
    if (this.#seen.has(definition)) return;
    this.#seen.add(definition);
    const { sensitive = [], output, on } = definition;
    this.declare("integration", on.name, {}, on);
    this.#declare("effect", name, sensitive, decisionFields(jsonSchemaOf(output)));
  }

  /** Names of one kind that are on record, of this app or an earlier one. */
  namesOf(definition: DefinitionKind): readonly string[] {
    const prefix = keyOf(definition, "");
    const keys = [...this.#known.keys()].filter((key) => key.startsWith(prefix));
    return keys.map((key) => key.slice(prefix.length));
  }

  #declare(
    definition: DefinitionKind,
    name: string,
    sensitive: readonly string[],
    decision: DeclaredHead["decision"],
  ): void {
    const head: DeclaredHead = {
      definition,
      name,
      sensitive: [...new Set(sensitive)].toSorted(),
      decision,
    };
    const list = JSON.stringify(head.sensitive);
    const known = this.#known.get(keyOf(definition, name));
    if (known?.lists.has(list) === true && known.decision === JSON.stringify(decision)) return;
    if (known === undefined && this.#known.size >= this.#countMax) throw tooMany(this.#countMax);
    this.#journal.append("declared", head);
    this.#note(definition, name, list, decision);
  }

  #note(
    definition: DefinitionKind,
    name: string,
    list: string,
    decision: DeclaredHead["decision"],
  ): void {
    const key = keyOf(definition, name);
    const known = this.#known.get(key) ?? { lists: new Set<string>(), decision: "" };
    known.lists.add(list);
    known.decision = JSON.stringify(decision);
    this.#known.set(key, known);
  }
}

/** Beyond so many deployments no more are told apart: what is not on record counts as the newest. */
const VERSIONS_MAX = 5_000;

function keyOf(definition: DefinitionKind, name: string): string {
  return `${definition} ${name}`;
}

/** From the decision's JSON Schema; else from what it misses in an empty object; else unknown. */
function fieldsOf(schema: Schema): readonly DecisionField[] | null {
  const described = decisionFields(jsonSchemaOf(schema));
  if (described !== null) return described;
  const parsed = parse(schema, {});
  if (parsed instanceof Promise || parsed.ok) return null;
  return missingFields(parsed.problems);
}

function tooMany(countMax: number): HoldfastError {
  return new HoldfastError(
    "HF4104",
    `The store knows ${String(countMax)} definitions, the limit declarationsMax.`,
    "Give effects, reviews and events fixed names, and tell two uses apart with { as: ... }; or raise the limit.",
  );
}
