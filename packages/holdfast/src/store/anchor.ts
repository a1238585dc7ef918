/**
 * The anchor: the newest seals, kept in a second place. The chain inside the database shows that
 * nothing below its head was changed; it cannot show that its head was cut off, or that the whole
 * file is an older copy. The anchor can, down to when it was last written.
 *
 * It proves that no chain was cut or forked below its head, not the order between chains.
 */
import { existsSync } from "node:fs";
import { HoldfastError } from "../core/error.ts";
import { readOwnFile } from "./own-files.ts";

interface AnchoredHead {
  readonly incarnation: number;
  /** Number of the flush within its chain. */
  readonly flush: number;
  /** Hex. */
  readonly seal: string;
}

export interface Anchor {
  readonly storeId: string;
  /** Row id of the newest flush, over all chains; 0 if there was none. */
  readonly flushId: number;
  /** Position of the newest record. */
  readonly position: number;
  /** Newest flush of each chain that no later engine has closed, by incarnation. */
  readonly heads: readonly AnchoredHead[];
  /** True beside a copy: since it was made, the original may have done more. */
  readonly isBackup: boolean;
}

export function anchorPath(path: string): string {
  return `${path}.anchor`;
}

/** The anchor beside the store at `path`; see `readAnchorFile`. */
export function readAnchor(path: string): Anchor | null {
  return readAnchorFile(anchorPath(path));
}

/**
 * Null if there is none.
 *
 * @throws {HoldfastError} HF5006 if the file is there and is not an anchor.
 */
export function readAnchorFile(file: string): Anchor | null {
  if (!existsSync(file)) return null;
  const anchor = parseAnchor(readOwnFile(file, "the anchor file", "HF5006").toString("utf8"));
  if (anchor !== null) return anchor;
  throw new HoldfastError(
    "HF5006",
    `the anchor file ${file} is damaged`,
    "Check the store with `holdfast store verify`. If it is sound, remove the anchor file: the " +
      "next start checks everything once and writes a new one.",
  );
}

export function anchorText(anchor: Anchor): string {
  return `${JSON.stringify({ holdfast: "anchor", version: 1, ...anchor }, null, 2)}\n`;
}

function parseAnchor(text: string): Anchor | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (!isObject(value) || value["holdfast"] !== "anchor" || value["version"] !== 1) return null;
  const { storeId, flushId, position, heads, isBackup } = value;
  if (
    typeof isBackup !== "boolean" ||
    typeof storeId !== "string" ||
    !isCount(flushId) ||
    !isCount(position)
  )
    return null;
  if (!Array.isArray(heads) || !heads.every(isHead)) return null;
  return { storeId, flushId, position, heads, isBackup };
}

function isHead(value: unknown): value is AnchoredHead {
  return (
    isObject(value) &&
    isCount(value["incarnation"]) &&
    isCount(value["flush"]) &&
    typeof value["seal"] === "string"
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
