/**
 * docs/reference/classification.md is what operators read, so it is made from the tables that
 * decide, and from the tests that produce their rows for real. After a change of either:
 * `npx vitest run classification-docs -u`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { ProtocolRow, ProtocolTable } from "../core/protocol-table.ts";
import { PROTOCOLS } from "../core/protocols/protocols.ts";
import type { StatusRange } from "../core/rule-match.ts";

const PAGE = "../../../../docs/reference/classification.md";

/** Folders of tests whose files are named `*-produced.test.ts`. */
const FOLDERS = ["packages/holdfast/src/connectors/produced", "tests/real"];
const ROOT = new URL("../../../../", import.meta.url);

const PREFIXES = new Set(
  PROTOCOLS.flatMap(({ table, signals }) => [table.prefix, signals?.prefix ?? ""]),
);

/** Rule id: the file that produces it. Such a file names a rule only to expect it of a real end. */
const PRODUCED: ReadonlyMap<string, string> = new Map(
  FOLDERS.flatMap((folder) =>
    readdirSync(new URL(folder, ROOT))
      .filter((name) => name.endsWith("-produced.test.ts"))
      .flatMap((name) => {
        const text = readFileSync(new URL(`${folder}/${name}`, ROOT), "utf8");
        const rules = text.matchAll(/"([\w-]+\/[\w-]+)"/gu);
        return [...rules]
          .filter(([, rule = ""]) => PREFIXES.has(rule.split("/")[0] ?? ""))
          .map(([, rule = ""]) => [rule, name.replace(".test.ts", "")] as const);
      }),
  ),
);

const HEAD = [
  "# How failures are classified",
  "",
  "Made from the tables in `packages/holdfast/src/core/protocols` and checked against them by a test. The",
  "classes and what follows from each are explained in [terms](terms.md#classes-and-what-follows). Stronger sources come first:",
  "an operator's rule, `classify` of the effect, `classify` of the integration, what the other system",
  "has said in so many words, these tables, the fallback. What a failure means, and what follows, is told by",
  "[`holdfast classify`](cli.md#holdfast-classify); the tables as data for other languages are the [vectors](vectors.md).",
  "",
  "**effect**: _never_, _maybe_, _partial_, _surely_, as the row says; _by phase_: never if nothing had left, maybe once",
  "something had, which is what the words of a table's phases tell. A proof counts for the attempt's only call.",
  "",
  '**echo**: "it is there already". Where an earlier attempt of the operation may have happened, it is presumed to be',
  "our own success, which is then looked up. If nothing of ours is found, it means what its row says.",
  "",
  "**seen in**: the test that produces the row with a real server, file or name; _stated_ where none does and the row rests",
  "on what is written where the column before says.",
  "",
];

test("the reference page says what the tables say", async () => {
  const tables = PROTOCOLS.flatMap(({ table, signals }) =>
    signals === undefined ? [table] : [signals, table],
  );
  const page = [...HEAD, ...summary(tables), ...tables.flatMap(section), ...END];
  await expect(page.join("\n")).toMatchFileSnapshot(PAGE);
});

test("what tests produce are rules that there are", () => {
  const rules = new Set(
    PROTOCOLS.flatMap(({ table, signals }) => [
      table,
      ...(signals === undefined ? [] : [signals]),
    ]).flatMap((table) => table.rows.flatMap((row) => rulesOf(table, row))),
  );
  expect([...PRODUCED.keys()].filter((rule) => !rules.has(rule))).toEqual([]);
});

const END = [
  "## What no rule knows",
  "",
  "An error that code has thrown and no connector is a **defect**. What a connector met and no table knows is",
  "**transient**, for two attempts at most where a repeat is harmless; its effect follows from how far it got. Both are",
  "marked as unclassified: say in `classify` of the effect or its integration what it means.",
  "",
];

function summary(tables: readonly ProtocolTable[]): string[] {
  const cells = tables.map((table) => {
    const seen = table.rows.filter((row) => seenIn(table, row) !== "stated").length;
    return [table.id, table.title, String(table.rows.length), String(seen)];
  });
  return [...markdown(["protocol", "", "rows", "seen"], cells), ""];
}

function section(table: ProtocolTable): string[] {
  const pick =
    table.pick === "first"
      ? "The first row that matches counts."
      : "The row that names most of the code counts, then the first.";
  return [
    `## ${table.title}`,
    "",
    `\`--protocol ${table.id}\`. Rules are named \`${table.prefix}/\` and the first column. ${pick}`,
    "",
    ...markdown(
      ["rule", "code", "when", "effect", "class", "scope", "written in", "seen in", "note"],
      table.rows.map((row) => cellsOf(table, row)),
    ),
    "",
    ...phases(table),
    ...conditions(table),
  ];
}

function phases(table: ProtocolTable): string[] {
  const known = Object.entries(table.phases);
  if (known.length < 2) return [];
  const cells = known.map(([word, { evidence, means }]) => {
    const unsent = evidence === "none" || evidence === "created";
    const proves = unsent ? "that nothing left" : evidence === "answered" ? "an answer" : "nothing";
    return [word, means, proves, word === table.phaseAssumed ? "if nobody says" : ""];
  });
  return [...markdown(["phase", "means", "proves", "taken"], cells), ""];
}

/** Those of the signals stand with the status, which has them all. */
function conditions(table: ProtocolTable): string[] {
  const known = Object.entries(table.conditions ?? {});
  if (known.length === 0 || table.id === "http-signal") return [];
  return [...markdown(["condition", "holds if"], known), ""];
}

function cellsOf(table: ProtocolTable, row: ProtocolRow): string[] {
  const { code = [], status = [] } = row.when;
  const codes = [...status.map(rangeText), ...code.map((each) => `\`${each}\``)];
  return [
    row.id.replace("$status", "_status_"),
    codes.join(" "),
    whenText(row),
    row.class === null ? "" : (row.effect ?? "").replace("-", " "),
    row.class ?? "no failure",
    row.class === null ? "" : (row.scope ?? ""),
    row.source,
    seenIn(table, row),
    [row.echo === true ? "echo" : "", row.isSlow === true ? "wait for minutes" : "", row.note ?? ""]
      .filter((part) => part !== "")
      .join("; "),
  ];
}

function whenText({ when }: ProtocolRow): string {
  return [
    ...(when.phase === undefined ? [] : [when.phase.join(" or ")]),
    ...(when.is ?? []),
    ...(when.attemptFrom === undefined ? [] : [`from attempt ${String(when.attemptFrom)} on`]),
  ].join(", ");
}

/** Ids that a row gives its rule: one for each status where it is named by it. */
function rulesOf(table: ProtocolTable, { id, when }: ProtocolRow): string[] {
  if (!id.includes("$status")) return [`${table.prefix}/${id}`];
  return (when.status ?? []).map(
    (status) => `${table.prefix}/${id.replace("$status", rangeText(status))}`,
  );
}

function seenIn(table: ProtocolTable, row: ProtocolRow): string {
  const tests = rulesOf(table, row).flatMap((rule) => PRODUCED.get(rule) ?? []);
  return tests.length === 0 ? "stated" : [...new Set(tests)].join(", ");
}

function rangeText(range: StatusRange): string {
  return typeof range === "number" ? String(range) : `${String(range[0])}-${String(range[1])}`;
}

/** A table as the formatter writes it, so that formatting leaves the page alone. */
function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const rule = line(head.map(() => "---"));
  return cells.flatMap((row, at) => (at === 0 ? [line(row), rule] : [line(row)]));
}

function line(row: readonly string[]): string {
  return `| ${row.join(" | ")} |`;
}
