/** The options that say which exceptions are meant, for the list and for what is done to many. */
import { Option, type Command } from "commander";
import { FAILURE_CLASSES, type FailureClass } from "../core/failure.ts";
import type { WantedExceptions } from "../operate/exception-query.ts";

/** Nobody in particular, in the place of a name. */
export const NOBODY = "nobody";

export interface FilterOptions {
  readonly class?: FailureClass;
  readonly owner?: string;
  readonly workflow?: string;
  readonly issue?: string;
  readonly withTag?: string;
  readonly assignee?: string;
  readonly watcher?: string;
  readonly duplicatesOf?: string;
  readonly overdue?: true;
  readonly compensation?: true;
}

const NAMES = [
  "class",
  "owner",
  "workflow",
  "issue",
  "withTag",
  "assignee",
  "watcher",
  "duplicatesOf",
  "overdue",
  "compensation",
] as const satisfies readonly (keyof FilterOptions)[];

/** @param which - "only" in a list, "all" in an order. */
export function filtered(command: Command, which: "all" | "only"): Command {
  return command
    .addOption(new Option("--class <class>", `${which} of this class`).choices(FAILURE_CLASSES))
    .option("--owner <team>", `${which} of this owner`)
    .option("--workflow <name>", `${which} of this workflow`)
    .option("--issue <issue>", `${which} of this group, as listed by: holdfast issues`)
    .option("--with-tag <tag>", `${which} with this tag`)
    .option("--assignee <name>", `${which} that this person has; "${NOBODY}": that nobody has`)
    .option("--watcher <name>", `${which} that this person watches`)
    .option("--duplicates-of <exception>", `${which} that are duplicates of this one`)
    .option("--overdue", `${which} that are overdue`)
    .option(
      "--compensation",
      `${which} about what could not be undone: it is never given up by itself`,
    );
}

export function isFilter(options: FilterOptions): boolean {
  return NAMES.some((name) => options[name] !== undefined);
}

export function wantedBy(options: FilterOptions, nowMs: number): WantedExceptions {
  const { class: failureClass, owner, workflow, issue } = options;
  const { withTag, assignee, watcher, duplicatesOf, overdue, compensation } = options;
  return {
    ...(failureClass === undefined ? {} : { class: failureClass }),
    ...(owner === undefined ? {} : { owner }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(issue === undefined ? {} : { issue }),
    ...(withTag === undefined ? {} : { tag: withTag }),
    ...(assignee === undefined ? {} : { assignee: assignee === NOBODY ? null : assignee }),
    ...(watcher === undefined ? {} : { watcher }),
    ...(duplicatesOf === undefined ? {} : { duplicateOf: duplicatesOf }),
    ...(overdue === true ? { dueBeforeMs: nowMs } : {}),
    ...(compensation === true ? { compensation } : {}),
  };
}
