/**
 * Payloads as they may be shown: what their definition has declared sensitive is covered, and what
 * nobody has declared is covered whole. What was sensitive once stays so, whatever is declared now.
 */
import { decisionWords, type DecisionField } from "../core/decision-fields.ts";
import { parseJson } from "../core/json-text.ts";
import type { PayloadOwner } from "../core/payload-owner.ts";
import { masked, maskOf } from "../core/sensitive.ts";
import { DeclaredFields } from "../store/declared-fields.ts";
import type { DeclarationRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";

/** `whole`: nothing is on record about what is sensitive in it. */
type Masked = "none" | "fields" | "whole";

export interface Payload {
  /** JSON text. */
  readonly text: string;
  /** Length of the whole text as it may be shown, in characters. */
  readonly chars: number;
  /** True if `text` is only its beginning. */
  readonly isCut: boolean;
  readonly masked: Masked;
}

export class Masking {
  readonly #declared: DeclaredFields;
  /** By kind and name: what a review or an effect is answered with, as its newest definition says. */
  readonly #answers = new Map<string, readonly DecisionField[] | null>();

  constructor(rows: readonly DeclarationRow[]) {
    this.#declared = new DeclaredFields(rows);
    for (const { definition, name, decision } of rows.toSorted((a, b) => a.atMs - b.atMs)) {
      this.#answers.set(`${definition} ${name}`, decision);
    }
  }

  /** What is on record now. */
  static async of(reader: StoreReader): Promise<Masking> {
    return new Masking(await reader.declarations());
  }

  /** @param owner - null where nobody knows what it belongs to. */
  payload(data: string, owner: PayloadOwner | null, charsMax: number): Payload {
    const pointers = this.#declared.pointersOf(owner);
    if (pointers === null) return cut(JSON.stringify(maskOf(parseJson(data))), "whole", charsMax);
    if (pointers.length === 0) return cut(data, "none", charsMax);
    const shown = JSON.stringify(masked(parseJson(data), pointers));
    return cut(shown, "fields", charsMax);
  }

  /** What is sensitive in it; null if nothing is on record about that. */
  pointersOf(owner: PayloadOwner): readonly string[] | null {
    return this.#declared.pointersOf(owner);
  }

  /** The time that a run asked for is the engine's, and holds nothing of anybody. */
  time(data: string, charsMax: number): Payload {
    return cut(data, "none", charsMax);
  }

  /** What answers a review, as its newest definition says. */
  decisionOf(review: string): readonly DecisionField[] | null {
    return this.#answers.get(`review ${review}`) ?? null;
  }

  /** What an effect answers. Null if nothing is known of that. */
  answerOf(effect: string): readonly DecisionField[] | null {
    return this.#answers.get(`effect ${effect}`) ?? null;
  }

  /** The decision as it is typed after the review's id. */
  answerWords(review: string): string {
    return decisionWords(this.decisionOf(review));
  }
}

function cut(data: string, how: Masked, charsMax: number): Payload {
  const isCut = data.length > charsMax;
  // Half of a surrogate pair at the end is not a character.
  const text = isCut ? data.slice(0, charsMax).replace(/[\uD800-\uDBFF]$/, "") : data;
  return { text, chars: data.length, isCut, masked: how };
}
