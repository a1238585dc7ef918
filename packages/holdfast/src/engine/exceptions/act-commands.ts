/** What commands about exceptions, groups and routing hold, as JSON. Ids are in their public form. */
import type { IssueAct } from "../../core/issue-overlay.ts";
import type { Admitting, AskedAct } from "../../core/parse-acts.ts";
import type { RoutingRule } from "../../core/routing.ts";

/** Something is done to an exception that leaves it open. */
export interface HandleCommand {
  readonly run: string;
  readonly seq: number;
  readonly act: AskedAct | Admitting;
  /** Of an admission: what the run is to begin with. */
  readonly input?: unknown;
  readonly reason: string;
}

/** Something is decided about a group of exceptions; the run is the store itself. */
export interface GroupCommand {
  readonly run: string;
  readonly fingerprint: string;
  readonly act: IssueAct;
  readonly reason: string;
}

/** Routing rules that are proposed, for the version that was seen, 0 for none; or approved. */
export interface RouteCommand {
  readonly run: string;
  readonly rules: readonly RoutingRule[];
  readonly version: number;
  /** What they would have done when they were proposed; not given: they are approved. */
  readonly tried?: number;
  readonly changed?: number;
  readonly reason: string;
}
