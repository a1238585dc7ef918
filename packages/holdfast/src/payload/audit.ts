/**
 * The check of payloads for `store verify`: shown every record as it is read there. Sealed values are
 * opened where the ring is given; files are held against their digests after the records, since the
 * check of a store waits for nobody.
 */
import { HoldfastError } from "../core/error.ts";
import type { Damage, RecordVisit, VerifyReport } from "../store/damage.ts";
import type { KeyRing } from "./key-ring.ts";
import { filePlace } from "./open-place.ts";
import { isReference, PayloadFiles, type PayloadPlace } from "./payload-files.ts";
import { recordPlace } from "./place.ts";
import { isSealed, Sealer } from "./sealing.ts";

export interface AuditOptions {
  readonly ring: KeyRing | null;
  readonly directory: string | null;
  /** The store's key. */
  readonly secret: Uint8Array;
}

/** References to files that are kept until the records are through, some 250 bytes each. */
const FILES_MAX = 500_000;
/** Files read at a time. */
const READS_AT_A_TIME_MAX = 8;
/** Payloads that are named; the others are counted. */
const DAMAGE_MAX = 100;

const REMEDY =
  "Put missing files back from a copy of their directory, and missing keys back into the ring. A run whose payload cannot be read is held, and goes on when it is resumed.";

/**
 * A driver's check of a whole store, and of its payloads with it.
 *
 * @param verify - the driver's check.
 */
export async function verifyWithPayloads(
  verify: (options: {
    readonly startVisit: (storeId: string) => RecordVisit;
  }) => Promise<VerifyReport>,
  options: AuditOptions,
): Promise<VerifyReport> {
  const audits: PayloadAudit[] = [];
  const report = await verify({
    startVisit: (storeId) => {
      const audit = new PayloadAudit(storeId, options);
      audits.push(audit);
      return audit.visit;
    },
  });
  const audit = audits.at(-1) ?? null;
  await audit?.lookAtFiles();
  return withAudit(report, audit);
}

function withAudit(report: VerifyReport, audit: PayloadAudit | null): VerifyReport {
  const found = audit?.damage ?? [];
  return {
    ...report,
    isSound: report.isSound && found.length === 0,
    damage: [...report.damage, ...found].slice(0, DAMAGE_MAX),
    harmless: [...report.harmless, ...(audit?.remarks ?? [])],
    remedy: report.remedy ?? (found.length === 0 ? null : REMEDY),
  };
}

class PayloadAudit {
  readonly #sealer: Sealer | null;
  readonly #files: PayloadFiles | null;
  readonly #damage: Damage[] = [];
  #damaged = 0;
  readonly #references: { readonly text: string; readonly place: PayloadPlace }[] = [];
  #notLookedAt = 0;
  #tooMany = 0;
  #notOpened = 0;

  constructor(storeId: string, { ring, directory, secret }: AuditOptions) {
    this.#sealer = ring === null ? null : new Sealer(ring, storeId);
    this.#files = directory === null ? null : new PayloadFiles(filePlace(directory), secret);
  }

  readonly visit: RecordVisit = ({ run, seq, data }) => {
    if (data === null) return;
    const place = { run, seq };
    if (isReference(data)) this.#keep(data, place);
    else if (isSealed(data)) this.#noting(place, () => this.#open(data, place));
  };

  async lookAtFiles(): Promise<void> {
    const files = this.#files;
    if (files === null) return;
    for (let next = 0; next < this.#references.length; next += READS_AT_A_TIME_MAX) {
      const some = this.#references.slice(next, next + READS_AT_A_TIME_MAX);
      const read = some.map(async ({ text, place }) => {
        const found = await files.read(text, place).catch(keptError);
        this.#noting(place, () => {
          if (found instanceof HoldfastError) throw found;
          if (isSealed(found)) this.#open(found, place);
        });
      });
      await Promise.all(read);
    }
  }

  #keep(text: string, place: PayloadPlace): void {
    if (this.#files === null) this.#notLookedAt += 1;
    else if (this.#references.length < FILES_MAX) this.#references.push({ text, place });
    else this.#tooMany += 1;
  }

  #open(text: string, { run, seq }: PayloadPlace): void {
    if (this.#sealer === null) this.#notOpened += 1;
    else this.#sealer.open(text, recordPlace(run, seq));
  }

  #noting(place: PayloadPlace, look: () => void): void {
    try {
      look();
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      this.#damaged += 1;
      if (this.#damage.length < DAMAGE_MAX) this.#damage.push({ what: error.message, ...place });
    }
  }

  get damage(): readonly Damage[] {
    const others = this.#damaged - this.#damage.length;
    if (others === 0) return this.#damage;
    return [{ what: `${String(this.#damaged)} payloads cannot be read` }, ...this.#damage];
  }

  /** What was not checked, as sentences. */
  get remarks(): readonly string[] {
    const remarks: string[] = [];
    if (this.#notLookedAt > 0) {
      const count = `${String(this.#notLookedAt)} payloads in files were not checked`;
      remarks.push(`${count}: name their directory with --payload-files`);
    }
    if (this.#tooMany > 0) {
      const count = `${String(this.#tooMany)} payloads in files were not checked`;
      remarks.push(`${count}: one check looks at ${String(FILES_MAX)}`);
    }
    if (this.#notOpened > 0) {
      const count = `${String(this.#notOpened)} sealed payloads were not opened`;
      remarks.push(`${count}: give the key ring with --key-ring`);
    }
    return remarks;
  }
}

/** What is no error of ours goes on. */
function keptError(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  throw error;
}
