/**
 * The ids of events: each (namespace, event, id) is accepted once within `eventIdsMs`. An id is
 * remembered by the record that delivers or keeps the event, so there is no moment in which one is
 * durable without the other.
 */
import { HoldfastError } from "../../core/error.ts";
import type { AcceptedEvent } from "../../core/journal.ts";
import { canonicalText } from "../../core/operation-key.ts";
import { repeatOf, type Repeat } from "../../core/same-event.ts";
import { isStorable } from "../journal/checked-values.ts";
import type { AcceptedEventRow } from "../../store/rows.ts";
import type { EventId, Store } from "../../store/store.ts";
import type { Clock } from "../clock.ts";
import { CountedList } from "../journal/counted-list.ts";
import type { EngineLimits } from "../limits.ts";
import { Turns } from "../turns.ts";

/** Characters of an event's name, key and id. */
const NAME_CHARS_MAX = 512;

interface Lookup {
  readonly id: EventId;
  readonly resolve: (row: AcceptedEventRow | null) => void;
  readonly reject: (error: unknown) => void;
}

export class AcceptedEvents {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #limits: EngineLimits;
  readonly #turns = new Turns();
  #lookups: Lookup[] = [];
  readonly #list: CountedList;

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#turns.count + this.#lookups.length;
  }

  constructor(needs: {
    readonly store: Store;
    readonly clock: Clock;
    readonly limits: EngineLimits;
  }) {
    this.#store = needs.store;
    this.#clock = needs.clock;
    this.#limits = needs.limits;
    const { eventIdsMax } = needs.limits;
    this.#list = new CountedList(needs.clock, eventIdsMax, (nowMs) =>
      needs.store.acceptedCount(nowMs),
    );
  }

  /**
   * Calls `act` with what is known of the id. Events under one id come one after the other: each
   * has to see what the one before it has left, which must be durable when `act` resolves.
   */
  async inTurn<T>(
    sent: AcceptedEvent,
    act: (repeat: Repeat, known: AcceptedEventRow | null) => Promise<T>,
  ): Promise<T> {
    const name = canonicalText("event", [sent.namespace, sent.event, sent.id]);
    return await this.#turns.in(name, async () => {
      const known = await this.#find(sent);
      return await act(repeatOf(known, sent, this.#clock.nowMs()), known);
    });
  }

  /**
   * Takes one more with `act`, which must be durable when it resolves.
   *
   * @throws {HoldfastError} HF4202 if no more ids can be remembered: nothing may be accepted.
   */
  async within<T>(act: () => Promise<T>): Promise<T> {
    const { eventIdsMax } = this.#limits;
    return await this.#list.within(
      act,
      () =>
        new HoldfastError(
          "HF4202",
          `The ids of ${String(eventIdsMax)} events are remembered, the limit eventIdsMax: another could not be told from its repeats. Nothing was delivered.`,
          "Raise eventIdsMax, or shorten eventIdsMs if your senders give up sooner; then send it again.",
        ),
    );
  }

  #find(id: EventId): Promise<AcceptedEventRow | null> {
    return new Promise((resolve, reject) => {
      this.#lookups.push({ id, resolve, reject });
      if (this.#lookups.length === 1) setImmediate(() => void this.#look());
    });
  }

  /** All that came in one turn of the event loop are one message to the store. */
  async #look(): Promise<void> {
    const lookups = this.#lookups;
    this.#lookups = [];
    try {
      const ids = lookups.map(({ id: { namespace, event, id } }) => ({ namespace, event, id }));
      const rows = await this.#store.acceptedEvents(ids);
      for (const [index, lookup] of lookups.entries()) lookup.resolve(rows[index] ?? null);
    } catch (error) {
      for (const lookup of lookups) lookup.reject(error);
    }
  }
}

/**
 * What an event is recognised by has to come back from the store as it went in: half a surrogate
 * pair would be stored as another text, and two ids would be one.
 *
 * @throws {HoldfastError} HF4102
 */
export function checkEventNames(names: Readonly<Record<"name" | "key" | "id", unknown>>): void {
  for (const [what, text] of Object.entries(names)) {
    const fits = typeof text === "string" && text !== "" && text.length <= NAME_CHARS_MAX;
    if (fits && isStorable(text)) continue;
    throw new HoldfastError(
      "HF4102",
      `The ${what} of an event must be a text of 1 to ${String(NAME_CHARS_MAX)} whole characters without NUL. Nothing was sent.`,
      "Mend the message and send it again.",
    );
  }
}
