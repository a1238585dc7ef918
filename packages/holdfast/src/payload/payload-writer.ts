/**
 * Rewrites the payloads of a flush: what is declared sensitive is sealed, what is long goes into a
 * file. It follows the declarations as they are flushed, since each is on record before the first
 * payload that it is about.
 */
import type { DeclaredHead, StartedHead } from "../core/journal.ts";
import { RECORD_KINDS } from "../core/record-kinds.ts";
import { parseJson } from "../core/json-text.ts";
import { hasPayload, isTime, payloadOwner, type OwnedRecord } from "../core/payload-owner.ts";
import type { DeclaredFields } from "../store/declared-fields.ts";
import type { RunRow } from "../store/rows.ts";
import type { FlushBatch, RecordColumns } from "../store/store.ts";
import type { NewFile } from "./file-place.ts";
import type { StoredPayloads } from "./stored-payloads.ts";

/**
 * Runs whose workflow is remembered, about 100 bytes each. The result of a step of one that was
 * forgotten is sealed whole.
 */
const RUNS_KNOWN_MAX = 100_000;
const WHOLE = [""];

export class PayloadWriter {
  readonly #payloads: StoredPayloads;
  readonly #fields: DeclaredFields;
  /** Oldest first. */
  readonly #workflows = new Map<number, string>();

  constructor(payloads: StoredPayloads, fields: DeclaredFields) {
    this.#payloads = payloads;
    this.#fields = fields;
  }

  /** The steps of a run are declared under the name of its workflow. */
  note({ run, workflow }: Pick<RunRow, "run" | "workflow">): void {
    if (this.#payloads.sealer === null || this.#workflows.has(run)) return;
    this.#workflows.set(run, workflow);
    if (this.#workflows.size <= RUNS_KNOWN_MAX) return;
    for (const oldest of this.#workflows.keys()) {
      this.#workflows.delete(oldest);
      return;
    }
  }

  /** The batch as it is to be stored, and the files that it refers to. */
  rewritten(batch: FlushBatch): { readonly batch: FlushBatch; readonly files: readonly NewFile[] } {
    const { records } = batch;
    const files: NewFile[] = [];
    const data = records.data.map((payload, index) => {
      const record = recordAt(records, index);
      const place = { run: records.run[index] ?? 0, seq: records.seq[index] ?? 0 };
      this.#learn(record, place.run);
      if (payload === null) return null;
      const { text, file } = this.#payloads.put(payload, this.#pointers(record, place.run), place);
      if (file !== null) files.push(file);
      return text;
    });
    return { batch: { ...batch, records: { ...records, data } }, files };
  }

  #learn({ kind, head }: OwnedRecord, run: number): void {
    if (this.#payloads.sealer === null || head === null) return;
    // Written by the engine with the shape of their kinds.
    if (kind === "declared") this.#fields.add(parseJson(head) as DeclaredHead);
    if (kind === "started") this.note({ run, workflow: (parseJson(head) as StartedHead).workflow });
    if (kind === "finished") this.#workflows.delete(run);
  }

  /** What of it is sensitive: the same that is masked where it is shown. */
  #pointers(record: OwnedRecord, run: number): readonly string[] {
    if (this.#payloads.sealer === null || !hasPayload(record) || isTime(record)) return [];
    const workflow = this.#workflows.get(run) ?? null;
    return this.#fields.pointersOf(payloadOwner(record, workflow)) ?? WHOLE;
  }
}

function recordAt(records: RecordColumns, index: number): OwnedRecord {
  return {
    // The committer writes numbers of the list, and columns of equal length.
    kind: RECORD_KINDS[records.kind[index] ?? 0] ?? RECORD_KINDS[0],
    name: records.name[index] ?? "",
    head: records.head[index] ?? null,
    data: records.data[index] ?? null,
  };
}
