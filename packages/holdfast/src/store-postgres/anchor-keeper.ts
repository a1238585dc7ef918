/**
 * Keeps the anchor file young, if the app wants one: the newest seals, outside the database. Written
 * while there is work, at each opening and at the close.
 */
import { HoldfastError } from "../core/error.ts";
import { anchorText, readAnchorFile } from "../store/anchor.ts";
import { replaceFileLater } from "../store/files.ts";
import { hex } from "../store/chain-heads.ts";
import { type FlushRow, anchorOf, flushInChain } from "./chain.ts";
import type { ReadRows } from "./runs-at-hand.ts";
import type { Ticks } from "./ticks.ts";

/** The anchor is at most this much older than the store, in milliseconds and in records. */
const ANCHOR_EVERY_MS = 2000;
const ANCHOR_EVERY_RECORDS = 20_000;

export class AnchorKeeper {
  readonly #file: string;
  readonly #storeId: string;
  readonly #ticks: Ticks;
  readonly #onFailure: (error: unknown) => void;
  /** Newest flushes of the chains before this one. */
  readonly #heads: readonly FlushRow[];
  #head: FlushRow | null = null;
  #records = 0;
  #cancel: (() => void) | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    file: string,
    store: { readonly storeId: string; readonly heads: readonly FlushRow[]; readonly ticks: Ticks },
    onFailure: (error: unknown) => void,
  ) {
    this.#file = file;
    this.#storeId = store.storeId;
    this.#heads = store.heads;
    this.#ticks = store.ticks;
    this.#onFailure = onFailure;
  }

  flushed(head: FlushRow, records: number): void {
    this.#head = head;
    this.#records += records;
    if (this.#records >= ANCHOR_EVERY_RECORDS) void this.write();
    this.#cancel ??= this.#ticks.after(ANCHOR_EVERY_MS, () => void this.write());
  }

  /** Durable when it resolves. Failures are told, not thrown: without it a cut would go unseen. */
  async write(): Promise<void> {
    this.#cancel?.();
    this.#cancel = null;
    this.#records = 0;
    this.#writing = this.#writing.then(() => this.#replace());
    await this.#writing;
  }

  async #replace(): Promise<void> {
    const heads = this.#head === null ? this.#heads : [...this.#heads, this.#head];
    try {
      await replaceFileLater(this.#file, anchorText(anchorOf(this.#storeId, heads)));
    } catch (error) {
      this.#onFailure(error);
    }
  }
}

/**
 * Compares the store with its anchor, if there is one.
 *
 * @throws {HoldfastError} HF5006 if a chain was forked or the anchor is of another store, HF5007 if
 * the store is older than the anchor.
 */
export async function checkAnchor(file: string, storeId: string, read: ReadRows): Promise<void> {
  const anchor = readAnchorFile(file);
  if (anchor === null) return;
  if (anchor.storeId !== storeId) {
    throw new HoldfastError(
      "HF5006",
      `the anchor ${file} belongs to another store (${anchor.storeId}, not ${storeId})`,
      RESTORED,
    );
  }
  for (const { incarnation, flush, seal } of anchor.heads) {
    const row = await flushInChain(read, incarnation, flush);
    if (row === null) {
      throw new HoldfastError(
        "HF5007",
        `the store does not hold flush ${flush} of incarnation ${incarnation}, which its anchor knows`,
        RESTORED,
      );
    }
    if (hex(row.seal) !== seal) {
      throw new HoldfastError(
        "HF5006",
        `the chain of incarnation ${incarnation} was forked: its flush ${flush} is not the one in the anchor`,
        "Run `holdfast store verify` for the details, then restore the newest backup.",
      );
    }
  }
}

const RESTORED =
  "If the database was restored on purpose, run `holdfast store accept --reason TEXT --anchor FILE` " +
  "with this file: it lists what may have been done since. If not, find the right database.";
