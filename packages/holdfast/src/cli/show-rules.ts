/** Classification rules, and what they would have done, as text. */
import { ruleName } from "../core/classification-rule.ts";
import { openRetiring } from "../core/rule-acts.ts";
import type { RuleView } from "../operate/rules.ts";
import type { RuleTrial } from "../operate/try-rules.ts";
import type { UnclassifiedPage } from "../operate/unclassified.ts";
import { timeText, type Look } from "./show-lists.ts";
import { textTable, type Column } from "./text-table.ts";

const COLUMNS: readonly Column[] = [
  { title: "RULE", isKept: true },
  { title: "STATE", isKept: true },
  { title: "CLASS", isKept: true },
  { title: "DECIDED", isKept: true },
  { title: "SHADOW", isKept: true },
  { title: "LAST HIT", isKept: true },
  { title: "AUTHOR" },
  { title: "APPROVED BY" },
];

export function rulesText(rules: readonly RuleView[], { screen, nowMs }: Look): string {
  if (rules.length === 0) return "no classification rules that fit";
  const rows = rules.map(({ rule, decidedCount, shadowCount, lastHit, isDead }) => {
    const { effect } = rule.decide;
    const retiring = openRetiring(rule, nowMs);
    return {
      cells: [
        ruleName(rule),
        rule.state,
        effect === undefined ? rule.decide.class : `${rule.decide.class}, effect ${effect}`,
        String(decidedCount),
        String(shadowCount),
        lastHit ?? "never",
        rule.author,
        rule.approvedBy ?? "",
      ],
      notes: [
        `when ${JSON.stringify(rule.when)}`,
        `${rule.changed.by}: ${rule.changed.reason}`,
        ...(rule.assertion === null
          ? []
          : [`${rule.assertion.by} asserts that nothing happened: ${rule.assertion.text}`]),
        ...(retiring === null
          ? []
          : [
              `to be retired, says ${retiring.by}: ${retiring.reason}; somebody else has to give the same`,
            ]),
        ...(isDead ? ["nothing has met it for 90 days: retire it, or mend what it looks at"] : []),
      ],
    };
  });
  return textTable(COLUMNS, rows, screen);
}

export function ruleTrialText(trial: RuleTrial): string {
  const { changed, met, failures, runs, days, byChange, examples, isPart } = trial;
  const how = byChange.map(({ from, to, count }) => `${String(count)} ${to} instead of ${from}`);
  return [
    `would have changed ${String(changed)} items${how.length === 0 ? "" : `: ${how.join("; ")}`}.`,
    `It would have decided ${String(met)} of ${String(failures)} failed attempts of ${String(runs)} runs in ${String(days)} days.`,
    ...examples.map(
      ({ run, step, at, rule, from, to, message }) =>
        `${run}  ${step}  ${timeText(at)}  ${from} -> ${to}  (${rule})  ${message}`,
    ),
    ...(isPart ? ["The store holds more runs; these are the oldest."] : []),
  ].join("\n");
}

export function unclassifiedText({ groups, days, isPart }: UnclassifiedPage, { screen }: Look) {
  if (groups.length === 0) return `no failures in ${String(days)} days that no rule knows`;
  const columns: readonly Column[] = [
    { title: "INTEGRATION", isKept: true },
    { title: "REASON", isKept: true },
    { title: "SEEN", isKept: true },
    { title: "LAST (UTC)", isKept: true },
    { title: "RUN" },
  ];
  const rows = groups.map(({ integration, reasonCode, count, lastAt, run, message, draft }) => ({
    cells: [integration, reasonCode, String(count), timeText(lastAt), run],
    notes: [message, JSON.stringify(draft)],
  }));
  return [
    textTable(columns, rows, screen),
    ...(isPart ? ["There are more than could be looked through."] : []),
    "Teach one: mend the class of its draft, and give it to: holdfast rules add FILE --reason TEXT",
  ].join("\n");
}
