/** What a fault script is, and what it answers. */
import type { Scene } from "./scene.ts";

interface Hits {
  readonly count: number;
  /** With fewer the script has proved nothing. */
  readonly atLeast: number;
}

export interface Found {
  /** Broken promises, as sentences. */
  readonly broken: readonly string[];
  /** How often each fault really struck. */
  readonly hits: Readonly<Record<string, Hits>>;
  /** Figures that prove nothing by themselves. */
  readonly figures: Readonly<Record<string, number>>;
}

export interface FaultScript {
  readonly name: string;
  readonly rounds: { readonly short: number; readonly long: number };
  /** Why this machine cannot run it; null if it can. */
  readonly impossible: () => string | null;
  readonly play: (scene: Scene, rounds: number) => Promise<Found>;
}

/** What several plays of one script have found, each under its name. */
export function merged(parts: Readonly<Record<string, Found>>): Found {
  const named = <T>(of: (found: Found) => Readonly<Record<string, T>>) =>
    Object.fromEntries(
      Object.entries(parts).flatMap(([name, found]) =>
        Object.entries(of(found)).map(([what, value]) => [`${name}: ${what}`, value] as const),
      ),
    );
  return {
    broken: Object.entries(parts).flatMap(([name, { broken }]) =>
      broken.map((sentence) => `${name}: ${sentence}`),
    ),
    hits: named(({ hits }) => hits),
    figures: named(({ figures }) => figures),
  };
}
