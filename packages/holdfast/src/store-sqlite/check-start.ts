/**
 * The checks before an engine may write: is the chain still the one that the anchor saw, and is
 * what was written since undamaged? The anchor is at most seconds or some ten thousand records old,
 * so this takes no longer as the store grows.
 */
import { HoldfastError } from "../core/error.ts";
import { anchorPath } from "../store/anchor.ts";
import type { Anchor } from "../store/anchor.ts";
import { hex } from "../store/chain-heads.ts";
import { ChainQueries } from "./chain.ts";
import type { FlushRow } from "./chain.ts";
import { checkFlushes } from "./check-flushes.ts";
import type { Damage } from "../store/damage.ts";
import { readMeta, sealedAs } from "./meta.ts";
import type { OnNotice } from "./notice.ts";
import type { Database } from "./runtime.ts";
import { sealKey } from "../store/seal.ts";

const RESTORE = "Run `holdfast store verify` for the details, then restore the newest backup.";

const ACCEPT =
  'If this is a restored backup, run `holdfast store accept --reason "..."`: it lists the ' +
  "effects that may have been done since. If not, the newest data is missing: find the right file.";

/**
 * @throws {HoldfastError} HF5006 if the store is damaged, truncated or forked, HF5007 if it is older
 * than its anchor.
 */
export function checkStart(
  database: Database,
  identity: { readonly storeId: string; readonly secret: Uint8Array },
  anchor: Anchor | null,
  path: string,
  onNotice: OnNotice,
): void {
  const key = sealKey(identity.secret);
  const meta = readMeta(database);
  if (meta === null || sealedAs(key, meta) === "nothing")
    throw damaged(path, "its first row was changed");
  const from = anchor === null ? null : anchoredFlush(database, identity.storeId, anchor, path);
  const checked = checkFlushes(database, { key, storeId: identity.storeId }, from);
  if (checked.damage !== null) throw damaged(path, checked.damage.what, checked.damage);
  if (anchor === null && checked.flushes > 0) {
    onNotice({ kind: "anchor-missing", path: anchorPath(path), flushes: checked.flushes });
  }
}

/**
 * The flush that the anchor names; null if the anchor was made before the first.
 *
 * @throws {HoldfastError} HF5006 or HF5007 if the store does not hold it as the anchor saw it.
 */
export function anchoredFlush(
  database: Database,
  storeId: string,
  anchor: Anchor,
  path: string,
): FlushRow | null {
  if (anchor.storeId !== storeId) {
    throw new HoldfastError(
      "HF5006",
      `the anchor beside ${path} belongs to another store (${anchor.storeId}, not ${storeId})`,
      ACCEPT,
    );
  }
  const chain = new ChainQueries(database);
  const last = chain.last();
  if (anchor.flushId > (last?.id ?? 0)) throw behind(database, anchor, last, path);
  for (const head of anchor.heads) {
    const row = chain.inChain(head.incarnation, head.flush);
    if (row === null || hex(row.seal) !== head.seal) {
      throw damaged(
        path,
        `its chain was forked: flush ${head.flush} of incarnation ${head.incarnation} is not the one in the anchor`,
      );
    }
  }
  if (anchor.flushId === 0) return null;
  const from = chain.byId(anchor.flushId);
  if (from === null || from.lastPos !== anchor.position || !isHead(anchor, from)) {
    throw damaged(path, `flush ${anchor.flushId} is not the one in the anchor`);
  }
  return from;
}

function isHead(anchor: Anchor, row: FlushRow): boolean {
  return anchor.heads.some(
    (head) => head.incarnation === row.incarnation && head.flush === row.number,
  );
}

/** Records without their flushes mean a cut; a store that fits itself is an older copy. */
function behind(
  database: Database,
  anchor: Anchor,
  last: FlushRow | null,
  path: string,
): HoldfastError {
  const newest = database.prepare("select max(pos) as pos from journal").get()?.["pos"];
  if (Number(newest ?? 0) > (last?.lastPos ?? 0)) {
    return damaged(path, "its newest flushes were cut off, their records are still there");
  }
  return new HoldfastError(
    "HF5007",
    `the store ${path} ends at flush ${last?.id ?? 0}, its anchor knows ${anchor.flushId}`,
    ACCEPT,
  );
}

export function isBackup(path: string): HoldfastError {
  return new HoldfastError(
    "HF5007",
    `the store ${path} is a backup; effects may have been done since it was made`,
    'Run `holdfast store accept --reason "..."`: it lists the operations that may have been ' +
      "done, and makes this the store to go on with.",
  );
}

function damaged(path: string, what: string, damage?: Damage): HoldfastError {
  const where = damage?.pos === undefined ? {} : { where: `${path}, record ${damage.pos}` };
  return new HoldfastError("HF5006", `the store ${path} is damaged: ${what}`, RESTORE, where);
}
