/** A connector and its counterpart, with a line between them that a test can cut. */
import type { ConnectorUnderTest, Counterpart } from "./describe-connector.ts";
import { Line } from "./line.ts";
import { Trial, within, type TrialOptions } from "./trial.ts";
import type { Attempt } from "../../workflow/attempt.ts";

export interface Subject<C> {
  readonly under: ConnectorUnderTest<C>;
  readonly counterpart: Counterpart;
  readonly line: Line;
  readonly connector: C;
  /** Makes a call, by default the one that does a piece of work. */
  readonly begin: (
    options?: Pick<TrialOptions, "number" | "isLate">,
    call?: (connector: C, attempt: Attempt) => Promise<unknown>,
  ) => Trial;
  /** Resolves when the counterpart has done the work. */
  readonly done: () => Promise<void>;
  /** Resolves when nothing is on its way any more, after a line was cut. */
  readonly settled: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function openSubject<C>(under: ConnectorUnderTest<C>): Promise<Subject<C>> {
  const patienceMs = patienceOf(under);
  const counterpart = await under.open();
  const isDone = () => counterpart.done().length > 0;
  const line = await Line.open({ port: counterpart.port, isDone });
  const connector = under.connect(line.port);
  return {
    under,
    counterpart,
    line,
    connector,
    begin: (options = {}, call = under.call) =>
      new Trial({ ...options, patienceMs, call: (attempt) => call(connector, attempt) }),
    done: () =>
      within(
        patienceMs,
        line.until(isDone),
        "the counterpart to do the work",
        "Make the call work against the counterpart of this test first.",
      ),
    settled: () =>
      within(
        patienceMs,
        line.until(() => !line.isOpen),
        "the line to be let go of",
        "Close the connection of a call that has failed, on both sides.",
      ),
    close: async () => {
      await line.close();
      await under.close(connector);
      await counterpart.close();
    },
  };
}

const PATIENCE_MS = 10_000;

export function patienceOf<C>({ patienceMs = PATIENCE_MS }: ConnectorUnderTest<C>): number {
  return patienceMs;
}
