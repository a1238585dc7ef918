/**
 * A code or a status that stands alone, as somebody types it: `1205`, `UNAVAILABLE`, `HTTP 503`. It is
 * a code of the protocol that is named, or else of the only one whose table has it.
 */
import { HoldfastError } from "../core/error.ts";
import { consult, type ProtocolTable } from "../core/protocol-table.ts";
import { PROTOCOLS } from "../core/protocols/protocols.ts";
import { knows, recognise } from "./recognise.ts";
import { isSqlstate, tableNamed } from "./request.ts";

/** What the text is taken for; what it does not say is left out. */
export interface BareCode {
  readonly protocol?: string;
  readonly code?: string;
  readonly status?: number;
}

/** One word, without what ends a sentence. */
const WORD = /^[\w.#/-]{1,100}$/u;
const STATUS = /^[1-9]\d\d$/u;
/** `HTTP 503`, `HTTP/1.1 503 Service Unavailable`, `Request failed with status code 503`. */
const HTTP_STATUS = /\b(?:HTTP(?:\/\d(?:\.\d)?)?(?: status(?: code)?)?|status code):? (\d{3})\b/iu;
/** `550 5.1.1 no such user`: the reply of a mail server. */
const REPLY = /^([2-5]\d\d)(?:[ -]([245]\.\d{1,3}\.\d{1,3}))?(?: |$)/u;

/**
 * @param protocol - as it was given by name; undefined if it was not.
 * @throws {HoldfastError} HF4102 for what names nothing of the protocol's, or may be of several.
 */
export function bareCode(text: string, protocol: string | undefined): BareCode {
  const isWord = WORD.test(text);
  if (protocol !== undefined) return ofProtocol(text, isWord, tableNamed(protocol).table);
  const told = recognise(text);
  if (told.protocol !== null) return {};
  const status = HTTP_STATUS.exec(text)?.[1];
  if (status !== undefined) return { protocol: "http", status: Number(status) };
  return isWord ? codeAlone(text) : {};
}

/** A code that was given by name, without its protocol. */
export function codeAlone(word: string): BareCode {
  if (isSqlstate(word)) return { protocol: "postgres", code: word };
  const found = PROTOCOLS.flatMap(({ table }) => {
    const taken = takenBy(table, word);
    return taken === null ? [] : [{ protocol: table.id, ...taken }];
  });
  if (found.length <= 1) return found[0] ?? {};
  const commands = found.map((one) => `holdfast classify --protocol ${one.protocol} ${word}`);
  throw new HoldfastError(
    "HF4102",
    `${JSON.stringify(word)} may be of ${found.map((one) => one.protocol).join(", ")}.`,
    `Say whose it is: ${commands.join("   or   ")}`,
  );
}

function ofProtocol(text: string, isWord: boolean, table: ProtocolTable): BareCode {
  if (isWord) return takenBy(table, text) ?? unknownTo(table, text);
  const told = recognise(text);
  if (told.protocol === table.id) return {};
  const status = HTTP_STATUS.exec(text)?.[1];
  if (status !== undefined && ["http", "llm"].includes(table.id)) return { status: Number(status) };
  const [, reply, enhanced] = (table.id === "smtp" ? REPLY.exec(text) : null) ?? [];
  if (reply !== undefined)
    return { status: Number(reply), ...(enhanced === undefined ? {} : { code: enhanced }) };
  throw new HoldfastError(
    "HF4102",
    `The text names no code of ${table.id} that can be told from its other words.`,
    `Give the code alone: holdfast classify --protocol ${table.id} CODE${status === undefined ? "" : `; for an answer of HTTP: holdfast classify --http ${status}`}`,
  );
}

/** Null if no row has it, as a code or as a status. */
function takenBy(table: ProtocolTable, word: string): BareCode | null {
  if (knows(table, word)) return { code: word };
  return STATUS.test(word) && hasStatus(table, Number(word)) ? { status: Number(word) } : null;
}

function hasStatus(table: ProtocolTable, status: number): boolean {
  const facts = { code: null, status, phase: table.phaseAssumed, attempt: 1, holds: () => false };
  return consult(table, facts) !== null;
}

/** No row has it: still its code, or its status where it is that by which the table is read. */
function unknownTo(table: ProtocolTable, word: string): BareCode {
  const isByStatus = table.rows.some(({ when }) => when.status !== undefined);
  if (!isByStatus || !/^\d+$/u.test(word)) return { code: word };
  if (STATUS.test(word)) return { status: Number(word) };
  throw new HoldfastError(
    "HF4102",
    `${word} is no status of ${table.id}: expected three digits.`,
    `If it is an error code: holdfast classify --protocol ${table.id} --code ${word}`,
  );
}
