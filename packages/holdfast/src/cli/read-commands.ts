/** Commands that look: runs, show, why, exceptions, effects, reviews. */
import { Option, type Command } from "commander";
import { EFFECT_PROOFS, type EffectProof } from "../core/failure.ts";
import type { RunState } from "../core/run-state.ts";
import type { RunReference } from "../operate/find-run.ts";
import { RECEIPT_STATES } from "../core/received.ts";
import { listAnswers } from "../operate/list-answers.ts";
import { listReceived, type ReceivedFilter } from "../operate/list-received.ts";
import { listRuns } from "../operate/list-runs.ts";
import { listEffects, listExceptions, listReviews } from "../operate/list-work.ts";
import { PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX } from "../operate/paging.ts";
import {
  PAYLOAD_CHARS_MAX,
  showRun,
  TIMELINE_LIMIT_DEFAULT,
  TIMELINE_LIMIT_MAX,
} from "../operate/show-run.ts";
import { isExceptionId, showException } from "../operate/show-exception.ts";
import type { StoreReader } from "../operate/store-care.ts";
import { whyRun } from "../operate/why-run.ts";
import { withReader, type Shown, type Work } from "./context.ts";
import { filtered, wantedBy, type FilterOptions } from "./exception-filter.ts";
import { runStates, wholeNumber } from "./option-values.ts";
import {
  answersText,
  effectsText,
  exceptionsText,
  receivedText,
  reviewsText,
  runsText,
} from "./show-lists.ts";
import { explainedRunText, shownExceptionText, shownRunText } from "./show-run-text.ts";

type Act = (work: Work) => Promise<void>;

const NO_ENGINE = "No engine runs on this store: nothing moves until your app is started.";

const FROM_ARCHIVE = "These runs have left their store and never go on. Read in from:";
const ARCHIVES_NAMED = 5;

/** With the answer to the question that a run which stands still raises first. */
async function withEngine(
  reader: StoreReader,
  document: object,
  text: Shown["text"],
): Promise<Shown> {
  const engineRuns = await reader.engineRuns();
  if (engineRuns) return { document: { ...document, engineRuns }, text };
  const archives = (await reader.importedArchives()).map(({ archive }) => archive);
  if (archives.length === 0)
    return { document: { ...document, engineRuns }, text, remark: NO_ENGINE };
  const remark = `${FROM_ARCHIVE} ${archives.slice(0, ARCHIVES_NAMED).join(", ")}`;
  return { document: { ...document, engineRuns, archives }, text, remark };
}

export function addReadCommands(program: Command, act: Act): void {
  addRuns(program, act);
  addShow(program, act);
  addWhy(program, act);
  addExceptions(program, act);
  addEffects(program, act);
  addReviews(program, act);
  addAnswers(program, act);
  addReceived(program, act);
}

interface PageOptions {
  readonly limit: number;
  readonly after?: string;
}

function paged(command: Command): Command {
  return command
    .addOption(
      new Option("--limit <rows>", "rows of a page")
        .default(PAGE_LIMIT_DEFAULT)
        .argParser(wholeNumber("--limit", 1, PAGE_LIMIT_MAX)),
    )
    .option("--after <run>", "go on after this run, as the page before says");
}

interface RunsOptions extends PageOptions {
  readonly state?: readonly RunState[];
  readonly workflow?: string;
  readonly key?: string;
  readonly owner?: string;
  readonly codeVersion?: string;
  readonly compensation?: true;
}

function addRuns(program: Command, act: Act): void {
  paged(program.command("runs").description("list runs, oldest first"))
    .option("--state <states>", "only in these states, separated by commas", runStates)
    .option("--workflow <name>", "only of this workflow")
    .option("--key <key>", "only with this business key")
    .option("--owner <team>", "only of workflows of this team")
    .option("--code-version <version>", "only those that this version of the code has; open ones")
    .option("--compensation", "only those that are or were undone, or where that has failed")
    .action(({ state, ...options }: RunsOptions) =>
      act((context) =>
        withReader(context, async (reader) => {
          const filter = state === undefined ? options : { ...options, states: state };
          const page = await listRuns(reader, filter);
          return withEngine(reader, page, (look) => runsText(page, look));
        }),
      ),
    );
}

interface ShowOptions {
  readonly workflow?: string;
  readonly payloads?: true;
  readonly stack?: true;
  readonly limit: number;
  readonly after: number;
}

function addShow(program: Command, act: Act): void {
  program
    .command("show")
    .description(
      "show a run: its journal as a timeline, its effects, what is open; or an exception",
    )
    .argument("<run>", "id or business key of the run, or id of an exception")
    .option("--workflow <name>", "where runs of several workflows have this key")
    .option(
      "--payloads",
      `also inputs and results, ${String(PAYLOAD_CHARS_MAX)} characters of each`,
    )
    .option("--stack", "also where in the code errors came from")
    .addOption(
      new Option("--limit <entries>", "entries of the timeline")
        .default(TIMELINE_LIMIT_DEFAULT)
        .argParser(wholeNumber("--limit", 1, TIMELINE_LIMIT_MAX)),
    )
    .addOption(
      new Option("--after <seq>", "go on after this entry")
        .default(0)
        .argParser(wholeNumber("--after", 0, Number.MAX_SAFE_INTEGER)),
    )
    .action((run: string, { after, payloads, stack, ...options }: ShowOptions) =>
      act((context) =>
        withReader(context, async (reader) => {
          const payloadCharsMax = payloads === true ? PAYLOAD_CHARS_MAX : null;
          const nowMs = context.outside.nowMs();
          if (isExceptionId(run)) {
            const found = await showException(reader, run, payloadCharsMax, nowMs);
            return withEngine(reader, found, (look) => shownExceptionText(found, look));
          }
          const request = {
            run,
            ...options,
            afterSeq: after,
            payloadCharsMax,
            hasStacks: stack === true,
          };
          const shown = await showRun(reader, request, nowMs);
          return withEngine(reader, shown, (look) => shownRunText(shown, look));
        }),
      ),
    );
}

