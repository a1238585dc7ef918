/** Which exceptions are kept out of the list just now: by a person, until something has happened. */
import { isAsleep, type QuietFacts } from "../core/issue-overlay.ts";
import type { ExceptionRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { deployedVersions } from "./list-issues.ts";

/** Exceptions of its group that came since: as many as one may be snoozed for. */
const SINCE_MAX = 1_000;

export class Snoozes {
  readonly #reader: StoreReader;
  readonly #nowMs: number;
  #versions: readonly string[] | null = null;

  constructor(reader: StoreReader, nowMs: number) {
    this.#reader = reader;
    this.#nowMs = nowMs;
  }

  async isAsleep(row: ExceptionRow): Promise<boolean> {
    const { snoozed } = row.handling;
    if (snoozed === null || row.closedAtMs !== null) return false;
    return isAsleep(snoozed, await this.#facts(row, snoozed));
  }

  async #facts(
    { fingerprint }: ExceptionRow,
    { until, sinceMs }: NonNullable<ExceptionRow["handling"]["snoozed"]>,
  ): Promise<QuietFacts> {
    const facts: QuietFacts = { occurrences: [], versions: [], nowMs: this.#nowMs };
    if (until.kind === "time") return facts;
    if (until.kind === "deploy") return { ...facts, versions: await this.#known() };
    const group = { level: "place", fingerprint } as const;
    const rows = await this.#reader.occurrences(group, sinceMs, SINCE_MAX);
    const occurrences = rows.map(({ openedAtMs, record, amount, currency }) => ({
      openedAtMs,
      codeVersion: record.codeVersion,
      amount,
      currency,
    }));
    return { ...facts, occurrences };
  }

  async #known(): Promise<readonly string[]> {
    this.#versions ??= await deployedVersions(this.#reader);
    return this.#versions;
  }
}
