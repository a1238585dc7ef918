/**
 * The corpus of real failures (tests/corpus) put to the classification, as `holdfast classify` is
 * asked: each case in the words that its client has for how far it had got.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { EffectProof, FailureClass } from "../core/failure.ts";
import type { Explanation } from "./explain.ts";
import { explainRequest, type ExplainRequest } from "./request.ts";

const FOLDER = new URL("../../../../tests/corpus/data/", import.meta.url);

/** As tests/corpus/case.ts describes it. */
export interface CorpusCase {
  readonly id: string;
  readonly part: "first" | "last" | "held" | "fourth";
  readonly protocol: "http" | "grpc" | "postgres" | "mysql" | "smtp" | "file" | "sqlite";
  readonly ledger: "happened" | "not" | "partial";
  readonly seen: {
    readonly phase: string;
    readonly error?: { readonly message: string; readonly [field: string]: unknown };
    readonly answer?: {
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    };
  };
  readonly label: {
    readonly effect: EffectProof;
    readonly class: FailureClass;
    readonly reason: FailureClass;
    readonly why: string;
    /** Of parts held and fourth: other answers that the definitions allow. */
    readonly also?: readonly { readonly effect: EffectProof; readonly reason: FailureClass }[];
    /** Of parts held and fourth: what tells the class. */
    readonly told?: "wire" | "words";
  };
}

export interface Verdict {
  readonly effect: EffectProof | "no failure";
  readonly class: FailureClass | "no failure";
  /** Of the table, before the repeat contract is looked at. */
  readonly reason: FailureClass | "no failure";
  /** Null: no rule knows it, and the fallback answers. */
  readonly rule: string | null;
}

export function readCorpus(): readonly CorpusCase[] {
  return readdirSync(FOLDER)
    .toSorted()
    .flatMap((name) => readFileSync(new URL(name, FOLDER), "utf8").trimEnd().split("\n"))
    .map((line) => JSON.parse(line) as CorpusCase);
}

export function classified(one: CorpusCase): Verdict {
  const { failure, isKnown } = explained(one);
  if (failure === null) {
    return { effect: "no failure", class: "no failure", reason: "no failure", rule: null };
  }
  // Whom the message was taken for is told by the connector itself, not by a table.
  const effect = Number(one.seen.error?.["accepted"] ?? 0) > 0 ? "partial" : failure.effect;
  const isOpen = effect === "maybe" || effect === "surely";
  return {
    effect,
    class: isOpen ? "ambiguous" : failure.class,
    reason: failure.class,
    rule: isKnown ? failure.rule.id : null,
  };
}

const PLAIN: ExplainRequest = {
  conditions: [],
  method: "POST",
  headers: {},
  attempt: 1,
  isOpen: false,
  contract: "once",
  nowMs: Date.UTC(2026, 10, 29),
};

function explained(one: CorpusCase): Explanation {
  const { phase, error } = one.seen;
  switch (one.protocol) {
    case "http":
      return explainedHttp(one);
    case "postgres":
      return error !== undefined && error["severity"] !== undefined
        ? explainRequest({ ...PLAIN, error, phase: SQL_PHASES[phase] ?? "commit-sent" })
        : asNode(error, SQL_PHASES[phase] === "commit-sent" ? "sent" : "created");
    case "mysql":
      return explainRequest({ ...PLAIN, error, phase: SQL_PHASES[phase] ?? "commit-sent" });
    case "grpc":
      return typeof error?.["code"] === "number"
        ? explainRequest({ ...PLAIN, error, phase: "answered" })
        : asNode(error, phase);
    case "sqlite":
      return error?.["errcode"] === undefined
        ? asNode(error, "created")
        : explainRequest({ ...PLAIN, error, phase: "in-transaction" });
    case "file": {
      const asked = explainRequest({ ...PLAIN, protocol: "file", error, phase: "refused" });
      // What fails while writing, and a program that ends in failure, may have left something.
      const isLate = phase === "write" || typeof error?.["code"] === "number";
      return asked.isKnown ? asked : asNode(error, isLate ? "sent" : "created");
    }
    case "smtp":
      return explainedMail(one);
    default:
      throw new Error(`case ${one.id} has an unknown protocol: ${String(one.protocol)}`);
  }
}

/** What the case's client says of its progress, in the words of the table. */
const SQL_PHASES: Readonly<Record<string, string>> = {
  connect: "connecting",
  connected: "in-transaction",
  "in-transaction": "in-transaction",
  statement: "commit-sent",
  commit: "commit-sent",
};

function asNode(error: unknown, phase: string): Explanation {
  return explainRequest({ ...PLAIN, protocol: "node", error, phase });
}

function explainedHttp({ seen }: CorpusCase): Explanation {
  const { phase, error, answer } = seen;
  if (answer === undefined) return asNode(error, phase);
  const { status, headers, body } = answer;
  if (error === undefined || status >= 400) {
    const json = parsed(body);
    return explainRequest({
      ...PLAIN,
      protocol: "http",
      status,
      headers,
      body: json ?? body,
    });
  }
  // See Other to a write says that it is done; the connector says so to the table.
  const conditions = status === 303 ? ["done"] : [];
  return explainRequest({ ...PLAIN, protocol: "node", error, status, phase, conditions });
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    // Pages and XML, which are read as text.
    return undefined;
  }
}

function explainedMail({ seen: { phase, error } }: CorpusCase): Explanation {
  if (error?.["accepted"] !== undefined) {
    const [, status = "", code] = /: (\d{3}) ([245]\.\d+\.\d+)/u.exec(error.message) ?? [];
    const mail = { ...PLAIN, protocol: "smtp", status: Number(status), phase: "recipient" };
    return explainRequest(code === undefined ? mail : { ...mail, code });
  }
  if (error?.["responseCode"] !== undefined) return explainRequest({ ...PLAIN, error });
  return asNode(error, phase);
}
