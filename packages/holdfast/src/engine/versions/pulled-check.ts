/** Holds the history of a pulled run against code: nothing is executed, and no store is needed. */
import { formatRunId } from "../../core/run-number.ts";
import type { HoldfastError } from "../../core/error.ts";
import { PULLED_KEY, type PulledHeader, type PulledRun } from "../../core/pulled/pulled-run.ts";
import type { PulledMisfit } from "../../core/pulled/verdict.ts";
import type { DeclarationRow, RunRow, StoredRun } from "../../store/rows.ts";
import type { AnyEffect } from "../../workflow/effect.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { EngineLimits } from "../limits.ts";
import { systemClock, systemRandom } from "../clock.ts";
import { FitCheck } from "./fit-check.ts";
import { DerivedInHistory } from "./derived-in-history.ts";

/** How often the code is run for one history: each time but the last finds a derived value at least. */
const ROUNDS_MAX = 1_000;

export interface CheckedCode {
  readonly workflows: readonly AnyWorkflow[];
  readonly effects?: readonly AnyEffect[];
  /** As an app has it. Default "1". */
  readonly version?: string;
  readonly limits?: Partial<EngineLimits>;
}

/** Null if the code fits. */
export async function pulledMisfit(
  { header, row, records }: PulledRun,
  code: CheckedCode,
): Promise<PulledMisfit | null> {
  const derived = new DerivedInHistory(Buffer.from(PULLED_KEY));
  // `holdfast pull` wrote a row, and the digest of the file says that it is what was written.
  const stored: StoredRun = { row: row as unknown as RunRow, records };
  let misfit: HoldfastError | null = null;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    derived.beginAgain();
    misfit = await misfitOf(stored, header, code, derived);
    if (derived.learned === 0) break;
  }
  return misfit === null ? null : toldIn(header, stored.row, misfit);
}

async function misfitOf(
  stored: StoredRun,
  header: PulledHeader,
  { workflows, effects = [], version = "1", limits = {} }: CheckedCode,
  derived: DerivedInHistory,
): Promise<HoldfastError | null> {
  const check = new FitCheck({
    storeId: header.storeId,
    secret: Buffer.from(PULLED_KEY),
    pulled: {
      digests: derived,
      isSame: (recorded, asked, sensitive) => derived.isSame(recorded, asked, sensitive),
    },
    declarations: () => Promise.resolve(header.versions.map(versionRow)),
    workflows,
    effects,
    version,
    limits,
    clock: systemClock,
    random: systemRandom,
  });
  await check.begin();
  return await check.misfitOf(stored);
}

function versionRow({ name, atMs }: PulledHeader["versions"][number]): DeclarationRow {
  return { definition: "version", name, sensitive: [], decision: null, atMs };
}

function toldIn(header: PulledHeader, row: RunRow, misfit: HoldfastError): PulledMisfit {
  const { code, message } = misfit;
  if (code !== "HF2104") return { code, message, remedy: misfit.remedy };
  const fakes =
    header.fakes === 0
      ? ""
      : ` ${String(header.fakes)} values of the file are fakes, for what is sensitive: code that computes from such a value, or decides by it, comes to something else.`;
  const remedy = `Runs that have done what ${formatRunId(row.run)} has would be held by this code: keep their path with run.since, or mend the code. If the change is meant and no such run is left, pull another run.${fakes}`;
  return { code, message, remedy };
}
