/** What the timeline says of results of local work, and of versions of the code. Part of timeline.ts. */
import type { CodeHead, ResultHead } from "../core/journal.ts";
import { scopeText } from "./scope-text.ts";

export function resultSaid(head: ResultHead): { readonly what: string } {
  const { scope, threw, since, now } = head;
  if (scope !== undefined) return { what: scopeText(head) };
  if (threw !== undefined) return { what: `local work threw ${threw.name}: ${threw.message}` };
  if (since === undefined) return { what: now === true ? "time taken" : "local work done" };
  return {
    what: since.isNew
      ? `takes the path that ${since.version} has brought`
      : `stays on the path from before ${since.version}`,
  };
}

export function codeSaid({ version, from }: CodeHead): { readonly what: string } {
  return {
    what: `its history fits the code of version ${version}, which goes on with it (before: ${from})`,
  };
}
