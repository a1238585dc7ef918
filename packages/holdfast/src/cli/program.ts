/** The command line as a function: words in, text and an exit code out. */
import { Command, CommanderError, Help, type Option } from "commander";
import { formatError, HoldfastError } from "../core/error.ts";
import { didYouMean } from "../core/nearest.ts";
import { quoted } from "../operate/find-run.ts";
import { addArchiveCommands } from "./archive-commands.ts";
import { addCellsCommands, type CellsWork } from "./cells-commands.ts";
import { addClassifyCommand } from "./classify-command.ts";
import { accessOfCell, badUse, payloadAccess, type Shown, type Work } from "./context.ts";
import { addDoctorCommand } from "./doctor-command.ts";
import { EXIT, exitCodeOf, type ExitCode } from "./exit-code.ts";
import { addParkingCommands } from "./parking-commands.ts";
import { addAdmitCommand } from "./admit-command.ts";
import { addExceptionCommands } from "./exception-commands.ts";
import { addHeldCommand } from "./held-command.ts";
import { addIssueCommands } from "./issue-commands.ts";
import { addLaneCommands } from "./lane-commands.ts";
import { addRuleCommands } from "./rule-commands.ts";
import { addPullCommand } from "./pull-command.ts";
import { addReadCommands } from "./read-commands.ts";
import { addRehearseCommand } from "./rehearse-command.ts";
import { addRepairCommands } from "./repair-commands.ts";
import { addReplayCommands } from "./replay-commands.ts";
import { jsonLine, jsonText, visibleLines } from "./safe-text.ts";
import { pasteReady } from "./paste-ready.ts";
import { collected, type StoreNames, storeNames } from "./store-names.ts";
import { addKeyCommand, addStoreCommands } from "./store-commands.ts";
import type { StoreCare } from "../operate/store-care.ts";
import type { Outside } from "./outside.ts";
import type { Terminal } from "./terminal.ts";
import { addStatusCommand } from "./status-command.ts";
import { addTestCommand } from "./test-command.ts";
import { addMoveCommand } from "./move-command.ts";
import { addVersionCommands } from "./version-commands.ts";
import { addWorkerCommand, workerShown } from "./worker-command.ts";
import { addWriteCommands } from "./write-commands.ts";

interface GlobalOptions {
  readonly store?: readonly string[];
  readonly cell?: string;
  readonly keyRing?: string;
  readonly payloadFiles?: string;
  readonly json?: true;
}

const AFTER_HELP = `
Every command takes --store and --json. A run is named by its id or its business key.
Exit codes: 0 ok, 1 failed, 2 bad use, 3 needs another person, 4 refused as unsafe.`;

/** Runs one command line (without the program's own name). Never throws. */
export async function runCommandLine(
  words: readonly string[],
  terminal: Terminal,
  outside: Outside,
): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const show = (shown: Shown) => {
    print(shown, program, terminal, outside.nowMs());
    if (shown.ranCode === true) terminal.endsAll?.();
    exitCode = shown.exitCode ?? EXIT.ok;
  };
  const act = async (work: Work) => {
    const options: GlobalOptions = program.opts();
    const store = careOf(storeNames(options, terminal), options, { terminal, outside });
    show(await work({ outside, terminal, store }));
  };
  const actOnCells = async (work: CellsWork) => {
    const names = storeNames(program.opts<GlobalOptions>(), terminal);
    if (names.kind === "one") throw unnamedCells();
    show(await work(outside.cellsAt(names.stores), { terminal, outside }));
  };
  const work = async (path: string) => {
    const names = storeNames(program.opts<GlobalOptions>(), terminal);
    const store = names.kind === "one" ? names.address : addressesOf(names);
    show(workerShown(path, await outside.startWorker(path, store)));
  };
  const program: Command = commandTree(terminal, outside, { act, actOnCells, show, work });
  try {
    if (words[0] === "help" && words.length > 1) {
      commandAt(program, words.slice(1)).outputHelp();
      return exitCode;
    }
    await program.parseAsync(words, { from: "user" });
    return exitCode;
  } catch (error) {
    // A user's module may have been loaded before it failed, and leave behind what keeps a process alive.
    terminal.endsAll?.();
    return failed(error, program, words, terminal);
  }
}

