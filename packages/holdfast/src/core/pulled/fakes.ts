/**
 * What is sensitive in one run, and what stands for it wherever it turns up: also where nobody has
 * declared it, such as in a sentence or in the input of another effect. Equal values stay equal, so code
 * that hands a value on hands the fake on.
 */
import { HoldfastError } from "../error.ts";
import type { Hmac } from "../operation-key.ts";
import { coverSensitive } from "../sensitive.ts";
import { fakeBoolean, fakeNumber, fakeText } from "./typed-fake.ts";

/** Shorter texts and numbers are everywhere by chance: they are replaced only where they are declared. */
const FOUND_CHARS_MIN = 4;
/** From here on a text is replaced within a word, too. */
const WITHIN_WORDS_CHARS_MIN = 8;
/** Different values that are looked for in sentences. */
const LOOKED_FOR_MAX = 10_000;
/** Another fake is drawn so often where one is taken by another value. */
const DRAWS_MAX = 50;

type Leaf = string | number;

/** A part of a value, to be replaced whole. */
class Covered {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

export class Fakes {
  readonly #hmac: Hmac;
  readonly #fakes = new Map<Leaf, Leaf>();
  readonly #taken = new Set<Leaf>();
  /** Shown openly in some payload of the run: what nobody has declared is not kept back there. */
  readonly #open = new Set<Leaf>();
  #pattern: RegExp | null = null;

  constructor(hmac: Hmac) {
    this.#hmac = hmac;
  }

  /** Different values that something stands for. */
  get count(): number {
    return this.#fakes.size;
  }

  /** Looks at a payload whose definition has said what is sensitive in it. */
  learn(value: unknown, pointers: readonly string[]): void {
    const covered = coverSensitive(value, pointers, (part) => new Covered(part));
    eachLeaf(covered, (leaf, isCovered) => {
      if (isCovered) this.#fakeOf(leaf);
      else this.#open.add(leaf);
    });
  }

  /** Looks at one of which nobody has said anything. To be called when all others are known. */
  learnUndeclared(value: unknown): void {
    eachLeaf(value, (leaf) => {
      if (!this.#open.has(leaf)) this.#fakeOf(leaf);
    });
  }

  /** The payload with what stands for the sensitive parts of it. */
  inDeclared(value: unknown, pointers: readonly string[]): unknown {
    return this.#within(coverSensitive(value, pointers, (part) => new Covered(part)));
  }

  /** Booleans stay: there are only two of them, and code decides by them. */
  inUndeclared(value: unknown): unknown {
    return mapped(value, {
      leaf: (leaf) => this.#fakes.get(leaf) ?? leaf,
      boolean: (one) => one,
      name: (name) => this.inText(name),
    });
  }

  /** A sentence, a key, the name of a step. */
  inText(text: string): string {
    const whole = text.length < FOUND_CHARS_MIN ? undefined : this.#fakes.get(text);
    if (typeof whole === "string") return whole;
    this.#pattern ??= this.#patternOfAll();
    return text.replace(this.#pattern, (one) => this.#foundInText(one));
  }

  #foundInText(one: string): string {
    return String(this.#fakes.get(one) ?? this.#fakes.get(Number(one)) ?? one);
  }

  #within(value: unknown): unknown {
    if (value instanceof Covered) return this.#covered(value.value);
    if (typeof value === "string") return this.inText(value);
    if (typeof value === "number") return isLookedFor(value) ? this.#orSame(value) : value;
    if (Array.isArray(value)) return value.map((one) => this.#within(one));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [this.inText(name), this.#within(member)]),
    );
  }

  #covered(value: unknown): unknown {
    return mapped(value, {
      leaf: (leaf) => this.#orSame(leaf),
      boolean: (one) => fakeBoolean(one, this.#hmac),
      name: (name) => this.inText(name),
    });
  }

  #orSame(leaf: Leaf): Leaf {
    return this.#fakes.get(leaf) ?? leaf;
  }

  #fakeOf(leaf: Leaf): void {
    if (this.#fakes.has(leaf)) return;
    let fake = this.#drawn(leaf, 0);
    for (let salt = 1; salt < DRAWS_MAX && (fake === leaf || this.#taken.has(fake)); salt += 1)
      fake = this.#drawn(leaf, salt);
    this.#fakes.set(leaf, fake);
    this.#taken.add(fake);
    this.#pattern = null;
  }

  #drawn(leaf: Leaf, salt: number): Leaf {
    return typeof leaf === "string"
      ? fakeText(leaf, this.#hmac, salt)
      : fakeNumber(leaf, this.#hmac, salt);
  }

  /** One pattern for all, the longest first, so that no fake is looked into again. */
  #patternOfAll(): RegExp {
    const texts = [...this.#fakes.keys()].filter(isLookedFor).map(String);
    if (texts.length === 0) return /(?!)/gu;
    if (texts.length > LOOKED_FOR_MAX) throw tooMany(texts.length);
    const longest = texts.toSorted((a, b) => b.length - a.length);
    return new RegExp(longest.map(found).join("|"), "gu");
  }
}

function tooMany(count: number): HoldfastError {
  return new HoldfastError(
    "HF4104",
    `The run has ${String(count)} different sensitive values; at most ${String(LOOKED_FOR_MAX)} are looked for wherever they turn up. Nothing was written.`,
    "Declare which fields are sensitive (`sensitive: []` where none is), so that only those are replaced, or pull a smaller run.",
  );
}

function isLookedFor(leaf: Leaf): boolean {
  return String(leaf).length >= FOUND_CHARS_MIN;
}

function found(text: string): string {
  const escaped = text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, "\\$&");
  if (text.length >= WITHIN_WORDS_CHARS_MIN) return escaped;
  return `(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`;
}

function eachLeaf(
  value: unknown,
  look: (leaf: Leaf, isCovered: boolean) => void,
  isCovered = false,
): void {
  if (value instanceof Covered) eachLeaf(value.value, look, true);
  else if (typeof value === "string" || typeof value === "number") look(value, isCovered);
  else if (typeof value === "object" && value !== null)
    for (const member of Object.values(value)) eachLeaf(member, look, isCovered);
}

interface Mapping {
  readonly leaf: (leaf: Leaf) => Leaf;
  readonly boolean: (one: boolean) => boolean;
  readonly name: (name: string) => string;
}

function mapped(value: unknown, how: Mapping): unknown {
  if (typeof value === "string" || typeof value === "number") return how.leaf(value);
  if (typeof value === "boolean") return how.boolean(value);
  if (Array.isArray(value)) return value.map((one) => mapped(one, how));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [how.name(name), mapped(member, how)]),
  );
}
