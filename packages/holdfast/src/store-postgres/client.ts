/** One connection to PostgreSQL through `pg`, which is loaded only when a store needs it. */
import { Socket } from "node:net";
import type { Client } from "pg";
import { HoldfastError } from "../core/error.ts";
import type { Cells } from "../store/row-columns.ts";
import { PreparedNames, sendBatch } from "./batch.ts";
import type { Cell } from "./binary-array.ts";
import { ConnectionLost, StatementRefused, sortedError } from "./postgres-errors.ts";
import type { Written } from "./table.ts";
import { givenText, storedText } from "./text.ts";

/** Everything of ours is in this schema, whatever else the database holds. */
export const SCHEMA = "holdfast";

/** A server that does not answer the first message for so long is taken for gone. */
const CONNECT_MS_MAX = 10_000;

/**
 * Where the server says, in a warning, that somebody has broken off a commit's wait for its standby: it
 * answers then as if the commit were where it has to be. Source: PostgreSQL 15, syncrep.c.
 */
const STANDBY_WAIT = "SyncRepWaitForLSN";

const TYPES = {
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  numeric: 1700,
  bool: 16,
  bytea: 17,
} as const;

/** How cells come out of their text form. Numbers of ours are below 2^53. */
const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  [TYPES.int8]: Number,
  [TYPES.int2]: Number,
  [TYPES.int4]: Number,
  [TYPES.numeric]: Number,
  [TYPES.text]: givenText,
  [TYPES.bool]: (text) => text === "t",
  [TYPES.bytea]: (text) => Buffer.from(text.slice(2), "hex"),
};

export interface Connection {
  /** False as soon as it is known to be lost. */
  readonly isAlive: () => boolean;
  /** Rows as arrays of cells. Statements are sent at once and answered in order. */
  readonly rows: (
    name: string,
    text: string,
    values?: readonly (Cell | Buffer)[],
  ) => Promise<readonly Cells[]>;
  /**
   * All statements as one transaction in one round trip.
   *
   * @throws {StatementRefused} if one was refused; nothing was done.
   * @throws {ConnectionLost} if the answer did not come; all of it was done or nothing.
   */
  readonly transaction: (statements: readonly Written[]) => Promise<void>;
  /** Calls back for each notification of a channel. False if this database has no such thing. */
  readonly listen: (channel: string, listener: (payload: string) => void) => Promise<boolean>;
  /** Statements without arguments, one after the other, in one message. */
  readonly script: (sql: string) => Promise<void>;
  readonly close: () => Promise<void>;
  /** Drops the connection as a cut would. */
  readonly destroy: () => void;
}

/** @throws {ConnectionLost | StatementRefused} if it cannot be had; {HoldfastError} HF5011. */
export async function connect(url: string): Promise<Connection> {
  const pg = await loadPg();
  const socket = new Socket();
  const client = new pg.Client({
    connectionString: url,
    application_name: "holdfast",
    pipeline: true,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    stream: () => socket,
    types: { getTypeParser: (oid: number) => PARSERS[oid] ?? String },
  });
  let alive = true;
  const end = () => {
    alive = false;
  };
  client.on("error", end);
  client.on("end", end);
  let isBrokenOff = false;
  client.on("notice", ({ routine }) => {
    if (routine !== STANDBY_WAIT) return;
    // No answer that comes now is one: who waits for it looks again, on another connection.
    isBrokenOff = true;
    end();
    socket.destroy();
  });
  const trusted = <T>(answer: T): T => {
    if (isBrokenOff) throw new ConnectionLost("the wait for the standby was broken off");
    return answer;
  };
  try {
    await client.connect();
    // Whatever the server's default: what a transaction reads after a lock has to be of that moment.
    await client.query("set session characteristics as transaction isolation level read committed");
  } catch (error) {
    socket.destroy();
    throw sortedError(error, "connect");
  }
  const prepared = new PreparedNames();
  const transaction: Connection["transaction"] = (statements) =>
    sendBatch(pg.Query, statements, prepared, (query) => client.query(query)).then(trusted);
  return connectionOf(client, socket, transaction, { isAlive: () => alive, end, trusted });
}

function connectionOf(
  client: Client,
  socket: Socket,
  transaction: Connection["transaction"],
  life: {
    readonly isAlive: () => boolean;
    readonly end: () => void;
    /** @throws {ConnectionLost} if what was answered may not be durable everywhere. */
    readonly trusted: <T>(answer: T) => T;
  },
): Connection {
  const ask = async (query: Query) => {
    try {
      const values = query.values?.map(stored) ?? [];
      const result = await client.query<unknown[]>({ rowMode: "array", ...query, values });
      return life.trusted(result);
    } catch (error) {
      throw sortedError(error, query.name ?? query.text);
    }
  };
  return {
    isAlive: life.isAlive,
    async rows(name, text, values = []) {
      const result = await ask({ name, text, values: [...values] });
      return result.rows;
    },
    transaction,
    async listen(channel, listener) {
      try {
        await ask({ text: `listen ${channel}` });
      } catch (error) {
        if (error instanceof StatementRefused) return false;
        throw error;
      }
      client.on("notification", (message) => {
        if (message.channel === channel) listener(message.payload ?? "");
      });
      return true;
    },
    async script(sql) {
      try {
        await client.query(sql);
      } catch (error) {
        throw sortedError(error, "script");
      }
    },
    async close() {
      if (!life.isAlive()) return;
      life.end();
      await client.end();
    },
    destroy() {
      life.end();
      socket.destroy();
    },
  };
}

function stored(value: Cell | Buffer): Cell | Buffer {
  return typeof value === "string" ? storedText(value) : value;
}

interface Query {
  readonly name?: string;
  readonly text: string;
  readonly values?: (Cell | Buffer)[];
}

async function loadPg(): Promise<typeof import("pg")> {
  try {
    return await import("pg");
  } catch (error) {
    const isMissing =
      error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    if (!isMissing) throw error;
    throw new HoldfastError(
      "HF5011",
      "a store on PostgreSQL needs the package pg, which is not installed",
      "Install it beside holdfast: npm install pg@^8.23.1",
      { cause: error },
    );
  }
}
