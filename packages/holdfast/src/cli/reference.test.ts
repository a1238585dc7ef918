/** docs/reference/cli.md names every command and option that there is, and none that there is not. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { outside } from "../command-line.ts";
import { EXIT } from "./exit-code.ts";
import { commandTree } from "./program.ts";

const reference = readFileSync(
  new URL("../../../../docs/reference/cli.md", import.meta.url),
  "utf8",
);
const sections = new Map(
  reference
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf("\n")), text] as const),
);

const silent = { env: {}, hasFile: () => false, userName: () => null, width: null };
const nowhere = { out: () => undefined, err: () => undefined };
const program = commandTree({ ...silent, ...nowhere }, outside, {
  act: async () => undefined,
  actOnCells: async () => undefined,
  show: () => undefined,
  work: async () => undefined,
});

/** Commands that do something, with their whole names. */
function leaves(command: Command, before: string): readonly (readonly [string, Command])[] {
  const name = `${before}${command.name()}`;
  if (command.commands.length === 0) return [[name, command]];
  // A group may do something without a further word; commander does not say so in its types.
  const acts = Reflect.get(command, "_actionHandler") !== null;
  const own = before !== "" && acts ? [[name, command] as const] : [];
  return [...own, ...command.commands.flatMap((part) => leaves(part, `${name} `))];
}

function flagsOf(command: Command): readonly string[] {
  return command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long]));
}

/** Options in the first column of a section's tables. */
function documented(section: string): readonly string[] {
  const rows = section.split("\n").filter((line) => line.startsWith("| `--"));
  return rows.flatMap((row) => (row.split("|")[1] ?? "").match(/--[a-z-]+/g) ?? []);
}

const commands = leaves(program, "");

describe("the reference of the command line", () => {
  test("has a section for each command, in the order of the help", () => {
    const names = [...sections.keys()].filter((name) => name !== "For every command");
    expect(names).toEqual(commands.map(([name]) => name));
  });

  test.each(commands)("%s has its options, all of them and no other", (name, command) => {
    const flags = documented(sections.get(name) ?? "");
    expect(flags.toSorted()).toEqual(flagsOf(command).toSorted());
  });

  test.each(commands)(
    "the help of %s marks what is required, and nothing else",
    (_name, command) => {
      const marked = command
        .helpInformation()
        .split(/\n(?= {2}-)/)
        .filter((part) => part.replaceAll(/\s+/g, " ").includes("(required)"))
        .map((part) => /--[a-z-]+/.exec(part)?.[0]);
      const required = command.options.filter(({ mandatory }) => mandatory);
      expect(marked).toEqual(required.map(({ long }) => long));
    },
  );

  test("names the options that every command takes, and the exit codes", () => {
    const general = sections.get("For every command") ?? "";
    expect(documented(general)).toEqual(expect.arrayContaining([...flagsOf(program)]));
    for (const code of Object.values(EXIT))
      expect(general).toMatch(new RegExp(`^\\| ${code} \\|`, "m"));
  });
});
