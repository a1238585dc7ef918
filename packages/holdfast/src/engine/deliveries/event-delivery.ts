/**
 * Events: each is taken once, by the oldest run that waits for it, or kept for the next. Where
 * workers share a store the keeper does this. An event for a run elsewhere is kept first and then
 * offered to that run's owner, which removes it in the flush that holds the run's record; nobody else
 * is offered it before that owner has answered.
 */
import type { ForwardedHead } from "../../core/cells.ts";
import type { AcceptedEvent } from "../../core/journal.ts";
import { parseJson } from "../../core/json-text.ts";
import { inputDigest } from "../../core/operation-key.ts";
import { formatRunId } from "../../core/run-number.ts";
import type { KeptEventRow } from "../../store/rows.ts";
import { KEEPER_SHARD } from "../../store/shards.ts";
import type { EventAddress } from "../../store/store.ts";
import { AcceptedEvents, checkEventNames } from "./accepted-events.ts";
import { intakeIsFull } from "../journal/backlog.ts";
import { keepsNoMore, refusal } from "../commands/command-refusals.ts";
import { CountedList } from "../journal/counted-list.ts";
import type { Engine } from "../engine.ts";
import { openEventConflict } from "./event-conflict.ts";
import type { InboxCommands } from "../commands/inbox-bodies.ts";
import type { LiveRun } from "../run/live-run.ts";
import { toJson } from "../journal/payload.ts";

/** Early events under one name and key that are kept. */
const KEPT_EVENTS_MAX = 1_000;

/** Offers of an earlier keeper that are waited for at a time. */
const OFFERS_MAX = 10_000;

/** On record as who sent an event by way of another worker. */
const SENDER = "event";

interface Offer {
  readonly sent: AcceptedEvent;
  readonly data: string;
  readonly kept: number;
}

