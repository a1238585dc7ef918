/** What the embedded store has to say, told to those who listen to the engine. */
import type { EngineEvent } from "./engine/events.ts";
import type { StoreNotice } from "./store-sqlite/index.ts";

type Told = Extract<EngineEvent, { type: "store.notice" }>;

/** A store speaks before there is an engine, too: that is kept until somebody can hear it. */
export class StoreNotices {
  readonly #kept: Told[] = [];
  #tell: ((event: Told) => void) | null = null;

  readonly note = (notice: StoreNotice): void => {
    const event = { type: "store.notice", notice: notice.kind, message: textOf(notice) } as const;
    // A store says at most one thing while it is opened, and one for each time that its log grows.
    if (this.#tell === null) this.#kept.push(event);
    else this.#tell(event);
  };

  tellTo(tell: (event: Told) => void): void {
    this.#tell = tell;
    for (const event of this.#kept.splice(0)) tell(event);
  }
}

const MIB = 1024 * 1024;

function textOf(notice: StoreNotice): string {
  switch (notice.kind) {
    case "new":
      return `there was no store at ${notice.path}: a new one was made. If there should have been one, look at the address.`;
    case "anchor-missing":
      return `the anchor ${notice.path} was missing: all ${String(notice.flushes)} flushes of the store were checked and are sound. Whether newer ones were cut off, or this is a copy of the file, cannot be seen without it; a new one was written. If the store was copied or restored: stop the app, and run holdfast store accept --reason TEXT.`;
    case "log-large":
      return `the log ${notice.path} of the store has grown to ${String(Math.round(notice.bytes / MIB))} MB. Somebody reads the store for very long, or the disk does not keep up: look for a command or a backup that does not end.`;
  }
}
