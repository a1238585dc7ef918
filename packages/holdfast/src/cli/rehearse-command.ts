/** `holdfast rehearse`: plays what may go wrong with a workflow, and shows what does not hold. */
import type { Command } from "commander";
import type { RehearsalReport } from "../core/rehearsal.ts";
import { badUse, type Shown } from "./context.ts";
import { EXIT } from "./exit-code.ts";
import { wholeNumber } from "./option-values.ts";
import type { Outside } from "./outside.ts";
import { rehearsalHtml } from "./rehearsal-html.ts";
import { rehearsalJunit } from "./rehearsal-junit.ts";
import { rehearsalText } from "./rehearsal-text.ts";

const SEED_MAX = 2 ** 31 - 1;

interface RehearseOptions {
  readonly only?: string;
  readonly seed?: number;
  readonly html?: string;
  readonly junit?: string;
}

export function addRehearseCommand(
  program: Command,
  outside: Outside,
  show: (shown: Shown) => void,
): void {
  program
    .command("rehearse")
    .argument("<module>", "file whose default export is a rehearsal, or a list of them")
    .description(
      "play what may go wrong with a workflow, in virtual time, and say what does not hold",
    )
    .option("--only <id>", "only this scenario, and show its journals")
    .option(
      "--seed <n>",
      "of chance; the same seed gives the same report",
      wholeNumber("--seed", 0, SEED_MAX),
    )
    .option("--html <file>", "write the report as a page")
    .option("--junit <file>", "write the report as JUnit XML, a test case for each scenario")
    .action(async (module: string, options: RehearseOptions) => {
      show(await rehearsed(module, options, outside));
    });
}

async function rehearsed(
  module: string,
  options: RehearseOptions,
  outside: Outside,
): Promise<Shown> {
  const { only, seed, html, junit } = options;
  const rehearsals = await outside.rehearsalsIn(module);
  // Of several, those play it that have it.
  const mayLack = rehearsals.length > 1;
  const how = {
    ...(only === undefined ? {} : { only, mayLack }),
    ...(seed === undefined ? {} : { seed }),
  };
  const played: { report: RehearsalReport; ms: number }[] = [];
  for (const rehearsal of rehearsals) {
    const beganAtMs = outside.nowMs();
    const report = await rehearsal.run(how);
    if (report.scenarios.length > 0) played.push({ report, ms: outside.nowMs() - beganAtMs });
  }
  if (played.length === 0)
    throw badUse(
      `None of the ${String(rehearsals.length)} rehearsals in ${module} has a scenario "${only ?? ""}".`,
      "Give an id of a report: holdfast rehearse MODULE, without --only.",
    );
  const reports = played.map(({ report }) => report);
  if (html !== undefined) await outside.writeText(html, rehearsalHtml(reports, module));
  if (junit !== undefined) await outside.writeText(junit, rehearsalJunit(reports));
  const isBroken = reports.some(({ failed }) => failed.length > 0);
  const shown = { module, isAlone: only !== undefined };
  return {
    document: { rehearsals: reports },
    text: (look) => played.map((one) => rehearsalText(one, shown, look)).join("\n\n"),
    exitCode: isBroken ? EXIT.failed : EXIT.ok,
  };
}
