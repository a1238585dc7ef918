/**
 * Every command that a sentence of ours tells somebody to give has what the program asks of it: in
 * its place a value, or a word that says what stands there (RUN, "..."). Sentences stand in the
 * source; what is left out of a template is taken for a value.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { outside } from "../command-line.ts";
import { commandTree } from "./program.ts";

const SOURCE = new URL("..", import.meta.url);
const COMMENT = /\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/gu;
/** Literals that are put together over several lines. */
const JOINED = /["'`]\s*\+\s*["'`]/gu;
const LITERAL = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/gu;
/** Where a command is spoken of, and nobody is told to give it. */
const SPOKEN_OF = [
  "was made by `holdfast import`",
  "holdfast archive has written",
  "holdfast archive` has written",
  "`holdfast pull` has written",
  "`holdfast pull` wrote",
  "as holdfast archive does",
  "before `holdfast store accept`",
  "(holdfast cells add or holdfast cells drain)",
  "then say so with holdfast settle",
  "say with holdfast settle that",
  // What it needs is what this sentence says.
  "holdfast test needs files",
];

const program = commandTree(
  {
    env: {},
    hasFile: () => false,
    userName: () => null,
    width: null,
    out: () => undefined,
    err: () => undefined,
  },
  outside,
  {
    act: async () => undefined,
    actOnCells: async () => undefined,
    show: () => undefined,
    work: async () => undefined,
  },
);

interface Printed {
  readonly file: string;
  readonly text: string;
}

function printed(): readonly Printed[] {
  const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" });
  const own = files.filter((file) => /(?<!\.test|\.test-support)\.ts$/u.test(file));
  return own.flatMap((file) => literalsIn(file));
}

function literalsIn(file: string): readonly Printed[] {
  const source = readFileSync(new URL(file, SOURCE), "utf8").replaceAll(COMMENT, "");
  const literals = source.replaceAll(JOINED, "").match(LITERAL) ?? [];
  return literals.flatMap((literal) => commandsIn(literal).map((text) => ({ file, text })));
}

/** From the word "holdfast" to the end of what can belong to the command. */
function commandsIn(literal: string): readonly string[] {
  let said = filledIn(literal.slice(1, -1));
  for (const words of SPOKEN_OF) said = said.replaceAll(words, "");
  const found = said.match(/\bholdfast [a-z][^\n]*?(?=[`;)|\n]|[.,:](?:\s|$)| {2,}|$)/gu) ?? [];
  return found.flatMap((text) => text.split(/, or: | or (?=holdfast )/u));
}

function filledIn(template: string): string {
  let text = template.replaceAll("\\`", "`").replaceAll('\\"', '"');
  // The innermost first: a template may hold another one.
  for (let before = ""; before !== text;) {
    before = text;
    text = text.replaceAll(/\$\{[^{}]*\}/gu, "VALUE");
  }
  return text.replaceAll('"..."', "TEXT").replaceAll(/'[^']*'/gu, "TEXT");
}

/** The command that is meant and what was left out of it; null if it is none of ours. */
function missingIn(text: string): readonly string[] | null {
  const words = text.split(" ").slice(1);
  let command: Command = program;
  for (;;) {
    const next = command.commands.find((one) => one.name() === words[0]);
    if (next === undefined) break;
    command = next;
    words.shift();
  }
  if (command === program) return null;
  const values = valuesIn(words, command);
  // What stands behind the arguments of a template may be any options.
  if (words.at(-1)?.endsWith("VALUE") && values > command.registeredArguments.length) return [];
  const wanted = command.registeredArguments.filter(({ required }) => required);
  const options = command.options.filter(({ mandatory }) => mandatory);
  return [
    ...wanted.slice(values).map((one) => one.name()),
    ...options.flatMap(({ long }) => (text.includes(String(long)) ? [] : [String(long)])),
  ];
}

function valuesIn(words: readonly string[], command: Command): number {
  let values = 0;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? "";
    if (!word.startsWith("--")) values += word === "" ? 0 : 1;
    else if (command.options.some(({ long, required }) => long === word && required)) index += 1;
  }
  return values;
}

describe("commands that are printed", () => {
  test("are complete, wherever they are printed", () => {
    const all = printed().map((one) => ({ ...one, missing: missingIn(one.text) }));
    const ours = all.filter(({ missing }) => missing !== null);
    expect(ours.length).toBeGreaterThan(150);
    const bad = ours.filter(({ missing }) => missing?.length !== 0);
    expect(bad.map(({ file, text, missing }) => `${file}: ${text}: ${String(missing)}`)).toEqual(
      [],
    );
  });
});
