/** What the caller's thread and the writer's thread say to each other. */
import { HoldfastError } from "../core/error.ts";
import type { ErrorCode } from "../core/error.ts";
import type { StoreNotice } from "./notice.ts";
import type { Opened, SessionSettings } from "./session.ts";

export type ThreadSettings = SessionSettings;

/** A verb of the port with its arguments; `answer` carries the same number. */
export interface Request {
  readonly id: number;
  readonly verb: string;
  readonly args: readonly unknown[];
}

export type Reply =
  | { readonly kind: "opened"; readonly opened: Opened }
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failed"; readonly id: number; readonly error: SentError }
  | { readonly kind: "notice"; readonly notice: StoreNotice }
  | { readonly kind: "fatal"; readonly error: SentError };

/** Request number under which the opening itself is answered. */
export const OPENING = 0;

/** An error as plain data: a message between threads keeps neither class nor own fields. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: ErrorCode | undefined;
  readonly remedy: string;
  readonly where: string | undefined;
}

export function toSent(error: unknown): SentError {
  const known = error instanceof HoldfastError ? error : undefined;
  const plain = error instanceof Error ? error : new Error(String(error));
  return {
    name: plain.name,
    message: plain.message,
    stack: plain.stack,
    code: known?.code,
    remedy: known?.remedy ?? "",
    where: known?.where,
  };
}

export function fromSent(sent: SentError): Error {
  const error = restored(sent);
  // The stack of the thread in which it happened says more than this one's.
  if (sent.stack !== undefined) error.stack = sent.stack;
  return error;
}

function restored({ name, message, code, remedy, where }: SentError): Error {
  if (code !== undefined) {
    return new HoldfastError(code, message, remedy, where === undefined ? {} : { where });
  }
  if (name === "RangeError") return new RangeError(message);
  return new Error(message);
}
