/** What is left of runs that have left for an archive. */
import { type Table, columns } from "./table.ts";

export interface ArchivedRunAt {
  readonly shard: number;
  readonly run: number;
  /** Whose journal holds the record that let it go, and which one it is there. */
  readonly incarnation: number;
  readonly seq: number;
  readonly records: number;
  /** Hex. */
  readonly digest: string;
}

export const ARCHIVED_RUN: Table<ArchivedRunAt> = {
  name: "archived_run",
  columns: [
    ...columns<ArchivedRunAt>("key", "int8", { run: (row) => row.run }),
    ...columns<ArchivedRunAt>("key", "int2", { shard: (row) => row.shard }),
    ...columns<ArchivedRunAt>("fixed", "int8", { incarnation: (row) => row.incarnation }),
    ...columns<ArchivedRunAt>("fixed", "int4", {
      seq: (row) => row.seq,
      records: (row) => row.records,
    }),
    ...columns<ArchivedRunAt>("fixed", "bytea", {
      digest: (row) => Buffer.from(row.digest, "hex"),
    }),
  ],
};
