/** What the idle workers and whoever measures them have in common. */
export { keyed } from "../workflows.ts";

/** Nothing in this store is worth a secret. */
export const BENCH_KEY = Buffer.alloc(32).toString("base64");

/** A line of a worker. */
export type IdleLine =
  | { readonly kind: "ready" }
  /** The first step of the run with this key is at work. */
  | { readonly kind: "begun"; readonly key: string; readonly atMs: number };
