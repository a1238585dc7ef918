/** Who has to act before a run can go on: the owners of its open exceptions, whoever owns its workflow. */
import type { ExceptionRow } from "../store/rows.ts";
import type { StoreReader } from "../store/store.ts";
import { PAGE_LIMIT_MAX } from "./paging.ts";

/** @param exceptions - open ones. Each owner once; no run waits for an exception that is beside it. */
export function exceptionOwnersOf(
  exceptions: readonly Pick<ExceptionRow, "owner" | "subject">[],
): readonly string[] {
  const open = exceptions.filter(({ subject }) => subject === null);
  return [...new Set(open.map(({ owner }) => owner))];
}

/** The same, of a run of which nothing has been read yet. */
export async function readExceptionOwners(
  reader: StoreReader,
  run: number,
): Promise<readonly string[]> {
  // By primary key; the limit bounds a page over runs, and of one run all open ones come.
  return exceptionOwnersOf(
    await reader.exceptions({ afterRun: run - 1, run, limit: PAGE_LIMIT_MAX }),
  );
}
