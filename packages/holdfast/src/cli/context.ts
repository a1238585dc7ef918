/** What every command has at hand, and what it gives back. */
import { HoldfastError } from "../core/error.ts";
import type { StoreCare, StoreReader } from "../operate/store-care.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Look } from "./show-lists.ts";
import type { Outside } from "./outside.ts";
import type { Terminal } from "./terminal.ts";

export interface Context {
  readonly outside: Outside;
  readonly terminal: Terminal;
  readonly store: StoreCare;
}

/** What a command found or did: one document for scripts, text for people. */
export interface Shown {
  /**
   * Code of the user's has run, or something was broken off: timers or connections may be left, and the
   * process does not wait for them.
   */
  readonly ranCode?: true;
  readonly document: unknown;
  /** In its place where `--json` is asked for: each a document on a line of its own. */
  readonly lines?: readonly unknown[];
  readonly text: (look: Look) => string;
  /** One line for people, beside the text; for scripts it is in the document. */
  readonly remark?: string;
  /** Default `ok`. */
  readonly exitCode?: ExitCode;
}

export type Work = (context: Context) => Promise<Shown>;

/** Runs `use` with a reader of the store, which is closed in any case. */
export async function withReader<T>(
  { store }: Context,
  use: (reader: StoreReader) => Promise<T>,
): Promise<T> {
  const reader = await store.openReader();
  try {
    return await use(reader);
  } finally {
    await reader.close();
  }
}

/** File that is taken where no store is named. */
const DEFAULT_FILE = "./holdfast.db";

/**
 * Which store is meant: `--store`, else HOLDFAST_STORE, else `./holdfast.db` if it is there.
 *
 * @throws {HoldfastError} HF4102 if none is.
 */
export function storeAddress(option: string | undefined, { env, hasFile }: Terminal): string {
  const named = option ?? env["HOLDFAST_STORE"];
  if (named !== undefined && named !== "") return named;
  if (hasFile(DEFAULT_FILE)) return `sqlite:${DEFAULT_FILE}`;
  throw badUse(
    `No store is named, and there is no ${DEFAULT_FILE} in this folder.`,
    "Add --store sqlite:PATH (or postgres://...), or set HOLDFAST_STORE, to what your app gives as its store.",
  );
}

/** Key ring and directory of payloads: the options, else HOLDFAST_KEY_RING and HOLDFAST_PAYLOAD_FILES. */
export function payloadAccess(
  options: { readonly keyRing?: string; readonly payloadFiles?: string },
  { env }: Terminal,
) {
  const given = (option: string | undefined, variable: string) => {
    const named = option ?? env[variable];
    return named === undefined || named === "" ? null : named;
  };
  return {
    keyRing: given(options.keyRing, "HOLDFAST_KEY_RING"),
    payloadFiles: given(options.payloadFiles, "HOLDFAST_PAYLOAD_FILES"),
  };
}

/** Each cell has a folder of its own for its payload files, as in the app. */
export function accessOfCell<Access extends { readonly payloadFiles: string | null }>(
  access: Access,
  name: string,
): Access {
  const { payloadFiles } = access;
  return payloadFiles === null ? access : { ...access, payloadFiles: `${payloadFiles}/${name}` };
}

/** The command line itself is not as it should be. */
export function badUse(message: string, remedy: string): HoldfastError {
  return new HoldfastError("HF4102", message, remedy);
}
