/** Which store is meant, or which cells: `--store`, HOLDFAST_STORE, `--cell`. */
import { badUse, storeAddress } from "./context.ts";
import type { Terminal } from "./terminal.ts";

export interface NamedAddress {
  readonly name: string;
  readonly address: string;
}

export type StoreNames =
  | { readonly kind: "one"; readonly address: string }
  /** `only`: the one that is looked at; null: all together. */
  | {
      readonly kind: "cells";
      readonly stores: readonly NamedAddress[];
      readonly only: string | null;
    };

interface StoreOptions {
  readonly store?: readonly string[];
  readonly cell?: string;
}

const NAMED = /^([a-z][a-z0-9-]{0,31})=(.+)$/su;

/** For an option that may be given several times. */
export function collected(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** @throws {HoldfastError} HF4102 if none is named, or two in a form that fits one only. */
export function storeNames({ store, cell }: StoreOptions, terminal: Terminal): StoreNames {
  const texts = store ?? fromEnvironment(terminal);
  const named = texts.map(namedAddress);
  const stores = named.filter((one) => one !== null);
  if (stores.length === 0) {
    if (texts.length > 1) throw unnamed(texts.length);
    if (cell !== undefined) throw noCells(cell);
    return { kind: "one", address: storeAddress(texts[0], terminal) };
  }
  if (stores.length < texts.length) throw unnamed(texts.length);
  const names = stores.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw badUse(`Two stores are named ${twice}.`, "Give each cell a name of its own.");
  if (cell !== undefined && !names.includes(cell)) {
    throw badUse(
      `--cell ${JSON.stringify(cell)} is none of the stores that are named.`,
      `Choose from: ${names.join(", ")}.`,
    );
  }
  return { kind: "cells", stores, only: cell ?? null };
}

/** Null for an address without a name. */
export function namedAddress(text: string): NamedAddress | null {
  const [, name, address] = NAMED.exec(text) ?? [];
  return name === undefined || address === undefined ? null : { name, address };
}

/** Several are separated by spaces; the path of a single one may have some itself. */
function fromEnvironment({ env }: Terminal): readonly string[] {
  const text = env["HOLDFAST_STORE"] ?? "";
  const parts = text.trim().split(/\s+/u);
  return parts.every((part) => namedAddress(part) !== null) ? parts : [];
}

function unnamed(count: number): Error {
  return badUse(
    `${String(count)} stores are given, and not all of them have a name.`,
    "Several stores are cells: --store NAME=ADDRESS for each.",
  );
}

function noCells(cell: string): Error {
  return badUse(
    `--cell ${JSON.stringify(cell)} is given, and no cells are named.`,
    "Name them: --store NAME=ADDRESS for each. Leave --cell out for a single store.",
  );
}
