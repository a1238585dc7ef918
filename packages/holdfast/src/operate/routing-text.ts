import type { RoutedHead } from "../core/journal.ts";

/** What a change of the routing rules was. Of those that were approved: who has proposed them and why, and who has approved. */
export function routedText({ version, proposed, approved, by, reason }: RoutedHead): string {
  const what = `routing rules, version ${String(version)}`;
  if (approved === undefined)
    return `${what}${proposed === undefined ? "" : ", proposed"}: ${reason}`;
  return `${what}: proposed by ${by}: ${reason}; approved by ${approved.by}: ${approved.reason}`;
}
