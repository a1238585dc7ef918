/**
 * Patterns that operators may write: a subset of regular expressions that is matched without ever
 * going back, so that no pattern and no text can hold an engine up. The work is at most one look at
 * each instruction for each character, and both are bounded.
 *
 * What cannot be matched this way (references back, looking around) is refused when it is written.
 * Source: K. Thompson, "Regular Expression Search Algorithm", CACM 11(6), 1968.
 */
import { parsePattern, type PatternNode } from "./pattern-syntax.ts";

/** Characters of a text that are looked at. */
const TEXT_CHARS_MAX = 500;

/** Instructions of one pattern, after its counts are written out. */
const PATTERN_SIZE_MAX = 500;

export interface LinearPattern {
  readonly source: string;
  /** Whether it fits anywhere in the first 500 characters of a text. */
  matches(text: string): boolean;
}

type Instruction =
  | { readonly op: "one"; readonly fits: (character: string) => boolean }
  | { readonly op: "fork"; one: number; other: number }
  | { readonly op: "at"; readonly place: "start" | "end" | "edge" }
  | { readonly op: "fits" };

/** @throws {SyntaxError} for what is no such pattern, or too large a one. */
export function linearPattern(source: string): LinearPattern {
  const { root, ignoresCase } = parsePattern(source);
  const program = compiled(root);
  return {
    source,
    matches(text) {
      const cut = text.slice(0, TEXT_CHARS_MAX);
      return run(program, Array.from(ignoresCase ? cut.toLowerCase() : cut));
    },
  };
}

function compiled(root: PatternNode): readonly Instruction[] {
  const program: Instruction[] = [];
  const emit = <I extends Instruction>(instruction: I): I => {
    if (program.length >= PATTERN_SIZE_MAX) {
      throw new SyntaxError(`it is too large: more than ${String(PATTERN_SIZE_MAX)} instructions`);
    }
    program.push(instruction);
    return instruction;
  };
  write(root);
  emit({ op: "fits" });
  return program;

  function write(node: PatternNode): void {
    switch (node.kind) {
      case "one":
        emit({ op: "one", fits: node.fits });
        return;
      case "at":
        emit({ op: "at", place: node.place });
        return;
      case "row":
        for (const part of node.parts) write(part);
        return;
      case "either":
        writeEither(node.parts);
        return;
      case "times":
        writeTimes(node);
        return;
    }
  }

  function writeEither(parts: readonly PatternNode[]): void {
    const ends: { one: number; other: number }[] = [];
    for (const [index, part] of parts.entries()) {
      if (index === parts.length - 1) {
        write(part);
        break;
      }
      const fork = emit({ op: "fork", one: program.length + 1, other: 0 });
      write(part);
      // Over the other branches: both ways of this fork lead to the end.
      ends.push(emit({ op: "fork", one: 0, other: 0 }));
      fork.other = program.length;
    }
    for (const end of ends) end.one = end.other = program.length;
  }

  function writeTimes({ part, min, max }: Extract<PatternNode, { kind: "times" }>): void {
    for (let count = 0; count < min; count += 1) write(part);
    if (max === null) {
      const fork = emit({ op: "fork", one: program.length + 1, other: 0 });
      const at = program.length - 1;
      write(part);
      emit({ op: "fork", one: at, other: at });
      fork.other = program.length;
      return;
    }
    const forks: { other: number }[] = [];
    for (let count = min; count < max; count += 1) {
      forks.push(emit({ op: "fork", one: program.length + 1, other: 0 }));
      write(part);
    }
    for (const fork of forks) fork.other = program.length;
  }
}

/** All ways through the program at once, one character at a time. */
function run(program: readonly Instruction[], text: readonly string[]): boolean {
  let states = new Set<number>();
  for (let at = 0; at <= text.length; at += 1) {
    // It may begin anywhere.
    if (follow(program, [...states, 0], text, at, states)) return true;
    const character = text[at];
    if (character === undefined) return false;
    const next = new Set<number>();
    for (const state of states) {
      const instruction = program[state];
      if (instruction?.op === "one" && instruction.fits(character)) next.add(state + 1);
    }
    states = next;
  }
  return false;
}

/** Adds what is reached without a character. True if that is the end of the pattern. */
function follow(
  program: readonly Instruction[],
  from: number[],
  text: readonly string[],
  at: number,
  reached: Set<number>,
): boolean {
  reached.clear();
  for (let state = from.pop(); state !== undefined; state = from.pop()) {
    if (reached.has(state)) continue;
    reached.add(state);
    const instruction = program[state];
    if (instruction?.op === "fits") return true;
    if (instruction?.op === "fork") from.push(instruction.one, instruction.other);
    if (instruction?.op === "at" && isAt(instruction.place, text, at)) from.push(state + 1);
  }
  return false;
}

function isAt(place: "start" | "end" | "edge", text: readonly string[], at: number): boolean {
  if (place === "start") return at === 0;
  if (place === "end") return at === text.length;
  return isWord(text[at - 1]) !== isWord(text[at]);
}

function isWord(character: string | undefined): boolean {
  return character !== undefined && /^\w$/u.test(character);
}
