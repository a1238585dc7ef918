/** The figures as a table, with the ratios that the targets are about. */
import type { Figure } from "./figure.ts";
import { rounded } from "./figure.ts";
import { columns, judged, ratioTable, type Aim, type Ratio } from "./ratio.ts";

type Settings = Partial<Figure["settings"]>;

interface Target extends Aim {
  readonly ratio: (find: Find) => number;
}

type Find = (workload: string, metric: string, settings?: Settings) => number;

const AT_256 = { concurrency: 256 };
const LONG = { steps: 10_000 };

/** Source: the paragraph "Speed" of the issue that asked for the embedded store. */
const TARGETS: readonly Target[] = [
  {
    what: "throughput at 256 / raw-append-log",
    ratio: (find) =>
      find("throughput", "steps_per_s", AT_256) / find("raw-append-log", "steps_per_s", AT_256),
    unit: "",
    atLeast: 0.6,
  },
  {
    what: "effects / throughput at 256",
    ratio: (find) =>
      find("effects", "steps_per_s", AT_256) / find("throughput", "steps_per_s", AT_256),
    unit: "",
    atLeast: 0.5,
  },
  {
    what: "CPU per step / null store's",
    ratio: (find) =>
      find("throughput", "cpu_s_per_1000_steps", AT_256) /
      find("null-store", "cpu_s_per_1000_steps", AT_256),
    unit: "",
    atMost: 7,
  },
  {
    what: "step alone / raw-fdatasync (p50)",
    ratio: (find) => find("latency", "p50_ms") / find("raw-fdatasync", "p50_ms"),
    unit: "",
    atMost: 2,
  },
  {
    what: "effect alone / plain step (p50)",
    ratio: (find) => find("effect-latency", "p50_ms") / find("effect-latency", "plain_p50_ms"),
    unit: "",
    atMost: 1.15,
  },
  {
    what: "last hundredth of 10,000 / first",
    ratio: (find) =>
      find("growth", "last_hundredth_p50_ms", LONG) /
      find("growth", "first_hundredth_p50_ms", LONG),
    unit: "",
    atMost: 1.2,
  },
  // Source of the next seven: the paragraph "Must hold" of the issue about PostgreSQL.
  {
    what: "throughput at 256 / raw-unnest",
    ratio: (find) => find("throughput", "steps_per_s", AT_256) / find("raw-unnest", "steps_per_s"),
    unit: "",
    atLeast: 0.6,
  },
  {
    what: "throughput at 256 / raw-pgbench",
    ratio: (find) => find("throughput", "steps_per_s", AT_256) / find("raw-pgbench", "steps_per_s"),
    unit: "",
    atLeast: 4,
  },
  {
    what: "step alone / raw-pgbench at one client (p50)",
    ratio: (find) => find("latency", "p50_ms") / find("raw-pgbench", "p50_ms"),
    unit: "",
    atMost: 1.8,
  },
  {
    what: "statements a minute of an idle worker",
    ratio: (find) => find("idle", "statements_per_min"),
    unit: "",
    atMost: 90,
  },
  {
    what: "share of a core of an idle worker",
    ratio: (find) => find("idle", "cpu_percent"),
    unit: " %",
    atMost: 0.5,
  },
  {
    what: "start from another process, with the hint (p50)",
    ratio: (find) => find("start-latency", "p50_ms", { hint: true }),
    unit: " ms",
    atMost: 10,
  },
  {
    what: "all runs of a killed worker at work elsewhere",
    ratio: (find) => find("take-over", "max_ms"),
    unit: " ms",
    atMost: 5000,
  },
  {
    what: "throughput of all cells / one of them alone",
    ratio: (find) => find("cells", "steps_per_s") / find("one-of-cells", "steps_per_s"),
    unit: "",
  },
  {
    what: "throughput of all workers of a store / one alone",
    ratio: (find) => find("workers", "steps_per_s") / find("one-of-workers", "steps_per_s"),
    unit: "",
  },
  {
    what: "heap per suspended run",
    ratio: (find) => find("sleepers", "heap_bytes_per_run"),
    unit: " B",
    atMost: 16,
  },
  {
    what: "recovery / plain read",
    ratio: (find) => find("recovery", "all_s") / find("raw-read", "read_s"),
    unit: "",
    atMost: 5,
  },
  {
    what: "first run at work / all at work",
    ratio: (find) => find("recovery", "first_s") / find("recovery", "all_s"),
    unit: "",
    atMost: 0.05,
  },
];

/** Every target whose figures were measured. */
export function ratiosOf(figures: readonly Figure[]): Ratio[] {
  const find: Find = (workload, metric, settings = {}) =>
    figures.find(
      (figure) =>
        figure.workload === workload && figure.metric === metric && fits(figure, settings),
    )?.value ?? Number.NaN;
  return TARGETS.map((target) => judged(target, target.ratio(find))).filter(
    (ratio) => ratio !== null,
  );
}

/** The readable form: every figure, then every ratio. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.workload,
    figure.metric,
    String(rounded(figure.value)),
    figure.unit,
    Object.entries(figure.settings)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(" "),
  ]);
  const ratios = ratioTable(ratiosOf(figures));
  return [
    columns([["workload", "metric", "value", "unit", "settings"], ...rows]),
    ...(ratios.length === 0 ? [] : ["", columns(ratios)]),
  ].join("\n");
}

function fits(figure: Figure, settings: Settings): boolean {
  return Object.entries(settings).every(([name, value]) => figure.settings[name] === value);
}
