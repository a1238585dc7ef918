/**
 * The check of payloads for `store verify`: shown every record as it is read there. Files are held
 * against their digests, sealed values are opened where the ring is given. Blocking, as the check of
 * a file is.
 */
import { HoldfastError } from "../core/error.ts";
import type { Damage, RecordVisit, VerifyReport } from "../store/damage.ts";
import type { KeyRing } from "./key-ring.ts";
import { isReference, PayloadFiles } from "./payload-files.ts";
import { recordPlace } from "./place.ts";
import { isSealed, Sealer } from "./sealing.ts";

export interface AuditOptions {
  readonly ring: KeyRing | null;
  readonly directory: string | null;
  /** The store's key. */
  readonly secret: Uint8Array;
}

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
  let audit: PayloadAudit | null = null;
  const report = await verify({
    startVisit: (storeId) => {
      audit = new PayloadAudit(storeId, options);
      return audit.visit;
    },
  });
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
  #notLookedAt = 0;
  #notOpened = 0;

  constructor(storeId: string, { ring, directory, secret }: AuditOptions) {
    this.#sealer = ring === null ? null : new Sealer(ring, storeId);
    this.#files = directory === null ? null : new PayloadFiles(directory, secret);
  }

  readonly visit: RecordVisit = ({ run, seq, data }) => {
    if (data === null) return;
    try {
      this.#look(data, { run, seq });
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      this.#damaged += 1;
      if (this.#damage.length < DAMAGE_MAX) this.#damage.push({ what: error.message, run, seq });
    }
  };

  #look(data: string, place: { readonly run: number; readonly seq: number }): void {
    if (isReference(data) && this.#files === null) {
      this.#notLookedAt += 1;
      return;
    }
    const text = isReference(data) ? (this.#files?.readNow(data, place) ?? "") : data;
    if (!isSealed(text)) return;
    if (this.#sealer === null) this.#notOpened += 1;
    else this.#sealer.open(text, recordPlace(place.run, place.seq));
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
    if (this.#notOpened > 0) {
      const count = `${String(this.#notOpened)} sealed payloads were not opened`;
      remarks.push(`${count}: give the key ring with --key-ring`);
    }
    return remarks;
  }
}
