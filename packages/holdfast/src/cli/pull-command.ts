/** `holdfast pull`: a run of the store as a file, for tests. */
import type { Command } from "commander";
import { pullRun, type PulledFile } from "../operate/pull-run.ts";
import { withReader, type Shown, type Work } from "./context.ts";

type Act = (work: Work) => Promise<void>;

interface PullOptions {
  readonly workflow?: string;
  readonly keepUndeclared?: true;
}

/** Definitions that are named in the remark. */
const NAMED_MAX = 10;

export function addPullCommand(program: Command, act: Act): void {
  program
    .command("pull")
    .argument("<run>", "id or business key")
    .description("print a run as a test: its history, with fakes for what is sensitive")
    .option("--workflow <name>", "tells runs with the same key apart")
    .option(
      "--keep-undeclared",
      "also print as they are payloads whose definition declares nothing",
    )
    .action((run: string, options: PullOptions) =>
      act(async (context) => {
        const { workflow, keepUndeclared = false } = options;
        const pulled = await withReader(context, (reader) =>
          pullRun(reader, {
            run,
            ...(workflow === undefined ? {} : { workflow }),
            keepsUndeclared: keepUndeclared,
            chance: context.outside.randomKey(),
          }),
        );
        return shown(pulled);
      }),
    );
}

function shown(pulled: PulledFile): Shown {
  const { header, text, undeclared } = pulled;
  return {
    document: { ...header, undeclaredOf: undeclared, file: text },
    // Every line of the file ends in a line feed, and so does what is printed.
    text: () => text.slice(0, -1),
    remark: remarkOf(pulled),
  };
}

function remarkOf({ header, undeclared }: PulledFile): string {
  const said = `${header.run}: ${String(header.fakes)} sensitive values are replaced by fakes.`;
  if (undeclared.length === 0) return said;
  const left = undeclared.length - NAMED_MAX;
  const names = `${undeclared.slice(0, NAMED_MAX).join(", ")}${left > 0 ? ` and ${String(left)} more` : ""}`;
  return header.undeclared === "kept"
    ? `${said} Kept as they are, although nobody has declared what is sensitive in them: ${names}.`
    : `${said} Among them all of ${names}: nobody has declared what is sensitive there. Write sensitive: [...] on them, or add --keep-undeclared.`;
}
