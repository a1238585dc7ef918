/**
 * Digests for a history that has left its store. What the code derives (`run.uuid`, `run.random`) is made
 * with the key of the store, which is not in the file: the code is given other values at first. Where it
 * asks for what the history holds but for such a value, that one is found in the history, and the code
 * is run again with it.
 */
import { canonicalJson } from "../../core/canonical-json.ts";
import { parseJson } from "../../core/json-text.ts";
import { masked } from "../../core/sensitive.ts";
import { digestsWith, type Digests } from "../journal/digest.ts";
import { fractionOf, uuidOf } from "../steps/derived-values.ts";

/** Bytes of a digest. */
const DIGEST_BYTES = 32;
const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
const FRACTION = "\\d(?:\\.\\d+)?(?:e-\\d+)?";
/** How many values of one input are looked for; more are as good as another input. */
const VALUES_MAX = 50;

interface Derived {
  /** What it is derived from: kind, run and name. */
  readonly of: string;
  readonly kind: "uuid" | "random";
  /** As it stands in JSON. */
  readonly text: string;
}

export class DerivedInHistory implements Digests {
  readonly #digests: Digests;
  /** Found in the history, by what they are derived from. */
  readonly #found = new Map<string, Uint8Array>();
  #derived: Derived[] = [];
  #learned = 0;

  constructor(key: Uint8Array) {
    this.#digests = digestsWith(key);
  }

  /** To be called before the code runs. */
  beginAgain(): void {
    this.#derived = [];
    this.#learned = 0;
  }

  /** How many values were found since: the code was not given them then. */
  get learned(): number {
    return this.#learned;
  }

  hex(text: string): string {
    return this.#digests.hex(text);
  }

  bytes(text: string): Uint8Array {
    const found = this.#found.get(text);
    if (found !== undefined) return found;
    const bytes = this.#digests.bytes(text);
    const kind = text.startsWith("uuid\u0000") ? "uuid" : "random";
    this.#derived.push({ of: text, kind, text: shown(kind, bytes) });
    return bytes;
  }

  /**
   * At one step the history holds this, and the code asks with that; both as JSON. True if they differ
   * only where the history holds fakes, of which code may make anything.
   */
  isSame(recordedText: string, askedText: string, sensitive: readonly string[]): boolean {
    const [recorded, asked] = [recordedText, askedText].map((one) =>
      canonicalJson(masked(parseJson(one), sensitive)),
    );
    if (recorded === asked) return true;
    if (recorded !== undefined && asked !== undefined) this.#learn(recorded, asked);
    return false;
  }

  #learn(recorded: string, asked: string): void {
    const used = this.#derived.filter((one) => asked.includes(one.text)).slice(0, VALUES_MAX);
    const groups = used.length === 0 ? undefined : patternOf(asked, used).exec(recorded)?.groups;
    if (groups === undefined) return;
    used.forEach((one, at) => {
      this.#found.set(one.of, bytesOf(one.kind, groups[`v${String(at)}`] ?? ""));
      this.#learned += 1;
    });
  }
}

/** The text with a group for each derived value; where one comes again it has to be the same. */
function patternOf(text: string, used: readonly Derived[]): RegExp {
  let pattern = escaped(text);
  used.forEach(({ kind, text: value }, at) => {
    const name = `v${String(at)}`;
    const [first = "", ...others] = pattern.split(escaped(value));
    const group = `(?<${name}>${kind === "uuid" ? UUID : FRACTION})`;
    pattern = first + others.map((part, n) => (n === 0 ? group : `\\k<${name}>`) + part).join("");
  });
  return new RegExp(`^${pattern}$`, "u");
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, "\\$&");
}

/** As `run.uuid` and `run.random` make it of these bytes: see steps/derived-values.ts. */
function shown(kind: Derived["kind"], bytes: Uint8Array): string {
  return kind === "uuid" ? uuidOf(bytes) : String(fractionOf(bytes));
}

function bytesOf(kind: Derived["kind"], text: string): Uint8Array {
  const bytes = Buffer.alloc(DIGEST_BYTES);
  if (kind === "uuid") bytes.set(Buffer.from(text.replaceAll("-", ""), "hex"));
  else bytes.writeUIntBE(Math.round(Number(text) * 2 ** 48), 0, 6);
  return bytes;
}
