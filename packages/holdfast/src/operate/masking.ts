/**
 * Payloads as they may be shown: what their definition has declared sensitive is covered, and what
 * nobody has declared is covered whole. What was sensitive once stays so, whatever is declared now.
 */
import { decisionWords, type DecisionField } from "../core/decision-fields.ts";
import { HoldfastError } from "../core/error.ts";
import { parseJson } from "../core/json-text.ts";
import { parseJsonText } from "../core/parse-json.ts";
import type { PayloadOwner } from "../core/payload-owner.ts";
import { hasMark, masked, maskOf } from "../core/sensitive.ts";
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

  /**
   * A message as it came, which did not fit: nobody can say where in it the sensitive fields are, since it
   * has another shape than the one they are declared for. Where there are any, its fields are named, and
   * what stands in them is covered.
   */
  message(data: string, owner: PayloadOwner | null, charsMax: number): Payload {
    const body = parseJson(data);
    const pointers = this.#declared.pointersOf(owner);
    // Sealed, or no text: as any other.
    if (typeof body !== "string" || hasMark(body)) return this.payload(data, owner, charsMax);
    if (pointers?.length === 0) return cut(body, "none", charsMax);
    const shape = jsonIn(body);
    if (shape === undefined) return cut(JSON.stringify(maskOf(body)), "whole", charsMax);
    return cut(JSON.stringify(shapeOf(shape)), "fields", charsMax);
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

/** Undefined for what is no JSON that could be kept. */
function jsonIn(text: string): unknown {
  try {
    return parseJsonText(text, "message");
  } catch (error) {
    if (error instanceof HoldfastError) return undefined;
    throw error;
  }
}

/** Names of fields, and what kind of value each has. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== "object" || value === null) return maskOf(value);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shapeOf(one)]));
}

function cut(data: string, how: Masked, charsMax: number): Payload {
  const isCut = data.length > charsMax;
  // Half of a surrogate pair at the end is not a character.
  const text = isCut ? data.slice(0, charsMax).replace(/[\uD800-\uDBFF]$/, "") : data;
  return { text, chars: data.length, isCut, masked: how };
}
