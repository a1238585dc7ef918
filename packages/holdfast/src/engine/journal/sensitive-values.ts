/**
 * The sensitive texts and numbers that a run has seen, so that no sentence about it quotes one:
 * messages of failures, reasons, and what its code throws. Kept in memory only.
 */
import { parseJson } from "../../core/json-text.ts";
import { maskedText } from "../../core/mask-text.ts";
import { sensitiveTexts } from "../../core/sensitive.ts";

interface Sensitive {
  readonly sensitive?: readonly string[];
}

export class SensitiveValues {
  readonly #countMax: number;
  /** Made with the first of them: most runs see none. */
  #texts: Set<string> | null = null;
  #hasOverflowed = false;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** Remembers what a definition declares sensitive in a value. */
  learn({ sensitive }: Sensitive, value: unknown): void {
    if (sensitive === undefined || sensitive.length === 0) return;
    this.#texts ??= new Set();
    for (const text of sensitiveTexts(value, sensitive)) {
      if (this.#texts.size >= this.#countMax) {
        this.#hasOverflowed = true;
        return;
      }
      this.#texts.add(text);
    }
  }

  /** The same for a value as JSON. */
  learnText(definition: Sensitive, text: string | null): void {
    const { sensitive } = definition;
    if (sensitive !== undefined && sensitive.length > 0)
      this.learn(definition, parseJson(text ?? "null"));
  }

  /** A sentence about the run, as it may be written down. Covered as a whole beyond the limit: what is not known any more cannot be found in it. */
  mask(text: string): string {
    if (this.#hasOverflowed) {
      return `[masked: the run has more than ${String(this.#countMax)} sensitive values, the limit sensitiveValuesMax]`;
    }
    return this.#texts === null ? text : maskedText(text, this.#texts);
  }
}
