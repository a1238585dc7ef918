/**
 * Commands to an engine: one row in the inbox, then a bounded wait for its answer. The engine is the
 * only one who applies them (settled point 19), so whoever posts needs no lock and no workflow code.
 *
 * The id is derived from what is commanded. Giving the same command again while the first still
 * waits joins it; once it was answered, the same words are a new command.
 */
import type { SaidParts } from "../core/said-parts.ts";
import { parseJson } from "../core/json-text.ts";
import { createHash } from "node:crypto";
import { assertNever } from "../core/assert.ts";
import { canonicalJson } from "../core/canonical-json.ts";
import { durationText } from "../core/duration.ts";
import { HoldfastError, isErrorCode } from "../core/error.ts";
import type { DecisionBody, RepairBody } from "../core/repair-order.ts";
import type { IssueAct } from "../core/issue-overlay.ts";
import type { Admitting, AskedAct } from "../core/parse-acts.ts";
import type { RuleAct } from "../core/rule-acts.ts";
import type { RoutingRule } from "../core/routing.ts";
import { ruleName } from "../core/classification-rule.ts";
import { formatItemId, parseRunId } from "../core/run-number.ts";
import type { InboxRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { keptBefore, keptCommands, type KeptCommand } from "./kept-command.ts";

/** What each topic's data holds: the engine's inbox takes it in this form. Ids are public ones. */
export interface CommandBodies {
  readonly answer: {
    readonly run: string;
    readonly seq: number;
    readonly decision: unknown;
    readonly reason?: string;
  };
  readonly settle: {
    readonly run: string;
    readonly operation: number;
    /** Attempts that the ledger shows: what is said is about these, and about no later one. */
    readonly attempts: number;
    readonly happened: boolean;
    /** Which parts of it happened. */
    readonly parts?: SaidParts;
    readonly value: unknown;
    readonly ref: string | null;
    readonly reason: string;
    /** Number of the exception that was seen: of another nothing is said. */
    readonly exception?: number;
  };
  readonly resume: {
    readonly run: string;
    readonly step: string | null;
    /** Number of the newest exception of the run that is open: no later one is meant. */
    readonly seen?: number;
    readonly reason: string;
    /** Number of the exception that was seen, where only what waits because of it is meant. */
    readonly exception?: number;
    /** Only if code of this version goes on with it. */
    readonly to?: string;
    /** Whose pause it lifts, where that is somebody else. */
    readonly insteadOf?: string;
  };
  readonly handUp: { readonly run: string; readonly exception: number; readonly reason: string };
  readonly cancel: { readonly run: string; readonly reason: string; readonly child?: true };
  readonly pause: { readonly run: string; readonly reason: string };
  readonly close: { readonly run: string; readonly seq: number; readonly reason: string };
  readonly skipHead: { readonly run: string; readonly reason: string };
  readonly repair: RepairBody;
  readonly decide: DecisionBody;
  /** Something is done to an exception that leaves it open. */
  readonly handle: {
    readonly run: string;
    readonly seq: number;
    readonly act: AskedAct | Admitting;
    readonly input?: unknown;
    readonly reason: string;
  };
  /** About a group of exceptions, or about routing: the run is the store itself. */
  readonly group: {
    readonly run: string;
    readonly fingerprint: string;
    readonly act: IssueAct;
    readonly reason: string;
  };
  readonly route: {
    readonly run: string;
    readonly rules: readonly RoutingRule[];
    /** That was seen; 0 for none. */
    readonly version: number;
    /** Of a proposal: what they would have done. Not given: they are approved. */
    readonly tried?: number;
    readonly changed?: number;
    readonly reason: string;
  };
  readonly rule: { readonly run: string; readonly act: RuleAct; readonly reason: string };
}

/** What an engine is ordered to let go: runs that an archive has, each with its number of records. */
interface RemovalBody {
  readonly archive: string;
  readonly file: string;
  readonly runs: readonly (readonly [run: string, records: number])[];
}

/** An integration that shall not be called for a while, from when the command is posted on. */
interface ParkBody {
  readonly integration: string;
  readonly reason: string;
  readonly forMs: number;
}

/** A run of the engine's own workflow; users' runs are started by their apps. */
interface StartBody {
  readonly workflow: string;
  readonly input: unknown;
}

interface SendBody {
  readonly event: string;
  readonly key: string;
  readonly payload: unknown;
}

type CommandTopic = keyof CommandBodies;

export type Command = {
  readonly [Topic in CommandTopic]: {
    readonly topic: Topic;
    /** Who commands. On record, not proved: whoever may write to the store may use any name. */
    readonly by: string;
    readonly body: CommandBodies[Topic];
  };
}[CommandTopic];

/** How long an answer is waited for, and by which clock. */
export interface Patience {
  /** 0 posts the command and does not wait. */
  readonly waitMs: number;
  readonly nowMs: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

export interface Receipt {
  readonly id: string;
  readonly topic: CommandTopic;
  readonly run: string;
  readonly by: string;
  /**
   * `applied`: an engine has done it. `kept`: no engine runs, and the next one to start tries it.
   * `sent`: an engine runs, and its answer was not waited for.
   */
  readonly outcome: "applied" | "kept" | "sent";
  /** Of one that is kept: another that decides the same and comes first; null if there is none. */
  readonly before: KeptCommand | null;
  /** Id of the proposal (`prp_...`) that another person has to approve; null if none has to. */
  readonly proposal: string | null;
  /** The run that was started; null for other commands. */
  readonly started: string | null;
  /** What became of a message that was admitted; null for other commands. */
  readonly fate: string | null;
}

/** Between two looks at the answer: short at first, because an idle engine looks every 200 ms. */
const POLL_MS_FIRST = 20;
const POLL_MS_MAX = 250;
/** Between two looks whether an engine still runs. */
const ENGINE_CHECK_MS = 1_000;

/**
 * Leaves the command and waits for the engine's answer.
 *
 * @throws {HoldfastError} the engine's refusal, with its code; HF6005 if an engine runs and does not
 *   answer in time. The command is kept then, and may still be applied.
 */
export async function giveCommand(
  reader: StoreReader,
  command: Command,
  patience: Patience,
): Promise<Receipt> {
  const { topic, by, body } = command;
  const given = { topic, by, body, run: parseRunId(body.run), where: whereOf(command) };
  const answered = await postAndWait(reader, given, patience);
  const { id, outcome } = answered;
  const said = outcome === "applied" ? (parseJson(answered.answer) as CommandAnswer) : null;
  const { proposal = null, run: started = null, receipt: taken } = said?.ok === true ? said : {};
  const fate = taken?.state ?? null;
  const before = outcome === "kept" ? keptBefore(await keptCommands(reader), id) : null;
  return { id, topic, run: body.run, by, outcome, before, proposal, started, fate };
}

/** As errors name what it is about: what is about the store itself has a better name than its run. */
function whereOf({ topic, body }: Command): string {
  switch (topic) {
    case "group":
      return body.fingerprint;
    case "route":
      return "routing rules";
    case "rule": {
      const { act } = body;
      return `rule ${act.kind === "add" ? act.rule.id : ruleName(act)}`;
    }
    case "handle":
    case "close":
      return formatItemId("exc", { run: parseRunId(body.run), seq: body.seq });
    case "answer":
    case "settle":
    case "resume":
    case "handUp":
    case "cancel":
    case "pause":
    case "skipHead":
    case "repair":
    case "decide":
      return body.run;
    default:
      return assertNever(topic);
  }
}

/** A command, and what it is about. */
type Given = (
  | Pick<Command, "topic" | "body">
  | { readonly topic: "park"; readonly body: ParkBody }
  | { readonly topic: "unpark"; readonly body: Omit<ParkBody, "forMs"> }
  | { readonly topic: "archive"; readonly body: RemovalBody }
  | { readonly topic: "start"; readonly body: StartBody }
  | { readonly topic: "send"; readonly body: SendBody }
) & {
  readonly by: string;
  readonly run?: number;
  /** Named in errors: a run, an archive, an integration. */
  readonly where: string;
};

type Answered =
  | { readonly outcome: "kept" | "sent" }
  | { readonly outcome: "applied"; readonly answer: string };

/** Leaves any command and waits as `giveCommand` does; the answer as the engine wrote it. */
export async function postAndWait(
  reader: StoreReader,
  given: Given,
  patience: Patience,
): Promise<Answered & { readonly id: string }> {
  const id = await freshId(reader, given);
  const startedAtMs = patience.nowMs();
  const { topic, by, body, run } = given;
  const command = { id, topic, by, atMs: startedAtMs, data: JSON.stringify(body) };
  await reader.post(run === undefined ? command : { ...command, run });
  return { id, ...(await awaitAnswer(reader, given, id, startedAtMs, patience)) };
}

async function awaitAnswer(
  reader: StoreReader,
  command: Given,
  id: string,
  startedAtMs: number,
  { waitMs, nowMs, pause }: Patience,
): Promise<Answered> {
  let checkedAtMs = startedAtMs;
  if (!(await reader.engineRuns())) return { outcome: "kept" };
  if (waitMs === 0) return { outcome: "sent" };
  for (let pollMs = POLL_MS_FIRST; ; pollMs = Math.min(2 * pollMs, POLL_MS_MAX)) {
    const answer = await reader.answer(id);
    if (answer !== null) return applied(command, answer);
    const atMs = nowMs();
    const leftMs = startedAtMs + waitMs - atMs;
    if (leftMs <= 0) throw noAnswer(command, id, waitMs);
    if (atMs - checkedAtMs >= ENGINE_CHECK_MS) {
      checkedAtMs = atMs;
      // It may have answered and ended between the two looks.
      if (!(await reader.engineRuns()) && (await reader.answer(id)) === null) {
        return { outcome: "kept" };
      }
    }
    await pause(Math.min(pollMs, leftMs));
  }
}

/** What the engine answers; its `InboxAnswer`, which a test compares with this. */
export type CommandAnswer =
  | {
      readonly ok: true;
      readonly proposal?: string;
      readonly run?: string;
      /** Of a repair that was only looked at. */
      readonly needs?: string;
      /** Of a message. */
      readonly receipt?: { readonly state: string };
    }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      readonly remedy: string;
    };

function applied(command: Given, text: string): Answered {
  // Written by the engine in this form, and sealed since.
  const answer = parseJson(text) as CommandAnswer;
  if (answer.ok) return { outcome: "applied", answer: text };
  // An engine that is newer than this may know more codes.
  const code = isErrorCode(answer.code) ? answer.code : "HF6003";
  throw new HoldfastError(code, answer.message, answer.remedy, { where: command.where });
}

function noAnswer(command: Given, id: string, waitMs: number): HoldfastError {
  return new HoldfastError(
    "HF6005",
    `The engine did not answer within ${durationText(waitMs)} whether it could ${wordsOf(command)}.`,
    "The command is kept and may still be applied. Look at the run, or give the same command again to go on waiting, with a longer --wait.",
    { where: `${command.where}, command ${id}` },
  );
}

/** The command as a verb and its object. */
function wordsOf({ topic, where }: Given): string {
  switch (topic) {
    case "answer":
      return "take the answer to the review";
    case "settle":
      return "settle the effect";
    case "resume":
      return `resume ${where}`;
    case "handUp":
      return "ask somebody else what happened";
    case "cancel":
      return `cancel ${where}`;
    case "pause":
      return `pause ${where}`;
    case "close":
      return "close the exception";
    case "repair":
      return `repair ${where}`;
    case "decide":
      return "take the decision about the proposal";
    case "skipHead":
      return `take ${where} out of its lane`;
    case "handle":
      return `deal with ${where}`;
    case "group":
      return "decide about the group";
    case "route":
      return "set the routing rules";
    case "start":
      return `take ${where}`;
    case "send":
      return `take the decision about ${where}`;
    case "rule":
      return "change the classification rule";
    case "archive":
      return "let go of runs that are archived";
    case "park":
      return `park ${where}`;
    case "unpark":
      return `have ${where} tried`;
    default:
      return assertNever(topic);
  }
}

/** Times that one command may be given in the same words. */
const REPEATS_MAX = 1_000;
const ID_HEX_LENGTH = 32;

/** The first id of this command that has no answer yet. */
async function freshId(reader: StoreReader, { topic, by, body, where }: Given): Promise<string> {
  for (let number = 0; number < REPEATS_MAX; number += 1) {
    const text = canonicalJson([reader.storeId, topic, by, body, number]);
    const hash = createHash("sha256").update(text).digest("hex");
    const id = `cmd_${hash.slice(0, ID_HEX_LENGTH)}` satisfies InboxRow["id"];
    if ((await reader.answer(id)) === null) return id;
  }
  throw new HoldfastError(
    "HF6003",
    `This command was given and answered ${String(REPEATS_MAX)} times already.`,
    "Look why it does not help. To give it all the same, change its reason.",
    { where },
  );
}