export class EventDelivery {
  readonly #engine: Engine;
  /** Early events that a run is taking; the store has them until that is durable. */
  readonly #claimed = new Set<number>();
  /** Those of them that somebody else has asked for meanwhile, and would wait for in vain. */
  readonly #wanted = new Map<number, EventAddress>();
  readonly #accepted: AcceptedEvents;
  /** Events that nobody has waited for yet. */
  readonly #early: CountedList;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#accepted = new AcceptedEvents(engine);
    const { clock, limits, store } = engine;
    this.#early = new CountedList(clock, limits.keptEventsMax, () => store.keptCount());
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#claimed.size + this.#wanted.size + this.#accepted.keptCount;
  }

  /**
   * Delivers an event: to the oldest run that waits for it, else it is kept for the next. The same
   * event again is accepted and changes nothing.
   *
   * @throws {HoldfastError} HF4102 if it does not fit who waits for it (its id is free then), HF4106
   *   if its id belongs to another event, HF4202 if no more ids can be remembered,
   *   HF4204 if nobody waits for it and no more can be kept.
   */
  async send(event: string, key: string, id: string, payload: unknown): Promise<void> {
    const { limits } = this.#engine;
    checkEventNames({ name: event, key, id });
    const data = toJson(payload, limits, `event ${event}`);
    const { neighbours, namespace } = this.#engine;
    const away = await neighbours?.engineOfEvent({ namespace, event, key }, id);
    const there = away?.commands.events ?? this;
    await there.#sendHere(event, key, id, data);
  }

  /** Takes an event from another cell, in which it was kept. */
  async takeForwarded({ event, key, id, data }: KeptEventRow): Promise<void> {
    await this.#sendHere(event, key, id, data ?? "null");
  }

  async #sendHere(event: string, key: string, id: string, data: string): Promise<void> {
    const { routes } = this.#engine;
    const act = () => this.#accept(event, key, id, data);
    if (routes === null) await act();
    else {
      // As its JSON has it: the keeper is to see what would be kept here.
      const sent = { event, key, id, payload: parseJson(data) };
      await routes.in(KEEPER_SHARD, { topic: "send", data: sent, by: SENDER }, act);
    }
  }

  async #accept(event: string, key: string, id: string, data: string): Promise<void> {
    const { clock, committer, digests, limits, namespace } = this.#engine;
    const digest = inputDigest(parseJson(data), (text) => digests.hex(text));
    const untilMs = clock.nowMs() + limits.eventIdsMs;
    const sent: AcceptedEvent = { namespace, event, id, key, digest, untilMs };
    await this.#accepted.inTurn(sent, async (repeat, known) => {
      switch (repeat.kind) {
        case "same":
          // Its sender may not have heard because the process died before it was offered to anybody.
          if (known !== null && known.kept !== null && known.run === null)
            await this.offerKept(known);
          return;
        case "conflict":
          throw await openEventConflict(this.#engine, { sent, known, data, ...repeat });
        case "new":
          if (!committer.backlog.takesIntake || committer.strain.text !== "")
            throw intakeIsFull(committer.backlog, committer.strain.text, "the event was not taken");
          // It has its place from here on, whatever becomes of offering it.
          await this.#offerIfKept(
            sent,
            data,
            await this.#accepted.within(() => this.#take(sent, data)),
          );
      }
    });
  }

  /** Number under which it is kept; null if somebody here has taken it. Durable when it resolves. */
  async #take(sent: AcceptedEvent, data: string): Promise<number | null> {
    const { committer, journal, limits } = this.#engine;
    if (await this.#deliver(sent, data, null)) return null;
    return await this.#early.within(
      async () => {
        const kept = journal.append("kept", sent, data);
        await committer.durable();
        return kept;
      },
      () => keepsNoMore(sent, limits.keptEventsMax),
    );
  }

  /** Who began to wait meanwhile has looked before it was kept, and would never hear of it. */
  async #offerIfKept(sent: AcceptedEvent, data: string, kept: number | null): Promise<void> {
    if (kept === null) return;
    const isTaken = await this.#deliver(sent, data, kept);
    await this.#engine.committer.durable();
    if (!isTaken) await this.forward(sent);
  }

  /** Gives what is kept for this address to a run of another cell that waits for it, if one does. */
  async forward(of: EventAddress): Promise<void> {
    const { neighbours, places, store } = this.#engine;
    if (neighbours === null || !places.isKeeper) return;
    for (const row of await store.keptEvents(of, KEPT_EVENTS_MAX)) {
      const taker = await neighbours.waitingFor(of);
      if (taker === null) return;
      await this.forwardTo(taker, row);
    }
  }

  /** After a crash in between it is given again, and recognised there by its id. */
  async forwardTo(
    { name, engine }: { readonly name: string; readonly engine: Engine },
    row: KeptEventRow,
  ): Promise<void> {
    const { journal, committer } = this.#engine;
    if (!this.#claim(row.seq)) return;
    let isTaken = false;
    try {
      await engine.commands.events.takeForwarded(row);
      const head: ForwardedHead = { kept: row.seq, cell: name };
      journal.append("forwarded", head);
      await committer.durable();
      isTaken = true;
    } finally {
      this.#release(row.seq, isTaken);
    }
  }

  /** A run of another cell waits for an event: what is kept here for it is given to it. */
  async wantedElsewhere(of: EventAddress): Promise<void> {
    await this.#engine.committer.durable();
    if (this.#engine.places.isKeeper) await this.forward(of);
    else await this.#askKeeper(of);
  }

  /** Offers an event to those who wait for it, oldest first. True if one has taken it. */
  async #deliver(sent: AcceptedEvent, data: string, kept: number | null): Promise<boolean> {
    const { committer, store, wakes } = this.#engine;
    const { namespace, event, key } = sent;
    await committer.durable();
    for (const run of await store.awaiting({ namespace, event, key }, KEPT_EVENTS_MAX)) {
      const away = await this.#away(run);
      if (away !== null) {
        // It is kept first: only then may it be on its way to another worker.
        if (kept === null) return false;
        if (await this.#offerAway(run, away, { sent, data, kept })) return true;
        continue;
      }
      const live = await wakes.reach(run);
      if (live === null) continue;
      const unpin = live.pin();
      try {
        await live.settledDown;
        if (kept !== null && !this.#claims(kept, sent)) return true;
        const taken = await this.#offer(live, sent, data, kept);
        if (kept !== null) this.keptEventOffered(kept, taken);
        if (!taken) continue;
        await committer.durable();
        return true;
      } finally {
        unpin();
      }
    }
    return false;
  }

  async #offer(
    live: LiveRun,
    sent: AcceptedEvent,
    data: string,
    kept: number | null,
  ): Promise<boolean> {
    for (const slot of live.open) {
      if (slot.verb.awaits?.(sent.event, sent.key) !== true) continue;
      const { id } = sent;
      const origin = kept === null ? ({ accepted: sent } as const) : { kept, id };
      const answer = await slot.verb.command?.({ kind: "event", data, origin });
      if (answer?.kind === "applied") return true;
      // Refused for any other reason, it waits for the next.
      if (answer?.kind !== "refused" || answer.code !== "HF4102") continue;
      // One that was kept has become an exception of the run.
      if (kept !== null) return true;
      throw refusal(answer, live.id);
    }
    return false;
  }

  /** Oldest early event with this key that nobody is taking, or null. Say what became of the offer. */
  async keptEvent(of: EventAddress): Promise<KeptEventRow | null> {
    await this.#engine.committer.durable();
    if (!this.#engine.places.isKeeper) {
      await this.#askKeeper(of);
      return null;
    }
    for (let limit = 1; limit <= KEPT_EVENTS_MAX; limit += this.#claimed.size + 1) {
      const rows = await this.#engine.store.keptEvents(of, limit);
      const free = rows.find((row) => this.#claim(row.seq));
      if (free !== undefined) return free;
      if (rows.length < limit) {
        for (const { seq } of rows) this.#wanted.set(seq, of);
        break;
      }
    }
    return null;
  }

  #claim(kept: number): boolean {
    if (this.#claimed.has(kept)) return false;
    this.#claimed.add(kept);
    return true;
  }

  /** False if somebody else has it in hand: if that one does not take it, it is offered again. */
  #claims(kept: number, of: EventAddress): boolean {
    if (this.#claim(kept)) return true;
    this.#wanted.set(kept, of);
    return false;
  }

  /** The run has taken it, or has not. */
  keptEventOffered(kept: number, taken: boolean): void {
    const release = () => {
      this.#release(kept, taken);
    };
    if (taken) void this.#engine.committer.durable().then(release, release);
    else release();
  }

  #release(kept: number, taken: boolean): void {
    this.#claimed.delete(kept);
    const wanted = this.#wanted.get(kept);
    this.#wanted.delete(kept);
    if (taken || wanted === undefined) return;
    this.#engine.background(
      this.#engine.reads.patiently("a kept event", () => this.offerKept(wanted)),
    );
  }

  /** The shard of a run that another worker owns; null if it is here, or nowhere. */
  async #away(run: number): Promise<number | null> {
    const { routes, places } = this.#engine;
    const shard = routes === null ? null : await routes.shardOf(run);
    return shard === null || places.owns(shard) ? null : shard;
  }

  /** Offers a kept event to a run of another worker. True if nobody else is to be offered it. */
  async #offerAway(run: number, shard: number, { sent, data, kept }: Offer): Promise<boolean> {
    const { routes, committer } = this.#engine;
    if (routes === null) return false;
    if (!this.#claims(kept, sent)) return true;
    let isTaken = false;
    try {
      await committer.durable();
      const body: InboxCommands["deliver"] = { run: formatRunId(run), kept, sent, data };
      const answer = await routes.ask(shard, { topic: "deliver", data: body, by: SENDER });
      isTaken = answer.taken === true;
      return isTaken;
    } finally {
      this.#release(kept, isTaken);
    }
  }

  /**
   * A kept event for a run that is here. False if the run does not take it. Asked again after a
   * crash it says the same: who is offered a kept event is the only one, so if it is not kept any
   * more, this run has it.
   */
  async takeOffered(run: number, { sent, data, kept }: Offer): Promise<boolean> {
    const { wakes, committer, store } = this.#engine;
    const live = await wakes.reach(run);
    // From here on: a run that only waits would leave memory while its events are being read.
    const unpin = live?.pin();
    try {
      await committer.durable();
      const rows = await store.keptEvents(sent, KEPT_EVENTS_MAX);
      if (!rows.some(({ seq }) => seq === kept)) return true;
      if (live === null) return false;
      await live.settledDown;
      const taken = await this.#offer(live, sent, data, kept);
      if (taken) await committer.durable();
      return taken;
    } finally {
      unpin?.();
    }
  }

  /** A run elsewhere waits for events that are kept. */
  async offerKept(of: EventAddress): Promise<void> {
    const { store, committer } = this.#engine;
    await committer.durable();
    for (const row of await store.keptEvents(of, KEPT_EVENTS_MAX)) {
      if (this.#claimed.has(row.seq)) {
        this.#wanted.set(row.seq, of);
        continue;
      }
      const { seq: kept, namespace, event, key, id, data } = row;
      // Only its names count by now: its id is remembered since it was kept.
      const sent: AcceptedEvent = { namespace, event, id, key, digest: "", untilMs: 0 };
      if (!(await this.#deliver(sent, data ?? "null", kept))) break;
    }
    await this.forward(of);
  }

  /** The keeper has the kept events: it looks whether there is one for who waits here. */
  async #askKeeper(of: EventAddress): Promise<void> {
    const { routes, store } = this.#engine;
    if (routes === null || (await store.keptEvents(of, 1)).length === 0) return;
    const { namespace, event, key } = of;
    await routes.tell(KEEPER_SHARD, { topic: "offer", data: { namespace, event, key } });
  }

  /** What an earlier keeper has offered is offered to nobody else before it has been answered. */
  async waitForOffers(): Promise<void> {
    const { places, reads } = this.#engine;
    const { shared } = places;
    if (shared === null) return;
    const offers = await reads.patiently("offers of an earlier keeper", () =>
      shared.untaken("deliver", OFFERS_MAX),
    );
    for (const { id, data } of offers ?? []) {
      // A worker wrote it, in this form.
      const { kept, sent } = parseJson(data) as InboxCommands["deliver"];
      if (!this.#claim(kept)) continue;
      this.#engine.background(this.#answered(id, kept, sent as AcceptedEvent));
    }
  }

  async #answered(id: string, kept: number, sent: AcceptedEvent): Promise<void> {
    await this.#engine.routes?.answerTo(id);
    this.#release(kept, true);
    await this.#engine.reads.patiently("a kept event", () => this.offerKept(sent));
  }
}
