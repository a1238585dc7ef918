/** Conformance: calls that nothing goes wrong with. */
import { PHASES } from "../../core/failure.ts";
import type { ConnectorTests, ConnectorUnderTest } from "./describe-connector.ts";
import type { Subject } from "./subject.ts";
import { problem } from "./trial.ts";

export function callTests<C>({ passesKey }: ConnectorUnderTest<C>): ConnectorTests<C> {
  return {
    "does the work once, and comes back": async ({ begin, counterpart }) => {
      const trial = begin();
      const end = await trial.end();
      const done = counterpart.done().length;
      if (end.kind === "failed")
        throw problem(
          `a call that nothing goes wrong with has failed: ${end.failure.message}`,
          "Make it work against the counterpart of this test first.",
        );
      if (done !== 1 || counterpart.asked() !== 1)
        throw problem(
          `one call has made ${String(counterpart.asked())} requests and done the work ${String(done)} times`,
          "Make one request for each call; count work and requests in the counterpart when they come.",
        );
    },

    "has marked a request before it can be done": async ({ begin, line, done }) => {
      line.fault = { onceDone: "silent" };
      const trial = begin();
      await done();
      const { count, phase } = trial.calls;
      trial.passDeadline();
      await trial.end();
      if (count !== 1)
        throw problem(
          `${String(count)} calls were counted when the work was done`,
          "Count each outside call before it leaves: attempt.calls.count += 1. More than one forbids the proof that nothing happened.",
        );
      if (PHASES.indexOf(phase) < PHASES.indexOf("sent"))
        throw problem(
          `the attempt was marked "${phase}" when the work was done already`,
          'Call attempt.mark("sent") before the first byte that may set off the work.',
        );
    },

    ...(passesKey ? { [KEY]: (subject: Subject<C>) => keyIsPassedOn(subject) } : {}),
  };
}

const KEY = "passes the operation key on, the same on every attempt";

async function keyIsPassedOn<C>({ begin, counterpart }: Subject<C>): Promise<void> {
  for (const number of [1, 2]) {
    const trial = begin({ number });
    await trial.end();
    const last = counterpart.done().at(-1);
    // A counterpart that drops repeats has done it with the first.
    if (last !== trial.key)
      throw problem(
        `the work of attempt ${String(number)} was done under the key ${JSON.stringify(last ?? null)} instead of "${trial.key}"`,
        "Send attempt.key as it is, on every attempt: by it the other system knows a repeat.",
      );
  }
}
