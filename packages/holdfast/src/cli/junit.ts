/** A report as JUnit XML, as build servers read it. */
import { markup } from "./markup.ts";
import { visible } from "./safe-text.ts";

export interface JunitCase {
  /** `classname`: what it is grouped by. */
  readonly group: string;
  readonly name: string;
  /** None: it has passed. */
  readonly failures: readonly { readonly message: string; readonly text: string }[];
  /** Why it is known not to hold, where nothing else of it fails. */
  readonly known?: string;
}

export interface JunitSuite {
  readonly name: string;
  readonly cases: readonly JunitCase[];
}

export function junitText(suites: readonly JunitSuite[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.map(suiteText).join("")}</testsuites>\n`;
}

function suiteText({ name, cases }: JunitSuite): string {
  const failed = cases.filter(({ failures }) => failures.length > 0).length;
  const skipped = cases.filter(isSkipped).length;
  const counts = `tests="${String(cases.length)}" failures="${String(failed)}" skipped="${String(skipped)}"`;
  return `  <testsuite name="${escaped(name)}" ${counts}>\n${cases.map(caseText).join("")}  </testsuite>\n`;
}

/** What build servers show beside the failures, with its reason. */
function isSkipped({ failures, known }: JunitCase): boolean {
  return failures.length === 0 && known !== undefined;
}

function caseText(one: JunitCase): string {
  const { group, name, failures, known = "" } = one;
  const open = `    <testcase classname="${escaped(group)}" name="${escaped(name)}"`;
  if (isSkipped(one))
    return `${open}>\n      <skipped message="${escaped(known)}"/>\n    </testcase>\n`;
  if (failures.length === 0) return `${open}/>\n`;
  const lines = failures.map(
    ({ message, text }) =>
      `      <failure message="${escaped(message)}">${escaped(text)}</failure>\n`,
  );
  return `${open}>\n${lines.join("")}    </testcase>\n`;
}

/** XML has no place for controls and lone surrogates. */
function escaped(text: string): string {
  return markup(visible(text));
}
