/** Ours beside the rivals': one table for each workload, then the ratios that were asked for. */
import { rounded, type Figure } from "../figure.ts";
import { columns, judged, ratioTable, type Ratio } from "../ratio.ts";
import { nameOf, peerWorkloads } from "./measure-peers.ts";
import { UNITS, type Metric } from "./reading.ts";
import { GROUPS, LEFT_OUT, PRODUCTS, type Group } from "./rivals.ts";

const OURS = "holdfast";
/** Source: the issue that asked for the comparison; both against the best of the rivals. */
const CPU_SHARE_MAX = 0.1;
const P50_SHARE_MAX = 0.25;

/** Every ratio whose figures were measured. */
export function peersRatios(figures: readonly Figure[]): Ratio[] {
  return GROUPS.flatMap((group) => [
    ...speedRatios(figures, group),
    againstBest(figures, group, nameOf(group, "throughput"), "cpu_s_per_1000_steps", CPU_SHARE_MAX),
    againstBest(figures, group, nameOf(group, "latency"), "p50_ms", P50_SHARE_MAX),
    againstBest(figures, group, nameOf(group, "latency"), "last_step_p50_ms"),
  ]).filter((ratio) => ratio !== null);
}

export function peersTable(figures: readonly Figure[]): string {
  const tables = peerWorkloads()
    .map((workload) => figures.filter((figure) => figure.workload === workload))
    .filter((found) => found.length > 0)
    .map(matrix);
  const ratios = ratioTable(peersRatios(figures));
  return [
    ...tables,
    ...(ratios.length === 0 ? [] : [columns(ratios)]),
    ...LEFT_OUT.map((line) => `left out: ${line}`),
  ].join("\n\n");
}

function speedRatios(figures: readonly Figure[], group: Group): (Ratio | null)[] {
  const workload = nameOf(group, "throughput");
  const ours = valueOf(figures, workload, "steps_per_s", OURS);
  return rivalsIn(group).map(({ name, timesMin }) => {
    const theirs = valueOf(figures, workload, "steps_per_s", name);
    const what = `${group}: steps/s / ${name}'s`;
    return judged({ what, unit: "", atLeast: timesMin ?? 0 }, ours / theirs);
  });
}

/** Ours over the lowest of the rivals'. */
function againstBest(
  figures: readonly Figure[],
  group: Group,
  workload: string,
  metric: Metric,
  atMost?: number,
): Ratio | null {
  const theirs = rivalsIn(group)
    .map(({ name }) => ({ name, value: valueOf(figures, workload, metric, name) }))
    .filter(({ value }) => !Number.isNaN(value))
    .toSorted((left, right) => left.value - right.value);
  const [best] = theirs;
  if (best === undefined) return null;
  const what = `${group}: ${metric} / best rival's (${best.name})`;
  const bound = atMost === undefined ? {} : { atMost };
  return judged(
    { what, unit: "", ...bound },
    valueOf(figures, workload, metric, OURS) / best.value,
  );
}

function rivalsIn(group: Group) {
  return PRODUCTS.filter((product) => product.group === group && product.name !== OURS);
}

function valueOf(figures: readonly Figure[], workload: string, metric: Metric, peer: string) {
  const found = figures.find(
    (figure) =>
      figure.workload === workload && figure.metric === metric && figure.settings["peer"] === peer,
  );
  return found?.value ?? Number.NaN;
}

/** A row for each product, a column for each metric; the spread of the slices in brackets. */
function matrix(figures: readonly Figure[]): string {
  const peers = [...new Set(figures.map((figure) => String(figure.settings["peer"])))];
  // The keys of an object literal: `Object.keys` does not know their type.
  const metrics = (Object.keys(UNITS) as Metric[]).filter((metric) =>
    figures.some((figure) => figure.metric === metric),
  );
  const cell = (peer: string, metric: Metric) => {
    const found = figures.find(
      (figure) => figure.settings["peer"] === peer && figure.metric === metric,
    );
    if (found === undefined) return "-";
    const { lowest, highest } = found.settings;
    return `${rounded(found.value)} (${rounded(Number(lowest))}..${rounded(Number(highest))})`;
  };
  const rows = peers.map((peer) => [peer, ...metrics.map((metric) => cell(peer, metric))]);
  return columns([[figures[0]?.workload ?? "", ...metrics], ...rows]);
}
