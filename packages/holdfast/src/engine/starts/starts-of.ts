/** The engine's starts, with what they need of it. */
import type { StoredRun } from "../../store/rows.ts";
import type { Engine } from "../engine.ts";
import { Starts } from "./starts.ts";
import { supersede } from "./superseding.ts";

/** @param begin - a new run may begin; its start is buffered. */
export function startsOf(engine: Engine, begin: (stored: StoredRun, input: unknown) => void) {
  const { store, clock, committer, digests, lanes, limits, namespace, version } = engine;
  return new Starts({
    store,
    clock,
    committer,
    digests,
    lanes,
    limits,
    namespace,
    version,
    neighbours: engine.neighbours,
    places: engine.places,
    routes: engine.routes,
    liveCount: () => engine.live.size,
    begin,
    received: (head) => {
      engine.journal.appendWithLast("received", head);
    },
    waitsInLane: (of, lane, run) => {
      const waiting = lanes.waitingIn(of, lane);
      if (waiting !== null) engine.laneAlarms.entered(waiting);
      const older = lanes.olderThan(of, lane, run);
      if (older.length > 0) engine.background(supersede(engine, older, run));
    },
    differs: (given) => engine.exceptions.beside.open(given),
    surely: (read) => engine.reads.surely("whether a child was started before", read),
  });
}
