/** Reads the patterns of linear-pattern.ts: what they may hold, and what is refused. */

export type PatternNode =
  | { readonly kind: "one"; readonly fits: (character: string) => boolean }
  | { readonly kind: "at"; readonly place: "start" | "end" | "edge" }
  | { readonly kind: "row"; readonly parts: readonly PatternNode[] }
  | { readonly kind: "either"; readonly parts: readonly PatternNode[] }
  /** `max` null: as often as you like. */
  | {
      readonly kind: "times";
      readonly part: PatternNode;
      readonly min: number;
      readonly max: number | null;
    };

export interface ParsedPattern {
  readonly root: PatternNode;
  /** It begins with `(?i)`; texts are to be given in lower case then. */
  readonly ignoresCase: boolean;
}

const PATTERN_CHARS_MAX = 200;
/** In one count, such as `{3,50}`. */
const TIMES_MAX = 50;
/** Groups within groups. */
const DEPTH_MAX = 20;

type Fits = (character: string) => boolean;

const CLASSES: Readonly<Record<string, Fits>> = {
  d: (character) => /^\d$/u.test(character),
  D: (character) => !/^\d$/u.test(character),
  w: (character) => /^\w$/u.test(character),
  W: (character) => !/^\w$/u.test(character),
  s: (character) => /^\s$/u.test(character),
  S: (character) => !/^\s$/u.test(character),
};
const CONTROLS: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** @throws {SyntaxError} that says where and why. */
export function parsePattern(source: string): ParsedPattern {
  if (source === "" || source.length > PATTERN_CHARS_MAX) {
    throw new SyntaxError(`it has to have 1 to ${String(PATTERN_CHARS_MAX)} characters`);
  }
  const ignoresCase = source.startsWith("(?i)");
  const reader = new PatternReader(Array.from(source), ignoresCase);
  return { root: reader.whole(), ignoresCase };
}

class PatternReader {
  readonly #text: readonly string[];
  readonly #ignoresCase: boolean;
  #at: number;
  #depth = 0;

  constructor(text: readonly string[], ignoresCase: boolean) {
    this.#text = text;
    this.#ignoresCase = ignoresCase;
    this.#at = ignoresCase ? "(?i)".length : 0;
  }

