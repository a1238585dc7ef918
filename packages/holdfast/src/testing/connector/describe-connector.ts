/**
 * What every connector must do, as tests: `describeConnector` runs them against a connector and a
 * counterpart of its own, in whichever test framework it is given. The engine believes what a connector
 * marks and throws; one that passes says "never" only of what has not happened.
 */
import type { EffectProof, FailureClass } from "../../core/failure.ts";
import type { Attempt } from "../../workflow/attempt.ts";
import type { TestFramework } from "../describe-store.ts";
import { answerTests } from "./answer-tests.ts";
import { brokenLineTests } from "./broken-line-tests.ts";
import { callTests } from "./call-tests.ts";
import { deadlineTests } from "./deadline-tests.ts";
import { openSubject, type Subject } from "./subject.ts";

/** A real system that the connector talks to, made for one test. */
export interface Counterpart {
  /** Where it listens, on 127.0.0.1 and without TLS: the tests stand between, and cut. */
  readonly port: number;
  /**
   * The operation key of each piece of work that it has done, in order; `""` where it was given none.
   * Counted when the work is done, before that is answered.
   */
  readonly done: () => readonly string[];
  /** Requests that have come to it, whatever became of them. */
  readonly asked: () => number;
  readonly close: () => Promise<void>;
}

/** Something that the counterpart refuses, and what has to come of that. */
export interface RefusedCall<C> {
  /** The end of a sentence, for example `data that it does not take`. */
  readonly name: string;
  readonly call: (connector: C, attempt: Attempt) => Promise<unknown>;
  readonly class: FailureClass;
  readonly effect: EffectProof;
}

export interface ConnectorUnderTest<C> {
  readonly open: () => Promise<Counterpart>;
  /** A connector to the system at this port of 127.0.0.1. */
  readonly connect: (port: number) => C;
  readonly close: (connector: C) => Promise<void>;
  /** A call that does one piece of work. */
  readonly call: (connector: C, attempt: Attempt) => Promise<unknown>;
  /** Whether the call passes the operation key on, for `keyed` effects and look-ups. */
  readonly passesKey: boolean;
  /** At least one; among them something wrong with the data, and something that passes with time. */
  readonly refusals: readonly [RefusedCall<C>, ...RefusedCall<C>[]];
  /** A credential that the connector sends, and that one of the refusals repeats; null if it has none. */
  readonly secret: string | null;
  /** A call that the counterpart sends on to another port of 127.0.0.1; null if the protocol has no such answer. */
  readonly sentOn: ((connector: C, attempt: Attempt, port: number) => Promise<unknown>) | null;
  /** A call that is answered without end; null if the protocol bounds what is read. */
  readonly endless: {
    readonly call: (connector: C, attempt: Attempt) => Promise<unknown>;
    /** Of an answer the connector reads no more than this. */
    readonly bytesMax: number;
  } | null;
  /**
   * Beyond this a test says that something never came, milliseconds. Default 10,000; no test of a
   * connector that is right waits for it.
   */
  readonly patienceMs?: number;
}

/** A test of one group: a sentence, and what to do with a connector and a counterpart of its own. */
export type ConnectorTests<C> = Readonly<Record<string, (subject: Subject<C>) => Promise<void>>>;

/**
 * Defines the tests of a connector. `open` and `connect` are called once a test, and what they made is
 * closed when the test has ended, however it did.
 *
 * @throws {RangeError} for a secret that is too short to be told from other texts.
 */
export function describeConnector<C>(
  name: string,
  connector: ConnectorUnderTest<C>,
  framework: TestFramework,
): void {
  requireSecret(connector.secret);
  const groups: Readonly<Record<string, ConnectorTests<C>>> = {
    calls: callTests(connector),
    "broken lines": brokenLineTests(),
    deadlines: deadlineTests(),
    answers: answerTests(connector),
  };
  framework.describe(`${name} keeps the promises of a connector`, () => {
    for (const [group, tests] of Object.entries(groups)) {
      framework.describe(group, () => {
        for (const [sentence, run] of Object.entries(tests)) {
          framework.test(sentence, async () => {
            const subject = await openSubject(connector);
            try {
              await run(subject);
            } finally {
              await subject.close();
            }
          });
        }
      });
    }
  });
}

/** A shorter one is found in texts that have nothing to do with it. */
const SECRET_CHARS_MIN = 8;

function requireSecret(secret: string | null): void {
  if (secret === null || secret.length >= SECRET_CHARS_MIN) return;
  throw new RangeError(
    `secret: expected at least ${String(SECRET_CHARS_MIN)} characters, got ${String(secret.length)}: ` +
      "a shorter one is found in texts that have nothing to do with it",
  );
}
