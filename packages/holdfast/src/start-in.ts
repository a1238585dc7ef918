/**
 * Starts and events inside a transaction of the user's own: one row in the inbox, which is there when
 * the transaction is committed and never was if it is rolled back. No engine is opened for it, so it
 * works in every process; the engine that owns the shard takes the row. Part of holdfast.ts.
 */
import { randomUUID } from "node:crypto";
import { HoldfastError } from "./core/error.ts";
import { parseJson } from "./core/json-text.ts";
import { UNNAMED_STARTER } from "./core/person.ts";
import { checkEventNames } from "./engine/deliveries/accepted-events.ts";
import { commandOf } from "./engine/commands/inbox-command.ts";
import type { InboxCommands } from "./engine/commands/inbox-bodies.ts";
import { KnownWorkflows } from "./engine/starts/known-workflows.ts";
import { DEFAULT_LIMITS, type EngineLimits } from "./engine/limits.ts";
import { toJson } from "./engine/journal/payload.ts";
import { checkedStart, refuseUnnamed } from "./engine/starts/start-input.ts";
import { readKeyRing, sealedCommand } from "./payload/index.ts";
import { placeOf, shownAddress, type StorePlace } from "./store-address.ts";
import { promisedId, type PromisedCommand } from "./store/promised.ts";
import type { StoreReader } from "./store/store.ts";
import { openPostgresReader } from "./store-postgres/index.ts";
import { postInPostgres } from "./store-postgres/post-in.ts";
import { openSqliteReader } from "./store-sqlite/index.ts";
import { postInSqlite } from "./store-sqlite/post-in.ts";
import type { AnyWorkflow } from "./workflow/workflow.ts";

/** What came of it, so far: the run or the event is there once the transaction is committed. */
export interface Posted {
  /** Id of the row in the inbox. */
  readonly command: string;
  /** Business key of the run, or of the event. */
  readonly key: string;
}

export interface PostingNeeds {
  /** Its address; of several cells, those of all of them. */
  readonly stores: readonly string[];
  readonly workflows: readonly AnyWorkflow[];
  readonly limits?: Partial<EngineLimits>;
  /** File of a key ring. */
  readonly keyRing: string | undefined;
  readonly nowMs: () => number;
}

/** An event whose payload its schema takes. */
interface CheckedEvent {
  readonly name: string;
  readonly key: string;
  readonly id: string;
  readonly payload: unknown;
  readonly sensitive: readonly string[];
}

export class Posting {
  readonly #needs: PostingNeeds;
  readonly #limits: EngineLimits;
  readonly #readers = new Map<StorePlace, Promise<StoreReader>>();
  #places: readonly StorePlace[] | null = null;

  constructor(needs: PostingNeeds) {
    this.#needs = needs;
    this.#limits = { ...DEFAULT_LIMITS, ...needs.limits };
  }

  async start(
    tx: unknown,
    workflow: AnyWorkflow,
    input: unknown,
    options: { readonly by?: string; readonly correlationId?: string } = {},
  ): Promise<Posted> {
    new KnownWorkflows(this.#needs.workflows).require(workflow);
    const { key, text } = await checkedStart(workflow, input, options, this.#limits);
    refuseUnnamed(workflow, options);
    const { by = UNNAMED_STARTER, correlationId } = options;
    const data: InboxCommands["start"] = {
      workflow: workflow.name,
      input: parseJson(text),
      ...(correlationId === undefined ? {} : { correlationId }),
    };
    const command = await this.#post(tx, "start", by, data, workflow.definition.sensitive ?? []);
    return { command, key };
  }

  async send(tx: unknown, { name, key, id, payload, sensitive }: CheckedEvent): Promise<Posted> {
    checkEventNames({ name, key, id });
    const text = toJson(payload, this.#limits, `event ${name}`);
    const data: InboxCommands["send"] = { event: name, key, id, payload: parseJson(text) };
    return { command: await this.#post(tx, "send", UNNAMED_STARTER, data, sensitive), key };
  }

  async close(): Promise<void> {
    const readers = [...this.#readers.values()];
    this.#readers.clear();
    for (const reader of readers) {
      // One that was not opened was told of to who needed it.
      await (await reader.catch(() => null))?.close();
    }
  }

  async #post<T extends "start" | "send">(
    tx: unknown,
    topic: T,
    by: string,
    body: InboxCommands[T],
    sensitive: readonly string[],
  ): Promise<string> {
    const places = this.#placesOf();
    const plain: PromisedCommand & { readonly topic: T } = {
      id: promisedId(randomUUID()),
      topic,
      atMs: this.#needs.nowMs(),
      by,
      data: JSON.stringify(body),
    };
    // As the engine will look at it: then it is too late to refuse it.
    commandOf<T>({ ...plain, answer: null });
    let refusal: unknown = null;
    for (const place of places) {
      try {
        await this.#postAt(tx, place, plain, sensitive);
        return plain.id;
      } catch (error) {
        // It may be on the database of another cell: the engine there leads the command on.
        if (places.length === 1 || !isElsewhere(error)) throw error;
        if (refusal === null || error.code === "HF5015") refusal = error;
      }
    }
    throw refusal;
  }

  async #postAt(
    tx: unknown,
    place: StorePlace,
    plain: PromisedCommand,
    sensitive: readonly string[],
  ): Promise<void> {
    const reader = await this.#open(place);
    const { keyRing } = this.#needs;
    const ring = keyRing === undefined ? null : readKeyRing(keyRing);
    const command = await sealedCommand(reader, plain, ring, sensitive);
    const { inboxWaitingMax: waitingMax } = this.#limits;
    if (place.kind === "sqlite") postInSqlite(tx, command, { path: place.path, waitingMax });
    else await postInPostgres(tx, command, { storeId: reader.storeId, waitingMax });
  }

  #placesOf(): readonly StorePlace[] {
    this.#places ??= this.#needs.stores.map((store) => this.#place(store));
    return this.#places;
  }

  #place(store: string): StorePlace {
    const place = placeOf(store);
    if (place !== null) return place;
    throw new HoldfastError(
      "HF5015",
      `Nothing can be written to the store ${shownAddress(store)} in a transaction: it is in no file or database that another connection could be on.`,
      "Give the app a store with an address, sqlite:PATH or postgres://USER@HOST/DATABASE; or use app.start.",
    );
  }

  /** Opened at first use, and kept until the app is closed. */
  #open(place: StorePlace): Promise<StoreReader> {
    const known = this.#readers.get(place);
    if (known !== undefined) return known;
    const opened = openReader(place).catch((error: unknown) => {
      // Nothing is kept of an opening that failed: the next use tries again.
      this.#readers.delete(place);
      throw error;
    });
    this.#readers.set(place, opened);
    return opened;
  }
}

/** No transaction of that kind, one of another database, or no store there now. */
const ELSEWHERE = ["HF5014", "HF5015", "HF5002"];

function isElsewhere(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && ELSEWHERE.includes(error.code);
}

function openReader(place: StorePlace): Promise<StoreReader> {
  return place.kind === "sqlite" ? openSqliteReader(place) : openPostgresReader(place);
}
