import { pathToFileURL } from "node:url";

/** Read as it is, without a log and without locks: nothing is made beside it. */
export function unchanging(path: string): string {
  const url = pathToFileURL(path);
  url.searchParams.set("immutable", "1");
  return url.href;
}
