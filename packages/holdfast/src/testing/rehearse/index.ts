export type {
  KnownFinding,
  KnownLimit,
  Rehearsal,
  RehearsalAsked,
  RehearsalFinding,
  RehearsalReport,
  RehearsalRun,
} from "../../core/rehearsal.ts";
export type { Law, RehearsalOptions } from "./rehearsal-options.ts";
export { rehearsal, rehearse } from "./rehearse.ts";
