import type { Standing } from "./watch.ts";

const BAR_CHARS = 30;
/** Without a terminal a line is written this often, so that a log stays readable. */
const LINE_EVERY_MS = 5_000;

export interface Progress {
  show(standing: Standing, accepted: number, kills: number): void;
  /** Leaves the line. */
  end(): void;
}

/** A bar that is drawn over itself on a terminal, a line now and then elsewhere. */
export function startProgress(stream: NodeJS.WriteStream, orders: number): Progress {
  const startedAtMs = performance.now();
  let shownAtMs = Number.NEGATIVE_INFINITY;
  let isDrawn = false;
  return {
    show: (standing, accepted, kills) => {
      const nowMs = performance.now();
      if (!stream.isTTY && nowMs - shownAtMs < LINE_EVERY_MS) return;
      shownAtMs = nowMs;
      const done = standing.completed + standing.ended + standing.withAPerson;
      const seconds = ((nowMs - startedAtMs) / 1_000).toFixed(0).padStart(4);
      const line =
        `${seconds} s  ${bar(done / orders)}  ${String(accepted)}/${String(orders)} in, ` +
        `${String(standing.completed)} completed, ${String(standing.ended)} ended, ` +
        `${String(standing.withAPerson)} with a person, ${String(kills)} kills`;
      isDrawn = stream.isTTY;
      stream.write(stream.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
    },
    end: () => {
      if (isDrawn) stream.write("\n");
    },
  };
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * BAR_CHARS);
  return `[${"#".repeat(full)}${".".repeat(BAR_CHARS - full)}]`;
}
