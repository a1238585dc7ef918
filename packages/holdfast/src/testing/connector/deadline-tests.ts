/** Conformance: attempts whose time is up. */
import type { ConnectorTests } from "./describe-connector.ts";
import { problem } from "./trial.ts";

export function deadlineTests<C>(): ConnectorTests<C> {
  return {
    "sends nothing once the time is up": async ({ begin, counterpart, settled }) => {
      const { effect } = await begin({ isLate: true }).failure("its time was up before it began");
      await settled();
      if (counterpart.asked() > 0)
        throw problem(
          "a request has left after the time of its attempt was up",
          "Look at attempt.signal.aborted before anything is sent.",
        );
      if (effect !== "never")
        throw problem(
          `of an attempt that has sent nothing it says that it ${effect} happened`,
          'Throw CallFailed with phase "none" and callCount 1, and not the reason of the signal.',
        );
    },

    "gives up when the time is up, says maybe, and lets go of the line": async ({
      begin,
      counterpart,
      line,
      done,
      settled,
    }) => {
      line.fault = { onceDone: "silent" };
      const trial = begin();
      await done();
      trial.passDeadline();
      const { effect } = await trial.failure("no answer has come");
      if (effect !== "maybe")
        throw problem(
          `the work was done and not answered in time, and it says that it ${effect} happened`,
          'No answer in time is "maybe", whatever the other side does later.',
        );
      await settled();
      if (counterpart.asked() > 1)
        throw problem(
          `it has asked ${String(counterpart.asked())} times`,
          "Make one request for each call.",
        );
    },
  };
}
