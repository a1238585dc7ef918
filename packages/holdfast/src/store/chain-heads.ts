/** The ends of chains of flushes, as the engine and the anchor name them: the same in every driver. */
import type { Anchor } from "./anchor.ts";
import type { Predecessor } from "./store.ts";

/** What is said of a chain's newest flush. */
interface ChainHead {
  readonly incarnation: number;
  readonly number: number;
  readonly closed: boolean;
  readonly seal: Uint8Array;
}

export function toPredecessor({ incarnation, number, closed, seal }: ChainHead): Predecessor {
  return { incarnation, flush: number, seal: hex(seal), clean: closed };
}

/** In order of incarnation, so that the same heads make the same anchor. */
export function anchorHeads(heads: readonly ChainHead[]): Anchor["heads"] {
  return heads
    .map(({ incarnation, number, seal }) => ({ incarnation, flush: number, seal: hex(seal) }))
    .toSorted((left, right) => left.incarnation - right.incarnation);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
