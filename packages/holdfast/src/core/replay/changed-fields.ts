/**
 * What a plan changes in the inputs of its items, field by field, and what stood there: a second person
 * approves what was seen, so it is a part of the plan and of its digest. Source: failure model 4.5.
 */
import { memberAt, type JsonChange } from "../json-edit.ts";
import { parseJson } from "../json-text.ts";
import { hasMark, masked, maskOf } from "../sensitive.ts";

/** Different values of one field that are named, and characters of one. */
const VALUES_NAMED_MAX = 5;
const VALUE_CHARS_MAX = 200;
/** Fields of one plan: those of each workflow, or effect, count. */
export const CHANGED_FIELDS_MAX = 100;

export interface ChangedField {
  /** Name of the workflow whose input it is in, or of the effect. */
  readonly of: string;
  /** JSON pointer. */
  readonly at: string;
  /** What stood there as JSON, masked and clipped, with how many items: the most frequent first. */
  readonly from: readonly (readonly [value: string, count: number])[];
  /** Items with yet other values. */
  readonly others: number;
}

/** Stands for a field that was not there. */
const NOTHING = "nothing";
/** Stands for what is kept apart, where nobody can open it. */
const UNREAD = "cannot be read here";

/** Counts what stands in the inputs of many items. */
export class ChangedFields {
  readonly #changes: readonly JsonChange[];
  readonly #counts = new Map<string, Map<string, number>>();

  constructor(changes: readonly JsonChange[]) {
    this.#changes = changes;
  }

  /**
   * @param input - JSON; null where no record has it.
   * @param sensitive - pointers; null: nothing is on record about it, and nothing is shown.
   */
  note(of: string, input: string | null, sensitive: readonly string[] | null): void {
    const value = input === null ? null : parseJson(input);
    const open = masked(value, sensitive ?? [""]);
    for (const { at } of this.#changes) {
      const found = input === null ? UNREAD : textAt({ value, open, at });
      const name = JSON.stringify([of, at]);
      const counts = this.#counts.get(name) ?? new Map<string, number>();
      counts.set(found, (counts.get(found) ?? 0) + 1);
      this.#counts.set(name, counts);
    }
  }

  get fields(): readonly ChangedField[] {
    return [...this.#counts].map(([name, counts]) => {
      const [of, at] = JSON.parse(name) as [string, string];
      const all = [...counts].toSorted(([, a], [, b]) => b - a);
      const rest = all.slice(VALUES_NAMED_MAX);
      return {
        of,
        at,
        from: all.slice(0, VALUES_NAMED_MAX),
        others: rest.reduce((sum, [, count]) => sum + count, 0),
      };
    });
  }
}

function textAt(of: { readonly value: unknown; readonly open: unknown; readonly at: string }) {
  const { value, open, at } = of;
  const before = memberAt(value, at);
  if (before === undefined) return hasMark(value) ? UNREAD : NOTHING;
  const shown = memberAt(open, at);
  // Covered above it: the mask of the whole has no member there.
  return clippedJson(shown === undefined ? maskOf(before) : shown);
}

/** A value as JSON of bounded length, which says how much of it is not shown. */
export function clippedJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (text.length <= VALUE_CHARS_MAX) return text;
  // Half of a pair that was cut has no form in the store.
  const head = text.slice(0, VALUE_CHARS_MAX).replace(/\p{Cs}$/u, "");
  return `${head}… (${String(text.length)} characters in all)`;
}

/** True if that is a list of fields: a plan may come from anywhere. */
export function areChangedFields(value: unknown): boolean {
  return Array.isArray(value) && value.length <= CHANGED_FIELDS_MAX && value.every(isChangedField);
}

function isChangedField(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const from: unknown = Reflect.get(value, "from");
  return (
    typeof Reflect.get(value, "of") === "string" &&
    typeof Reflect.get(value, "at") === "string" &&
    Number.isSafeInteger(Reflect.get(value, "others")) &&
    Array.isArray(from) &&
    from.length <= VALUES_NAMED_MAX &&
    from.every((one) => Array.isArray(one) && typeof one[0] === "string")
  );
}
