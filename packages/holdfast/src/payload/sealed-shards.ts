/**
 * What workers of a shared store leave each other in the inbox: results of children, events,
 * exceptions. Who takes it knows whose payload it is, and who leaves it may not; so it is sealed
 * whole, except for a cancel, which holds no payload and is looked for by operators.
 */
import type { InboxRow } from "../store/rows.ts";
import type { RoutedCommand, Shards, SharedShards } from "../store/shards.ts";
import { commandPlace } from "./place.ts";
import { isSealed, type Sealer } from "./sealing.ts";

const WHOLE = [""];

/** The same part of the same store; `sealer` null changes nothing. */
export function sealedShards(shards: Shards, sealer: Sealer | null): Shards {
  if (shards.isWhole || sealer === null) return shards;
  return sharedWith(shards, sealer);
}

function sharedWith(shards: SharedShards, sealer: Sealer): SharedShards {
  return {
    isWhole: false,
    slot: shards.slot,
    ofStart: (start) => shards.ofStart(start),
    ofRuns: (runs) => shards.ofRuns(runs),
    homes: (runs) => shards.homes(runs),
    onSilence: (listener) => {
      shards.onSilence(listener);
    },
    onLook: (listener) => {
      shards.onLook(listener);
    },
    lookSoon: () => {
      shards.lookSoon();
    },
    take: (wanted) => shards.take(wanted),
    release: (given) => shards.release(given),
    confirmed: () => shards.confirmed(),
    post: (commands) => shards.post(commands.map((command) => sealed(sealer, command))),
    answers: (ids) => shards.answers(ids),
    untaken: async (topic, limit) =>
      (await shards.untaken(topic, limit)).map((row) => opened(sealer, row)),
    ended: (runs) => shards.ended(runs),
    deadChains: () => shards.deadChains(),
    lastSystemSeq: () => shards.lastSystemSeq(),
    claimKey: (keyHash, shard) => shards.claimKey(keyHash, shard),
    gates: (integrations) => shards.gates(integrations),
    saveGate: (integration, version, state) => shards.saveGate(integration, version, state),
    unclaimKey: (keyHash, shard) => shards.unclaimKey(keyHash, shard),
  };
}

function sealed(sealer: Sealer, command: RoutedCommand): RoutedCommand {
  const { id, topic, data } = command;
  if (topic === "cancel") return command;
  return { ...command, data: sealer.seal(data, WHOLE, commandPlace(id)) };
}

function opened(sealer: Sealer, row: InboxRow): InboxRow {
  const { id, data } = row;
  return isSealed(data) ? { ...row, data: sealer.open(data, commandPlace(id)) } : row;
}
