/** Failures that no rule knows, by what they have in common, each with a rule that somebody may finish. */
import type { RuleText } from "../core/classification-rule.ts";
import { messageTemplate } from "../core/fingerprint.ts";
import { withoutRules } from "../core/rule-book.ts";
import { formatRunId } from "../core/run-number.ts";
import type { StoreReader } from "../store/store.ts";
import { scanFailures, type PastFailure } from "./scan-failures.ts";

const DAY_MS = 86_400_000;
/** Groups that are kept while looking, and shown. */
const GROUPS_MAX = 200;

interface UnclassifiedGroup {
  readonly integration: string;
  readonly reasonCode: string;
  readonly status: number | null;
  readonly code: string | null;
  /** Without what differs from case to case. */
  readonly message: string;
  readonly count: number;
  readonly lastAt: string;
  /** A run that has met it. */
  readonly run: string;
  /** To be added as a draft; its class is a stand-in that asks a person. */
  readonly draft: RuleText;
}

export interface UnclassifiedPage {
  readonly days: number;
  readonly groups: readonly UnclassifiedGroup[];
  /** True if the store holds more runs, or there are more groups. */
  readonly isPart: boolean;
}

/** Those first that were met most. */
export async function listUnclassified(
  reader: StoreReader,
  { days, nowMs }: { readonly days: number; readonly nowMs: number },
): Promise<UnclassifiedPage> {
  const groups = new Map<string, UnclassifiedGroup>();
  let isFull = false;
  const scanned = await scanFailures(reader, nowMs - days * DAY_MS, (past) => {
    if (past.failure.unclassified !== true) return;
    const key = keyOf(past);
    const known = groups.get(key);
    if (known !== undefined) {
      const at = new Date(past.atMs).toISOString();
      const lastAt = at > known.lastAt ? at : known.lastAt;
      groups.set(key, { ...known, count: known.count + 1, lastAt });
    } else if (groups.size < GROUPS_MAX) groups.set(key, groupOf(past));
    else isFull = true;
  });
  const listed = [...groups.values()].toSorted((a, b) => b.count - a.count);
  return { days, groups: withOwnIds(listed), isPart: scanned.isPart || isFull };
}

function keyOf({ failure, subject }: PastFailure): string {
  const { status = null, code = null } = failure.evidence;
  const template = code === null ? messageTemplate(failure.message) : "";
  return JSON.stringify([subject.integration, failure.reasonCode, status, code, template]);
}

function groupOf({ run, atMs, failure, subject }: PastFailure): UnclassifiedGroup {
  const base = withoutRules(failure);
  const { status = null, code = null } = base.evidence;
  const { integration } = subject;
  return {
    integration,
    reasonCode: base.reasonCode,
    status,
    code,
    message: messageTemplate(base.message),
    count: 1,
    lastAt: new Date(atMs).toISOString(),
    run: formatRunId(run),
    draft: {
      id: idOf(integration, code ?? base.reasonCode),
      order: 100,
      when: {
        integration: [integration],
        reason: [base.reasonCode],
        ...(status === null ? {} : { status: [status] }),
        ...(code === null ? {} : { code: [code] }),
        unclassified: true,
      },
      // Hands it to a person: until somebody has said what it is, nothing is done again by itself.
      decide: { class: "data" },
    },
  };
}

function idOf(integration: string, what: string): string {
  const words = `${integration}-${what}`.toLowerCase().replaceAll(/[^a-z0-9]+/gu, "-");
  return `teach-${words.replaceAll(/^-+|-+$/gu, "").slice(0, 45)}`;
}

function withOwnIds(groups: readonly UnclassifiedGroup[]): readonly UnclassifiedGroup[] {
  const seen = new Map<string, number>();
  return groups.map((group) => {
    const { id } = group.draft;
    const count = (seen.get(id) ?? 0) + 1;
    seen.set(id, count);
    return count === 1
      ? group
      : { ...group, draft: { ...group.draft, id: `${id}-${String(count)}` } };
  });
}
