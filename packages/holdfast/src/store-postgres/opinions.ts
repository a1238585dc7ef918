/**
 * Rows that every worker writes: what it thinks of an integration, and what its definitions declare.
 * The newest record counts, whoever wrote it and in whatever order the writes arrive, so the rows are
 * the same when they are folded again.
 */
import type { Change } from "../store/change.ts";
import { dependencyAfter } from "../store/row-changes.ts";
import type { DeclarationRow, DependencyRow, IssueOverlayRow } from "../store/rows.ts";
import { ruleName, type ClassificationRule } from "../core/classification-rule.ts";
import {
  CLASSIFICATION_RULE,
  ISSUE_OVERLAY,
  type OverlayAt,
  type RuleAt,
} from "./exception-tables.ts";
import { SYSTEM_SHARD } from "./shard.ts";
import { type Table, type Written, inKeyOrder, inserted, keyText, keysOf } from "./table.ts";
import { DECLARATION, DEPENDENCY, type DeclarationAt, type DependencyAt } from "./tables.ts";

type DependencyMoved = Extract<Change, { readonly kind: "dependency-moved" }>;

const DECLARATION_KEYS = keysOf(DECLARATION);

export class Opinions {
  /** By worker and integration: since when it thinks so is its own. */
  readonly #before = new Map<string, DependencyRow>();
  readonly #dependencies = new Map<string, DependencyAt>();
  readonly #declarations = new Map<string, DeclarationAt>();
  readonly #overlays = new Map<string, OverlayAt>();
  readonly #rules = new Map<string, RuleAt>();

  /** @param atMs - time of the record: it counts where the workers' shared clock does not say. */
  depend({ row: moved, saidAtMs }: DependencyMoved, atMs: number, by: number): void {
    const name = `${String(by)}|${moved.integration}`;
    const row = saidAtMs === null ? dependencyAfter(this.#before.get(name), moved) : moved;
    this.#before.set(name, row);
    const said = { shard: SYSTEM_SHARD, ...row, said: { atMs: saidAtMs ?? atMs, by } };
    const known = this.#dependencies.get(row.integration);
    if (known === undefined || isNewer(said, known)) this.#dependencies.set(row.integration, said);
  }

  declare(row: DeclarationRow): void {
    const declared = { shard: SYSTEM_SHARD, ...row };
    const key = keyText(DECLARATION_KEYS, declared);
    const known = this.#declarations.get(key);
    if (known === undefined || row.atMs >= known.atMs) this.#declarations.set(key, declared);
  }

  /** By revision: whoever keeps the store decides, and goes on from what was decided before. */
  overlay(row: IssueOverlayRow): void {
    const known = this.#overlays.get(row.fingerprint);
    if (known !== undefined && known.overlay.revision > row.overlay.revision) return;
    this.#overlays.set(row.fingerprint, { shard: SYSTEM_SHARD, ...row });
  }

  /** By change: they are counted over all rules. */
  rule(rule: ClassificationRule): void {
    const known = this.#rules.get(ruleName(rule))?.rule;
    if (known !== undefined && known.change > rule.change) return;
    this.#rules.set(ruleName(rule), { shard: SYSTEM_SHARD, rule });
  }

  finish(): Written[] {
    const written = [
      ...newest(ISSUE_OVERLAY, this.#overlays, ["revision"]),
      ...newest(CLASSIFICATION_RULE, this.#rules, ["change"]),
      ...newest(DEPENDENCY, this.#dependencies, ["said_at_ms", "said_by"]),
      ...newest(DECLARATION, this.#declarations, ["at_ms", "coalesce(decision, '')"]),
    ];
    this.#overlays.clear();
    this.#rules.clear();
    this.#dependencies.clear();
    this.#declarations.clear();
    return written;
  }
}

function isNewer({ said }: DependencyAt, known: DependencyAt): boolean {
  if (said.atMs !== known.said.atMs) return said.atMs > known.said.atMs;
  return said.by >= known.said.by;
}

/** Writes rows unless what is there comes later in the order of `by`. */
function newest<Row>(
  table: Table<Row>,
  rows: ReadonlyMap<string, Row>,
  by: readonly string[],
): Written[] {
  if (rows.size === 0) return [];
  const { text, values } = inserted(table, inKeyOrder(table, rows.values()));
  const keys = keysOf(table).map(({ name }) => name);
  const free = table.columns.filter(({ role }) => role === "free");
  const sets = free.map(({ name }) => `${name} = excluded.${name}`).join(", ");
  const order = (of: string) =>
    by.map((column) =>
      column.replace(/\b(?=said_at_ms|said_by|at_ms|decision|revision|change)/u, `${of}.`),
    );
  return [
    {
      name: `newest-${table.name}`,
      text: `${text} on conflict (${keys.join(", ")}) do update set ${sets}
        where (${order("excluded").join(", ")}) >= (${order(table.name).join(", ")})`,
      values,
    },
  ];
}
