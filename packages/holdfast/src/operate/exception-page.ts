/** Which page of docs/reference/errors.md explains an exception, so that it carries a link too. */
import { isErrorCode, type ErrorCode } from "../core/error.ts";
import { ANSWER_SCHEMA } from "../core/failure.ts";
import type { ExceptionRow } from "../store/rows.ts";

export function pageOfException({
  class: failureClass,
  reasonCode,
}: Pick<ExceptionRow, "class" | "reasonCode">): ErrorCode {
  // Done and proved: what is unknown is only what it answered.
  if (reasonCode === ANSWER_SCHEMA) return "HF3003";
  // What has to be found out first comes first: it decides which acts are safe.
  if (failureClass === "ambiguous") return "HF3001";
  if (failureClass === "expired") return "HF3005";
  // The engine's own errors are the reason codes of the runs that they stop.
  return isErrorCode(reasonCode) ? reasonCode : "HF3002";
}

/** Which page of the operators' guide says what a class means and what can be done about it. */
export function classPage(failureClass: ExceptionRow["class"]): string {
  return `docs/operate/classes/${failureClass}.md`;
}
