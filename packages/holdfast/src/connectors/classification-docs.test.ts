/**
 * docs/reference/classification.md is what operators read, so it is made from the tables that
 * decide. After a change of a table: `npx vitest run classification-docs -u`.
 */
import { expect, test } from "vitest";
import { HTTP_STATUSES, STATUS_CONDITIONS, type StatusRow } from "./http/http-status.ts";
import { NODE_CODES, type Meaning, type NodeCodeRow } from "./http/node-codes.ts";
import { SMTP_REPLIES } from "./mail/smtp-replies.ts";
import { SQLITE_RESULTS, SQL_STATES, type SqlStateRow } from "./sql/sql-states.ts";

const PAGE = "../../../../docs/reference/classification.md";

test("the reference page says what the tables say", async () => {
  const page = [
    "# How failures are classified",
    "",
    "Made from the tables in `packages/holdfast/src/connectors` and checked against them by a test. The",
    "classes and what follows from each are explained in [terms](terms.md#classes-and-what-follows). Stronger sources come first:",
    "an operator's rule, `classify` of the effect, `classify` of the integration, what the other system",
    "has said in so many words, these tables.",
    "",
    "## Errors without an answer",
    "",
    "The effect follows from how far the call got, never from the code: **never** if nothing was handed to",
    "a socket and the attempt made no other call, **maybe** once something was sent, and after the head of",
    "an answer what its status proves. The rule's id is `node/` and the first column.",
    "",
    ...table(
      ["rule", "codes", "where", "not sent: class, scope", "sent: class, scope", "note"],
      NODE_CODES.map(nodeCells),
    ),
    "",
    "P1 resolve, P2 connect, P3 TLS or proxy, P4 wait for a connection, P5 send, P6 wait for the head, P7 body.",
    "",
    "## HTTP: what the other system has said in so many words",
    "",
    "It decides the class; the effect stays what the status proves. The rule's id is `http-signal/` and the",
    "condition.",
    "",
    ...table(
      ["status", "condition", "class", "scope", "note"],
      rowsOf("signal").map((row) => [
        statusText(row.statuses),
        row.when ?? "",
        row.class ?? "",
        row.scope ?? "",
        row.note ?? "",
      ]),
    ),
    "",
    "## HTTP: what the status means",
    "",
    "For a write; a read may always be repeated. The first row that matches counts. The rule's id is",
    "`http-status/`, the status and the condition. _echo_: on a later attempt it is presumed to be our own",
    "earlier success, which is then looked up.",
    "",
    ...table(
      ["status", "condition", "effect", "class", "scope", "echo", "note"],
      rowsOf("table").map((row) => [
        statusText(row.statuses),
        row.when ?? "",
        row.effect ?? "",
        row.class ?? "no failure",
        row.class === null ? "" : (row.scope ?? ""),
        row.echo === true ? "echo" : "",
        row.note ?? "",
      ]),
    ),
    "",
    "### Conditions",
    "",
    ...table(
      ["condition", "holds if"],
      Object.entries(STATUS_CONDITIONS).map(([name, meaning]) => [name, meaning]),
    ),
    "",
    "## Mail: what a reply means",
    "",
    "A refusal proves that the message was not taken: effect **never**, or **partial** if other recipients",
    "were accepted. Whatever ends without a reply is **never** until the server has asked for the content",
    "and **maybe** from then on (`smtp/reply-lost`, class ambiguous). _slow_: stay away for minutes. The",
    "rule's id is `smtp/` and the first column.",
    "",
    ...table(
      ["rule", "codes", "enhanced", "stages", "class", "scope", "slow", "note"],
      SMTP_REPLIES.map((row) => [
        row.id,
        statusText(row.codes),
        row.enhanced ?? "",
        row.stages?.join(", ") ?? "",
        row.class,
        row.scope,
        row.isSlow === true ? "slow" : "",
        row.note ?? "",
      ]),
    ),
    "",
    "## Databases: what a refusal means",
    "",
    "Of `run.transact`. A refusal rolls the transaction back: effect **never**; in answer to the commit, where",
    "marked, **maybe**. A connection that is lost is **never** before the commit was sent and **maybe** from then",
    "on (`local-tx/connection`, class unavailable); a repeat finds out by its row. A row that names the whole code",
    "counts before one that names its class (two characters). The rule's id is `sqlstate/` or `sqlite/` and the",
    "first column; SQLite's codes are primary result codes.",
    "",
    ...table(["rule", "SQLSTATE", "class", "scope", "commit"], SQL_STATES.map(sqlCells)),
    "",
    ...table(["rule", "SQLite", "class", "scope", "commit"], SQLITE_RESULTS.map(sqlCells)),
    "",
  ];
  await expect(page.join("\n")).toMatchFileSnapshot(PAGE);
});

function rowsOf(source: StatusRow["source"]): readonly StatusRow[] {
  return HTTP_STATUSES.filter((row) => row.source === source);
}

function nodeCells(row: NodeCodeRow): string[] {
  const codes = row.codes.map((code) => `\`${code}\``).join(" ");
  return [row.id, codes, row.where, meaningText(row.unsent), meaningText(row.sent), row.note];
}

function sqlCells({
  id,
  codes,
  class: failureClass,
  scope,
  isOpenAtCommit,
}: SqlStateRow): string[] {
  return [id, codes.join(" "), failureClass, scope, isOpenAtCommit === true ? "maybe" : ""];
}

function meaningText({ class: usual, scope, later }: Meaning): string {
  const then =
    later === undefined ? "" : `; ${later.class} from attempt ${String(later.fromAttempt)} on`;
  return `${usual}, ${scope}${then}`;
}

function statusText(statuses: StatusRow["statuses"]): string {
  return statuses
    .map((each) =>
      typeof each === "number" ? String(each) : `${String(each[0])}-${String(each[1])}`,
    )
    .join(" ");
}

/** A table as the formatter writes it, so that formatting leaves the page alone. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, at) => Math.max(3, ...cells.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  return cells.flatMap((row, at) => (at === 0 ? [line(row), rule] : [line(row)]));
}
