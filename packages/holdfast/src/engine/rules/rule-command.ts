/** What a command about a classification rule holds, as JSON from another process. */
import { HoldfastError } from "../../core/error.ts";
import { RULE_ACTS, type RuleAct } from "../../core/rule-acts.ts";
import { parseRule } from "../../core/rule-text.ts";

export interface RuleCommand {
  /** The store itself. */
  readonly run: string;
  readonly act: RuleAct;
  readonly reason: string;
}

/** @throws {HoldfastError} HF4120 for what is no rule, HF4102 for what is no act. */
export function ruleActOf(value: unknown): RuleAct {
  // An object, which the form of the command says; each property is looked at below.
  const { kind, ...rest } = value as Readonly<Record<string, unknown>>;
  const known = RULE_ACTS.find((one) => one === kind);
  const { version } = rest;
  if (known === undefined || !isVersion(version)) throw noAct();
  if (known !== "add") {
    if (typeof rest["id"] !== "string") throw noAct();
    return { kind: known, id: rest["id"], version };
  }
  const { assertion } = rest;
  if (assertion !== null && typeof assertion !== "string") throw noAct();
  return { kind: "add", rule: parseRule(rest["rule"]), assertion, version };
}

function isVersion(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1;
}

function noAct(): HoldfastError {
  return new HoldfastError(
    "HF4102",
    'The command "rule" is not valid: expected { kind, version } with a rule to add, or with the id of one. Nothing was done.',
    "Send it as this version writes it: with holdfast rules.",
  );
}
