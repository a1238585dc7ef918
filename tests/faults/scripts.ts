/** All fault scripts, in the order in which they are played. */
import { answersCut } from "./answers-cut.ts";
import { clocksJumped } from "./clocks-jumped.ts";
import { diskFull } from "./disk-full.ts";
import { networkParted } from "./network-parted.ts";
import { powerLost } from "./power-lost.ts";
import { primaryLost } from "./primary-lost.ts";
import { syncFailed } from "./sync-failed.ts";
import type { FaultScript } from "./script.ts";
import { workersKilled } from "./workers-killed.ts";
import { workersStopped } from "./workers-stopped.ts";

export const SCRIPTS: readonly FaultScript[] = [
  workersKilled,
  workersStopped,
  answersCut,
  primaryLost,
  networkParted,
  diskFull,
  syncFailed,
  powerLost,
  clocksJumped,
];
