export { EffectStub } from "./effect-stub.ts";
export { fault, type Fault } from "./fault.ts";
export type { ByHand } from "./operators.ts";
export type { OpenException, RunView } from "./run-view.ts";
export { testbed, type Testbed, type TestbedOptions } from "./testbed.ts";