function addWhy(program: Command, act: Act): void {
  program
    .command("why")
    .description("say where a run stands, what is proven, what comes next, what is safe")
    .argument("<run>", "id or business key of the run")
    .option("--workflow <name>", "where runs of several workflows have this key")
    .action((run: string, options: { readonly workflow?: string }) =>
      act((context) =>
        withReader(context, async (reader) => {
          const explained = await whyRun(reader, { run, ...options }, context.outside.nowMs());
          return withEngine(reader, explained, (look) => explainedRunText(explained, look));
        }),
      ),
    );
}

interface ExceptionsOptions extends PageOptions, FilterOptions {
  readonly all?: true;
  readonly snoozed?: true;
  readonly key?: string;
}

/** Whoever asks for one run, or for all there is, sees what is snoozed among it. */
function snoozedAre({ all, snoozed, key }: ExceptionsOptions, nowMs: number) {
  if (snoozed === true) return { snoozed: { are: "alone" as const, nowMs } };
  if (all === true || key !== undefined) return {};
  return { snoozed: { are: "left-out" as const, nowMs } };
}

function addExceptions(program: Command, act: Act): void {
  const list = program.command("exceptions");
  list
    .description("list what needs somebody, oldest run first")
    .option("--all", "also closed and snoozed ones")
    .option("--snoozed", "only snoozed ones");
  paged(filtered(list, "only"))
    .option("--key <key>", "only of the run with this business key or id")
    .action((options: ExceptionsOptions) =>
      act((context) =>
        withReader(context, async (reader) => {
          const { key, limit, after, all } = options;
          const nowMs = context.outside.nowMs();
          const wanted = {
            ...wantedBy(options, nowMs),
            ...snoozedAre(options, nowMs),
            ...of(key, options.workflow),
            ...(all === undefined ? {} : { all }),
            ...(after === undefined ? {} : { after }),
            limit,
          };
          const page = await listExceptions(reader, wanted, nowMs);
          return withEngine(reader, page, (look) => exceptionsText(page, look));
        }),
      ),
    );
}

interface EffectsOptions extends PageOptions {
  readonly open?: true;
  readonly proof?: EffectProof;
  readonly effect?: string;
  readonly key?: string;
}

function addEffects(program: Command, act: Act): void {
  paged(program.command("effects").description("list what was done in other systems, with proof"))
    .option("--open", "only those whose end is not known")
    .addOption(new Option("--proof <proof>", "only with this proof").choices(EFFECT_PROOFS))
    .option("--effect <name>", "only of this effect")
    .option("--key <key>", "only of the run with this business key or id")
    .action(({ key, ...options }: EffectsOptions) =>
      act((context) =>
        withReader(context, async (reader) => {
          const page = await listEffects(reader, { ...options, ...of(key) });
          return { document: page, text: (look) => effectsText(page, look) };
        }),
      ),
    );
}

interface ReviewsOptions extends PageOptions {
  readonly all?: true;
  readonly owner?: string;
  readonly key?: string;
}

function addReviews(program: Command, act: Act): void {
  paged(program.command("reviews").description("list decisions that people are asked for"))
    .option("--all", "also answered and withdrawn ones")
    .option("--owner <role>", "only those that this role or team may answer")
    .option("--key <key>", "only of the run with this business key or id")
    .action(({ key, owner, ...options }: ReviewsOptions) =>
      act((context) =>
        withReader(context, async (reader) => {
          const by = owner === undefined ? {} : { by: owner };
          const filter = { ...options, ...by, ...of(key) };
          const page = await listReviews(reader, filter, context.outside.nowMs());
          return withEngine(reader, page, (look) => reviewsText(page, look));
        }),
      ),
    );
}

function of(key: string | undefined, workflow?: string): { readonly of?: RunReference } {
  if (key === undefined) return {};
  return { of: workflow === undefined ? { run: key } : { run: key, workflow } };
}

function addReceived(program: Command, act: Act): void {
  paged(program.command("received").description("list messages from outside, newest first"))
    .addOption(new Option("--state <state>", "only what became this of").choices(RECEIPT_STATES))
    .option("--workflow <name>", "only for this workflow")
    .action((options: ReceivedFilter) =>
      act((context) =>
        withReader(context, async (reader) => {
          const page = await listReceived(reader, options);
          return { document: page, text: (look) => receivedText(page, look) };
        }),
      ),
    );
}

function addAnswers(program: Command, act: Act): void {
  program
    .command("answers")
    .description("list answers of other systems that nobody has asked for, oldest first")
    .addOption(
      new Option("--limit <rows>", "rows at most")
        .default(PAGE_LIMIT_DEFAULT)
        .argParser(wholeNumber("--limit", 1, PAGE_LIMIT_MAX)),
    )
    .action(({ limit }: { readonly limit: number }) =>
      act((context) =>
        withReader(context, async (reader) => {
          const page = await listAnswers(reader, limit);
          return { document: page, text: (look) => answersText(page, look) };
        }),
      ),
    );
}
