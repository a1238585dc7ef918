/** What is said of a run of the case: the table on screen and summary.json are both made from this. */
import type { Incident, OrderBook } from "./books.ts";
import { brokenContracts, findingsOf, isTakenBack, type BrokenContract } from "./findings.ts";
import type { Settings } from "./settings.ts";
import type { Outcome } from "./supervisor.ts";
import type { Finding } from "./systems/judge.ts";
import { SYSTEM_OF_ACTION } from "./systems/ledger.ts";

/** People who have something to do, and why. */
export interface Waiting {
  /** Empty for a review. */
  readonly family: string;
  readonly class: string;
  readonly owner: string;
  readonly reason: string;
  readonly count: number;
  readonly example: string;
  /** When the first of them is due, ISO 8601; null if none is. */
  readonly dueAt: string | null;
}

/** One open exception: whose move it is, until when, and why. */
interface OpenException {
  readonly orderId: string;
  readonly family: string;
  readonly class: string;
  readonly owner: string;
  readonly dueAt: string;
  readonly verdict: string;
}

/** Open exceptions that are told one by one, those first that are due first. */
const OPEN_TOLD_MAX = 20;

export interface EffectLine {
  readonly system: string;
  readonly effect: string;
  /** Orders of which Holdfast says that it was done. */
  readonly expected: number;
  /** Orders of which it says that it may have been done, and who is on it. */
  readonly open: number;
  /** Rows in the system's own ledger. */
  readonly counted: number;
  readonly duplicated: number;
  readonly lost: number;
  readonly orphaned: number;
}

export interface Summary {
  readonly settings: Settings;
  readonly seconds: number;
  readonly orders: {
    readonly arrived: number;
    readonly distinct: number;
    readonly duplicatesAbsorbed: number;
    readonly repeatedPosts: number;
    readonly malformedRefused: Readonly<Record<string, number>>;
    readonly accepted: number;
    readonly completed: number;
    readonly cancelled: number;
    readonly rejected: number;
    /** Of the cancelled and rejected: those of which something had to be undone. */
    readonly compensated: number;
    readonly cancelledTooLate: number;
    readonly waiting: number;
  };
  /** Orders that wait for a person. */
  readonly waiting: readonly Waiting[];
  /** Completed orders of which a person has to find something out. */
  readonly openQuestions: readonly Waiting[];
  /** Open exceptions of all orders, the first that are due. */
  readonly openExceptions: readonly OpenException[];
  readonly openExceptionCount: number;
  readonly effects: readonly EffectLine[];
  readonly duplicated: readonly Finding[];
  readonly lost: readonly Finding[];
  readonly orphaned: readonly Finding[];
  /** Faults that each proxy really did, by kind. */
  readonly faults: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly kills: { readonly asked: number; readonly done: number };
  /** Outages that people were told of. */
  readonly incidents: readonly Incident[];
  readonly brokenContracts: readonly BrokenContract[];
  /** Promises that were broken, as sentences. Empty is what has to be. */
  readonly broken: readonly string[];
}

export function summarize(outcome: Outcome): Summary {
  const { settings, feed, people, books, arrivals } = outcome;
  const findings = findingsOf(books, feed.accepted);
  const contracts = brokenContracts(books, findings);
  const { completed, takenBack, waiting } = groups(books.orders);
  const cancelled = takenBack.filter(({ run }) => run.state === "cancelled").length;
  const { duplicated, lost, orphaned } = findings;
  const distinct = arrivals.filter((arrival) => arrival.kind === "order").length;
  const facts = { outcome, findings, contracts };
  const open = openExceptions(books.orders);
  return {
    settings,
    seconds: Math.round(outcome.elapsedMs / 100) / 10,
    orders: {
      arrived: arrivals.length,
      distinct,
      duplicatesAbsorbed: feed.duplicatesAbsorbed,
      repeatedPosts: feed.repeatedPosts,
      malformedRefused: feed.refused,
      accepted: feed.accepted.size,
      completed: completed.length,
      cancelled,
      rejected: takenBack.length - cancelled,
      compensated: takenBack.filter(({ run }) => run.compensated === "fully").length,
      cancelledTooLate: people.cancelled.length - cancelled,
      waiting: waiting.length,
    },
    waiting: waitingLines(waiting),
    openExceptions: open.slice(0, OPEN_TOLD_MAX),
    openExceptionCount: open.length,
    openQuestions: waitingLines(completed),
    effects: effectLines(outcome, findings),
    duplicated,
    lost,
    orphaned,
    faults: firedFaults(outcome),
    kills: { asked: settings.kills, done: outcome.killsDone },
    incidents: books.incidents,
    brokenContracts: contracts,
    broken: [...brokenPromises(facts), ...emptyProofs(facts)],
  };
}

function groups(orders: readonly OrderBook[]) {
  const completed = orders.filter(({ run }) => run.state === "completed");
  const takenBack = orders.filter(isTakenBack);
  const waiting = orders.filter((order) => order.run.state !== "completed" && !isTakenBack(order));
  return { completed, takenBack, waiting };
}

function waitingLines(orders: readonly OrderBook[]): Waiting[] {
  const lines = new Map<string, Waiting>();
  for (const order of orders) {
    for (const line of waitingsOf(order)) {
      const id = JSON.stringify([line.class, line.owner, line.reason]);
      const known = lines.get(id);
      lines.set(id, known === undefined ? line : together(known, line));
    }
  }
  return [...lines.values()].toSorted((a, b) => b.count - a.count);
}

function together(known: Waiting, line: Waiting): Waiting {
  const due = [known.dueAt, line.dueAt].filter((at) => at !== null).toSorted();
  return { ...known, count: known.count + 1, dueAt: due[0] ?? null };
}

