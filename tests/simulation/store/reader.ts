/** What operators read of the simulated disk: the part of the port's reader that their acts need. */
import type { StoreReader } from "#src/store/store.ts";
import type { Disk } from "./disk.ts";

export type PeopleReader = Pick<
  StoreReader,
  | "storeId"
  | "run"
  | "runs"
  | "runsByKey"
  | "records"
  | "exceptions"
  | "effects"
  | "reviews"
  | "declarations"
  | "post"
  | "inbox"
  | "answer"
  | "engineRuns"
  | "archivedRun"
>;

export function peopleReader(disk: Disk, onPost: (shard: number) => void): PeopleReader {
  const { tables } = disk;
  return {
    storeId: disk.storeId,
    run: async (run) => tables.runs.get(run)?.row ?? null,
    runs: async ({ afterRun, limit, key, states }) =>
      [...tables.runs.values()]
        .map(({ row }) => row)
        .filter((row) => row.run > afterRun && (key === undefined || row.key === key))
        .filter((row) => states === undefined || states.includes(row.state))
        .toSorted((one, other) => one.run - other.run)
        .slice(0, limit),
    runsByKey: async (key, limit) =>
      [...tables.runs.values()]
        .map(({ row }) => row)
        .filter((row) => row.key === key)
        .slice(0, limit),
    records: async (run, afterSeq, limit) =>
      disk
        .records(run)
        .filter(({ seq }) => seq > afterSeq)
        .slice(0, limit),
    exceptions: async ({ run, all, limit }) =>
      [...tables.exceptions.values()]
        .filter((row) => run === undefined || row.run === run)
        .filter((row) => all === true || row.closedAtMs === null)
        .slice(0, limit),
    effects: async ({ run, limit }) =>
      [...tables.effects.values()]
        .filter((row) => run === undefined || row.run === run)
        .slice(0, limit),
    reviews: async ({ run, all, limit }) =>
      [...tables.reviews.values()]
        .filter((row) => run === undefined || row.run === run)
        .filter((row) => all === true || row.state === "open")
        .slice(0, limit),
    declarations: async () => [...tables.declarations.values()],
    async post({ run, ...command }) {
      const shard = disk.shardOfCommand(command.id, run);
      disk.post(command, shard);
      onPost(shard);
    },
    inbox: async (limit) =>
      [...disk.inbox.values()]
        .filter(({ answer }) => answer === null)
        .map(({ row }) => row)
        .slice(0, limit),
    answer: async (id) => disk.inbox.get(id)?.answer ?? null,
    engineRuns: async () => true,
    archivedRun: async () => null,
  };
}
