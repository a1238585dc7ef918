/** What the definitions of a build leave to chance. Pure. */
import { OWNER_DEFAULT } from "../exception-policy.ts";
import type { RepeatKind } from "../contract.ts";
import { type Finding, warned, well } from "./finding.ts";
import { countText } from "./sizes.ts";

export interface BuildReading {
  readonly workflows: readonly { readonly name: string; readonly hasRetention: boolean }[];
  readonly effects: readonly { readonly name: string; readonly repeat: RepeatKind }[];
  readonly version: string | null;
  readonly owner: string | null;
  readonly hasRetention: boolean;
}

export function buildFindings(build: BuildReading): readonly Finding[] {
  return [version(build), effects(build), once(build), owner(build), kept(build)];
}

function version({ version: name }: BuildReading): Finding {
  if (name !== null) return well("version", name);
  return warned("version", "the build has no version: no deployment can be told from the next", {
    fix: 'Give one: version: "2026-08-01.3", or versionOf(...), which makes it of your files.',
  });
}

function effects({ effects: all }: BuildReading): Finding {
  if (all.length > 0)
    return well("effects", `${countText(all.length, "effect is", "effects are")} named`);
  return warned(
    "effects",
    "the build names no effects: a run whose code no longer fits cannot be undone by them",
    {
      fix: "Name them: effects: [chargeCard, ...].",
      code: "HF3004",
    },
  );
}

function once({ effects: all }: BuildReading): Finding {
  const names = all.filter(({ repeat }) => repeat === "once").map(({ name }) => name);
  if (names.length === 0) return well("once", "no effect that is named is once");
  return warned(
    "once",
    `${names.join(", ")} ${names.length === 1 ? "is" : "are"} once: each answer that is lost is a question to a person`,
    {
      fix: "Where the other system drops repeats of a key, declare it keyed; where it can be looked up, probeable.",
    },
  );
}

function owner({ owner: name }: BuildReading): Finding {
  if (name !== null) return well("app-owner", name);
  return warned(
    "app-owner",
    `the build names no owner: what belongs to no run goes to "${OWNER_DEFAULT}"`,
    {
      fix: 'Name a team that looks: owner: "team-shop".',
    },
  );
}

function kept({ hasRetention, workflows }: BuildReading): Finding {
  const without = workflows.filter((one) => !one.hasRetention).map(({ name }) => name);
  if (hasRetention || without.length === 0) return well("kept", "retention is declared");
  return warned(
    "kept",
    `no retention is declared for ${without.join(", ")}: what failed is kept for ever, and so are keys`,
    {
      fix: 'Say how long: retention: { completed: "90d", failed: "730d", keys: "400d" }; what may leave goes with: holdfast archive --older-than 90d --to FILE',
    },
  );
}
