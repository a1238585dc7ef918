export type { FaultCounts, FiredFault } from "./fault-context.ts";
export type { FaultKind, FaultMix, FaultProtocol } from "./fault-plan.ts";
export { FAULT_KINDS } from "./fault-plan.ts";
export type { FaultProxy, FaultProxyOptions } from "./fault-proxy.ts";
export { startFaultProxy } from "./fault-proxy.ts";
export type { SeededRandom } from "./seeded-random.ts";
export { seededRandom } from "./seeded-random.ts";
