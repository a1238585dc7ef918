/** Conformance: what is said of calls whose line breaks, held against what the counterpart has done. */
import { PHASES } from "../../core/failure.ts";
import { createServer } from "node:net";
import type { ConnectorTests } from "./describe-connector.ts";
import { type LineFault } from "./line.ts";
import { closed, listening, portOf } from "./listener.ts";
import { openSubject, patienceOf, type Subject } from "./subject.ts";
import { problem, Trial } from "./trial.ts";

/** Places in a conversation at which its line is cut, evenly over it, its ends included. */
const CUTS = 8;

export function brokenLineTests<C>(): ConnectorTests<C> {
  return {
    "says never where nothing was sent": async ({ under }) => {
      const connector = under.connect(await freePort());
      try {
        const trial = new Trial({
          patienceMs: patienceOf(under),
          call: (attempt) => under.call(connector, attempt),
        });
        const { effect, class: failureClass } = await trial.failure("nobody listens there");
        if (effect !== "never")
          throw problem(
            `of a connection that was refused it says that it ${effect} happened`,
            'Give evidence with phase "none" and callCount 1 where no byte has left: it is the proof that lets the engine repeat it.',
          );
        if (!OF_SYSTEMS.includes(failureClass))
          throw problem(
            `a connection that was refused is of class "${failureClass}"`,
            `Say that the system is away: "unavailable" (or ${OF_SYSTEMS.slice(1).join(", ")}).`,
          );
      } finally {
        await under.close(connector);
      }
    },

    "says maybe where the answer was cut off": async (subject) => {
      const { begin, line, settled } = subject;
      line.fault = { onceDone: "cut" };
      const trial = begin();
      const { effect, evidence } = await trial.failure("its answer was cut off");
      await settled();
      requireDone(subject);
      if (effect !== "maybe")
        throw problem(
          `the work was done and its answer cut off, and it says that it ${effect} happened`,
          'Evidence of a request that has left has at least the phase "sent", and no answer is not "never".',
        );
      const { phase = "none" } = evidence;
      if (PHASES.indexOf(phase) < PHASES.indexOf("sent"))
        throw problem(
          `the evidence of a request that was done says "${phase}"`,
          'Put the furthest phase into the evidence: "sent" or "bodySent".',
        );
    },

    "says nothing wrong wherever the line breaks": async ({ under }) => {
      for (const fault of await cutsOf(under)) {
        const subject = await openSubject(under);
        try {
          subject.line.fault = fault;
          await judge(subject, fault);
        } finally {
          await subject.close();
        }
      }
    },

    "leaves repeats to the engine": async (subject) => {
      const { begin, line, counterpart, settled } = subject;
      line.fault = { onceDone: "cut" };
      await begin().failure("its answer was cut off");
      await settled();
      requireDone(subject);
      if (line.connectionCount > 1 || counterpart.asked() > 1)
        throw problem(
          `after an answer that was cut off it has asked ${String(counterpart.asked())} times, over ${String(line.connectionCount)} connections`,
          "Switch repeats off in whatever the connector is built on: only the engine knows whether one is harmless.",
        );
    },
  };
}

/** Classes that say nothing against the data of this call. */
const OF_SYSTEMS: readonly string[] = ["unavailable", "transient", "misconfigured"];

/** Where nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await listening(server);
  const port = portOf(server);
  await closed(server);
  return port;
}

/** Places over the conversation of a call that nothing goes wrong with, in both directions. */
async function cutsOf<C>(under: Subject<C>["under"]): Promise<readonly LineFault[]> {
  const { begin, line, close } = await openSubject(under);
  try {
    await begin().end();
    const { sentBytes, heardBytes } = line;
    return [
      ...places(1, sentBytes).map((cutAfterSentBytes) => ({ cutAfterSentBytes })),
      ...places(0, heardBytes - 1).map((cutAfterHeardBytes) => ({ cutAfterHeardBytes })),
    ];
  } finally {
    await close();
  }
}

function places(first: number, last: number): readonly number[] {
  const step = Math.max(1, (last - first) / (CUTS - 1));
  const all = Array.from({ length: CUTS }, (_none, at) => Math.round(first + at * step));
  return all.filter((place) => place <= last);
}

async function judge<C>(subject: Subject<C>, fault: LineFault): Promise<void> {
  const { begin, counterpart, settled, connector, under } = subject;
  const end = await begin().end();
  if (end.kind === "value") await under.close(connector);
  await settled();
  const isDone = counterpart.done().length > 0;
  const where = JSON.stringify(fault);
  if (end.kind === "value" && !isDone)
    throw problem(
      `the call has come back with a value, and nothing was done (line: ${where})`,
      "Come back only with an answer that has come whole.",
    );
  if (end.kind === "failed" && end.failure.effect === "never" && isDone)
    throw problem(
      `the work was done, and it says never (${end.failure.reasonCode}; line: ${where})`,
      'Say "never" only where no byte has left that may set off the work, or where the other system has answered so.',
    );
  if (end.kind === "failed" && end.failure.effect === "surely" && !isDone)
    throw problem(
      `nothing was done, and it says surely (${end.failure.reasonCode}; line: ${where})`,
      'Say "surely" only of what the other system has answered.',
    );
}

/** Else what comes after it shows nothing. */
function requireDone<C>({ counterpart }: Subject<C>): void {
  if (counterpart.done().length > 0) return;
  throw problem(
    "the counterpart has not done the work",
    "Count in `done` when the work is done, before that is answered.",
  );
}
