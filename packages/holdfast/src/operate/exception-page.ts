/** Which page of docs/reference/errors.md explains an exception, so that it carries a link too. */
import { ERROR_CODES, type ErrorCode } from "../core/error.ts";
import type { ExceptionRow } from "../store/rows.ts";

/** Reason code of an effect whose answer broke its output schema. Source: engine. */
const ANSWER_SCHEMA = "EFFECT:ANSWER_SCHEMA";

export function pageOfException({
  class: failureClass,
  reasonCode,
}: Pick<ExceptionRow, "class" | "reasonCode">): ErrorCode {
  // What has to be found out first comes first: it decides which acts are safe.
  if (failureClass === "ambiguous") return "HF3001";
  if (failureClass === "expired") return "HF3005";
  // The engine's own errors are the reason codes of the runs that they stop.
  if (isErrorCode(reasonCode)) return reasonCode;
  return reasonCode === ANSWER_SCHEMA ? "HF3003" : "HF3002";
}

function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}
