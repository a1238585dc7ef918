/**
 * What definitions have declared sensitive. All lists that a name ever had count together: what was
 * sensitive once stays so, in every payload, older and newer.
 */
import type { PayloadOwner } from "../core/payload-owner.ts";
import type { DeclarationRow } from "./rows.ts";

export class DeclaredFields {
  readonly #pointers = new Map<string, Set<string>>();

  constructor(rows: readonly DeclarationRow[] = []) {
    for (const row of rows) this.add(row);
  }

  add(row: Pick<DeclarationRow, "definition" | "name" | "sensitive">): void {
    const key = keyOf(row);
    const known = this.#pointers.get(key) ?? new Set<string>();
    for (const pointer of row.sensitive) known.add(pointer);
    this.#pointers.set(key, known);
  }

  /** JSON pointers; null if nothing is on record of the definition: all of it is sensitive then. */
  pointersOf(owner: PayloadOwner | null): readonly string[] | null {
    const known = owner === null ? undefined : this.#pointers.get(keyOf(owner));
    return known === undefined ? null : [...known];
  }
}

function keyOf({ definition, name }: PayloadOwner): string {
  return `${definition} ${name}`;
}
