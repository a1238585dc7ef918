/**
 * The labelled scenario: one request to the ERP is delivered 1.5 settle times after it was sent, when
 * two look-ups have found nothing and the invoice has been made by a second request. No engine can
 * prevent that; ours has to find it and to name it.
 */
import { setTimeout as delay } from "node:timers/promises";
import { startFaultProxy, type FaultProxy } from "holdfast/testing";
import { SETTLE_MS } from "./integrations.ts";
import type { SystemPlace } from "./systems/launch.ts";

const LOOK_EVERY_MS = 5;
/** Two minutes: the first order is there long before. */
const LOOKS_MAX = 24_000;

/** A path to the ERP on which the first request comes too late, and no other. */
export async function openErpPath(erp: SystemPlace, seed: number): Promise<FaultProxy> {
  const proxy = await startFaultProxy({
    upstream: { host: "127.0.0.1", port: erp.directPort },
    seed: `${String(seed)}/broken-contract`,
    faultRate: 1,
    mix: { "too-late": 1 },
    settleMs: SETTLE_MS,
    breakContract: true,
  });
  void spareTheRest(proxy);
  return proxy;
}

async function spareTheRest(proxy: FaultProxy): Promise<void> {
  for (let looks = 0; looks < LOOKS_MAX && proxy.counts.decisions === 0; looks += 1) {
    await delay(LOOK_EVERY_MS, undefined, { ref: false });
  }
  proxy.setRate(0);
}
