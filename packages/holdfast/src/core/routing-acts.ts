/**
 * How routing rules come into force: one person proposes them, with what they would have done to the
 * exceptions that there were, and another approves what was proposed. Source: failure model 4.5.
 */
import { durationText } from "./duration.ts";
import { HoldfastError } from "./error.ts";
import type { RoutedHead } from "./journal.ts";
import { isSamePerson } from "./person.ts";
import type { RoutingRule, RoutingTried, RoutingVersion } from "./routing.ts";

/** What was seen is not what would happen now any more. Source: failure model 4.5, maker and checker. */
const PROPOSAL_MS_MAX = 24 * 3_600_000;

/** True for rules that somebody has proposed and that may still be approved. */
export function isOpenProposal(
  { proposed, atMs }: Pick<RoutingVersion, "proposed" | "atMs">,
  nowMs: number,
): boolean {
  return proposed !== undefined && nowMs - atMs <= PROPOSAL_MS_MAX;
}

interface Asked {
  /** The version that was seen; 0 for none. */
  readonly version: number;
  readonly rules: readonly RoutingRule[];
  /** Of a proposal; null where the rules that were proposed are approved. */
  readonly tried: RoutingTried | null;
}

interface Doing {
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
}

/**
 * The next version; null if that is in place already, by the same person.
 *
 * @throws {HoldfastError} HF6002 (this person may not), HF6003 (it does not fit what stands now).
 */
export function nextRouting(
  current: RoutingVersion | null,
  asked: Asked,
  doing: Doing,
): RoutedHead | null {
  if (isInPlace(current, asked, doing)) return null;
  if ((current?.version ?? 0) !== asked.version) throw setMeanwhile(current, asked.version);
  const { by, reason, atMs } = doing;
  const version = asked.version + 1;
  if (asked.tried !== null) {
    const { rules, tried } = asked;
    return { version, rules: current?.rules ?? [], by, reason, proposed: { rules, ...tried } };
  }
  const { by: author, reason: why, proposed } = proposalOf(current, asked.rules, atMs);
  if (isSamePerson(by, author)) throw ownProposal(by, asked.version);
  return { version, rules: proposed.rules, by: author, reason: why, approved: { by, reason } };
}

/** It was taken before, in an earlier life. */
function isInPlace(
  current: RoutingVersion | null,
  { version, rules, tried }: Asked,
  { by }: Doing,
) {
  if (current?.version !== version + 1) return false;
  return tried === null
    ? current.approved?.by === by && isSame(current.rules, rules)
    : current.by === by && current.proposed !== undefined && isSame(current.proposed.rules, rules);
}

function proposalOf(current: RoutingVersion | null, seen: readonly RoutingRule[], nowMs: number) {
  const proposed = current?.proposed;
  if (current === null || proposed === undefined || !isSame(proposed.rules, seen))
    throw unfit("Nothing like that is proposed as routing rules.");
  const ageMs = nowMs - current.atMs;
  if (ageMs <= PROPOSAL_MS_MAX) return { ...current, proposed };
  throw unfit(`These routing rules were proposed ${durationText(ageMs)} ago, which is too long.`);
}

function isSame(left: readonly RoutingRule[], right: readonly RoutingRule[]): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function setMeanwhile(current: RoutingVersion | null, version: number): HoldfastError {
  const now = String(current?.version ?? 0);
  return unfit(
    `The routing rules are at version ${now}, and these were made for version ${String(version)}: somebody has set others meanwhile.`,
  );
}

function ownProposal(by: string, version: number): HoldfastError {
  return new HoldfastError(
    "HF6002",
    `${by} has proposed these routing rules and may not put them in force: another person has to look at them first. Nothing was changed.`,
    `Have somebody else look at: holdfast routing show; and give: holdfast routing approve ${String(version)} --by NAME --reason "..."`,
  );
}

function unfit(message: string): HoldfastError {
  return new HoldfastError(
    "HF6003",
    `${message} Nothing was changed.`,
    "Look at them with: holdfast routing show. Then set yours again.",
  );
}
