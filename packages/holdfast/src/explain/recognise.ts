/**
 * Which protocol an error speaks, told by the fields that its client puts on it, and what it says in
 * the words of that protocol's table. Errors that wrap errors are looked through.
 */
import { reasonOf } from "../connectors/http/http-answer.ts";
import type { HeaderFields } from "../connectors/http/retry-after.ts";
import { classifyNodeError } from "../connectors/http/node-error.ts";
import { canonicalCode, type ProtocolTable } from "../core/protocol-table.ts";
import { FILE_TABLE } from "../core/protocols/file.ts";
import { GRPC_TABLE } from "../core/protocols/grpc.ts";
import { LLM_TABLE } from "../core/protocols/llm.ts";
import { MYSQL_TABLE } from "../core/protocols/mysql.ts";
import { OAUTH_TABLE } from "../core/protocols/oauth.ts";
import { SQLITE_TABLE } from "../core/protocols/sqlite.ts";
import { codeFit } from "../core/rule-match.ts";

export interface Recognised {
  /** Id of a table; null where nothing tells. */
  readonly protocol: string | null;
  readonly code: string | null;
  readonly status: number | null;
  readonly phase: string | null;
  readonly conditions: readonly string[];
  readonly headers: HeaderFields;
  readonly message: string;
}

const NOTHING: Recognised = {
  protocol: null,
  code: null,
  status: null,
  phase: null,
  conditions: [],
  headers: {},
  message: "",
};

/** Errors looked at in a chain of causes; beyond that somebody builds chains in a loop. */
const CHAIN_MAX = 32;
const MESSAGE_CHARS_MAX = 500;

type Fields = Readonly<Record<string, unknown>>;

/** @param error - as JSON gives it: an object with its causes, or a text. */
export function recognise(error: unknown): Recognised {
  const chain = chainOf(error);
  const message = messageOf(error, chain);
  for (const fields of chain) {
    for (const reader of READERS) {
      const found = reader(fields);
      if (found !== null) return { ...NOTHING, message, ...found };
    }
  }
  return { ...NOTHING, message, ...nodeError(error) };
}

type Reader = (fields: Fields) => Partial<Recognised> | null;

const READERS: readonly Reader[] = [
  postgresError,
  mysqlError,
  sqliteError,
  grpcError,
  kafkaError,
  smtpError,
  oauthError,
  llmError,
  httpAnswer,
];

/** `pg`, and what speaks its protocol: a severity beside five characters. */
function postgresError({ severity, code }: Fields): Partial<Recognised> | null {
  if (typeof severity !== "string" || typeof code !== "string") return null;
  return /^[0-9A-Z]{5}$/u.test(code) ? { protocol: "postgres", code } : null;
}

/** `mysql2` and `mariadb`: a number beside a name or the state. */
function mysqlError({ errno, code, sqlState, sqlMessage }: Fields): Partial<Recognised> | null {
  const name = typeof code === "string" ? code : "";
  if (typeof errno !== "number" && !name.startsWith("ER_")) return null;
  const isServers = sqlState !== undefined || sqlMessage !== undefined || name.startsWith("ER_");
  if (!isServers && name !== "PROTOCOL_CONNECTION_LOST") return null;
  const number = typeof errno === "number" ? String(errno) : null;
  return { protocol: "mysql", code: number !== null && knows(MYSQL_TABLE, number) ? number : name };
}

/** `node:sqlite` gives a number, `better-sqlite3` and `sqlite3` a name. */
function sqliteError({ code, errcode }: Fields): Partial<Recognised> | null {
  if (code === "ERR_SQLITE_ERROR" && typeof errcode === "number")
    return { protocol: "sqlite", code: String(errcode & 0xff) };
  if (typeof code !== "string" || !code.startsWith("SQLITE_")) return null;
  // Extended names that are not listed begin with their primary one.
  const primary = /^SQLITE_[A-Z]+/u.exec(code)?.[0] ?? code;
  return { protocol: "sqlite", code: canonicalCode(SQLITE_TABLE, code) === code ? primary : code };
}

/** `@grpc/grpc-js`: a small number beside details or metadata. */
function grpcError({ code, details, metadata }: Fields): Partial<Recognised> | null {
  const isStatus = typeof code === "number" && code >= 0 && code <= 16;
  if (!isStatus || (typeof details !== "string" && metadata === undefined)) return null;
  const said = `${JSON.stringify(metadata ?? null)}${statusDetailsIn(metadata)}`;
  const conditions = [
    ...(/retryinfo|grpc-retry-pushback-ms/iu.test(said) ? ["retry-info"] : []),
    ...(CLIENT_MADE.test(String(details)) ? ["client-made"] : []),
  ];
  return { protocol: "grpc", code: canonicalCode(GRPC_TABLE, String(code)), conditions };
}

