/** Commands about versions of the user's code: versions, versions check. */
import type { Command } from "commander";
import { listVersions, type VersionPage } from "../operate/list-versions.ts";
import type { MisfitView, VersionsChecked } from "../operate/versions-check.ts";
import { withReader, type Shown, type Work } from "./context.ts";
import { EXIT } from "./exit-code.ts";
import { ageText, listText, type Look } from "./show-lists.ts";
import { sentence, textTable, type Column } from "./text-table.ts";

type Act = (work: Work) => Promise<void>;

export function addVersionCommands(program: Command, act: Act): void {
  const versions = program
    .command("versions")
    .description("list versions of your code, with the open runs and exceptions of each")
    .action(() =>
      act((context) =>
        withReader(context, async (reader) => {
          const page = await listVersions(reader);
          return { document: page, text: (look) => versionsText(page, look) };
        }),
      ),
    );
  versions
    .command("check")
    .argument(
      "<module>",
      "file of the build whose default export names the workflows, as for worker",
    )
    .description("say whether a build fits the runs that are under way, before it is deployed")
    .action((module: string) =>
      act(async ({ store }) => checkedShown(await store.checkVersions(module))),
    );
}

const COLUMNS: readonly Column[] = [
  { title: "VERSION", isKept: true },
  { title: "FIRST DEPLOYED" },
  { title: "OPEN RUNS", isKept: true },
  { title: "STANDING", isKept: true },
  { title: "EXCEPTIONS", isKept: true },
];

function versionsText({ versions, hasMoreExceptions }: VersionPage, look: Look): string {
  const rows = versions.map((one) => ({
    cells: [
      `${one.version}${one.isNewest ? " (newest)" : ""}`,
      one.firstDeployedAt === null ? "(not on record)" : ageText(one.firstDeployedAt, look.nowMs),
      String(one.openRuns),
      String(one.standingRuns),
      String(one.exceptions),
    ],
  }));
  const text = listText(COLUMNS, rows, null, "versions", look);
  return hasMoreExceptions ? `${text}\nmore exceptions are open than were counted` : text;
}

function checkedShown(checked: VersionsChecked): Shown {
  const isFit = checked.misfitCount === 0 && !checked.hasMore;
  return {
    ranCode: true,
    document: checked,
    text: (look) => checkedText(checked, look),
    exitCode: isFit ? EXIT.ok : EXIT.failed,
  };
}

const MISFIT_COLUMNS: readonly Column[] = [
  { title: "RUN", isKept: true },
  { title: "KEY" },
  { title: "WORKFLOW" },
  { title: "STATE", isKept: true },
  { title: "BEGAN WITH" },
];

function checkedText(checked: VersionsChecked, { screen }: Look): string {
  const { version, checked: count, fits, misfits, misfitCount, hasMore } = checked;
  const verdict = `${version} fits ${String(fits)} of ${String(count)} runs in flight${misfitCount === 0 ? "." : `; ${String(misfitCount)} ${misfitCount === 1 ? "does" : "do"} not:`}`;
  const left = misfitCount - misfits.length;
  return [
    sentence(verdict, 0, screen),
    ...(misfitCount === 0 ? [] : [textTable(MISFIT_COLUMNS, misfits.map(misfitRow), screen)]),
    ...(left === 0 ? [] : [`and ${String(left)} more`]),
    ...(hasMore ? ["more runs are in flight than were looked at: the answer is not whole"] : []),
    ...(misfitCount === 0
      ? []
      : [
          sentence(
            'Deployed as it is, this build would hold them; nothing of them would be executed. Keep what their history holds: if (await run.since("...")) { new } else { old }, see HF2104.',
            0,
            screen,
          ),
        ]),
  ].join("\n");
}

function misfitRow({ run, key, workflow, state, version, code, message, remedy }: MisfitView) {
  return {
    cells: [run, key, workflow, state, version],
    notes: [`${code}  ${message}`, `Fix: ${remedy}`],
  };
}
