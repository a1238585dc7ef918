/**
 * Messages from outside over cells. One belongs to the cell in which its run is, or begins; one that
 * has an order to the cell of that order, where its runs then begin, too. What is remembered of it is
 * there; the others are asked, because another payload under its id may have led elsewhere.
 */
import { canonicalText } from "../core/operation-key.ts";
import type { Engine } from "../engine/engine.ts";
import type { IncomingMessage, Receipt } from "../workflow/message.ts";
import { checkedStart } from "../engine/starts/start-input.ts";
import type { Directory } from "./neighbour-cells.ts";
import { homeNames, placeStart } from "./placing.ts";

/** @throws {HoldfastError} as `Receiving.receive`; HF5023 if the cell that it belongs to is away. */
export async function receiveInCell(
  cells: Directory,
  incoming: IncomingMessage,
  via: Engine,
): Promise<Receipt> {
  const engine = await engineOfMessage(cells, incoming, via);
  const others = [...cells.engines.values()].filter((other) => other !== engine);
  for (const one of [engine, ...others]) {
    const known = await one.commands.receiving.recall(incoming);
    if (known !== null) return known;
  }
  return await engine.commands.receiving.receive(incoming);
}

async function engineOfMessage(
  cells: Directory,
  incoming: IncomingMessage,
  via: Engine,
): Promise<Engine> {
  const { workflow, input, by, ingress, order } = incoming;
  if (order === null) return await placeStart(cells, { workflow, input, options: { by } }, via);
  const checked = await checkedStart(workflow, input, { by }, via.limits);
  const { key } = order(checked.input);
  const { namespace } = via;
  // As a lane: both say which runs are to be in one cell.
  const lane = canonicalText("order", [workflow.name, ingress, key]);
  const { home, earlier } = homeNames(cells.list, { kind: "lane", namespace, lane });
  for (const name of earlier) {
    const engine = cells.engine(name);
    if (await engine.commands.receiving.hasOrder(incoming)) return engine;
  }
  return cells.engine(home);
}
