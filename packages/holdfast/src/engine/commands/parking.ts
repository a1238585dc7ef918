/**
 * What a person says of an integration as a whole: that it must not be called for a while, or that it
 * is to be tried now. Source: failure model 4.5 (reason needed, no second person, ends by itself).
 */
import { HoldfastError } from "../../core/error.ts";
import {
  integrationOfGate,
  PARK_MS_MAX,
  PARK_TEXT_MAX,
  unknownIntegration,
} from "../../core/parking.ts";
import type { WaitingCommand } from "../../store/rows.ts";
import { isoText } from "../clock.ts";
import type { Engine } from "../engine.ts";
import { commandOf } from "./inbox-command.ts";
import type { InboxAnswer } from "./inbox-bodies.ts";

type Parking = WaitingCommand & { readonly topic: "park" | "unpark" };

/** @throws {HoldfastError} HF4102 (a time that is too long), HF6003 (it is over, or nothing is parked). */
export async function parkOrUnpark(engine: Engine, row: Parking): Promise<InboxAnswer> {
  return row.topic === "park"
    ? await park(engine, { ...row, topic: row.topic })
    : await unpark(engine, { ...row, topic: row.topic });
}

async function park(
  engine: Engine,
  row: WaitingCommand & { readonly topic: "park" },
): Promise<InboxAnswer> {
  const { integration, reason, forMs } = commandOf(row);
  if (forMs < 1 || forMs > PARK_MS_MAX) throw badTime(integration);
  const untilMs = row.atMs + forMs;
  if (untilMs <= engine.clock.nowMs()) throw isOver(integration, untilMs);
  const isKnown = engine.parking.isKnown(integration);
  if (!isKnown) requireDeclared(engine, integration);
  const said = `parked by ${row.by} until ${isoText(untilMs)}: ${reason}`;
  await engine.parking.parkByHand(integration, said.slice(0, PARK_TEXT_MAX), untilMs);
  return { ok: true, isKnown };
}

async function unpark(
  engine: Engine,
  row: WaitingCommand & { readonly topic: "unpark" },
): Promise<InboxAnswer> {
  const { integration, reason } = commandOf(row);
  const said = `${row.by} has it tried: ${reason}`;
  if (await engine.parking.tryByHand(integration, said.slice(0, PARK_TEXT_MAX)))
    return { ok: true };
  throw new HoldfastError(
    "HF6003",
    `"${integration}" is not parked: calls go to it.`,
    "See how each integration is with: holdfast dependencies",
  );
}

/** @throws {HoldfastError} HF6001: nothing would ever take the parking of such a name back. */
function requireDeclared({ declarations }: Engine, integration: string): void {
  const names = declarations.namesOf("integration");
  if (names.includes(integrationOfGate(integration))) return;
  const { message, remedy } = unknownIntegration(integration, names);
  throw new HoldfastError("HF6001", message, remedy);
}

function badTime(integration: string): HoldfastError {
  return new HoldfastError(
    "HF4102",
    `"${integration}" can be parked for at most 7 days. Nothing was done.`,
    "Give a shorter time; it can be parked again before that is over.",
  );
}

/** It was kept while no engine ran. */
function isOver(integration: string, untilMs: number): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `"${integration}" was to be parked until ${isoText(untilMs)}, which is over. Nothing was done.`,
    "Park it again if that is still wanted.",
  );
}
