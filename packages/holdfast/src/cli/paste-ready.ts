/**
 * Commands that are printed work when they are pasted: those that say what to do next are written without
 * a store, so where one was named on the command line it is named in them too.
 */

import { quotedForShell } from "../operate/shell-word.ts";

/** As they were given on the command line; what the environment names holds for the next command as well. */
export interface NamedOptions {
  readonly store?: readonly string[];
  readonly cell?: string;
  readonly keyRing?: string;
  readonly payloadFiles?: string;
}

export interface PasteReady {
  readonly text: string;
  /** One line for people, if the commands need something that is not repeated; else null. */
  readonly remark: string | null;
}

/** @param commands - names of all there are: "holdfast" before any other word is prose. */
export function pasteReady(
  text: string,
  options: NamedOptions,
  commands: readonly string[],
): PasteReady {
  const words = wordsOf(options);
  if (words.length === 0) return { text, remark: null };
  // A list of commands is none, and one that names its store itself is whole.
  const command = new RegExp(
    `\\bholdfast(?=\\s+(?:${commands.join("|")})\\b(?! \\|)(?![^\\n]*--store))`,
    "gu",
  );
  if (!command.test(text)) return { text, remark: null };
  if (words.some(hasPassword)) return { text, remark: NOT_REPEATED };
  // As a function: a `$&` in a word is no pattern.
  return { text: text.replace(command, () => `holdfast ${words.join(" ")}`), remark: null };
}

const NOT_REPEATED =
  "The commands above need your --store as well. It has a password, so it is not repeated here: set HOLDFAST_STORE.";

function wordsOf({ store = [], cell, keyRing, payloadFiles }: NamedOptions): readonly string[] {
  const named = { "--cell": cell, "--key-ring": keyRing, "--payload-files": payloadFiles };
  const others = Object.entries(named).flatMap(([name, value]) =>
    value === undefined ? [] : [name, quotedForShell(value)],
  );
  return [...store.flatMap((address) => ["--store", quotedForShell(address)]), ...others];
}

/** In the address itself, or among its parameters, as that of a key as well. */
function hasPassword(word: string): boolean {
  return /\/\/[^/@]*:[^/@]*@|[?&]\w*password=/iu.test(word);
}
