/** `holdfast test`: holds pulled runs against the workflows of a module. */
import type { Command } from "commander";
import type { PulledVerdict } from "../core/pulled/verdict.ts";
import { badUse, type Shown } from "./context.ts";
import { EXIT } from "./exit-code.ts";
import type { Outside } from "./outside.ts";
import type { Look } from "./show-lists.ts";
import { junitText, type JunitCase } from "./junit.ts";
import { sentence } from "./text-table.ts";

interface TestOptions {
  readonly junit?: string;
}

export function addTestCommand(
  program: Command,
  outside: Outside,
  show: (shown: Shown) => void,
): void {
  program
    .command("test")
    .argument("<file...>", "files that `pull` has written, and the module of the build as the last")
    .description("say whether a build fits runs that were pulled, and where it does not")
    .option("--junit <file>", "write the report as JUnit XML, a test case for each file")
    .action(async (words: readonly string[], options: TestOptions) => {
      show(await tested(words, options, outside));
    });
}

async function tested(
  words: readonly string[],
  { junit }: TestOptions,
  outside: Outside,
): Promise<Shown> {
  const files = words.slice(0, -1);
  const module = words.at(-1) ?? "";
  if (files.length === 0 || module.endsWith(".hfrun"))
    throw badUse(
      "holdfast test needs files of pulled runs, and behind them the module with the workflows.",
      "Give both, for example: holdfast test runs/*.hfrun ./dist/app.js",
    );
  const verdicts = await outside.testPulled(files, module);
  if (junit !== undefined) await outside.writeText(junit, junitOf(verdicts));
  const isFit = verdicts.every(({ misfit }) => misfit === null);
  return {
    ranCode: true,
    document: { tested: verdicts },
    text: (look) => verdictsText(verdicts, look),
    exitCode: isFit ? EXIT.ok : EXIT.failed,
  };
}

function verdictsText(verdicts: readonly PulledVerdict[], { screen }: Look): string {
  const misfits = verdicts.filter(({ misfit }) => misfit !== null);
  const lines = misfits.flatMap(({ file, workflow, codeVersion, misfit }) =>
    misfit === null
      ? []
      : [
          "",
          `${file}  ${workflow}, code ${codeVersion}`,
          sentence(`${misfit.code}  ${misfit.message}`, 2, screen),
          sentence(`Fix: ${misfit.remedy}`, 2, screen),
        ],
  );
  const fits = `the build fits ${String(verdicts.length - misfits.length)} of ${String(verdicts.length)} pulled runs`;
  return [`${fits}${misfits.length === 0 ? "" : "; not:"}`, ...lines].join("\n");
}

function junitOf(verdicts: readonly PulledVerdict[]): string {
  const cases: readonly JunitCase[] = verdicts.map(({ file, workflow, misfit }) => ({
    group: workflow,
    name: file,
    failures:
      misfit === null
        ? []
        : [{ message: `${misfit.code}  ${misfit.message}`, text: misfit.remedy }],
  }));
  return junitText([{ name: "pulled runs", cases }]);
}
