/**
 * Messages from outside: each is taken once, in its turn, and its sender gets the same receipt
 * however often it asks. Where workers share a store the keeper does this. The receipt of a message
 * that starts a run is in the flush of the start, written by who owns the run; all others are the
 * keeper's. See decision 0025.
 */
import { HoldfastError } from "../../core/error.ts";
import {
  repeatOfReceipt,
  turnOf,
  type HeldTerms,
  type ReceiptState,
  type ReceivedHead,
} from "../../core/received.ts";
import type { ReceivedRow } from "../../store/rows.ts";
import { KEEPER_SHARD } from "../../store/shards.ts";
import { intakeIsFull } from "../journal/backlog.ts";
import { CountedList } from "../journal/counted-list.ts";
import { formatItemId } from "../../core/run-number.ts";
import { parseJson } from "../../core/json-text.ts";
import type { Engine } from "../engine.ts";
import { checkedStart } from "../starts/start-input.ts";
import { Elsewhere } from "../workers/places.ts";
import { blamed, requireSound } from "./definition-fault.ts";
import { HeldMessages, type HeldMessage } from "./held-messages.ts";
import {
  aboutDuplicate,
  aboutMissing,
  closeMissing,
  openExceptionOf,
} from "./message-exceptions.ts";
import * as refusals from "./message-refusals.ts";
import {
  heldMessage,
  messageOf,
  receiptOf,
  unfitOf,
  type Message,
  type Unfit,
} from "./messages.ts";
import { UnfitMessages, type Admission } from "./unfit-messages.ts";
import type { IncomingMessage, Receipt, UnfitMessage } from "../../workflow/message.ts";
import { Turns } from "../turns.ts";

/** Held messages that are read at a time. */
const HELD_PAGE_MAX = 500;

interface Lookup {
  readonly name: string;
  readonly resolve: (row: ReceivedRow | null) => void;
  readonly reject: (error: unknown) => void;
}

/** What becomes of a message, apart from when. */
type Fate = Pick<ReceivedHead, "run" | "duplicateOf"> & {
  readonly state: Exclude<ReceiptState, "held">;
};

export class Receiving {
  readonly #engine: Engine;
  readonly #turns = new Turns();
  readonly #orders = new Turns();
  readonly #held: HeldMessages;
  readonly #list: CountedList;
  #lookups: Lookup[] = [];
  /** Messages to be held that are not on disk yet. */
  #keeping = 0;
  /** Those that a person has to mend. */
  readonly #unfits: UnfitMessages;

