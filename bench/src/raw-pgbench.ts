/**
 * PostgreSQL's own benchmark, one step per transaction: what a workflow engine can do at most that
 * commits every step for itself.
 */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { findPostgres } from "holdfast/testing";
import type { Client } from "pg";

/** A row goes in by the client's number and a count: in order, as a journal's rows do. */
const TABLE = `create table if not exists raw_pgbench (shard smallint not null, run bigint not null,
  seq integer not null, data text not null, primary key (shard, run, seq))`;
/** Rows that one client can make in one go, so that no two goes make the same. */
const ROWS_PER_GO = 10_000_000;
/** A go that takes longer is not slow but stuck, milliseconds. */
const GO_MS_MAX = 60_000;

export const PGBENCH_CLIENTS = 32;

/** The program beside the server's, or on the PATH; null if there is none. */
export function findPgbench(env: NodeJS.ProcessEnv = process.env): string | null {
  const folders = [dirname(findPostgres(env).postgres), ...(env["PATH"] ?? "").split(delimiter)];
  const programs = folders.filter((folder) => folder !== "").map((each) => join(each, "pgbench"));
  return programs.find((program) => existsSync(program)) ?? null;
}

export class Pgbench {
  readonly #program: string;
  readonly #url: string;
  readonly #folder: string;
  readonly #script: string;
  #goes = 0;

  private constructor(program: string, url: string, folder: string, script: string) {
    this.#program = program;
    this.#url = url;
    this.#folder = folder;
    this.#script = script;
  }

  /** `text` is what every row holds; without quotes of SQL in it. */
  static async open(program: string, client: Client, place: PgbenchPlace): Promise<Pgbench> {
    await client.query(TABLE);
    const script = join(place.folder, "pgbench.sql");
    writeFileSync(
      script,
      `\\set row :row + 1\ninsert into raw_pgbench values (:client_id, :row, 1, '${place.text}');\n`,
    );
    return new Pgbench(program, place.url, place.folder, script);
  }

  /** Many clients at once for so many whole seconds. Answers transactions in a second. */
  async load(seconds: number): Promise<number> {
    const clients = ["--client", String(PGBENCH_CLIENTS), "--jobs", "2"];
    return parseTps(await this.#go([...clients, "--time", String(seconds)]));
  }

  /** One client alone. Answers how long each transaction took, milliseconds. */
  async alone(transactions: number): Promise<number[]> {
    const prefix = join(this.#folder, `pgbench-log-${this.#goes}`);
    const log = ["--log", "--log-prefix", prefix];
    await this.#go([...log, "--client", "1", "--transactions", String(transactions)]);
    const files = readdirSync(this.#folder).map((name) => join(this.#folder, name));
    return files
      .filter((path) => path.startsWith(prefix))
      .flatMap((path) => {
        const durations = parseLog(readFileSync(path, "utf8"));
        rmSync(path);
        return durations;
      });
  }

  async #go(words: readonly string[]): Promise<string> {
    this.#goes += 1;
    const row = ["--define", `row=${this.#goes * ROWS_PER_GO}`];
    const fixed = ["--no-vacuum", "--protocol", "prepared", "--file", this.#script];
    const options = { timeout: GO_MS_MAX, killSignal: "SIGKILL" } as const;
    const { stdout } = await promisify(execFile)(
      this.#program,
      [...fixed, ...row, ...words, this.#url],
      options,
    );
    return stdout;
  }
}

export interface PgbenchPlace {
  readonly url: string;
  /** For its script and its log. */
  readonly folder: string;
  readonly text: string;
}

/** @throws {Error} if it did not say how many transactions there were in a second. */
export function parseTps(output: string): number {
  const found = /^tps = ([\d.]+)/mu.exec(output);
  if (found === null) throw new Error(`pgbench has not said its tps: ${output}`);
  return Number(found[1]);
}

/** Source: pgbench(1), "Per-Transaction Logging": client, transaction, microseconds, and more. */
export function parseLog(text: string): number[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => Number(line.split(" ")[2]) / 1000);
}