/** Sentences of the libraries themselves about an answer that they could not take. */
const CLIENT_MADE =
  /\(CLIENT:|larger than max|failed to (?:deserialize|decompress)|error parsing response/iu;

/** `google.rpc.Status` in Base64: the names of its messages stand in it as they are. */
function statusDetailsIn(metadata: unknown): string {
  const packed = fieldsOf(metadata)?.["grpc-status-details-bin"];
  return typeof packed === "string" ? Buffer.from(packed, "base64").toString("latin1") : "";
}

/** `kafkajs`: the name of the code as `type`. */
function kafkaError({ name, type, code }: Fields): Partial<Recognised> | null {
  if (typeof name !== "string" || !name.startsWith("Kafka")) return null;
  if (typeof type === "string") return { protocol: "kafka", code: type };
  return typeof code === "number" ? { protocol: "kafka", code: String(code) } : null;
}

/** What was asked for, by nodemailer's name of the command. */
const SMTP_STAGES: Readonly<Record<string, string>> = {
  CONN: "connect",
  "MAIL FROM": "sender",
  "RCPT TO": "recipient",
  DATA: "message",
};

function smtpError(fields: Fields): Partial<Recognised> | null {
  const { responseCode, response, command, code } = fields;
  if (typeof responseCode !== "number" || typeof response !== "string") return null;
  const enhanced = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/u.exec(response)?.[1] ?? null;
  const stage = code === "EAUTH" ? "auth" : SMTP_STAGES[typeof command === "string" ? command : ""];
  return { protocol: "smtp", status: responseCode, code: enhanced, phase: stage ?? null };
}

/** The body of a token endpoint, or an error that quotes it. */
function oauthError({ error, code }: Fields): Partial<Recognised> | null {
  const named = [error, code].find((each) => typeof each === "string" && knows(OAUTH_TABLE, each));
  return typeof named === "string" ? { protocol: "oauth", code: named } : null;
}

/** Errors and answers of model providers: a type or code in `error`, or why the model stopped. */
function llmError(fields: Fields): Partial<Recognised> | null {
  const inner = fieldsOf(fields["error"]);
  const words = [
    inner?.["code"],
    inner?.["type"],
    fieldsOf(inner?.["error"])?.["type"],
    fields["code"],
    fields["type"],
    fields["stop_reason"],
    fields["finish_reason"],
  ];
  const named = words.find((word) => typeof word === "string" && knows(LLM_TABLE, word));
  if (typeof named !== "string") return null;
  return { protocol: "llm", code: named, status: statusOf(fields) };
}

/** An answer, or an error of a client that carries one. */
function httpAnswer(fields: Fields): Partial<Recognised> | null {
  const answer = statusOf(fields) === null ? fieldsOf(fields["response"]) : fields;
  const status = answer === undefined ? null : statusOf(answer);
  if (answer === undefined || status === null) return null;
  const headers = headersOf(answer["headers"] ?? fields["headers"]);
  const body = answer["body"] ?? answer["data"] ?? null;
  const code = reasonOf({ status, headers, body, bodyText: "" }) ?? ownCodeOf(fields);
  return { protocol: "http", status, headers, code };
}

/** Of an SDK that has read the body itself; codes of Node.js and of HTTP clients say nothing of the answer. */
function ownCodeOf({ code }: Fields): string | null {
  return typeof code === "string" && /^(?!ERR_|E[A-Z]+$)[\w.-]{1,200}$/u.test(code) ? code : null;
}

function statusOf({ status, statusCode }: Fields): number | null {
  const number = typeof status === "number" ? status : statusCode;
  return typeof number === "number" && number >= 100 && number <= 999 ? number : null;
}

function headersOf(value: unknown): HeaderFields {
  const texts = Object.entries(fieldsOf(value) ?? {}).filter(
    ([, text]) => typeof text === "string",
  );
  return Object.fromEntries(texts.map(([name, text]) => [name.toLowerCase(), String(text)]));
}

/** What is left: codes of Node.js and of the operating system, also where only words give them. */
function nodeError(error: unknown): Partial<Recognised> {
  const seen = typeof error === "string" ? { message: error } : error;
  const { rule, evidence } = classifyNodeError(seen, { phase: null, callCount: 1, attempt: 1 });
  if (evidence.code === undefined) return {};
  const isUnprocessed = rule?.id === "node/http2-unprocessed";
  const protocol =
    rule === null ? null : rule.id.startsWith(`${FILE_TABLE.prefix}/`) ? "file" : "node";
  return { protocol, code: evidence.code, conditions: isUnprocessed ? ["unprocessed"] : [] };
}

/** Whether a row of the table has this code, in any of its spellings. */
export function knows(table: ProtocolTable, code: string): boolean {
  const canonical = canonicalCode(table, code);
  return table.rows.some(({ when }) => codeFit(when.code ?? [], canonical) !== null);
}

/** The error, its causes and the errors that it gathers, outermost first; cycles end the walk. */
function chainOf(error: unknown): readonly Fields[] {
  const queue: unknown[] = [error];
  const chain: Fields[] = [];
  while (queue.length > 0 && chain.length < CHAIN_MAX) {
    const fields = fieldsOf(queue.shift());
    if (fields === undefined || chain.includes(fields)) continue;
    chain.push(fields);
    queue.push(fields["cause"]);
    const { errors } = fields;
    if (Array.isArray(errors)) queue.push(...errors.slice(0, CHAIN_MAX));
  }
  return chain;
}

function fieldsOf(value: unknown): Fields | undefined {
  // Any object may be read by name.
  return typeof value === "object" && value !== null ? (value as Fields) : undefined;
}

function messageOf(error: unknown, chain: readonly Fields[]): string {
  if (typeof error === "string") return error.slice(0, MESSAGE_CHARS_MAX);
  const said = chain.map(({ message }) => message).filter((text) => typeof text === "string");
  return [...new Set(said)].join(": ").slice(0, MESSAGE_CHARS_MAX);
}
