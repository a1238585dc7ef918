/** Conformance: answers that are no success. */
import { createServer } from "node:net";
import type { ConnectorTests, ConnectorUnderTest, RefusedCall } from "./describe-connector.ts";
import { closed, listening, portOf } from "./listener.ts";
import { holdsSecret } from "./secret-forms.ts";
import type { Subject } from "./subject.ts";
import { problem, type Ended } from "./trial.ts";

export function answerTests<C>(under: ConnectorUnderTest<C>): ConnectorTests<C> {
  const { refusals, secret, sentOn, endless } = under;
  const tests: Record<string, (subject: Subject<C>) => Promise<void>> = {};
  for (const refusal of refusals)
    tests[`knows what it means: ${refusal.name}`] = (subject) => refused(subject, refusal);
  if (secret !== null)
    tests["keeps its credential out of what is put on record"] = (subject) =>
      keepsSecret(subject, secret);
  if (sentOn !== null)
    tests["carries nothing to another address by itself"] = (subject) => staysHere(subject, sentOn);
  if (endless !== null)
    tests["reads no more of an answer than it says"] = (subject) => readsSome(subject, endless);
  return tests;
}

async function refused<C>(
  { begin, counterpart }: Subject<C>,
  { call, class: failureClass, effect }: RefusedCall<C>,
): Promise<void> {
  const failure = await begin({}, call).failure("the counterpart has refused it");
  const isDone = counterpart.done().length > 0;
  if (failure.class !== failureClass || failure.effect !== effect || failure.unclassified === true)
    throw problem(
      `it is classified as "${failure.class}" with effect "${failure.effect}" (${failure.rule.id})`,
      `Expected "${failureClass}" with effect "${effect}": say so in the table of the CallFailed. "never" counts only with the phase "answered", or where nothing was sent.`,
    );
  if (failure.effect === "never" && isDone)
    throw problem(
      "the work was done, and it says never",
      'Say "never" only of answers that prove it.',
    );
  if (counterpart.asked() !== 1)
    throw problem(
      `after a refusal it has asked ${String(counterpart.asked())} times`,
      "Leave repeats to the engine, also of what passes with time.",
    );
}

/** What is put on record of a failure: the classified one, and the message of the error. */
function recordOf(end: Ended): string {
  if (end.kind === "value") return "";
  const { failure, error } = end;
  return JSON.stringify([failure, error instanceof Error ? error.message : String(error)]);
}

async function keepsSecret<C>({ begin, line, under }: Subject<C>, secret: string): Promise<void> {
  const calls = [...under.refusals.map(({ call }) => call), under.call];
  for (const call of calls) {
    if (call === under.call) line.fault = { onceDone: "cut" };
    const record = recordOf(await begin({}, call).end());
    if (holdsSecret(record, secret))
      throw problem(
        `its credential is in what it throws: ${record.slice(0, 300)}`,
        "Mask it in messages and evidence, also where the other system repeats it.",
      );
  }
  if (!holdsSecret(line.heard, secret))
    throw problem(
      "no refusal has repeated the credential",
      "Let the counterpart repeat it in one of them, as real systems do: else this test shows nothing.",
    );
}

async function staysHere<C>(
  { begin }: Subject<C>,
  sentOn: NonNullable<ConnectorUnderTest<C>["sentOn"]>,
): Promise<void> {
  let visits = 0;
  const elsewhere = createServer((socket) => {
    visits += 1;
    socket.destroy();
  });
  await listening(elsewhere);
  const port = portOf(elsewhere);
  try {
    const call = (connector: C, attempt: Parameters<typeof sentOn>[1]) =>
      sentOn(connector, attempt, port);
    await begin({}, call).failure("it was sent on to another address");
  } finally {
    await closed(elsewhere);
  }
  if (visits > 0)
    throw problem(
      "a request was carried on to another address",
      "Follow no answer that sends a write elsewhere: the engine allows calls to the system that was declared.",
    );
}

/** What lies in buffers on its way when the connector stops reading, in bytes. */
const UNDER_WAY_BYTES = 8 * 1024 * 1024;

async function readsSome<C>(
  { begin, line, settled }: Subject<C>,
  { call, bytesMax }: NonNullable<ConnectorUnderTest<C>["endless"]>,
): Promise<void> {
  line.fault = { cutAfterHeardBytes: bytesMax + UNDER_WAY_BYTES };
  await begin({}, call).failure("its answer has no end");
  await settled();
  if (line.heardBytes >= bytesMax + UNDER_WAY_BYTES)
    throw problem(
      `it has read on until the line was cut, ${String(line.heardBytes)} bytes`,
      `Give up after ${String(bytesMax)} bytes: an answer without end takes the memory of the process.`,
    );
}
