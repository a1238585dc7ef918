/**
 * Payloads as they may be shown: what their definition has declared sensitive is covered, and what
 * nobody has declared is covered whole. What was sensitive once stays so, whatever is declared now.
 */
import { decisionWords, type DecisionField } from "../core/decision-fields.ts";
import type * as journal from "../core/journal.ts";
import { parseJson } from "../core/json-text.ts";
import { masked, maskOf } from "../core/sensitive.ts";
import { stepDefinitionName, stepNameOf } from "../core/step-path.ts";
import type { DeclarationRow, RunRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";

/** `whole`: nothing is on record about what is sensitive in it. */
type Masked = "none" | "fields" | "whole";

export interface Payload {
  /** JSON text. */
  readonly text: string;
  /** Length of the whole text as it may be shown, in characters. */
  readonly chars: number;
  /** True if `text` is only its beginning. */
  readonly isCut: boolean;
  readonly masked: Masked;
}

/** What a payload belongs to. */
export interface PayloadOwner {
  readonly definition: journal.DefinitionKind;
  readonly name: string;
}

interface Declared {
  readonly pointers: Set<string>;
  decision: readonly DecisionField[] | null;
}

export class Masking {
  readonly #declared = new Map<string, Declared>();

  constructor(rows: readonly DeclarationRow[]) {
    for (const row of rows.toSorted((a, b) => a.atMs - b.atMs)) {
      const key = keyOf(row);
      const known = this.#declared.get(key) ?? { pointers: new Set<string>(), decision: null };
      for (const pointer of row.sensitive) known.pointers.add(pointer);
      known.decision = row.decision;
      this.#declared.set(key, known);
    }
  }

  /** What is on record now. */
  static async of(reader: StoreReader): Promise<Masking> {
    return new Masking(await reader.declarations());
  }

  /** @param owner - null where nobody knows what it belongs to. */
  payload(data: string, owner: PayloadOwner | null, charsMax: number): Payload {
    const declared = owner === null ? undefined : this.#declared.get(keyOf(owner));
    if (declared === undefined)
      return cut(JSON.stringify(maskOf(parseJson(data))), "whole", charsMax);
    if (declared.pointers.size === 0) return cut(data, "none", charsMax);
    const shown = JSON.stringify(masked(parseJson(data), [...declared.pointers]));
    return cut(shown, "fields", charsMax);
  }

  /** The time that a run asked for is the engine's, and holds nothing of anybody. */
  time(data: string, charsMax: number): Payload {
    return cut(data, "none", charsMax);
  }

  /** What answers a review, as its newest definition says. */
  decisionOf(review: string): readonly DecisionField[] | null {
    return this.#declared.get(keyOf({ definition: "review", name: review }))?.decision ?? null;
  }

  /** The decision as it is typed after the review's id. */
  answerWords(review: string): string {
    return decisionWords(this.decisionOf(review));
  }
}

function keyOf({ definition, name }: PayloadOwner): string {
  return `${definition} ${name}`;
}

function cut(data: string, how: Masked, charsMax: number): Payload {
  const isCut = data.length > charsMax;
  // Half of a surrogate pair at the end is not a character.
  const text = isCut ? data.slice(0, charsMax).replace(/[\uD800-\uDBFF]$/, "") : data;
  return { text, chars: data.length, isCut, masked: how };
}

/** Which definition each payload of a run belongs to. Asked for records of one run only. */
export class PayloadOwners {
  readonly #reader: StoreReader;
  readonly #row: RunRow;
  readonly #reviews: ReadonlyMap<number, string>;

  private constructor(reader: StoreReader, row: RunRow, reviews: ReadonlyMap<number, string>) {
    this.#reader = reader;
    this.#row = row;
    this.#reviews = reviews;
  }

  static async of(reader: StoreReader, row: RunRow, limit: number): Promise<PayloadOwners> {
    const rows = await reader.reviews({ afterRun: row.run - 1, run: row.run, limit, all: true });
    return new PayloadOwners(reader, row, new Map(rows.map(({ seq, review }) => [seq, review])));
  }

  /** Null where the journal does not say; such a payload is masked whole. */
  async ownerOf(record: journal.JournalRecord): Promise<PayloadOwner | null> {
    if (record.kind === "returned") return await this.#child(record);
    if (record.kind === "opened") return ownerOfBeside(record, this.#row);
    const find = OWNERS[record.kind];
    const name = find?.name(record, this.#row, this.#reviews) ?? null;
    return find === undefined || name === null ? null : { definition: find.definition, name };
  }

  async #child(record: journal.JournalRecord): Promise<PayloadOwner | null> {
    const { child, end } = headOf<journal.ReturnedHead>(record);
    if (child === 0 || end === "failed") return null;
    const row = await this.#reader.run(child);
    return row === null ? null : { definition: "workflow", name: row.workflow };
  }
}

/** An event that was not delivered, or an input that was not started. */
function ownerOfBeside(record: journal.JournalRecord, row: RunRow): PayloadOwner | null {
  const { beside } = headOf<journal.OpenedHead>(record);
  if (beside === undefined) return null;
  return beside.event === undefined
    ? { definition: "workflow", name: row.workflow }
    : { definition: "event", name: beside.event };
}

type NameOf = (
  record: journal.JournalRecord,
  row: RunRow,
  reviews: ReadonlyMap<number, string>,
) => string | null;

/** Kinds whose records have payloads. */
const OWNERS: Partial<
  Record<journal.RecordKind, { readonly definition: journal.DefinitionKind; readonly name: NameOf }>
> = {
  started: { definition: "workflow", name: (_, row) => row.workflow },
  finished: { definition: "workflow", name: (_, row) => row.workflow },
  intent: { definition: "effect", name: effectName },
  outcome: { definition: "effect", name: effectName },
  probe: { definition: "effect", name: effectName },
  settled: { definition: "effect", name: effectName },
  asked: { definition: "review", name: (record) => headOf<journal.AskedHead>(record).review },
  answered: {
    definition: "review",
    name: (record, _, reviews) => reviews.get(headOf<journal.AnsweredHead>(record).asked) ?? null,
  },
  event: { definition: "event", name: (record) => headOf<journal.EventHead>(record).event ?? null },
  result: {
    definition: "step",
    name: (record, row) => stepDefinitionName(row.workflow, stepNameOf(record.name).name),
  },
};

function effectName(record: journal.JournalRecord): string {
  return headOf<{ readonly effect: string }>(record).effect;
}

/** The engine wrote it with the shape of its kind. */
function headOf<Head>(record: journal.JournalRecord): Head {
  return parseJson(record.head ?? "{}") as Head;
}
