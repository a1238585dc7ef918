/** What a command ends with, for scripts. Source: api.md 3.5. */
import type { ErrorCode } from "../core/error.ts";

export const EXIT = {
  ok: 0,
  failed: 1,
  badUse: 2,
  needsPerson: 3,
  refused: 4,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes that do not simply mean "failed". */
const EXIT_OF: Partial<Record<ErrorCode, ExitCode>> = {
  HF1001: EXIT.badUse,
  HF1112: EXIT.badUse,
  HF4102: EXIT.badUse,
  HF4103: EXIT.badUse,
  HF4104: EXIT.badUse,
  HF4105: EXIT.badUse,
  HF6002: EXIT.needsPerson,
  HF6003: EXIT.refused,
  HF6004: EXIT.refused,
  HF6007: EXIT.refused,
};

export function exitCodeOf(code: ErrorCode): ExitCode {
  return EXIT_OF[code] ?? EXIT.failed;
}
