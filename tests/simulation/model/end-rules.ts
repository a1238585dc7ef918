/** What is held when all has come to rest: the books of both sides, against each other. */
import type { EffectRow } from "#src/store/rows.ts";
import { isFinal } from "#src/core/run-state.ts";
import { undoPath } from "#src/core/step-path.ts";
import type { Disk } from "../store/disk.ts";
import type { Systems } from "../systems.ts";
import type { Sent } from "./sent.ts";
import { hasOwnedException } from "./standing.ts";
import type { Report } from "./violation.ts";

interface Books {
  readonly disk: Disk;
  readonly systems: Systems;
  readonly sent: Sent;
  readonly report: Report;
}

export function checkEnd(books: Books): void {
  checkRuns(books);
  checkLedger(books);
  checkUndoing(books);
}

/** Everything has ended, or is somebody's, with a clock. */
function checkRuns({ disk, report }: Books): void {
  for (const { row } of disk.tables.runs.values()) {
    if (isFinal(row.state)) continue;
    const isOwned = hasOwnedException(disk, row.run);
    const isAsked = [...disk.tables.reviews.values()].some(
      (one) => one.run === row.run && one.state === "open" && one.by !== "",
    );
    if (!isOwned && !isAsked)
      report(
        "P2",
        row.run,
        `long after all faults it is ${row.state} (${row.reason}), and nobody's`,
      );
  }
}

/** What the store says of each effect is what the other systems have. */
function checkLedger({ disk, systems, sent, report }: Books): void {
  const surely = new Map<string, EffectRow[]>();
  const maybe = new Set<string>();
  for (const row of disk.tables.effects.values()) {
    const about = sent.about(row.key);
    if (about === null) {
      if (row.proof === "surely" && row.settledBy === null)
        report("P4", row.run, `"${row.step}" is said to have happened, and nothing ever left`);
      continue;
    }
    const name = `${about.action} ${about.id}`;
    if (row.proof === "surely") surely.set(name, [...(surely.get(name) ?? []), row]);
    if (row.proof === "maybe") {
      maybe.add(name);
      if (!hasException(disk, row))
        report("P5", row.run, `nobody is asked what became of "${row.step}"`);
    }
  }
  const done = new Map<string, number>();
  for (const { action, id, key } of systems.ledger) {
    const name = `${action} ${id}`;
    done.set(name, (done.get(name) ?? 0) + 1);
    if (!sent.isKnown(key))
      report("P4", null, `${name} was done under a key that nobody has declared`);
  }
  for (const [name, rows] of surely) {
    const [row] = rows;
    if ((done.get(name) ?? 0) === 0 && row !== undefined)
      report("P4", row.run, `"${row.step}" is said to have happened, and ${name} was never done`);
  }
  for (const [name, count] of done) {
    if (count > 1) report("P4", null, `${name} was done ${String(count)} times`);
    if (!surely.has(name) && !maybe.has(name))
      report("P4", null, `${name} was done, and the store says that it was not`);
  }
}

/** An outcome that nobody knows is asked of somebody, beside a run that has ended, too. */
function hasException(disk: Disk, { run, operation }: EffectRow): boolean {
  return [...disk.tables.exceptions.values()].some(
    (one) => one.run === run && one.operation === operation && one.owner !== "",
  );
}

/** What was undone was undone in the reverse order; and where a run says "fully", all of it was. */
function checkUndoing({ disk, report }: Books): void {
  for (const { row } of disk.tables.runs.values()) {
    const effects = [...disk.tables.effects.values()].filter((one) => one.run === row.run);
    const undone = new Map(
      effects.filter((one) => one.undoes !== null).map((one) => [one.undoes ?? "", one]),
    );
    const forward = effects.filter((one) => one.undoes === null && one.proof === "surely");
    if (row.compensated === "fully") {
      for (const one of forward)
        if (isUndoable(one) && undone.get(one.step)?.proof !== "surely")
          report("P4", row.run, `it says that all was undone, and "${one.step}" was not`);
    }
    checkOrder(disk, row.run, forward, report);
  }
}

/** Effects that declare an undoing. */
function isUndoable({ effect }: EffectRow): boolean {
  return ["set", "charge", "invoice", "stamp"].includes(effect);
}

function checkOrder(disk: Disk, run: number, forward: readonly EffectRow[], report: Report): void {
  const ends = endsOf(disk, run);
  const pairs = forward.flatMap(({ step }) => {
    const doneAt = ends.get(step);
    const undoneAt = ends.get(undoPath(step));
    return doneAt === undefined || undoneAt === undefined ? [] : [{ step, doneAt, undoneAt }];
  });
  for (const one of pairs)
    for (const other of pairs)
      if (
        one.doneAt < other.doneAt &&
        one.undoneAt < other.undoneAt &&
        // What was undone before the other was done belongs to an earlier taking back.
        one.undoneAt > other.doneAt
      )
        report("P4", run, `"${one.step}" was undone before "${other.step}", which came after it`);
}

/** Where each step ended with a value last. */
function endsOf(disk: Disk, run: number): ReadonlyMap<string, number> {
  const ends = new Map<string, number>();
  for (const { record } of disk.journal.get(run) ?? []) {
    const head = JSON.parse(record.head ?? "null") as { readonly end?: string } | null;
    if (head?.end === "value") ends.set(record.name, record.seq);
  }
  return ends;
}
