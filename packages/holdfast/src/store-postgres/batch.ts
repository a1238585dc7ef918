/**
 * Statements that leave in one message and are one transaction, although none of them begins or
 * ends it: the server commits where the client says Sync, and does nothing of the whole if one of
 * them is refused. So a transaction costs one answer, and not one for each statement. Source:
 * PostgreSQL 15 documentation, 55.2.4 "Pipelining".
 *
 * It is a query of the client library's own, whose queue it shares and who reads the answers.
 */
import type { Connection as Wire, Query } from "pg";
import { batchMessage } from "./batch-message.ts";
import { sortedError } from "./postgres-errors.ts";
import type { Written } from "./table.ts";
import { storedText } from "./text.ts";

/** Names of the statements that the server of one connection knows. */
export class PreparedNames {
  readonly #known = new Set<string>();
  /** The batch that made these was refused: before or after, is not known. */
  readonly #doubtful = new Set<string>();

  has({ name }: Written): boolean {
    return this.#known.has(name);
  }

  prepare(wire: Wire, { name, text }: Written): void {
    // It is no mistake to close one that is not there.
    if (this.#doubtful.delete(name)) wire.close({ type: "S", name: onServer(name) }, true);
    wire.parse({ name: onServer(name), text, types: [] }, true);
    this.#known.add(name);
  }

  doubt(statements: readonly Written[]): void {
    for (const { name } of statements) {
      if (this.#known.delete(name)) this.#doubtful.add(name);
    }
  }
}

/** Not a name that the library gives to a query of its own. */
function onServer(name: string): string {
  return `batch-${name}`;
}

/** What the library tells a query, beyond what its types say of it. */
interface Told {
  handleRowDescription: () => void;
  handleDataRow: () => void;
  handleCommandComplete: () => void;
  handleReadyForQuery: () => void;
  handleError: (error: unknown) => void;
}

/**
 * Sends the statements with the next message that `send` queues. The rows they answer are dropped.
 *
 * @returns resolves when they are durable.
 * @throws {StatementRefused} naming the statement; nothing was done.
 * @throws {ConnectionLost} if the answer did not come; all of it was done or nothing.
 */
export function sendBatch(
  QueryOfPg: typeof Query,
  statements: readonly Written[],
  prepared: PreparedNames,
  send: (query: Query) => unknown,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let done = 0;
    const told: Told = {
      handleRowDescription: () => undefined,
      handleDataRow: () => undefined,
      handleCommandComplete() {
        done += 1;
      },
      handleReadyForQuery: resolve,
      handleError(error) {
        prepared.doubt(statements);
        // After the last statement it is the commit that was refused.
        reject(sortedError(error, statements[done]?.name ?? "commit"));
      },
    };
    // Before anything is written: a value that cannot be sent leaves no half of a message behind.
    const { bytes, starts } = batchMessage(
      statements.map(({ name, values }) => ({ name: onServer(name), values: values.map(sent) })),
    );
    const submit = (wire: Wire) => {
      wire.stream.cork();
      let written = 0;
      for (const [index, statement] of statements.entries()) {
        if (prepared.has(statement)) continue;
        const start = starts[index] ?? 0;
        if (start > written) wire.stream.write(bytes.subarray(written, start));
        written = start;
        prepared.prepare(wire, statement);
      }
      wire.stream.write(written === 0 ? bytes : bytes.subarray(written));
      process.nextTick(() => wire.stream.uncork());
    };
    send(Object.assign(new QueryOfPg(""), told, { submit }));
  });
}

/** Numbers and texts as text, arrays as bytes. */
function sent(value: Written["values"][number]): string | Buffer | null {
  if (value === null) return null;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length);
  return typeof value === "string" ? storedText(value) : String(value);
}
