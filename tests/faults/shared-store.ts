/** Three workers on one PostgreSQL, as most scripts have them. */
import type { WorkerSettings } from "./worker.ts";

export const THREE = [{}, {}, {}] as const;

export function sharedStore(url: string, leaseMs: number): Omit<WorkerSettings, "port"> {
  // The servers of the scripts are on the network, without a query.
  return { store: url as `postgres://${string}`, shared: true, leaseMs };
}
