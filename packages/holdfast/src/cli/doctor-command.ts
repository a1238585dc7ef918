/** `holdfast doctor`: what is wrong, before go-live and at 3 a.m. */
import type { Command } from "commander";
import { examine, type Check, type Examined } from "../operate/doctor/doctor.ts";
import type { Work } from "./context.ts";
import { EXIT } from "./exit-code.ts";
import type { Look } from "./show-lists.ts";
import { bold, sentence } from "./text-table.ts";

interface Options {
  readonly anchor?: string;
}

const WORDS = { ok: "ok", warn: "warn", fail: "FAIL" } as const;
const WORD_WIDTH = 4;
const NAME_WIDTH = 14;
const GAP = "  ";

export function addDoctorCommand(program: Command, act: (work: Work) => Promise<void>): void {
  program
    .command("doctor")
    .argument("[module]", "file whose definitions are looked at as well, as for worker")
    .description("say what is wrong around a store, before go-live and at 3 a.m.; changes nothing")
    .option("--anchor <file>", "PostgreSQL: the file that the app keeps as its anchor")
    .action((module: string | undefined, { anchor }: Options) =>
      act(async ({ store, outside }) => {
        const examined = await examine(store, {
          nowMs: outside.nowMs,
          pause: outside.pause,
          lookAround: (tell) => outside.lookAround(module ?? null, tell),
          stopLooking: outside.stopLooking,
          anchorFile: anchor ?? null,
        });
        return {
          ranCode: true,
          document: examined,
          text: (look) => examinedText(examined, look),
          exitCode: examined.fails === 0 ? EXIT.ok : EXIT.failed,
        };
      }),
    );
}

function examinedText({ checks, fails, warns }: Examined, look: Look): string {
  const wells = checks.length - fails - warns;
  const verdict =
    fails === 0 ? "" : " Something is to be mended before an engine can be relied on.";
  return [
    ...checks.flatMap((check) => linesOf(check, look)),
    `${String(fails)} FAIL, ${String(warns)} warn, ${String(wells)} ok.${verdict}`,
  ].join("\n");
}

function linesOf({ cell, check, level, code, what, fix }: Check, { screen }: Look): string[] {
  const word = WORDS[level].padEnd(WORD_WIDTH);
  const lead = `${level === "fail" ? bold(word, screen) : word}${GAP}`;
  const name = cell === null ? check : `[${cell}] ${check}`;
  const said = code === null ? what : `${code}  ${what}`;
  // Below each other, so that a long sentence is whole and the first words are a column.
  const indent = WORD_WIDTH + GAP.length;
  const first = sentence(`${name.padEnd(NAME_WIDTH)}${GAP}${said}`, indent, screen);
  return [
    `${lead}${first.slice(indent)}`,
    ...(fix === null ? [] : [sentence(`fix  ${fix}`, indent, screen)]),
  ];
}
