export type { Clock, Random } from "../engine/clock.ts";
export { systemClock, systemRandom } from "../engine/clock.ts";
export type { EngineOptions } from "../engine/engine-options.ts";
export { Engine } from "../engine/engine.ts";
export type { FlushBatch, RecordColumns, Store } from "../store/store.ts";
export {
  EffectStub,
  fault,
  testbed,
  type ByHand,
  type Fault,
  type OpenException,
  type RunView,
  type Testbed,
  type TestbedOptions,
} from "./bed/index.ts";
export {
  checkPulledRun,
  type CheckedCode,
  type PulledMisfit,
  type PulledVerdict,
} from "./check-pulled-run.ts";
export {
  describeConnector,
  type ConnectorUnderTest,
  type Counterpart,
  type RefusedCall,
} from "./connector/describe-connector.ts";
export { describeStore } from "./describe-store.ts";
export type { OpenStoreUnderTest, StoreUnderTest, TestFramework } from "./describe-store.ts";
export type { FaultCounts, FiredFault } from "./fault-context.ts";
export type { FaultKind, FaultMix, FaultProtocol } from "./fault-plan.ts";
export { FAULT_KINDS } from "./fault-plan.ts";
export type { FaultProxy, FaultProxyOptions } from "./fault-proxy.ts";
export { startFaultProxy } from "./fault-proxy.ts";
export type { PostgresPrograms } from "./postgres-programs.ts";
export { findPostgres } from "./postgres-programs.ts";
export type { PostgresServer, PostgresServerOptions } from "./postgres-server.ts";
export { startPostgresServer } from "./postgres-server.ts";
export type { SeededRandom } from "./seeded-random.ts";
export { seededRandom } from "./seeded-random.ts";
export {
  rehearsal,
  rehearse,
  type KnownFinding,
  type KnownLimit,
  type Law,
  type Rehearsal,
  type RehearsalAsked,
  type RehearsalFinding,
  type RehearsalOptions,
  type RehearsalReport,
  type RehearsalRun,
} from "./rehearse/index.ts";
