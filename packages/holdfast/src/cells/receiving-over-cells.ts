/**
 * Messages from outside over cells. One belongs to the cell in which its run is, or begins; one that
 * has an order to the cell of that order, where its runs then begin, too. What is remembered of it is
 * there; the others are asked, because another payload under its id may have led elsewhere.
 */
import { canonicalText } from "../core/operation-key.ts";
import type { Engine } from "../engine/engine.ts";
import type { IncomingMessage, Receipt, UnfitMessage } from "../workflow/message.ts";
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
  const known = await knownBefore(cells, engine, (one) => one.commands.receiving.recall(incoming));
  return known ?? (await engine.commands.receiving.receive(incoming));
}

/** One that does not fit leads to no run: the cell that keeps it is that of its id. */
export async function receiveUnfitInCell(
  cells: Directory,
  incoming: UnfitMessage,
  via: Engine,
): Promise<Receipt> {
  const { workflow, ingress, by, source, id } = incoming;
  const lane = canonicalText("unfit", [workflow.name, ingress, by, source, id]);
  const { namespace } = via;
  const engine = cells.engine(homeNames(cells.list, { kind: "lane", namespace, lane }).home);
  const known = await knownBefore(cells, engine, (one) =>
    one.commands.receiving.recallUnfit(incoming),
  );
  return known ?? (await engine.commands.receiving.receiveUnfit(incoming));
}

/** Asks the cell that it would belong to first. */
async function knownBefore(
  cells: Directory,
  first: Engine,
  recall: (engine: Engine) => Promise<Receipt | null>,
): Promise<Receipt | null> {
  const others = [...cells.engines.values()].filter((other) => other !== first);
  for (const one of [first, ...others]) {
    const known = await recall(one);
    if (known !== null) return known;
  }
  return null;
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
