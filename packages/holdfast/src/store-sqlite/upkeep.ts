/**
 * What the writer's thread does beside flushes: keeps the anchor young, checkpoints when nothing
 * else is to be done, and watches the size of the write-ahead log.
 */
import { existsSync, statSync } from "node:fs";
import { anchorPath, anchorText } from "../store/anchor.ts";
import { replaceFile, replaceFileLater } from "../store/files.ts";
import type { OnNotice } from "./notice.ts";
import type { SqliteWriter } from "./writer.ts";

export interface UpkeepSettings {
  readonly path: string;
  /** The anchor is written this long after the first flush that it does not know. */
  readonly anchorEveryMs: number;
  /** And at once when this many records were written since. Bounds the check at the next start. */
  readonly anchorEveryRecords: number;
}

/**
 * The log is checkpointed at 16 MiB (4,000 pages of 4 KiB). Four times that means that checkpoints
 * do not come through: a reader holds a snapshot.
 */
export const LOG_ALARM_BYTES = 64 * 1024 * 1024;

/** Below this an idle checkpoint is not worth its fsync. */
const LOG_IDLE_BYTES = 1024 * 1024;

export class Upkeep {
  readonly #writer: SqliteWriter;
  readonly #settings: UpkeepSettings;
  readonly #onNotice: OnNotice;
  #timer: NodeJS.Timeout | null = null;
  #recordsSinceAnchor = 0;
  #flushedSinceTick = false;
  /** Text of the anchor in the file; null if it was not written by this engine. */
  #anchored: string | null = null;
  #writing: Promise<void> | null = null;
  #alarmed = false;

  constructor(writer: SqliteWriter, settings: UpkeepSettings, onNotice: OnNotice) {
    this.#writer = writer;
    this.#settings = settings;
    this.#onNotice = onNotice;
  }

  /** To be called after each flush. */
  flushed(records: number): void {
    this.#flushedSinceTick = true;
    this.#recordsSinceAnchor += records;
    if (this.#recordsSinceAnchor >= this.#settings.anchorEveryRecords) this.#writeAnchorLater();
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#tick();
    }, this.#settings.anchorEveryMs);
    // Upkeep is no reason for a process to live on; close() does what is left.
    this.#timer.unref();
  }

  /** Writes the anchor and returns when it is durable. */
  writeAnchor(): void {
    const text = anchorText(this.#writer.anchor());
    if (text === this.#anchored) return;
    replaceFile(anchorPath(this.#settings.path), text);
    this.#anchored = text;
    this.#recordsSinceAnchor = 0;
  }

  /** Ends the timer and waits for an anchor that is being written. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#writing;
  }

  #tick(): void {
    this.#timer = null;
    const wasIdle = !this.#flushedSinceTick;
    this.#flushedSinceTick = false;
    this.#writeAnchorLater();
    const log = this.#logBytes();
    this.#watch(log);
    if (wasIdle) {
      this.#checkpoint(log);
      return;
    }
    this.#timer = setTimeout(() => {
      this.#tick();
    }, this.#settings.anchorEveryMs);
    this.#timer.unref();
  }

  #checkpoint(logBytes: number): void {
    if (logBytes < LOG_IDLE_BYTES) return;
    try {
      this.#writer.checkpoint();
    } catch (error) {
      // The writer is dead now and has told its listener; nobody else waits for this answer.
      this.#writer.die(error);
    }
  }

  #writeAnchorLater(): void {
    if (this.#writing !== null) return;
    const text = anchorText(this.#writer.anchor());
    this.#recordsSinceAnchor = 0;
    if (text === this.#anchored) return;
    this.#writing = this.#replaceAnchor(text);
  }

  async #replaceAnchor(text: string): Promise<void> {
    try {
      await replaceFileLater(anchorPath(this.#settings.path), text);
      this.#anchored = text;
    } catch (error) {
      // A disk that fails the anchor fails the journal next; without it a cut would go unseen.
      this.#writer.die(error);
    } finally {
      this.#writing = null;
    }
  }

  #logBytes(): number {
    const log = `${this.#settings.path}-wal`;
    return existsSync(log) ? statSync(log).size : 0;
  }

  #watch(bytes: number): void {
    const large = bytes > LOG_ALARM_BYTES;
    if (large && !this.#alarmed) {
      this.#onNotice({ kind: "log-large", path: `${this.#settings.path}-wal`, bytes });
    }
    this.#alarmed = large;
  }
}
