export type {
  Rehearsal,
  RehearsalFinding,
  RehearsalReport,
  RehearsalRun,
} from "../../core/rehearsal.ts";
export { rehearsal, rehearse, type Law, type RehearsalOptions } from "./rehearse.ts";
