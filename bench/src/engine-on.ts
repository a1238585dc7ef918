/** An engine on a store, as `holdfast()` would make it, with what a workload has to change. */
import {
  Engine,
  systemClock,
  systemRandom,
  type EngineOptions,
  type Store,
} from "holdfast/testing";

export async function engineOn(
  store: Store,
  workflows: EngineOptions["workflows"],
  options: Partial<Pick<EngineOptions, "clock" | "limits">> = {},
): Promise<Engine> {
  const engine = new Engine({
    store,
    clock: systemClock,
    random: systemRandom,
    version: "1",
    workflows,
    ...options,
  });
  // What a store could not write was not measured.
  store.onFatal((error) => {
    throw error;
  });
  await engine.start();
  return engine;
}
