/**
 * What somebody asks to have explained, checked: a code or status of a named protocol, or an error
 * as JSON from which both are told. What is given by name wins over what the error tells.
 */
import type { HeaderFields } from "../connectors/http/retry-after.ts";
import { conditionsOf, isSuccess, type AnswerFacts } from "../connectors/http/status-error.ts";
import { retryAfterMs } from "../connectors/http/retry-after.ts";
import { reasonOf, saidOf } from "../connectors/http/http-answer.ts";
import type { RepeatKind } from "../core/contract.ts";
import { HoldfastError } from "../core/error.ts";
import { didYouMean } from "../core/nearest.ts";
import { DONE, type ProtocolTable } from "../core/protocol-table.ts";
import { PROTOCOLS, type Protocol } from "../core/protocols/protocols.ts";
import { explain, type Explanation } from "./explain.ts";
import { recognise, type Recognised } from "./recognise.ts";

export interface ExplainRequest {
  /** As JSON gives it; undefined if there is none. */
  readonly error?: unknown;
  readonly protocol?: string;
  readonly code?: string;
  readonly status?: number;
  readonly phase?: string;
  readonly conditions: readonly string[];
  /** Of an HTTP answer. */
  readonly method: string;
  readonly headers: HeaderFields;
  /** Of an HTTP answer, as JSON gives it; a text that is no JSON as it is; undefined if there is none. */
  readonly body?: unknown;
  readonly contract?: RepeatKind;
  readonly attempt: number;
  readonly isOpen: boolean;
  readonly nowMs: number;
}

/** Other names of protocols. */
const ALSO_CALLED: Readonly<Record<string, string>> = {
  mariadb: "mysql",
  postgresql: "postgres",
  undici: "node",
  ftp: "sftp",
};

/** @throws {HoldfastError} HF4102 for a protocol, phase or condition that is not known, or nothing to look up. */
export function explainRequest(request: ExplainRequest): Explanation {
  const told = request.error === undefined ? null : recognise(request.error);
  const protocol = protocolFor(request, told);
  const { table } = protocol;
  const isTold = told !== null && told.protocol === table.id;
  const code =
    request.code ?? (isTold || request.protocol === undefined ? told?.code : null) ?? null;
  const status = request.status ?? (isTold ? told.status : null);
  if (code === null && status === null && request.error === undefined) throw nothingGiven(table);
  const http = table.id === "http" ? answerFacts(request, told, code, status) : null;
  const headerWaitMs = http === null ? null : retryAfterMs(http.headers, http.nowMs);
  const named = request.conditions.map((each) => checkedCondition(table, protocol, each));
  const conditions = [
    ...named,
    ...(isTold ? told.conditions : []),
    ...fulfilled(http),
    ...(table.id === "node" && saysDone(request, status) ? [DONE] : []),
  ];
  return explain({
    protocol,
    code: http === null ? code : http.reason,
    status,
    phase: phaseFor(table, request.phase ?? (isTold ? told.phase : null) ?? null),
    conditions: [...new Set(conditions)],
    attempt: request.attempt,
    isOpen: request.isOpen,
    retryAfterMs: headerWaitMs,
    message: told?.message ?? "",
    contract: request.contract ?? null,
  });
}

/** Five characters whose first two are a class of the standard or of PostgreSQL; `E2BIG` is none. */
const SQLSTATE = /^(?:\d[\dA-Z]|F0|HV|P0|XX)[\dA-Z]{3}$/u;

function protocolFor(
  { protocol: name, status, code }: ExplainRequest,
  told: Recognised | null,
): Protocol {
  const isState = status === undefined && code !== undefined && isSqlstate(code);
  const wanted = name ?? told?.protocol ?? (isState ? "postgres" : null);
  // Nothing tells: then the runtime's own table is asked, and has no row for it either.
  return tableNamed(wanted ?? (status === undefined ? "node" : "http"));
}

export function isSqlstate(code: string): boolean {
  return SQLSTATE.test(code);
}

/** @throws {HoldfastError} HF4102 for a name that no protocol has. */
export function tableNamed(id: string): Protocol {
  const found = PROTOCOLS.find(({ table }) => table.id === (ALSO_CALLED[id] ?? id));
  if (found !== undefined) return found;
  const ids = PROTOCOLS.map(({ table }) => table.id);
  throw new HoldfastError(
    "HF4102",
    `--protocol ${JSON.stringify(id)} is not known.`,
    `${didYouMean(id, ids)}There are: ${ids.join(", ")}.`,
  );
}

function nothingGiven({ id }: ProtocolTable): HoldfastError {
  return new HoldfastError(
    "HF4102",
    "There is nothing to classify: neither a code, nor a status, nor an error.",
    `For example: holdfast classify --protocol ${id} --code CODE, or holdfast classify --http 503, or: echo '{"code":"ECONNRESET"}' | holdfast classify -`,
  );
}

function answerFacts(
  request: ExplainRequest,
  told: Recognised | null,
  code: string | null,
  status: number | null,
): AnswerFacts & { readonly headers: HeaderFields } {
  const headers = { ...told?.headers, ...request.headers };
  const { body, method, nowMs } = request;
  const inBody =
    body === undefined
      ? null
      : reasonOf({
          status: status ?? 0,
          headers,
          body,
          bodyText: typeof body === "string" ? body : "",
        });
  const said = saidIn(body);
  return {
    status: status ?? 0,
    method,
    headers,
    reason: code ?? inBody,
    ...(said === undefined ? {} : { said }),
    callCount: 1,
    nowMs,
  };
}

function saidIn(body: unknown): string | undefined {
  if (body === undefined) return undefined;
  const bodyText = typeof body === "string" ? body : "";
  return saidOf({ status: 0, headers: {}, body, bodyText }, []);
}

/** The status of an answer that broke off, to a method that asks for a change. */
function saysDone({ method }: ExplainRequest, status: number | null): boolean {
  return status !== null && isSuccess(status) && !["GET", "HEAD", "OPTIONS"].includes(method);
}

function fulfilled(http: AnswerFacts | null): readonly string[] {
  return http === null ? [] : conditionsOf(http);
}

function checkedCondition(table: ProtocolTable, { signals }: Protocol, name: string): string {
  const known = Object.keys({ ...table.conditions, ...signals?.conditions });
  if (known.includes(name)) return name;
  throw new HoldfastError(
    "HF4102",
    `--when ${JSON.stringify(name)} is no condition of ${table.id}.`,
    known.length === 0
      ? `${table.id} has none: leave it out.`
      : `${didYouMean(name, known)}There are: ${known.join(", ")}.`,
  );
}

function phaseFor(table: ProtocolTable, phase: string | null): string | null {
  if (phase === null || Object.hasOwn(table.phases, phase)) return phase;
  const known = Object.entries(table.phases).map(([word, { means }]) => `${word} (${means})`);
  throw new HoldfastError(
    "HF4102",
    `--phase ${JSON.stringify(phase)} is no phase of ${table.id}.`,
    `${didYouMean(phase, Object.keys(table.phases))}There are: ${known.join("; ")}.`,
  );
}
