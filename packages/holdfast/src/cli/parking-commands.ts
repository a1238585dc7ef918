/** Commands about other systems as a whole: dependencies, park, unpark. */
import type { Command } from "commander";
import { durationMs } from "../core/duration.ts";
import {
  listDependencies,
  parkIntegration,
  unparkIntegration,
  type DependencyLine,
  type DependencyList,
  type ParkingReceipt,
} from "../operate/parking.ts";
import { withReader, type Shown, type Work } from "./context.ts";
import { ageText, listText, timeText, type Look } from "./show-lists.ts";
import type { Column, TableRow } from "./text-table.ts";
import { decider, patience, withReason, type DeciderOptions } from "./deciding.ts";

type Act = (work: Work) => Promise<void>;

export function addParkingCommands(program: Command, act: Act): void {
  addDependencies(program, act);
  addPark(program, act);
  addUnpark(program, act);
}

function addDependencies(program: Command, act: Act): void {
  program
    .command("dependencies")
    .description("list other systems that are or were down, with their last outage")
    .action(() =>
      act((context) =>
        withReader(context, async (reader) => {
          const list = await listDependencies(reader, context.outside.nowMs());
          return { document: list, text: (look) => dependenciesText(list, look) };
        }),
      ),
    );
}

interface ParkOptions extends DeciderOptions {
  readonly for: number;
}

function addPark(program: Command, act: Act): void {
  const command = program
    .command("park")
    .description("send nothing to another system for a while; its runs wait")
    .argument("<integration>", "name of the integration")
    .requiredOption("--for <duration>", "for how long, at most 7d, for example 30m", (text) =>
      durationMs(text, "--for"),
    );
  withReason(command).action((integration: string, options: ParkOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const receipt = await parkIntegration(
          reader,
          integration,
          options.for,
          decider(options, context),
          patience(options, context),
        );
        return shown(receipt, `nothing is sent to ${integration}`);
      }),
    ),
  );
}

function addUnpark(program: Command, act: Act): void {
  const command = program
    .command("unpark")
    .description("try one call now to another system that is parked; if it answers the rest follow")
    .argument("<integration>", "name of the integration, as listed by: holdfast dependencies");
  withReason(command).action((integration: string, options: DeciderOptions) =>
    act((context) =>
      withReader(context, async (reader) => {
        const receipt = await unparkIntegration(
          reader,
          integration,
          decider(options, context),
          patience(options, context),
        );
        return shown(receipt, `one call to ${integration} is tried`);
      }),
    ),
  );
}

function shown(receipt: ParkingReceipt, applied: string): Shown {
  const message = messageOf(receipt, applied);
  return { document: { ...receipt, message }, text: () => message };
}

function messageOf({ id, by, outcome, isKnown, integration }: ParkingReceipt, applied: string) {
  switch (outcome) {
    case "applied":
      return isKnown === false
        ? `Done by ${by}: ${applied}. The engine has not called it since it started: check the name "${integration}".`
        : `Done by ${by}: ${applied}.`;
    case "sent":
      return `The command (${id}, by ${by}) was left for the engine, which runs; its answer was not waited for.`;
    case "kept":
      return `No engine runs on this store. The command (${id}, by ${by}) is kept and will be tried when an engine starts.`;
  }
}

const COLUMNS: readonly Column[] = [
  { title: "INTEGRATION", isKept: true },
  { title: "STATE", isKept: true },
  { title: "SINCE", isKept: true },
  { title: "LAST OUTAGE (UTC)", isKept: true },
  { title: "WAITED" },
  { title: "DRAINED (UTC)" },
];

function dependenciesText({ dependencies }: DependencyList, look: Look): string {
  const rows = dependencies.map((line) => rowOf(line, look.nowMs));
  return listText(COLUMNS, rows, null, "dependencies", look);
}

function rowOf(line: DependencyLine, nowMs: number): TableRow {
  const { integration, state, since, incident, reason, probeAt } = line;
  const from = incident === null ? "" : timeText(incident.startedAt);
  const until =
    incident === null
      ? ""
      : ` to ${incident.endedAt === null ? "now" : timeText(incident.endedAt)}`;
  const again = state === "open" ? "; one call at a time is tried again and again" : "";
  const probe = probeAt === null ? again : `; one call is tried at ${timeText(probeAt)}`;
  return {
    cells: [
      integration,
      state,
      ageText(since, nowMs),
      `${from}${until}`,
      incident?.parkedCount == null ? "" : String(incident.parkedCount),
      incident?.drainedAt == null ? "" : timeText(incident.drainedAt),
    ],
    notes: state === "closed" ? [] : [`${reason}${probe}`],
  };
}