function openExceptions(orders: readonly OrderBook[]): OpenException[] {
  return orders
    .flatMap(({ orderId, exceptions }) =>
      exceptions.map((open) => ({
        orderId,
        family: open.family,
        class: open.class,
        owner: open.owner,
        dueAt: new Date(open.dueAtMs).toISOString(),
        verdict: open.because,
      })),
    )
    .toSorted((a, b) => (a.dueAt < b.dueAt ? -1 : 1));
}

function waitingsOf({ orderId, exceptions, reviews }: OrderBook): Waiting[] {
  const rest = { count: 1, example: orderId };
  return [
    ...exceptions.map((open) => ({
      family: open.family,
      class: open.class,
      owner: open.owner,
      dueAt: new Date(open.dueAtMs).toISOString(),
      reason: [open.effectName, open.reasonCode].filter((word) => word !== null).join(": "),
      ...rest,
    })),
    ...reviews.map((open) => ({
      family: "",
      class: "review",
      owner: open.by,
      dueAt: open.dueAtMs === null ? null : new Date(open.dueAtMs).toISOString(),
      reason: open.review,
      ...rest,
    })),
  ];
}

function effectLines(outcome: Outcome, findings: ReturnType<typeof findingsOf>): EffectLine[] {
  const { totals, duplicated, lost, orphaned } = findings;
  const systems: Readonly<Record<string, string>> = { ...SYSTEM_OF_ACTION, "write-audit": "audit" };
  const names = [...Object.keys(systems), ...Object.keys(totals)];
  return [...new Set(names)].map((effect) => ({
    system: systems[effect] ?? "(unknown)",
    effect,
    expected: totals[effect]?.done ?? 0,
    open: totals[effect]?.open ?? 0,
    counted: outcome.books.ledger.filter((row) => row.action === effect).length,
    duplicated: countOf(duplicated, effect),
    lost: countOf(lost, effect),
    orphaned: countOf(orphaned, effect),
  }));
}

function countOf(findings: readonly Finding[], effect: string): number {
  return findings.filter((finding) => finding.action === effect).length;
}

function firedFaults({ faults }: Outcome): Record<string, Record<string, number>> {
  return Object.fromEntries(
    Object.entries(faults).map(([system, counts]) => [
      system,
      Object.fromEntries(Object.entries(counts.faults).filter(([, count]) => count > 0)),
    ]),
  );
}

interface Facts {
  readonly outcome: Outcome;
  readonly findings: ReturnType<typeof findingsOf>;
  readonly contracts: readonly BrokenContract[];
}

function brokenPromises({ outcome, findings, contracts }: Facts): string[] {
  const { feed, books, troubles, settings } = outcome;
  const explained = settings.brokenContract ? contracts : [];
  const unexplained = findings.duplicated.filter(
    ({ orderId, action }) =>
      !explained.some((known) => known.orderId === orderId && known.action === action),
  );
  const good = outcome.arrivals.filter((arrival) => arrival.kind === "order").length;
  return [
    ...troubles,
    ...feed.wrong,
    ...(feed.accepted.size < good
      ? [`${String(good - feed.accepted.size)} good orders were not accepted in the time given`]
      : []),
    ...said(unexplained, "duplicated"),
    ...said(findings.lost, "lost"),
    ...said(findings.orphaned, "orphaned"),
    ...said(findings.unfounded, "recorded but not there"),
    ...said(findings.notUndone, "not undone"),
    ...findings.vanished.map((orderId) => `vanished: ${orderId} was accepted and is not known`),
    ...findings.stuck.map(({ orderId, why }) => `stuck: ${orderId} ${why}`),
    ...unanswered(books.orders, outcome),
    ...notOneIncident(outcome),
  ];
}

/** An outage is told of once, whatever the number of orders that waited, and ends. */
function notOneIncident({ settings: { outage, faults }, books }: Outcome): string[] {
  // Faults may make outages of their own.
  if (outage === null || faults > 0) return [];
  const { system } = outage;
  const told = books.incidents.filter(({ integration }) => integration === system);
  if (told.length !== 1) return [`the outage of ${system} was told ${String(told.length)} times`];
  const isOver = told.every(({ drainedAtMs }) => drainedAtMs !== null);
  return isOver ? [] : [`the outage of ${system} has not ended on record`];
}

function said(findings: readonly Finding[], what: string): string[] {
  return findings.map(
    ({ orderId, action, because }) => `${what}: ${action} of ${orderId} (${because})`,
  );
}

/** A review that somebody has answered must not be open any more. */
function unanswered(orders: readonly OrderBook[], { people }: Outcome): string[] {
  return orders.flatMap(({ orderId, reviews }) =>
    reviews
      .filter((open) => people.answeredReviews.has(`${String(open.run)}/${String(open.seq)}`))
      .map((open) => `unheard: ${open.review} of ${orderId} was answered and is still open`),
  );
}

/** What was asked for must have happened, or the rest proves nothing. */
function emptyProofs({ outcome, contracts }: Facts): string[] {
  const { settings, killsDone, faults } = outcome;
  const fired = Object.values(faults).flatMap((counts) => Object.values(counts.faults));
  const firedCount = fired.reduce((sum, count) => sum + count, 0);
  return [
    ...(killsDone < settings.kills
      ? [`void: ${String(settings.kills)} kills were asked for, ${String(killsDone)} happened`]
      : []),
    ...(settings.faults > 0 && firedCount === 0
      ? ["void: faults were asked for and none happened"]
      : []),
    ...(settings.brokenContract && (faults.erp.faults["too-late"] === 0 || contracts.length === 0)
      ? ["void: a broken contract was asked for and none was found"]
      : []),
  ];
}
