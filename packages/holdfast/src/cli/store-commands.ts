/** Commands for a store as a whole: store verify, backup, accept. */
import type { Command } from "commander";
import { acceptStore, verifyStore } from "../operate/store-care.ts";
import type { AcceptedStore, VerifiedStore } from "../operate/store-care.ts";
import { badUse, type Shown, type Work } from "./context.ts";
import type { Outside } from "./outside.ts";
import { EXIT } from "./exit-code.ts";
import { personOf, reasonOf } from "./option-values.ts";
import { effectsTable, type Look } from "./show-lists.ts";
import { sentence } from "./text-table.ts";

type Act = (work: Work) => Promise<void>;

export function addStoreCommands(program: Command, act: Act): void {
  const store = program.command("store").description("check, copy or accept a store as a whole");
  store
    .command("verify")
    .description("check every record, seal and projection; name the first bad one")
    .action(() =>
      act(async ({ store: care }) => {
        const verification = await verifyStore(care);
        return {
          document: verification,
          text: (look) => verificationText(verification, look),
          exitCode: verification.isSound ? EXIT.ok : EXIT.failed,
        };
      }),
    );
  store
    .command("backup")
    .description("copy the store while its engine may run")
    .requiredOption("--to <path>", "file to write; must not exist")
    .action(({ to }: { readonly to: string }) =>
      act(async ({ store: care }) => {
        const backup = await care.backup(to);
        const holds = `${to} holds the store ${backup.storeId} up to flush ${String(backup.flushId)}. Its key and anchor are beside it.`;
        const text = [holds, ...backup.apart].join(" ");
        return { document: { ...backup, to }, text: (look) => sentence(text, 0, look.screen) };
      }),
    );
  store
    .command("sweep")
    .description("take away payload files that no record refers to, left by crashes")
    .action(() =>
      act(async ({ store: care }) => {
        const swept = await care.sweep();
        const gone = `${String(swept.removed)} of ${String(swept.looked)} files belonged to no record and were removed.`;
        const left = `${String(swept.foreign)} are another store's, or not what this one wrote, and were left.`;
        const text = swept.foreign === 0 ? gone : `${gone} ${left}`;
        return { document: swept, text: (look) => sentence(text, 0, look.screen) };
      }),
    );
  store
    .command("accept")
    .description("accept a store that was restored from a backup")
    .requiredOption("--reason <text>", "why this is the right store; goes on record")
    .option("--by <name>", "who decides; default: your name on this system")
    .option("--anchor <file>", "PostgreSQL: the file that the app keeps as its anchor")
    .action(
      (options: { readonly reason: string; readonly by?: string; readonly anchor?: string }) =>
        act(async (context) => {
          const { anchor } = options;
          const decider = {
            by: personOf(options.by, context),
            reason: reasonOf(options.reason),
            ...(anchor === undefined ? {} : { anchorFile: anchor }),
          };
          const accepted = await acceptStore(context.store, decider);
          return { document: accepted, text: (look) => acceptedText(accepted, look) };
        }),
    );
}

interface KeyOptions {
  readonly newRing?: string;
  readonly rotate?: string;
}

/** Beside the other commands of the store, although it needs none. */
export function addKeyCommand(
  program: Command,
  outside: Pick<Outside, "newStoreKey" | "newKeyRing" | "rotateKeyRing">,
  show: (shown: Shown) => void,
): void {
  const store = program.commands.find((command) => command.name() === "store") ?? program;
  store
    .command("key")
    .description("make a key for a new store on PostgreSQL, or a ring of keys that seal payloads")
    .option("--new-ring <file>", "make a key ring with its first key; must not exist")
    .option("--rotate <file>", "add a key to a ring; payloads are sealed with it from then on")
    .action(({ newRing, rotate }: KeyOptions) => {
      if (newRing !== undefined && rotate !== undefined) {
        throw badUse("--new-ring and --rotate are given both.", "Give one of them.");
      }
      if (newRing !== undefined) show(ringShown(newRing, outside.newKeyRing(newRing)));
      else if (rotate !== undefined) show(ringShown(rotate, outside.rotateKeyRing(rotate)));
      else show(keyShown(outside.newStoreKey()));
    });
}

function keyShown(key: string): Shown {
  return { document: { key }, text: () => key };
}

function ringShown(file: string, current: string): Shown {
  const text = `${file}: key ${current} is current. Keep every key of it: what one has sealed nothing else opens. An app reads its ring when it starts.`;
  return { document: { file, current }, text: (look) => sentence(text, 0, look.screen) };
}

function verificationText(verification: VerifiedStore, { screen }: Look): string {
  const { isSound, flushes, records, damage, harmless, remedy } = verification;
  const checked = `${String(records)} records in ${String(flushes)} flushes checked`;
  const lines = [isSound ? `sound: ${checked}` : `DAMAGED: ${checked}`];
  for (const { what, run } of damage) {
    lines.push(sentence(run === null ? what : `${what}: ${run}`, 2, screen));
  }
  for (const remark of harmless) lines.push(sentence(`harmless: ${remark}`, 2, screen));
  if (remedy !== null) lines.push(sentence(`Fix: ${remedy}`, 0, screen));
  return lines.join("\n");
}

function acceptedText(accepted: AcceptedStore, look: Look): string {
  const { storeId, operations, openRuns, window, refused, startsCount } = accepted;
  const open =
    openRuns.length === 0
      ? "No run was open when it was written."
      : `${openRuns.length === 1 ? "1 run was" : `${String(openRuns.length)} runs were`} open when it was written. Each may have gone on since, so look at them before an engine starts: ${openRuns.join(" ")}`;
  const lines = [`accepted: ${storeId}`, sentence(open, 0, look.screen)];
  lines.push(sentence(windowText(window), 0, look.screen));
  if (operations.length > 0) {
    lines.push("may have been done since:", effectsTable(operations, look));
  }
  for (const { about, by, at } of refused) {
    const text = `The engine will not take what ${by} left at ${at}: that ${about} did not happen. The original may have heard it and done it since; look again, then say so anew.`;
    lines.push(sentence(text, 0, look.screen));
  }
  if (startsCount > 0) {
    const starts = startsCount === 1 ? "1 start waits" : `${String(startsCount)} starts wait`;
    const text = `${starts} in its inbox. The original may have begun these runs, too: what they may not send twice is asked of a person.`;
    lines.push(sentence(text, 0, look.screen));
  }
  return lines.join("\n");
}

/** What this store cannot know of, and what an operator can do about it. */
function windowText({ from, until }: AcceptedStore["window"]): string {
  const since =
    from === null ? "It holds no work of any run. What" : `Its newest work is of ${from}. What`;
  return `${since} its original began after that, until ${until}, is not in it: an order that was taken in that time and comes again is a new run here, and its effects are done again, under new keys. Before an engine starts, find out what came in that time (ask the senders, and read the logs), look into the other systems for it by its business keys, and let nothing of it be sent again that was done.`;
}
