/**
 * The other systems: each keeps the contract that its effects declare, no more. What was really done
 * is in the ledger, which no fault touches.
 */
import type { EffectName } from "./programs.ts";

export type SystemKind = "read" | "upsert" | "keys" | "search" | "none";

export const KIND_OF: Readonly<Record<EffectName, SystemKind>> = {
  look: "read",
  set: "upsert",
  charge: "keys",
  order: "keys",
  invoice: "search",
  mail: "none",
  stamp: "search",
};

/** They drop repeats of a key for this long after its first request was worked on. */
const KEY_WINDOW_MS = 180_000;
/** A look-up finds what was done this long ago, or longer. */
const SEARCH_LAG_MS = 3_000;
/** What effects declare of that. */
export const KEY_WINDOW = "3m";
/**
 * After it has left, a request can land for this long. Whoever drops repeats is near: what is left of
 * the window of a key when it is used last (a tenth) is longer than that, and a slow disk before it.
 */
const LANDS_WITHIN_MS = 30_000;
const LANDS_NEAR_MS = 8_000;
/** What effects declare: longer than landing, lag, and a slow disk before the call leaves. */
export const SETTLE_SECONDS = 45;

export function landsWithinMs(kind: SystemKind): number {
  return kind === "keys" ? LANDS_NEAR_MS : LANDS_WITHIN_MS;
}

export interface Done {
  /** The effect, with `undo-` before it if it takes that back. */
  readonly action: string;
  /** Business reference. */
  readonly id: string;
  readonly key: string;
  readonly atMs: number;
}

/** What working on a request has come to. */
export type Worked = "done" | "again" | "refused";

interface Remembered {
  readonly worked: "done" | "refused";
  readonly atMs: number;
}

export class Systems {
  readonly ledger: Done[] = [];
  readonly #keys = new Map<string, Remembered>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Works on a request, whenever and however often it lands. */
  work(request: {
    readonly kind: SystemKind;
    readonly action: string;
    readonly id: string;
    readonly key: string;
    /** It does not want this one. */
    readonly refuses: boolean;
  }): Worked {
    const { kind, action, id, key, refuses } = request;
    const atMs = this.#nowMs();
    if (kind === "read") return "done";
    if (kind === "upsert" && this.count(action, id) > 0) return "again";
    if (kind === "keys") {
      const name = `${action} ${key}`;
      const known = this.#keys.get(name);
      if (known !== undefined && atMs < known.atMs + KEY_WINDOW_MS)
        return known.worked === "done" ? "again" : "refused";
      this.#keys.set(name, { worked: refuses ? "refused" : "done", atMs });
    }
    if (refuses) return "refused";
    this.ledger.push({ action, id, key, atMs });
    return "done";
  }

  count(action: string, id: string): number {
    return this.ledger.filter((row) => row.action === action && row.id === id).length;
  }

  /** What somebody who searches for a reference is shown. */
  finds(action: string, id: string): boolean {
    const untilMs = this.#nowMs() - SEARCH_LAG_MS;
    return this.ledger.some((row) => row.action === action && row.id === id && row.atMs <= untilMs);
  }
}
