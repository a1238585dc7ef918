/**
 * Commands that people have left and that no engine has taken yet. Whoever looks or decides next has
 * to know of them: the first that is taken may leave nothing to do for the others.
 */
import { parseJson } from "../core/json-text.ts";
import { isAdmitting } from "../core/parse-acts.ts";
import { formatRunId } from "../core/run-number.ts";
import type { InboxRow, RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";

const TOPICS = [
  "answer",
  "settle",
  "resume",
  "cancel",
  "pause",
  "close",
  "repair",
  "decide",
  "handUp",
  "skipHead",
  "admit",
] as const;
type Topic = (typeof TOPICS)[number];

export interface KeptCommand {
  readonly id: string;
  readonly topic: Topic;
  readonly run: string;
  /** Id of what it decides: a review, an effect, an exception, or the run. */
  readonly about: string;
  readonly by: string;
  readonly at: string;
  readonly reason: string;
  /** What is said of an effect; null for other commands. */
  readonly happened: boolean | null;
  /** True where it is said part by part; `happened` is false then. */
  readonly inPart?: true;
}

/** Commands that are looked through. */
export const COMMANDS_MAX = 10_000;

/** In order of arrival, which is the order in which an engine takes them. */
export async function keptCommands(reader: StoreReader): Promise<readonly KeptCommand[]> {
  const rows = await reader.inbox(COMMANDS_MAX);
  return rows.map(keptCommand).filter((command) => command !== null);
}

/** Those for one run. */
export async function keptOf(
  reader: StoreReader,
  { run }: Pick<RunRow, "run">,
): Promise<readonly KeptCommand[]> {
  const id = formatRunId(run);
  return (await keptCommands(reader)).filter((command) => command.run === id);
}

/** Those about one of these ids: bounded, because anybody may leave any number. */
export function keptAbout(
  commands: readonly KeptCommand[],
  ids: readonly (string | null)[],
): readonly KeptCommand[] {
  return commands.filter(({ about }) => ids.includes(about)).slice(0, SHOWN_MAX);
}

const SHOWN_MAX = 5;

/** Null for what is no command of a person; what is no such command is the engine's to refuse. */
function keptCommand({ id, topic, by, atMs, data }: InboxRow): KeptCommand | null {
  const body = bodyOf(data);
  const known = topic === "handle" ? admitOf(body) : TOPICS.find((one) => one === topic);
  if (known === undefined || body === null) return null;
  const field = (name: string): unknown => Reflect.get(body, name);
  // It decides nothing: somebody has looked at what a repair would do.
  if (field("look") === true) return null;
  const run = field("run");
  if (typeof run !== "string" || !RUN_ID.test(run)) return null;
  const about = aboutOf(known, run, field);
  if (about === null) return null;
  const reason = field("reason");
  const happened = field("happened");
  return {
    id,
    topic: known,
    run,
    about,
    by,
    at: new Date(atMs).toISOString(),
    reason: typeof reason === "string" ? reason : "",
    happened: known === "settle" && typeof happened === "boolean" ? happened : null,
    ...(known === "settle" && field("parts") !== undefined ? { inPart: true as const } : {}),
  };
}

/** Of what is done to exceptions only this decides something. */
function admitOf(body: object | null): Topic | undefined {
  const act: unknown = body === null ? null : Reflect.get(body, "act");
  return typeof act === "object" && act !== null && isAdmitting(act) ? "admit" : undefined;
}

const RUN_ID = /^run_[0-9a-z]{11}$/;

/** Anybody may have written to the inbox: what is no JSON hides nothing else. */
export function bodyOf(data: string): object | null {
  try {
    const body = parseJson(data);
    return typeof body === "object" ? body : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

const ITEMS = {
  answer: ["rev", "seq"],
  settle: ["eff", "operation"],
  close: ["exc", "seq"],
  decide: ["prp", "seq"],
  handUp: ["exc", "exception"],
  admit: ["exc", "seq"],
} as const;

/** These are about the run itself. */
const OF_RUN: ReadonlySet<Topic> = new Set<Topic>([
  "resume",
  "cancel",
  "pause",
  "repair",
  "skipHead",
]);

function aboutOf(topic: Topic, run: string, field: (name: string) => unknown): string | null {
  if (OF_RUN.has(topic)) return run;
  const [kind, name] = ITEMS[topic as keyof typeof ITEMS];
  const seq = field(name);
  return Number.isSafeInteger(seq) ? `${kind}_${run.slice("run_".length)}_${String(seq)}` : null;
}

/** In words, for whoever looks at what it is about. */
export function keptSentence({ topic, by, at, reason, happened, inPart }: KeptCommand): string {
  const said = inPart === true ? '"in-part"' : happened === true ? '"happened"' : '"not"';
  const what = happened === null ? topic : said;
  const why = reason === "" ? "" : `: ${reason}`;
  return `${what} left by ${by} at ${at}${why} (no engine has taken it yet)`;
}

const LEFT: Readonly<Record<Topic, string>> = {
  answer: "an answer",
  settle: "what happened",
  resume: "a resume",
  cancel: "a cancel",
  pause: "a pause",
  close: "a close",
  repair: "a repair",
  decide: "a decision about a proposal",
  handUp: "that they cannot tell",
  skipHead: "a skip-head",
  admit: "an admit",
};

/** In words, for whoever leaves another one. */
export function comesFirstSentence({ topic, by }: KeptCommand): string {
  return `${by} has already left ${LEFT[topic]}, which comes first.`;
}

/** The first that came before this one and decides the same, or takes its run back. */
export function keptBefore(commands: readonly KeptCommand[], id: string): KeptCommand | null {
  const at = commands.findIndex((command) => command.id === id);
  const own = commands[at];
  if (own === undefined) return null;
  const isBefore = ({ topic, run, about }: KeptCommand) =>
    run === own.run && (topic === "cancel" || (topic === own.topic && about === own.about));
  return commands.slice(0, at).find(isBefore) ?? null;
}
