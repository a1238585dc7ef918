/** Which fields of an input people may correct, and which only two of them together. */
import { HoldfastError } from "../core/error.ts";
import { isWithin } from "../core/json-edit.ts";
import { checkPointers } from "../core/sensitive.ts";

export interface Editable {
  /** JSON pointers of the fields of the input that a person may correct; `*` is every member. */
  readonly editable?: readonly string[];
  /**
   * Those of them that need a second person: money, identity, bank and master keys. Each is one of
   * `editable`, or lies below one.
   */
  readonly fourEyes?: readonly string[];
}

/** @throws {HoldfastError} HF1001 for what is no list of pointers, or a field that is not editable. */
export function checkEditable(
  what: string,
  { editable, fourEyes }: { readonly editable?: unknown; readonly fourEyes?: unknown },
): void {
  checkPointers(what, "editable", editable);
  checkPointers(what, "fourEyes", fourEyes);
  // Both were found to be lists of texts just now.
  const fields = (editable ?? []) as readonly string[];
  for (const pointer of (fourEyes ?? []) as readonly string[]) {
    if (isWithin(pointer, fields)) continue;
    throw new HoldfastError(
      "HF1001",
      `${what}: "fourEyes" has ${JSON.stringify(pointer.slice(0, 80))}, which nobody may correct.`,
      'Add it to "editable" as well, or leave it out: what is not editable is never changed by hand.',
    );
  }
}
