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

/** New routing rules; `version` is the one that they take the place of, 0 for none. */
export interface RouteCommand {
  readonly run: string;
  readonly rules: readonly RoutingRule[];
  readonly version: number;
  readonly reason: string;
}
