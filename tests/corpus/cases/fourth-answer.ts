/** Plays the answers of the fourth part: bodies in the forms that vendors document, from a server with a ledger. */
import { fourthLabel, type FourthMore, type Proof, type Reason, type Scenario } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import { at, idOf, send, type Sent } from "./last-send.ts";

export type Reasons = Reason | readonly [Reason, ...Reason[]];

interface AnswerMore extends FourthMore, Pick<Sent, "expect"> {
  readonly headers?: Readonly<Record<string, string>>;
  /** The work is done before the answer leaves. */
  readonly works?: true;
  /** How many of two items are done, where the request is a batch. */
  readonly done?: 0 | 1;
}

export interface Answered {
  readonly name: string;
  readonly effect: Proof;
  readonly reasons: Reasons;
  readonly why: string;
  readonly status: number;
  readonly body: unknown;
  readonly more: AnswerMore;
}

/** @param body - JSON, or a text in the form that `headers` name. */
export const answered = (
  name: string,
  status: number,
  body: unknown,
  effect: Proof,
  reasons: Reasons,
  why: string,
  more: AnswerMore = {},
): Answered => ({ name, status, body, effect, reasons, why, more });

export const words = { told: "words" } as const;
export const XML = { "content-type": "application/xml" };
export const HTML = { "content-type": "text/html" };
export const PROBLEM = { "content-type": "application/problem+json" };

export function answerScenarios(
  counterpart: Counterpart,
  group: string,
  server: string,
  cases: readonly Answered[],
): readonly Scenario[] {
  return cases.map(({ name, effect, reasons, why, status, body, more }): Scenario => {
    const id = idOf(group, name);
    const { headers = {}, works = false, done, expect, ...label } = more;
    return {
      id,
      protocol: "http",
      server,
      fault: name,
      label: fourthLabel(effect, reasons, why, label),
      play: async () => {
        const text = typeof body === "string" ? body : JSON.stringify(body);
        const fields = {
          "content-length": String(Buffer.byteLength(text, "utf8")),
          ...(typeof body === "string" ? {} : { "content-type": "application/json" }),
          ...headers,
        };
        const items = done === 1 ? ["1"] : [];
        const answer = { status, headers: fields, body: text, works, items };
        await counterpart.follow({ key: id, on: [], answer });
        const seen = await send(
          id,
          at(counterpart.ports.http),
          expect === undefined ? {} : { expect },
        );
        return { seen, ledger: counterpart.done(id, done === undefined ? 1 : 2) };
      },
    };
  });
}