/** One store, one of several cells, or all of them together. */
function careOf(
  names: StoreNames,
  options: GlobalOptions,
  { terminal, outside }: { readonly terminal: Terminal; readonly outside: Outside },
): StoreCare {
  const access = payloadAccess(options, terminal);
  if (names.kind === "one") return outside.storeAt(names.address, access);
  const only = names.stores.find(({ name }) => name === names.only);
  if (only === undefined) return outside.storeOverCells(names.stores, access);
  return outside.storeAt(only.address, accessOfCell(access, only.name));
}

function addressesOf({ stores }: Extract<StoreNames, { kind: "cells" }>) {
  return Object.fromEntries(stores.map(({ name, address }) => [name, address]));
}

function unnamedCells(): HoldfastError {
  return badUse(
    "No cells are named.",
    "Name all stores of the list: --store NAME=ADDRESS for each, or HOLDFAST_STORE with all of them.",
  );
}

/** Commander's own help knows no command within a group. */
function commandAt(program: Command, path: readonly string[]): Command {
  let command = program;
  for (const name of path.filter((word) => !word.startsWith("-"))) {
    const names = command.commands.map((one) => one.name());
    const found = command.commands.find((one) => one.name() === name);
    if (found === undefined) {
      const list = command === program ? "--help" : `help ${command.name()}`;
      throw badUse(
        `There is no command ${quoted([...path].join(" "))}.`,
        `${didYouMean(name, names)}See what there is with: holdfast ${list}`,
      );
    }
    command = found;
  }
  return command;
}

/** What commands do when they are given: most need a store, some only say something. */
interface Doers {
  readonly act: (work: Work) => Promise<void>;
  readonly actOnCells: (work: CellsWork) => Promise<void>;
  readonly show: (shown: Shown) => void;
  /** Starts a worker with the code of this module. */
  readonly work: (path: string) => Promise<void>;
}

/** All commands with their options. The reference in docs is checked against it by a test. */
export function commandTree(
  terminal: Terminal,
  outside: Outside,
  { act, actOnCells, show, work }: Doers,
): Command {
  const program = new Command("holdfast")
    .description("Look at runs, decide what people must decide, care for the store.")
    .version(outside.version(), "-V, --version")
    .option(
      "--store <address>",
      "sqlite:PATH or postgres://...; NAME=ADDRESS for each cell; else HOLDFAST_STORE, else ./holdfast.db",
      collected,
    )
    .option("--cell <name>", "look at this cell alone")
    .option("--key-ring <file>", "opens sealed payloads; else HOLDFAST_KEY_RING")
    .option("--payload-files <directory>", "where long payloads lie; else HOLDFAST_PAYLOAD_FILES")
    .option("--json", "print one JSON document")
    .addHelpText("after", AFTER_HELP)
    .exitOverride()
    .configureHelp({ optionDescription: describedOption })
    .configureOutput({
      writeOut: terminal.out,
      // Help after a mistake; the mistake itself is printed in our own form, below.
      writeErr: () => undefined,
      getOutHelpWidth: () => terminal.width ?? HELP_WIDTH,
      getOutHasColors: () => false,
    });
  // After the settings above: a command takes them over when it is made.
  addWorkerCommand(program, work);
  addDoctorCommand(program, act);
  addStatusCommand(program, act);
  addRehearseCommand(program, outside, show);
  addPullCommand(program, act);
  addTestCommand(program, outside, show);
  addReadCommands(program, act);
  addClassifyCommand(program, outside, show);
  addWriteCommands(program, act);
  addAdmitCommand(program, act);
  addReplayCommands(program, act);
  addParkingCommands(program, act);
  addLaneCommands(program, act);
  addHeldCommand(program, act);
  addVersionCommands(program, act);
  addMoveCommand(program, act);
  addRepairCommands(program, act);
  addExceptionCommands(program, act);
  addIssueCommands(program, act);
  addRuleCommands(program, act);
  addCellsCommands(program, actOnCells);
  addArchiveCommands(program, act);
  addStoreCommands(program, act);
  addKeyCommand(program, outside, show);
  return program;
}

