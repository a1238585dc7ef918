/** A party's own process: opens it, does what it is asked, and ends with the process that asked. */
import { RESULT } from "../workflows.ts";
import { ClosedLoop } from "./closed-loop.ts";
import {
  STEPS_PER_RUN,
  type HostSettings,
  type OpenParty,
  type PartyAnswer,
  type PartyCount,
  type PartyRequest,
} from "./party.ts";

// Written by start-party.ts.
const settings = JSON.parse(process.argv[2] ?? "") as HostSettings;
process.on("disconnect", () => process.exit(1));
process.on("unhandledRejection", fail);

const { adapter, ...place } = settings;
// Every adapter exports this; rivals' are no TypeScript, as their packages need not be there.
const { open } = (await import(adapter)) as { readonly open: OpenParty };
const loop = new ClosedLoop(RESULT);
const step = (runId: string, index: number) => loop.step(runId, index);
const party = await open({ ...place, steps: STEPS_PER_RUN, step });

process.on("message", (message: { readonly id: number } & PartyRequest) => {
  answer(message).then((answered) => {
    tell({ kind: "answer", id: message.id, count: answered });
    // What a product leaves behind may not keep the process.
    if (message.verb === "close") process.disconnect();
  }, fail);
});
tell({ kind: "ready" });

async function answer(request: PartyRequest): Promise<PartyCount | null> {
  switch (request.verb) {
    case "begin":
      loop.begin(party, request, fail);
      return null;
    case "count":
      return count();
    case "drain":
      await loop.drain();
      return null;
    case "close":
      await party.close();
      return null;
  }
}

function count(): PartyCount {
  const { user, system } = process.cpuUsage();
  const { runsMs, lastStepsMs } = loop;
  loop.runsMs = [];
  loop.lastStepsMs = [];
  return {
    atMs: performance.now(),
    steps: loop.steps,
    cpuS: (user + system) / 1e6,
    peakMemoryMb: process.resourceUsage().maxRSS / 1024,
    runsMs,
    lastStepsMs,
  };
}

function fail(error: unknown): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  tell({ kind: "failed", message });
}

function tell(message: PartyAnswer): void {
  process.send?.(message);
}
