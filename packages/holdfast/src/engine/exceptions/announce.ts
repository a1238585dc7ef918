/** Tells whoever listens of an exception that was opened, and has its times kept. */
import type { OpenedHead } from "../../core/journal.ts";
import type { EngineEvent } from "../events.ts";
import type { DueTimes } from "./due-times.ts";

type Opened = Extract<EngineEvent, { type: "exception.opened" }>;

interface Announcer {
  readonly exceptions: { readonly due: Pick<DueTimes, "note"> };
  emit(event: EngineEvent): void;
}

export function announceOpened(
  host: Announcer,
  at: Pick<Opened, "run" | "workflow" | "key" | "step" | "beside">,
  { owner, because, dueAtMs, record }: OpenedHead,
): void {
  const { severity, ownership, crossings } = record;
  host.emit({ type: "exception.opened", ...at, owner, because, severity, dueAtMs });
  if (ownership.isFallback) {
    // An alarm: the one who was named would never have looked.
    host.emit({ type: "exception.unowned", ...at, owner, because: ownership.rule });
  }
  host.exceptions.due.note(crossings);
}
