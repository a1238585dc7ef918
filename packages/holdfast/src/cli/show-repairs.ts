/** Plans of repairs, and proposals, as text. */
import type { ProposalPage } from "../operate/list-work.ts";
import type { BeginsAnew, PlannedMove, RepairPlan } from "../operate/repair/plan-repair.ts";
import type { ProposalView } from "../operate/repair/list-proposals.ts";
import { clippedJson } from "../core/replay/changed-fields.ts";
import { payloadText } from "./payload-text.ts";
import type { Look } from "./show-lists.ts";
import { textTable, type Column } from "./text-table.ts";

const EFFECT_COLUMNS: readonly Column[] = [
  { title: "EFFECT", isKept: true },
  { title: "CONTRACT" },
  { title: "DONE BEFORE" },
  { title: "NOW", isKept: true },
  { title: "BECAUSE" },
];

const MOVE_TEXT: Readonly<Record<PlannedMove, string>> = {
  redo: "sent",
  adopt: "looked up",
  skip: "kept",
  ask: "asked of a person",
  supply: "supplied",
  duplicate: "DONE TWICE",
};

export function planText(plan: RepairPlan, { screen }: Look): string {
  const { act, run, step, version, effects, digest } = plan;
  const at = step === null ? "" : ` at step "${step}"`;
  const rows = effects.map(({ step: path, contract, proof, what, because }) => ({
    cells: [path, contract, proof ?? "never", MOVE_TEXT[what], because],
  }));
  const anew = anewText(plan.beginsAnew);
  const twice = effects.filter(({ what }) => what === "duplicate").length;
  return [
    `${act} of run ${run}${at}, as it stands at ${String(version)}`,
    rows.length === 0
      ? "no effect of the run is concerned"
      : textTable(EFFECT_COLUMNS, rows, screen),
    ...(anew === "" ? [] : [`begins anew: ${anew}`]),
    ...(twice > 0 ? [`predicted duplicates: ${String(twice)}`] : []),
    `second person: ${secondPersonText(plan)}`,
    ...(plan.isLookedAt ? [] : [NOT_LOOKED_AT]),
    `plan ${digest}`,
  ].join("\n");
}

function secondPersonText({ secondPerson, isLookedAt }: RepairPlan): string {
  return secondPerson ?? (isLookedAt ? "none" : "only if a field is declared fourEyes");
}

const NOT_LOOKED_AT =
  "no engine has looked at it: whether it fits what the code declares is known when it is done";

function anewText({ localWork, timers, reviews, events, calls }: BeginsAnew): string {
  const parts = [
    [localWork, "local work"],
    [timers, "timers"],
    [reviews, "reviews (asked again)"],
    [events, "waits for events (each has to be sent again)"],
    [calls, "calls (a run that was started is joined)"],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${String(count)} ${what}`)
    .join(", ");
}

const PROPOSAL_COLUMNS: readonly Column[] = [
  { title: "PROPOSAL", isKept: true },
  { title: "KEY" },
  { title: "WHAT", isKept: true },
  { title: "STEP" },
  { title: "BY" },
  { title: "STATE", isKept: true },
  { title: "UNTIL (UTC)", isKept: true },
];

export function proposalsText({ proposals, next }: ProposalPage, { screen, nowMs }: Look): string {
  if (proposals.length === 0) return "no proposals";
  const rows = proposals.map((one) => ({
    cells: [
      one.id,
      one.key ?? one.run,
      whatText(one),
      one.step ?? "",
      one.by,
      stateText(one, nowMs),
      one.expiresAt,
    ],
    notes: [
      `needed because ${one.needs}; reason: ${one.reason}`,
      ...(one.parts === null ? [] : [`said of its parts: ${clippedJson(one.parts)}`]),
      ...(one.frozen === null ? [] : [`would be taken: ${payloadText(one.frozen)}`]),
      ...(one.state === "open" && Date.parse(one.expiresAt) > nowMs
        ? [
            `holdfast approve ${one.id} --reason "..."   or   holdfast reject ${one.id} --reason "..."`,
          ]
        : []),
    ],
  }));
  const more = next === null ? [] : [`more: --after ${next}`];
  return [textTable(PROPOSAL_COLUMNS, rows, screen), ...more].join("\n");
}

function whatText({ act, happened, parts }: ProposalView): string {
  if (happened === null) return act;
  if (parts !== null) return `${act} in-part`;
  return `${act} ${happened ? "happened" : "not"}`;
}

function stateText({ state, verdict, decidedBy, expiresAt }: ProposalView, nowMs: number): string {
  // The engine says so once somebody decides about it.
  if (state === "open") return Date.parse(expiresAt) <= nowMs ? "expired" : "open";
  switch (verdict) {
    case "approved":
    case "rejected":
      return `${verdict} by ${decidedBy ?? ""}`;
    case "expired":
      return "expired";
    case "void":
      return "void: its run has moved";
    case null:
      return "withdrawn: its run has ended";
  }
}
