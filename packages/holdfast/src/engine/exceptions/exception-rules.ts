/**
 * What decides whose an exception is and until when: what the app says of teams and times, and the
 * routing rules that are in force. One for each engine; rules are read again from the store now and
 * then, because another worker may have taken the command that set them.
 */
import type { ExceptionPolicy } from "../../core/exception-policy.ts";
import type { RoutingVersion } from "../../core/routing.ts";

export class ExceptionRules {
  readonly policy: ExceptionPolicy;
  readonly version: string;
  readonly namespace: string;
  #routing: RoutingVersion | null = null;

  constructor(
    policy: ExceptionPolicy,
    of: { readonly version: string; readonly namespace: string },
  ) {
    this.policy = policy;
    this.version = of.version;
    this.namespace = of.namespace;
  }

  get routing(): RoutingVersion | null {
    return this.#routing;
  }

  /** The newest that was heard of counts. */
  learn(routing: RoutingVersion | null): void {
    if (routing === null) return;
    if (this.#routing === null || routing.version > this.#routing.version) this.#routing = routing;
  }
}
