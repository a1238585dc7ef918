/** Everything that an engine does for exceptions, in one place: whose, until when, and what people do. */
import type { ExceptionPolicy } from "../../core/exception-policy.ts";
import type { Engine } from "../engine.ts";
import { BesideExceptions } from "./beside.ts";
import { DueTimes } from "./due-times.ts";
import { ExceptionActs } from "./exception-acts.ts";
import { ExceptionRules } from "./exception-rules.ts";

export class ExceptionCare {
  readonly rules: ExceptionRules;
  readonly due: DueTimes;
  readonly acts: ExceptionActs;
  readonly beside: BesideExceptions;

  constructor(engine: Engine, policy: ExceptionPolicy) {
    this.rules = new ExceptionRules(policy, engine);
    this.due = new DueTimes(engine);
    this.acts = new ExceptionActs(engine);
    this.beside = new BesideExceptions(engine);
  }
}
