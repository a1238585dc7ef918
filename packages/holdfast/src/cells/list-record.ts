/** Writing the list of cells into their stores, each of which is had alone for it. */
import type { CarriedHead, CellsHead } from "../core/cells.ts";
import type { IncarnationHead } from "../core/journal.ts";
import { kindNumber, type RecordKind } from "../core/record-kinds.ts";
import type { RecordColumns, Store } from "../store/store.ts";

interface Written {
  readonly kind: RecordKind;
  readonly head: object;
}

/** Appends to the journal of a store that nobody else has open. */
export class StoreJournal {
  readonly #store: Store;
  readonly #nowMs: () => number;
  #seq: number;
  #flushes = 0;

  constructor(store: Store, nowMs: () => number) {
    this.#store = store;
    this.#nowMs = nowMs;
    this.#seq = store.lastSystemSeq;
  }

  async list(head: CellsHead): Promise<void> {
    await this.#flush([{ kind: "cells", head }]);
  }

  async carry(head: CarriedHead): Promise<void> {
    await this.#flush([{ kind: "carried", head }]);
  }

  /** Chains that a crash has left open stay so: what was at work then is the next engine's to suspect. */
  async #flush(records: readonly Written[]): Promise<void> {
    const begun: IncarnationHead = { incarnation: this.#store.incarnation, closes: [] };
    const first = this.#flushes === 0 ? [{ kind: "incarnation" as const, head: begun }] : [];
    this.#flushes += 1;
    const atMs = this.#nowMs();
    const columns = this.#columns([...first, ...records], atMs);
    await this.#store.flush({ number: this.#flushes, atMs, records: columns, taken: [] });
  }

  #columns(records: readonly Written[], atMs: number): RecordColumns {
    return {
      run: records.map(() => 0),
      seq: records.map(() => (this.#seq += 1)),
      kind: records.map(({ kind }) => kindNumber(kind)),
      attempt: records.map(() => 0),
      name: records.map(() => ""),
      atMs: records.map(() => atMs),
      head: records.map(({ head }) => JSON.stringify(head)),
      data: records.map(() => null),
    };
  }
}