  whole(): PatternNode {
    const root = this.#either();
    if (this.#at < this.#text.length) throw this.#wrong('a ")" without its "("');
    return root;
  }

  #either(): PatternNode {
    const parts = [this.#row()];
    while (this.#takes("|")) parts.push(this.#row());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: "either", parts };
  }

  #row(): PatternNode {
    const parts: PatternNode[] = [];
    for (let next = this.#next; next !== undefined; next = this.#next) {
      if (next === "|" || next === ")") break;
      parts.push(this.#counted(this.#single()));
    }
    return { kind: "row", parts };
  }

  #counted(part: PatternNode): PatternNode {
    const count = this.#count();
    if (count === null) return part;
    if (part.kind === "at") throw this.#wrong("a place that is counted");
    // What is asked is only whether it fits: to prefer fewer makes no difference.
    this.#takes("?");
    if (this.#count() !== null) throw this.#wrong("a count of a count");
    return { kind: "times", part, ...count };
  }

  #count(): { readonly min: number; readonly max: number | null } | null {
    if (this.#takes("*")) return { min: 0, max: null };
    if (this.#takes("+")) return { min: 1, max: null };
    if (this.#takes("?")) return { min: 0, max: 1 };
    if (this.#next !== "{") return null;
    const rest = this.#text.slice(this.#at, this.#at + 12).join("");
    const found = /^\{(\d{1,3})(,(\d{0,3}))?\}/u.exec(rest);
    if (found === null) throw this.#wrong('a "{" that is no count; write \\{ for the character');
    const [all, low = "", hasMore, high = ""] = found;
    const min = Number(low);
    const max = hasMore === undefined ? min : high === "" ? null : Number(high);
    if (Math.max(min, max ?? 0) > TIMES_MAX || (max !== null && max < min)) {
      throw this.#wrong(`a count outside of 0 to ${String(TIMES_MAX)}`);
    }
    this.#at += all.length;
    return { min, max };
  }

  #single(): PatternNode {
    const character = this.#take();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return { kind: "one", fits: this.#set() };
      case ".":
        return { kind: "one", fits: (one) => one !== "\n" && one !== "\r" };
      case "^":
        return { kind: "at", place: "start" };
      case "$":
        return { kind: "at", place: "end" };
      case "\\":
        return this.#takes("b")
          ? { kind: "at", place: "edge" }
          : { kind: "one", fits: this.#escaped() };
      case "*":
      case "+":
      case "?":
      case "{":
      case "}":
      case "]":
        throw this.#wrong(`a "${character}" by itself; write \\${character} for the character`);
      default:
        return { kind: "one", fits: this.#same(character) };
    }
  }

  #group(): PatternNode {
    if (this.#next === "?") {
      const kind = this.#text.slice(this.#at, this.#at + 2).join("");
      if (kind !== "?:") throw this.#wrong("looking around, and groups with names or flags");
      this.#at += kind.length;
    }
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) {
      throw this.#wrong(`groups that are nested deeper than ${String(DEPTH_MAX)}`);
    }
    const inside = this.#either();
    this.#depth -= 1;
    if (!this.#takes(")")) throw this.#wrong('a "(" without its ")"');
    return inside;
  }

  #escaped(): Fits {
    const character = this.#take();
    const known = CLASSES[character];
    if (known !== undefined) return known;
    return this.#same(this.#literal(character));
  }

  /** The character that an escape stands for. */
  #literal(character: string): string {
    const control = CONTROLS[character];
    if (control !== undefined) return control;
    if (/^\d$/u.test(character)) throw this.#wrong("references back to a group");
    if (/^\w$/u.test(character)) throw this.#wrong(`the escape \\${character}`);
    return character;
  }

  #same(character: string): Fits {
    const expected = this.#ignoresCase ? character.toLowerCase() : character;
    return (one) => one === expected;
  }

  #set(): Fits {
    const isNegated = this.#takes("^");
    const members: Fits[] = [];
    while (!this.#takes("]")) {
      if (this.#next === undefined) throw this.#wrong('a "[" without its "]"');
      members.push(this.#member());
    }
    if (members.length === 0) throw this.#wrong("an empty set");
    return (one) => members.some((fits) => fits(one)) !== isNegated;
  }

  #member(): Fits {
    const first = this.#take();
    if (first === "\\" && CLASSES[this.#next ?? ""] !== undefined) return this.#escaped();
    const low = first === "\\" ? this.#literal(this.#take()) : first;
    const isRange = this.#next === "-" && this.#text[this.#at + 1] !== "]";
    if (!isRange) return this.#same(low);
    this.#at += 1;
    const last = this.#take();
    const high = last === "\\" ? this.#literal(this.#take()) : last;
    if (pointOf(high) < pointOf(low)) throw this.#wrong("a range that ends before it begins");
    return this.#range(low, high);
  }

  #range(low: string, high: string): Fits {
    const isIn = (one: string) => pointOf(one) >= pointOf(low) && pointOf(one) <= pointOf(high);
    if (!this.#ignoresCase) return isIn;
    return (one) => isIn(one) || isIn(one.toUpperCase());
  }

  get #next(): string | undefined {
    return this.#text[this.#at];
  }

  #takes(character: string): boolean {
    if (this.#next !== character) return false;
    this.#at += 1;
    return true;
  }

  #take(): string {
    const character = this.#next;
    if (character === undefined) throw this.#wrong("an end in the middle of something");
    this.#at += 1;
    return character;
  }

  #wrong(what: string): SyntaxError {
    return new SyntaxError(`at character ${String(this.#at)}: it may not hold ${what}`);
  }
}

function pointOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
