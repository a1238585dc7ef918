/** `holdfast classify`: what an error or an answer means, and what follows. Needs no store. */
import { Option, type Command } from "commander";
import { REPEAT_KINDS, type RepeatKind } from "../core/contract.ts";
import { parseJsonText } from "../core/parse-json.ts";
import { PLAIN_ATTEMPTS_MAX } from "../core/table-failure.ts";
import { bareCode, codeAlone, type BareCode } from "../explain/bare-code.ts";
import { explainRequest } from "../explain/request.ts";
import { explanationText } from "./classify-text.ts";
import { badUse, type Shown } from "./context.ts";
import { jsonValueOf } from "./decision-text.ts";
import { wholeNumber } from "./option-values.ts";
import type { Outside } from "./outside.ts";

interface ClassifyOptions {
  readonly protocol?: string;
  readonly code?: string;
  readonly http?: number;
  readonly status?: number;
  readonly phase?: string;
  readonly when: readonly string[];
  readonly contract?: RepeatKind;
  readonly attempt: number;
  readonly mayHaveHappened?: true;
  readonly method: string;
  readonly header: readonly (readonly [string, string])[];
  readonly body?: string;
}

/** Most bytes of an error that is read from the input. */
const INPUT_BYTES_MAX = 1_000_000;

export function addClassifyCommand(
  program: Command,
  outside: Pick<Outside, "readInput" | "nowMs">,
  show: (shown: Shown) => void,
): void {
  program
    .command("classify")
    .description("explain an error or an answer: what it proves, its class, its rule, the move")
    .argument("[error]", "an error as JSON, its text, or a code alone; - reads it from the input")
    .option("--protocol <name>", "whose table is asked; else told by the error")
    .option("--code <code>", "its code: a SQLSTATE, a name of Node.js, a number of gRPC")
    .addOption(
      new Option("--http <status>", "status of an HTTP answer").argParser(
        wholeNumber("--http", 100, 999),
      ),
    )
    .addOption(
      new Option("--status <number>", "status of another protocol's answer").argParser(
        wholeNumber("--status", 0, 999),
      ),
    )
    .option("--phase <phase>", "how far it had got, in the protocol's own word")
    .option(
      "--when <condition>",
      "a condition of the table that holds; may be repeated",
      gathered,
      [],
    )
    .addOption(
      new Option("--contract <repeat>", "of the effect; else the move under each").choices(
        REPEAT_KINDS,
      ),
    )
    .addOption(
      new Option("--attempt <number>", "which attempt has ended")
        .default(1)
        .argParser(wholeNumber("--attempt", 1, PLAIN_ATTEMPTS_MAX)),
    )
    .option("--may-have-happened", "an earlier attempt of the operation is not settled")
    .option("--method <method>", "of the HTTP request", "POST")
    .option("--header <field>", 'of the HTTP answer, "name: value"; may be repeated', headers, [])
    .option("--body <json>", "of the HTTP answer")
    .action(async (error: string | undefined, options: ClassifyOptions) => {
      show(await classified(error, options, outside));
    });
}

async function classified(
  given: string | undefined,
  options: ClassifyOptions,
  outside: Pick<Outside, "readInput" | "nowMs">,
): Promise<Shown> {
  const { http, status, body, mayHaveHappened, when, header, ...rest } = options;
  if (http !== undefined && status !== undefined)
    throw badUse("--http and --status are given both.", "Give one of them.");
  if (http !== undefined && rest.protocol !== undefined && !["http", "llm"].includes(rest.protocol))
    throw badUse(
      `--http is given, and --protocol ${rest.protocol}.`,
      "Give --status for the answer of another protocol.",
    );
  const text = given === "-" ? await outside.readInput(INPUT_BYTES_MAX) : given;
  const error = text === undefined ? undefined : errorOf(text);
  const answered = http ?? status;
  const explanation = explainRequest({
    ...alone(error, options),
    ...rest,
    ...(error === undefined ? {} : { error }),
    ...(answered === undefined ? {} : { status: answered }),
    ...(body === undefined ? {} : { body: jsonValueOf(body, "--body") }),
    headers: Object.fromEntries(header),
    conditions: when,
    method: rest.method.toUpperCase(),
    isOpen: mayHaveHappened === true,
    nowMs: outside.nowMs(),
  });
  return {
    document: explanation,
    text: (look) => explanationText(explanation, look),
  };
}

/** What a code means that stands alone. What an option says of it wins. */
function alone(error: unknown, { protocol, code, http, status, when }: ClassifyOptions): BareCode {
  if (http !== undefined || status !== undefined) return {};
  // With a condition the text need not name anything.
  const namesNone = when.length > 0 && typeof error === "string" && /\s/u.test(error);
  if (typeof error === "string" && code === undefined && !namesNone)
    return bareCode(error, protocol);
  const isCodeAlone = error === undefined && code !== undefined && protocol === undefined;
  return isCodeAlone ? codeAlone(code) : {};
}

/** JSON, or what somebody has copied from a log. Text that begins as JSON has to be JSON. */
function errorOf(text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === "")
    throw badUse("The error is empty.", `For example: '{"code":"ECONNRESET"}', or its text.`);
  return /^[{["]/u.test(trimmed) ? parseJsonText(trimmed, "error") : trimmed;
}

function gathered(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function headers(
  field: string,
  before: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  const at = field.indexOf(":");
  if (at < 1)
    throw badUse(
      `--header must be "name: value", got ${JSON.stringify(field)}.`,
      "For example: --header 'retry-after: 5'",
    );
  return [...before, [field.slice(0, at).trim().toLowerCase(), field.slice(at + 1).trim()]];
}
