/** Which exceptions are meant, as people say it and as the store is asked for them. */
import type { FailureClass } from "../core/failure.ts";
import { HoldfastError } from "../core/error.ts";
import { levelOf } from "../core/fingerprint.ts";
import type { ExceptionQuery, Group, Page, StoreReader } from "../store/store.ts";
import { quoted } from "./find-run.ts";

export interface WantedExceptions {
  /** Also closed ones. */
  readonly all?: boolean;
  readonly class?: FailureClass;
  readonly owner?: string;
  readonly workflow?: string;
  /** A group of any level, with those that are shown with it. */
  readonly issue?: string;
  readonly tag?: string;
  /** Null: of nobody in particular. */
  readonly assignee?: string | null;
  readonly watcher?: string;
  /** Id of the exception that they are duplicates of. */
  readonly duplicateOf?: string;
  /** Only those that were due before this time, or before their own came to a stand. */
  readonly dueBeforeMs?: number;
  /** Only what is left of undoings: those that have failed, and effects that stay. */
  readonly compensation?: boolean;
}

/** @throws {HoldfastError} HF6001 for an issue that there is not. */
export async function exceptionQuery(
  reader: StoreReader,
  wanted: WantedExceptions,
): Promise<Omit<ExceptionQuery, keyof Page>> {
  const { issue, compensation, class: failureClass, ...named } = wanted;
  const { all, owner, workflow, tag, assignee, watcher, duplicateOf, dueBeforeMs } = named;
  return {
    ...(all === undefined ? {} : { all }),
    ...(failureClass === undefined ? {} : { class: failureClass }),
    ...(owner === undefined ? {} : { owner }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(tag === undefined ? {} : { tag }),
    ...(assignee === undefined ? {} : { assignee }),
    ...(watcher === undefined ? {} : { watcher }),
    ...(duplicateOf === undefined ? {} : { duplicateOf }),
    ...(issue === undefined ? {} : { groups: await groupsOfIssue(reader, issue) }),
    ...(dueBeforeMs === undefined ? {} : { dueBeforeMs }),
    ...(compensation === true ? { isOfUndoing: true } : {}),
  };
}

async function groupsOfIssue(reader: StoreReader, issue: string): Promise<readonly Group[]> {
  const level = levelOf(issue);
  if (level === null || (await reader.issue(issue)) === null) throw noIssue(issue);
  const merged = (await reader.issueOverlays()).flatMap(({ fingerprint, overlay }) => {
    const levelOfPart = levelOf(fingerprint);
    if (overlay.mergedInto !== issue || levelOfPart === null) return [];
    return [{ level: levelOfPart, fingerprint }];
  });
  return [{ level, fingerprint: issue }, ...merged];
}

export function noIssue(id: string): HoldfastError {
  return new HoldfastError(
    "HF6001",
    `There is no group ${quoted(id)} in this store.`,
    "List them with: holdfast issues --all. Check that --store names the store of the right app.",
  );
}
