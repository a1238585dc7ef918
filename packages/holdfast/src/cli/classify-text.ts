/** An explanation of a failure as text. */
import { familyOf, type EffectProof, type Failure } from "../core/failure.ts";
import type { ExplainedRule, Explanation } from "../explain/explain.ts";
import type { Look } from "./show-lists.ts";
import { sentence } from "./text-table.ts";

const PROVES: Readonly<Record<EffectProof, string>> = {
  never: "nothing happened outside",
  maybe: "it may have happened, nothing proves it",
  partial: "a part of it happened",
  surely: "it happened",
};

const TEACH =
  "no rule: teach me one. Say in classify of the effect or its integration what it means; until then it is treated like this (where your own code threw it, as a defect: its run is held):";

export function explanationText(explanation: Explanation, { screen }: Look): string {
  const { failure, rules, moves, isKnown } = explanation;
  const lines = [headOf(explanation)];
  if (!isKnown) lines.push(TEACH);
  lines.push(...(failure === null ? ["no failure: it was done"] : failureLines(failure)));
  for (const rule of rules) lines.push(`rule      ${ruleText(rule)}`);
  if (rules.length === 0 && failure !== null) lines.push(`rule      ${failure.rule.id}`);
  for (const { contract, move, because } of moves)
    lines.push(`${contract.padEnd(MOVE_WIDTH)}${move}: ${because}`);
  if (explanation.isPhaseAssumed && failure !== null)
    lines.push(
      `No phase was given, so ${explanation.phase} was taken, which proves least: add --phase.`,
    );
  return lines.map((line) => sentence(line, 0, screen)).join("\n");
}

/** As wide as the longest contract and a gap. */
const MOVE_WIDTH = 12;

function headOf({ protocol, code, status, phase, attempt, conditions }: Explanation): string {
  const what = [status, code].filter((part) => part !== null).map(String);
  const named = what.length === 0 ? "no code" : what.join(" ");
  const when = conditions.length === 0 ? "" : `, ${conditions.join(", ")}`;
  return `${protocol} ${named}, phase ${phase}, attempt ${String(attempt)}${when}`;
}

function failureLines(failure: Failure): readonly string[] {
  const { effect, scope, origin, reasonCode } = failure;
  const family = familyOf(failure.class);
  const of = family === failure.class ? "" : ` (${family})`;
  return [
    `effect    ${effect}: ${PROVES[effect]}`,
    `class     ${failure.class}${of}`,
    `scope     ${scope}`,
    `origin    ${origin}`,
    `reason    ${reasonCode}`,
  ];
}

function ruleText({ id, version, from, source, note }: ExplainedRule): string {
  const said = note === null ? "" : `: ${note}`;
  return `${id}, version ${String(version)}, ${from} (${source})${said}`;
}
