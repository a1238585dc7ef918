/** What this process has seen of the hosts of one client: tells a bad address from an outage. */
import type { Attempt } from "../../workflow/attempt.ts";
import type { ExchangeResult } from "./exchange.ts";
import type { CallMarks } from "./node-error.ts";

const CONNECT_TIMEOUTS: readonly unknown[] = ["UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT"];

interface Seen {
  isKnown: boolean;
  connectTimeoutsInRow: number;
}

/** Kept per origin that the client may call, so it is as small as the client's options. */
export class HostHistory {
  readonly #seen = new Map<string, Seen>();

  learn(origin: string, result: ExchangeResult): void {
    const seen = this.#of(origin);
    if (result.phase !== "none" && result.phase !== "created") {
      seen.isKnown = true;
      seen.connectTimeoutsInRow = 0;
    } else if (result.error instanceof Error && isConnectTimeout(result.error)) {
      seen.connectTimeoutsInRow += 1;
    }
  }

  of(
    origin: string,
    attempt: Attempt,
  ): Required<Pick<CallMarks, "isHostKnown" | "connectTimeoutsInRow">> {
    const { isKnown, connectTimeoutsInRow } = this.#of(origin);
    // What was sent before, perhaps by an earlier process, reached the host.
    return { isHostKnown: isKnown || attempt.sentAt !== null, connectTimeoutsInRow };
  }

  #of(origin: string): Seen {
    let seen = this.#seen.get(origin);
    if (seen === undefined) {
      seen = { isKnown: false, connectTimeoutsInRow: 0 };
      this.#seen.set(origin, seen);
    }
    return seen;
  }
}

function isConnectTimeout(error: Error): boolean {
  return CONNECT_TIMEOUTS.includes(Reflect.get(error, "code"));
}
