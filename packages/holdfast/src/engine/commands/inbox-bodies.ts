/** What commands hold on their way to the engine, and its answers to them. */
import type { RuleCommand } from "../rules/rule-command.ts";
import type { SaidParts } from "../../core/said-parts.ts";
import type { DecisionBody, RepairBody } from "../../core/repair-order.ts";
import type { GroupCommand, HandleCommand, RouteCommand } from "../exceptions/act-commands.ts";
import type { Receipt } from "../../workflow/message.ts";
import type { LateOutcome } from "../steps/step-slot.ts";

/** What each topic's data holds, as JSON. Ids are in their public form. */
export interface InboxCommands {
  readonly start: {
    readonly workflow: string;
    readonly input: unknown;
    readonly correlationId?: string;
    /** Of a child, from the worker that has its parent. */
    readonly parent?: unknown;
    readonly claimed?: number;
    /** The message that starts it, from the keeper. */
    readonly received?: unknown;
  };
  readonly send: {
    readonly event: string;
    readonly key: string;
    /** The sender's; the command's own id if it is not given. */
    readonly id?: string;
    readonly payload: unknown;
  };
  readonly answer: {
    readonly run: string;
    readonly seq: number;
    readonly decision: unknown;
    readonly reason?: string;
  };
  readonly settle: {
    readonly run: string;
    readonly operation: number;
    /** Attempts that the ledger showed to who says this. */
    readonly attempts: number;
    readonly happened: boolean;
    /** Which parts of it happened. */
    readonly parts?: SaidParts;
    readonly value: unknown;
    readonly ref: string | null;
    readonly reason: string;
    /** Number of the exception that was seen: of another nothing is said. */
    readonly exception?: number;
  };
  readonly resume: {
    readonly run: string;
    readonly step: string | null;
    /** Number of the newest exception that was seen; not given: what was open when it was posted. */
    readonly seen?: number;
    readonly reason: string;
    /** Number of the exception that was seen, where only what waits because of it is meant. */
    readonly exception?: number;
    /** Only if code of this version goes on with it. */
    readonly to?: string;
    /** Whose pause it lifts, where that is somebody else. */
    readonly insteadOf?: string;
  };
  /** Who is asked what happened cannot tell. */
  readonly handUp: {
    readonly run: string;
    readonly exception: number;
    readonly reason: string;
  };
  readonly cancel: {
    readonly run: string;
    readonly reason: string;
    /** With its parent, from the worker that has it. */
    readonly child?: true;
  };
  readonly pause: { readonly run: string; readonly reason: string };
  readonly close: { readonly run: string; readonly seq: number; readonly reason: string };
  /** The run that is first in its lane, and that the others wait for. */
  readonly skipHead: { readonly run: string; readonly reason: string };
  readonly repair: RepairBody;
  readonly decide: DecisionBody;
  readonly handle: HandleCommand;
  readonly group: GroupCommand;
  readonly route: RouteCommand;
  readonly rule: RuleCommand;
  /** Runs that an archive holds, each with the number of its records there. */
  readonly archive: {
    readonly archive: string;
    readonly file: string;
    readonly runs: readonly (readonly [run: string, records: number])[];
    /** From the worker that has the order: all of these are in shards of whom it is for. */
    readonly here?: true;
  };
  /** From when it was posted on, milliseconds: given twice it is over at the same time. */
  readonly park: { readonly integration: string; readonly reason: string; readonly forMs: number };
  readonly unpark: { readonly integration: string; readonly reason: string };
  readonly complete: {
    readonly integration: string;
    readonly ref: string;
    readonly outcome: LateOutcome;
  };
  /** A child of the run's step has ended, or needs a person. */
  readonly returned: { readonly run: string; readonly step: string; readonly child: string };
  /** A kept event for a run that waits for it. */
  readonly deliver: {
    readonly run: string;
    readonly kept: number;
    readonly sent: unknown;
    readonly data: string;
  };
  /** A run waits for an event that is kept. */
  readonly offer: { readonly namespace: string; readonly event: string; readonly key: string };
  /** The late answer to an operation of the run. */
  readonly outcome: {
    readonly run: string;
    readonly operation: number;
    readonly ref: string;
    readonly outcome: LateOutcome;
  };
  /** A request was accepted under a reference whose answer is kept. */
  readonly asked: { readonly integration: string; readonly ref: string };
  /** A message from outside, from the worker that was asked. */
  readonly receive: { readonly message: unknown };
  /** An exception to be opened beside the run. */
  readonly beside: {
    readonly run: string;
    readonly subject: string;
    readonly head: unknown;
    readonly data: string;
  };
}

export type InboxAnswer =
  | {
      readonly ok: true;
      /** Not given for a start whose claim was given up: it is to be tried again. */
      readonly run?: string;
      readonly isNew?: boolean;
      /** Of a repair that a second person has to approve. */
      readonly proposal?: string;
      /** Of a repair that was only looked at: why a second person would have to approve it. */
      readonly needs?: string;
      readonly differs?: boolean;
      /** Of a delivery: whether the run has the event. */
      readonly taken?: boolean;
      /** Of one to park: false if this engine has not called the integration since it started. */
      readonly isKnown?: boolean;
      /** Of a message. */
      readonly receipt?: Receipt;
      /** Of an order to remove: how many runs are gone, and which stay. */
      readonly removed?: number;
      readonly stays?: readonly { readonly run: string; readonly because: string }[];
    }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      readonly remedy: string;
    };