  constructor(engine: Engine) {
    this.#engine = engine;
    const { clock, limits, store } = engine;
    this.#held = new HeldMessages(
      clock,
      (due) => {
        for (const message of due) engine.background(this.#tellMissing(message));
      },
      (orders) => {
        // Each by itself: one that cannot be read holds no other up.
        for (const order of orders) engine.background(this.#releaseNext(order));
      },
    );
    this.#unfits = new UnfitMessages(engine, {
      known: (name) => this.#known(name),
      begin: (message) => this.#begin(message),
      append: (head) => this.#append(head, null),
    });
    this.#list = new CountedList(clock, limits.receivedMax, () => store.receivedCount());
  }

  /** How much is kept: nothing of it may outlive what it is kept for. */
  get keptCount(): number {
    return this.#turns.count + this.#orders.count + this.#lookups.length + this.#held.count;
  }

  /** Reads what is held. Before any message is taken. */
  async load(): Promise<void> {
    this.#held.clear();
    this.#unfits.load();
    for (let after = ""; ;) {
      const rows = await this.#engine.store.heldMessages(after, HELD_PAGE_MAX);
      for (const row of rows) this.#hold(row);
      after = rows.at(-1)?.name ?? after;
      if (rows.length < HELD_PAGE_MAX) return;
    }
  }

  /** The process may have died between a message and the one that was held for it. */
  start(): void {
    for (const order of this.#held.orders) this.#engine.background(this.#releaseNext(order));
    this.#held.watch();
  }

  close(): void {
    this.#held.close();
  }

  /**
   * Takes a message, or says what became of it before. Durable when it resolves.
   *
   * @throws {HoldfastError} HF4102..HF4105 if it does not fit, HF4110 if its id belongs to another
   *   payload, HF4111 while the same is being taken, HF4201, HF4202 or HF4206 if there is no room.
   *   Nothing of it is remembered then.
   */
  async receive(incoming: IncomingMessage): Promise<Receipt> {
    return await this.#atKeeper(await this.#message(incoming));
  }

  /**
   * Keeps a message that does not fit for a person to mend, or says what became of it before. Durable
   * when it resolves.
   *
   * @throws {HoldfastError} as `receive`; HF4203 if too many exceptions are open beside the store.
   */
  async receiveUnfit(incoming: UnfitMessage): Promise<Receipt> {
    return await this.#atKeeper(this.#unfit(incoming));
  }

  async #atKeeper(message: Message | Unfit): Promise<Receipt> {
    const { routes, places } = this.#engine;
    const { by } = message;
    if (routes === null) return await this.take(message);
    if (places.isKeeper) {
      try {
        return await this.take(message);
      } catch (error) {
        // It may have gone to another worker meanwhile: then this says nothing of the message.
        if (places.isKeeper && !(error instanceof Elsewhere)) throw error;
      }
    }
    const routed = { topic: "receive", data: { message }, by } as const;
    const { receipt } = await routes.ask(KEEPER_SHARD, routed);
    if (receipt === undefined) throw new Error("the keeper has taken a message without a receipt");
    return receipt;
  }

  #unfit(incoming: UnfitMessage): Unfit {
    const { namespace, digests } = this.#engine;
    return unfitOf(incoming, namespace, (text) => digests.hex(text));
  }

  async #message(incoming: IncomingMessage): Promise<Message> {
    const { limits, namespace, digests } = this.#engine;
    const { workflow, by } = incoming;
    const starter = { by, threw: blamed(workflow) };
    const checked = await checkedStart(workflow, incoming.input, starter, limits);
    const parsed = { plain: parseJson(checked.text), input: checked.input };
    return messageOf(incoming, parsed, namespace, (text) => digests.hex(text));
  }

  /**
   * What became of a message before, as far as this store knows; null if it does not.
   *
   * @throws {HoldfastError} HF4110 if its id belongs to another payload.
   */
  async recall(incoming: IncomingMessage): Promise<Receipt | null> {
    return await this.#recall((await this.#message(incoming)).head);
  }

  /** The same for one that does not fit. */
  async recallUnfit(incoming: UnfitMessage): Promise<Receipt | null> {
    return await this.#recall(this.#unfit(incoming).head);
  }

  async #recall(head: Message["head"]): Promise<Receipt | null> {
    const known = await this.#known(head.name);
    if (repeatOfReceipt(known, head.digest) === "conflict") throw refusals.otherPayload(head.id);
    return known === null ? null : await this.#receiptOf(known);
  }

  /** Of what came before; with the exception by which somebody has it. */
  async #receiptOf(known: ReceivedRow): Promise<Receipt> {
    if (known.state !== "review") return receiptOf(known, true);
    const open = await openExceptionOf(this.#engine, known);
    return receiptOf(known, true, open);
  }

  /** Whether a message of the order that this one stands in was taken here. */
  async hasOrder(incoming: IncomingMessage): Promise<boolean> {
    const { store, committer } = this.#engine;
    const name = (await this.#message(incoming)).head.order?.name;
    if (name === undefined) return false;
    await committer.durable();
    return this.#held.lowest(name) !== null || (await store.newestInOrder(name)) !== null;
  }

  /**
   * At the keeper: starts the run of a message that did not fit, with what a person has given.
   *
   * @throws {HoldfastError} HF4102..HF4105 if that does not fit either, HF6001 (no such exception or
   *   message), HF6003 (about something else, closed, or taken with another input), HF4201 if there
   *   is no room.
   */
  async admit(admission: Admission): Promise<Receipt> {
    const name = await this.#unfits.nameOf(admission.exception);
    return await this.#turns.in(name, () => this.#unfits.admit(name, admission));
  }

  /** At the keeper. */
  async take(message: Message | Unfit): Promise<Receipt> {
    const { name } = message.head;
    if (message.busy === "refuse" && this.#turns.has(name))
      throw refusals.inProgress(message.head.id);
    const receipt = await this.#turns.in(name, () => this.#takeInTurn(message));
    const order = message.head.order?.name;
    if (order !== undefined && this.#held.lowest(order) !== null)
      this.#engine.background(this.#releaseNext(order));
    return receipt;
  }

  async #takeInTurn(message: Message | Unfit): Promise<Receipt> {
    const { head } = message;
    const known = await this.#known(head.name);
    const repeat = repeatOfReceipt(known, head.digest);
    if (repeat === "conflict") throw refusals.otherPayload(head.id);
    if (known !== null) {
      await this.#unfits.settleSurely(head.name, known);
      return await this.#receiptOf(known);
    }
    this.#refuseIntake();
    const { receivedMax } = this.#engine.limits;
    const receipt = await this.#list.within(
      () => this.#takeAsNew(message),
      () => refusals.remembersNoMore(receivedMax),
    );
    if (!("problem" in message)) await this.#unfits.settleSurely(head.name, receipt);
    return receipt;
  }

  async #takeAsNew(message: Message | Unfit): Promise<Receipt> {
    if ("problem" in message) return await this.#unfits.keep(message);
    const { order } = message.head;
    if (order === null) return await this.#begin(message);
    return await this.#orders.in(order.name, () => this.#inOrder(message, false));
  }

  #refuseIntake(): void {
    const { committer } = this.#engine;
    if (!committer.backlog.takesIntake || committer.strain.text !== "")
      throw intakeIsFull(committer.backlog, committer.strain.text, "the message was not taken");
  }

  async #inOrder(message: Message, isHeld: boolean): Promise<Receipt> {
    const { order } = message.head;
    if (order === null) return await this.#begin(message);
    const newest = await this.#engine.store.newestInOrder(order.name);
    const turn = turnOf(order.number, newest, message.mayLeap);
    if (turn.kind === "next") {
      if (isHeld)
        await requireSound(this.#engine, message, this.#workflowOf(message.head.workflow));
      return await this.#begin(message);
    }
    if (turn.kind === "stale") {
      // What is newest may be itself: an earlier keeper has begun it, and died before it could say so.
      const known = await this.#known(message.head.name);
      if (known !== null && known.state !== "held") {
        this.#held.remove(message.head.name);
        return receiptOf(known, false);
      }
      return await this.#write(message, { state: "superseded", run: null, duplicateOf: null });
    }
    if (isHeld) return receiptOf({ state: "held", run: null, duplicateOf: null }, true);
    return await this.#keep(message);
  }

  /** Starts its run, or finds the one that has its business key. */
  async #begin(message: Message): Promise<Receipt> {
    const { head, input, by, duplicates } = message;
    const workflow = this.#workflowOf(head.workflow);
    const begun = { ...head, ...this.#remembered(message), held: null };
    const received = {
      head: { ...begun, state: "started", duplicateOf: null } as const,
      duplicates,
    };
    const there = await this.#engine.neighbours?.beginningAt(workflow, input, {
      by,
      here: head.order !== null,
    });
    if (there) return await this.#beginElsewhere(message, there);
    const { run, isNew } = await this.#engine.startHere(workflow, input, { by, received });
    const started = { state: "started", run, duplicateOf: null } as const;
    if (isNew) {
      this.#held.remove(head.name);
      return receiptOf(started, false);
    }
    // An earlier keeper may have begun it, and died before it could say so.
    const known = await this.#known(head.name);
    if (known?.state === "started") {
      this.#held.remove(head.name);
      return receiptOf(known, false);
    }
    return await this.#duplicate(message, run);
  }

  /**
   * The key of its run leads to another cell, and what is remembered of it belongs here: no flush can
   * hold both. After a crash in between the run says by whom it was begun.
   */
  async #beginElsewhere(message: Message, there: Engine): Promise<Receipt> {
    const { head, input, by } = message;
    const correlationId = `message:${head.name}`;
    const workflow = this.#workflowOf(head.workflow);
    const { run, isNew } = await there.startHere(workflow, input, { by, correlationId });
    const isOwn =
      isNew ||
      (await there.store.load([run])).some(({ row }) => row.correlationId === correlationId);
    if (isOwn) return await this.#write(message, { state: "joined", run, duplicateOf: run });
    return await this.#duplicate(message, run);
  }

  /** Another message about the same fact came before. */
  async #duplicate(message: Message, run: number): Promise<Receipt> {
    const { duplicates } = message;
    const workflow = this.#workflowOf(message.head.workflow);
    if (duplicates === "merge")
      return await this.#write(message, { state: "joined", run, duplicateOf: run });
    if (duplicates === "reject")
      return await this.#write(message, { state: "rejected", run: null, duplicateOf: run });
    await this.#engine.exceptions.beside.open(aboutDuplicate(message, run, workflow));
    // Before the message is on record: what fails after that would make it one that was not taken.
    const open = await openExceptionOf(this.#engine, { ...message.head, duplicateOf: run });
    const receipt = await this.#write(message, { state: "review", run: null, duplicateOf: run });
    return open === null ? receipt : { ...receipt, exception: formatItemId("exc", open) };
  }

  async #write(message: Message, fate: Fate): Promise<Receipt> {
    const head: ReceivedHead = {
      ...message.head,
      ...this.#remembered(message),
      ...fate,
      held: null,
    };
    await this.#append(head, null);
    this.#held.remove(head.name);
    return receiptOf(fate, false);
  }

  async #keep(message: Message): Promise<Receipt> {
    const { limits, clock } = this.#engine;
    // Others of other orders may be on their way to the disk just now.
    if (this.#held.count + this.#keeping >= limits.heldMessagesMax)
      throw refusals.holdsNoMore(limits.heldMessagesMax);
    const { by, duplicates, holdMs } = message;
    const dueAtMs = clock.nowMs() + holdMs;
    const held: HeldTerms = { by, duplicates, dueAtMs, ...this.#remembered(message) };
    const fate = { state: "held", run: null, duplicateOf: null } as const;
    const head: ReceivedHead = { ...message.head, ...fate, held, untilMs: null };
    this.#keeping += 1;
    try {
      await this.#append(head, JSON.stringify(message.input));
    } finally {
      this.#keeping -= 1;
    }
    const { name, order } = message.head;
    if (order !== null)
      this.#held.add({ name, orderName: order.name, number: order.number, dueAtMs });
    this.#held.watch();
    return receiptOf(fate, false);
  }

  async #append(head: ReceivedHead, data: string | null): Promise<void> {
    const { journal, committer, places } = this.#engine;
    if (places.shared !== null) places.require(KEEPER_SHARD);
    journal.append("received", head, data);
    await committer.durable();
  }

  #remembered({ windowMs }: Message): Pick<ReceivedHead, "untilMs"> {
    return { untilMs: windowMs === null ? null : this.#engine.clock.nowMs() + windowMs };
  }

  #workflowOf(name: string) {
    const workflow = this.#engine.workflow(name);
    if (workflow === null) throw refusals.unknownWorkflow(name);
    return workflow;
  }

  #hold({ name, held, orderName, orderNumber }: ReceivedRow): void {
    if (orderName === null || orderNumber === null) return;
    // The engine wrote it in this form.
    const { dueAtMs } = parseJson(held ?? "null") as HeldTerms;
    this.#held.add({ name, orderName, number: orderNumber, dueAtMs });
  }

  /** Starts what was held and has its turn now, one after the other. */
  async #releaseNext(orderName: string): Promise<void> {
    for (;;) {
      const lowest = this.#held.lowest(orderName);
      if (lowest === null) return;
      const isOver = await this.#engine.reads.patiently("a message that is held", () =>
        this.#release(lowest),
      );
      if (isOver !== true || this.#held.lowest(orderName) === lowest) return;
    }
  }

  /** False while it has to wait. */
  async #release(held: HeldMessage): Promise<boolean> {
    return await this.#turns.in(held.name, async () => {
      if (!(await this.#releaseInTurn(held))) return false;
      // Its owner may have been told that it waits, by this engine or the one before.
      if (held.dueAtMs <= this.#engine.clock.nowMs()) await closeMissing(this.#engine, held.name);
      return true;
    });
  }

  async #releaseInTurn({ name, orderName }: HeldMessage): Promise<boolean> {
    const row = await this.#known(name);
    if (row?.state !== "held") {
      this.#held.remove(name);
      return true;
    }
    try {
      const message = heldMessage(row);
      const { state } = await this.#orders.in(orderName, () => this.#inOrder(message, true));
      return state !== "held";
    } catch (error) {
      if (!(error instanceof HoldfastError) && !(error instanceof Elsewhere)) throw error;
      // No room, no code or one that throws, or another worker that could not read: nothing else may ever
      // come by here.
      this.#held.refused(orderName);
      return false;
    }
  }

  /** It has waited for as long as it may: its owner has to know. It stays held. */
  async #tellMissing(held: HeldMessage): Promise<void> {
    await this.#releaseNext(held.orderName);
    // In its turn: what it waits for may be coming just now, and nobody would close what is opened then.
    const isTold = await this.#engine.reads.patiently("what a message waits for", () =>
      this.#turns.in(held.name, () => this.#tellInTurn(held)),
    );
    if (isTold === false) this.#held.untold(held.name);
  }

  /** False if its owner cannot be told now. */
  async #tellInTurn({ name, orderName }: HeldMessage): Promise<boolean> {
    const row = await this.#known(name);
    if (row?.state !== "held") return true;
    try {
      const workflow = this.#workflowOf(row.workflow);
      const newest = await this.#engine.store.newestInOrder(orderName);
      await this.#engine.exceptions.beside.open(aboutMissing(row, newest, workflow));
      return true;
    } catch (error) {
      if (error instanceof HoldfastError || error instanceof Elsewhere) return false;
      throw error;
    }
  }

  /** What is remembered of it; nothing whose time is over. */
  async #known(name: string): Promise<ReceivedRow | null> {
    const row = await new Promise<ReceivedRow | null>((resolve, reject) => {
      this.#lookups.push({ name, resolve, reject });
      if (this.#lookups.length === 1) setImmediate(() => void this.#look());
    });
    if (row === null || row.untilMs === null) return row;
    return row.untilMs > this.#engine.clock.nowMs() ? row : null;
  }

  /** All that came in one turn of the event loop are one message to the store. */
  async #look(): Promise<void> {
    const lookups = this.#lookups;
    this.#lookups = [];
    try {
      const rows = await this.#engine.store.received(lookups.map(({ name }) => name));
      for (const [index, lookup] of lookups.entries()) lookup.resolve(rows[index] ?? null);
    } catch (error) {
      for (const lookup of lookups) lookup.reject(error);
    }
  }
}