/** Commander's own words; what cannot be left out says so. */
function describedOption(this: Help, option: Option): string {
  const text = Help.prototype.optionDescription.call(this, option);
  return option.mandatory ? `${text} (required)` : text;
}

/** Columns of help text where there is no terminal. */
const HELP_WIDTH = 100;

function print(shown: Shown, program: Command, terminal: Terminal, nowMs: number): void {
  const options: GlobalOptions = program.opts();
  if (options.json === true) {
    const { document, lines } = shown;
    if (lines === undefined) terminal.out(`${jsonText(document)}\n`);
    else for (const line of lines) terminal.out(`${jsonLine(line)}\n`);
    return;
  }
  const { env, width } = terminal;
  const noColor = (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb";
  const screen = { width, hasColor: width !== null && !noColor };
  const { text, remark } = pasteReady(shown.text({ screen, nowMs }), options, namesIn(program));
  terminal.out(`${text}\n`);
  for (const line of [shown.remark, remark])
    if (typeof line === "string") terminal.err(`${line}\n`);
}

function namesIn(program: Command): readonly string[] {
  return program.commands.map((command) => command.name());
}

function failed(
  thrown: unknown,
  program: Command,
  words: readonly string[],
  terminal: Terminal,
): ExitCode {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok;
  const named = commandNamed(program, words);
  const error = translated(thrown, named);
  // A group without its command: its help says which there are.
  if (thrown instanceof CommanderError && thrown.code === "commander.help" && named !== null) {
    if (!words.includes("--json")) commandAt(program, [named]).outputHelp();
  }
  // With --json the one document on `out` is the error; people and logs find it on `err` as well.
  if (words.includes("--json")) terminal.out(`${jsonText({ error: errorDocument(error) })}\n`);
  const { text, remark } = pasteReady(formatError(error), program.opts(), namesIn(program));
  terminal.err(`${visibleLines(text)}\n`);
  if (remark !== null) terminal.err(`${remark}\n`);
  if (thrown instanceof CommanderError) return EXIT.badUse;
  return thrown instanceof HoldfastError ? exitCodeOf(error.code) : EXIT.failed;
}

function errorDocument({ code, message, where, remedy }: HoldfastError) {
  const page = `docs/reference/errors.md#${code.toLowerCase()}`;
  return { code, message, where: where ?? null, remedy, page };
}

/** The command that was meant, as `holdfast help` takes it; null if it is none. */
function commandNamed(program: Command, words: readonly string[]): string | null {
  const names = namesIn(program);
  return words.find((word) => names.includes(word)) ?? null;
}

function translated(thrown: unknown, command: string | null): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown;
  if (thrown instanceof CommanderError) return misuse(thrown, command);
  const message = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new HoldfastError(
    "HF6003",
    `The command line has failed in a way that it does not know: ${message}.`,
    "This is a defect of Holdfast: report it, with the command that you gave.",
    { cause: thrown },
  );
}

/** Commander's sentence ("error: unknown option '--jso'", a suggestion on its second line) as ours. */
function misuse(error: CommanderError, command: string | null): HoldfastError {
  if (error.code === "commander.help") {
    return command === null
      ? badUse("No command was given.", "See what there is with: holdfast --help")
      : badUse(
          `No command of "${command}" was given.`,
          `See what there is with: holdfast help ${command}`,
        );
  }
  const said = error.message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
  const sentence = `${said.charAt(0).toUpperCase()}${said.slice(1)}`;
  const remedy =
    command === null
      ? "See what there is with: holdfast --help"
      : `See what the command takes with: holdfast help ${command}`;
  return badUse(/[.)?]$/.test(sentence) ? sentence : `${sentence}.`, remedy);
}
