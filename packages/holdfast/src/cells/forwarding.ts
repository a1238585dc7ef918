/** Kept events that are in another cell than who waits for them, or in one that takes nothing new. */
import type { Directory } from "./neighbour-cells.ts";
import type { Engine } from "../engine/engine.ts";
import { homeNames } from "./placing.ts";

/** Kept events that are looked at in one step. */
const PAGE = 500;

/** Looks through all that is kept. Each step may be repeated, after a crash. */
export async function forwardKept(cells: Directory): Promise<void> {
  for (const [name, engine] of cells.engines) {
    if (!engine.places.isKeeper) continue;
    const isDraining = cells.list.cells.some(
      (cell) => cell.name === name && cell.drainsSince !== null,
    );
    let afterSeq = 0;
    for (;;) {
      const page = await engine.store.cells.keptFor(afterSeq, PAGE);
      for (const of of page) {
        await engine.commands.events.forward(of);
        if (isDraining) await moveHome(cells, engine, of);
      }
      afterSeq = page.at(-1)?.seq ?? afterSeq;
      if (page.length < PAGE) break;
    }
  }
}

/** Out of a cell that is to be removed. */
async function moveHome(
  cells: Directory,
  engine: Engine,
  of: { readonly namespace: string; readonly event: string; readonly key: string },
): Promise<void> {
  const { home } = homeNames(cells.list, { kind: "event", ...of });
  const taker = cells.engines.get(home);
  if (taker === undefined) return;
  for (const row of await engine.store.keptEvents(of, PAGE)) {
    await engine.commands.events.forwardTo({ name: home, engine: taker }, row);
  }
}
