/** A journal that holds every kind of record, for tests of stores. */
import type { ClassificationRule } from "../core/classification-rule.ts";
import type { ProposedHead } from "../core/repaired.ts";
import type { HandlingAct } from "../core/exception-handling.ts";
import { NO_OVERLAY, overlayAfter } from "../core/issue-overlay.ts";
import type { Store } from "../store/store.ts";
import {
  SYSTEM_RUN,
  SAMPLE_START_MS,
  SampleJournal,
  startedHead,
  intentHead,
  outcomeHead,
  stateHead,
  finishedHead,
  openedHead,
  closedHead,
  exceptionRecord,
  acceptedEvent,
  receivedHead,
  heldHead,
  askedHead,
} from "./sample-journal.ts";

/** A journal that holds every kind of record once or more, in four runs and the store's own. */
export function everyKind(store: Store): SampleJournal {
  const sample = new SampleJournal();
  sample.continueIn(store);
  addSystemRecords(sample);
  addLongRun(sample, 11);
  addTroubledRun(sample, 12);
  addRepairedRun(sample, 10);
  addCancelledRun(sample, 13);
  return sample;
}

function addSystemRecords(sample: SampleJournal): void {
  sample.add(SYSTEM_RUN, "group", { group: 1, event: "started", runs: [11, 12], crashes: 0 });
  sample.add(SYSTEM_RUN, "group", { group: 2, event: "started", runs: [12], crashes: 1 });
  sample.add(SYSTEM_RUN, "group", { group: 1, event: "passed", runs: [11, 12], crashes: 0 });
  sample.add(SYSTEM_RUN, "dependency", {
    integration: "erp",
    to: "parked",
    reason: "the ERP does not answer",
    class: "unavailable",
    probeAtMs: SAMPLE_START_MS + 30_000,
  });
  const kept = acceptedEvent("event-1", { key: "order-11" });
  sample.add(SYSTEM_RUN, "kept", kept, { data: '{"amount":"10.00"}' });
  sample.add(SYSTEM_RUN, "kept", acceptedEvent("event-2", { key: "order-99" }));
  const early = { integration: "payments", owner: "finance", dueAtMs: SAMPLE_START_MS + 60_000 };
  for (const [event, ref] of [
    ["taken", "pay-1"],
    ["unasked", "pay-2"],
    [null, "pay-3"],
  ] as const) {
    const first = { ...early, event: "kept", ref, kept: 0 } as const;
    const seq = sample.add(SYSTEM_RUN, "early", first, { data: '{"ok":true,"value":1}' });
    if (event !== null) sample.add(SYSTEM_RUN, "early", { ...early, event, ref, kept: seq });
  }
  sample.add(SYSTEM_RUN, "received", receivedHead("msg-1", { run: 11 }));
  const twice = { state: "joined", run: 11, duplicateOf: 11 } as const;
  sample.add(SYSTEM_RUN, "received", receivedHead("msg-2", twice));
  sample.add(SYSTEM_RUN, "received", heldHead("msg-3"), { data: '{"order":12}' });
  sample.add(SYSTEM_RUN, "applied", {
    command: "send paid",
    topic: "send",
    by: "shop",
    answer: '{"kept":true}',
  });
  sample.add(SYSTEM_RUN, "declared", {
    definition: "version",
    name: "v2",
    sensitive: [],
    decision: null,
  });
  const [group = ""] = closedHead(1).groups;
  const act = { kind: "resolved", inVersion: "v2" } as const;
  const acted = { by: "anna", reason: "mended", atMs: SAMPLE_START_MS, command: null };
  const first = overlayAfter(NO_OVERLAY, act, acted);
  sample.add(SYSTEM_RUN, "grouped", { fingerprint: group, act, overlay: first });
  const undo = { kind: "reopened" } as const;
  const overlay = overlayAfter(first, undo, acted);
  sample.add(SYSTEM_RUN, "grouped", { fingerprint: group, act: undo, overlay });
  const rules = [{ name: "large", match: { class: "data" }, owner: "head" }] as const;
  for (const version of [1, 2]) {
    sample.add(SYSTEM_RUN, "routed", { version, rules, by: "anna", reason: "they asked" });
  }
  const draft = sampleRule();
  sample.add(SYSTEM_RUN, "ruled", { rule: draft });
  sample.add(SYSTEM_RUN, "ruled", {
    rule: { ...draft, state: "active", approvedBy: "bob", change: 2 },
  });
  sample.add(SYSTEM_RUN, "declared", {
    definition: "review",
    name: "big",
    sensitive: ["/iban"],
    decision: [{ name: "ok", expects: "true|false", isRequired: true }],
  });
}

function sampleRule(): ClassificationRule {
  return {
    id: "cut-off",
    order: 100,
    when: { code: ["CUT_OFF"] },
    decide: { class: "policy" },
    version: 1,
    state: "draft",
    assertion: null,
    author: "anna",
    reason: "the bank says so",
    addedAtMs: SAMPLE_START_MS,
    approvedBy: null,
    changed: { by: "anna", reason: "the bank says so", atMs: SAMPLE_START_MS },
    change: 1,
    command: null,
  };
}

/** Steps, effects, timers, events, a review and a child; ends well. */
function addLongRun(sample: SampleJournal, run: number): void {
  sample.add(
    run,
    "started",
    startedHead(run, { amount: "10.00", currency: "EUR", keys: { order: "11" } }),
    {
      data: '{"order":11}',
    },
  );
  sample.add(run, "result", null, { name: "price", data: '{"total":1000}' });
  sample.add(run, "result", { threw: { name: "Error", message: "no stock" } }, { name: "stock" });
  const operation = sample.nextSeq(run);
  sample.add(run, "intent", intentHead(operation), { name: "charge", attempt: 1 });
  sample.add(run, "outcome", outcomeHead(operation, { proof: "never" }), {
    name: "charge",
    attempt: 1,
  });
  sample.add(run, "intent", intentHead(operation), { name: "charge", attempt: 2 });
  sample.add(
    run,
    "pending",
    { operation, integration: "payments", ref: "pay-1", dueAtMs: SAMPLE_START_MS + 5000 },
    { name: "charge", attempt: 2 },
  );
  sample.add(run, "outcome", outcomeHead(operation, { end: "value", ref: "pay-1" }), {
    name: "charge",
    attempt: 2,
    data: '{"paid":true}',
  });
  sample.add(run, "code", { version: "1.1.0", from: "1.0.0" });
  sample.add(run, "suspected", { event: "started", by: 7, group: 1, size: 2, crashes: 0 });
  sample.add(run, "suspected", { event: "passed" });
  sample.add(run, "timer", { dueAtMs: SAMPLE_START_MS + 1000 }, { name: "pause" });
  sample.add(run, "state", stateHead("running", "waiting", { wakeAtMs: SAMPLE_START_MS + 1000 }));
  sample.add(run, "fired", null, { name: "pause" });
  sample.add(run, "state", stateHead("waiting", "running"));
  sample.add(run, "awaited", { event: "paid", key: "order-11", dueAtMs: null }, { name: "paid" });
  sample.add(run, "event", { end: "value", kept: 6 }, { name: "paid", data: '{"amount":"10.00"}' });
  const asked = sample.add(run, "asked", askedHead(), { name: "approve" });
  sample.add(run, "escalated", { asked, to: "head-of-credit" }, { name: "approve" });
  sample.add(
    run,
    "answered",
    { asked, end: "value", by: "bert" },
    { name: "approve", data: "true" },
  );
  sample.add(run, "called", { workflow: "shipment", child: 14 }, { name: "ship" });
  sample.add(run, "returned", { child: 14, end: "value", state: "completed" }, { name: "ship" });
  const accepted = acceptedEvent("event-3");
  sample.add(run, "event", { end: "value", accepted }, { name: "paid#2" });
  sample.add(run, "finished", finishedHead(), { data: '{"done":true}' });
  // After its end, and beside it: somebody has started it again with another input.
  const opened = sample.add(run, "opened", openedHead({ beside: { subject: "start 1" } }));
  const by = { by: "anna", reason: "so that it is done" };
  const handled = (act: HandlingAct) => sample.add(run, "handled", { opened, act, ...by });
  handled({ kind: "assigned", to: "bert" });
  handled({ kind: "watched", who: "cyd" });
  handled({ kind: "duplicate", of: "exc_0" });
  handled({ kind: "noted", text: "asked the customer" });
  handled({ kind: "waits", for: "source", spentMs: 10 });
  handled({ kind: "goes-on", dueAtMs: SAMPLE_START_MS + 4_000_000, crossings: [] });
  const crossings = exceptionRecord().crossings;
  handled({ kind: "handed-over", owner: "sales", crossings });
  for (const crossing of crossings) handled({ kind: "crossed", crossing });
  const closed = closedHead(opened, { resolution: "dealt-with", beside: true });
  sample.add(run, "closed", closed);
  handled({ kind: "tagged", tag: "seen-before" });
}

/** An outcome that is not known, asked for, opened as an exception, settled and resumed; goes on. */
function addTroubledRun(sample: SampleJournal, run: number): void {
  sample.add(run, "started", startedHead(run, { lane: "customer-7" }), { data: '{"order":12}' });
  const operation = sample.nextSeq(run);
  const name = "create-invoice";
  const effect = { effect: "create-invoice", integration: "erp" };
  sample.add(run, "intent", intentHead(operation, { ...effect, contract: "probeable" }), {
    name,
    attempt: 1,
  });
  const maybe = { ...outcomeHead(operation, { proof: "maybe" }), effect: "create-invoice" };
  sample.add(run, "outcome", maybe, { name, attempt: 1 });
  sample.add(
    run,
    "probe",
    {
      ...maybe,
      says: "cannotTell",
      number: 1,
      askedAtMs: SAMPLE_START_MS,
      why: "the search timed out",
    },
    { name },
  );
  const opened = sample.add(
    run,
    "opened",
    openedHead({ operation, class: "ambiguous", family: "ambiguous", effect: "maybe" }),
    { name },
  );
  sample.add(run, "state", stateHead("running", "exception"));
  sample.add(
    run,
    "settled",
    {
      operation,
      effect: "create-invoice",
      proof: "surely",
      end: "value",
      happened: true,
      ref: "INV-12",
      by: "anna",
      reason: "seen in the ERP",
    },
    { name, data: '{"invoice":"INV-12"}' },
  );
  sample.add(run, "closed", closedHead(opened, { class: "ambiguous", resolution: "settled" }), {
    name,
  });
  sample.add(run, "resumed", { by: "anna", reason: "settled", steps: [] });
  sample.add(run, "state", stateHead("exception", "parked", { dependency: "erp" }));
}

/** Cancelled while a review, an event and a late answer are open. */
function addCancelledRun(sample: SampleJournal, run: number): void {
  sample.add(run, "started", startedHead(run, { parent: { run: 11, step: "ship" }, lane: "acme" }));
  sample.add(run, "asked", askedHead({ notBy: "carl" }), { name: "approve" });
  sample.add(
    run,
    "awaited",
    { event: "paid", key: "order-13", dueAtMs: SAMPLE_START_MS + 9 },
    { name: "paid" },
  );
  const operation = sample.nextSeq(run);
  sample.add(run, "intent", intentHead(operation), { name: "charge", attempt: 1 });
  sample.add(
    run,
    "pending",
    { operation, integration: "payments", ref: "pay-13", dueAtMs: SAMPLE_START_MS + 5000 },
    { name: "charge", attempt: 1 },
  );
  sample.add(run, "opened", openedHead(), { name: "create-invoice" });
  sample.add(run, "restored", { fromMs: SAMPLE_START_MS, by: "anna", reason: "disk lost" });
  const gap = {
    lane: "acme",
    by: "anna",
    cause: "operator",
    reason: "waits for the bank",
  } as const;
  sample.add(run, "lane", { ...gap, event: "gap", run: 11 });
  sample.add(run, "lane", { ...gap, event: "left", next: null });
  sample.add(run, "late", { deadlineAtMs: SAMPLE_START_MS, onLate: "ask" });
  sample.add(run, "cancel", { by: "anna", reason: "the customer withdrew" });
  sample.add(run, "state", stateHead("running", "cancelling"));
  sample.add(
    run,
    "finished",
    finishedHead({ from: "cancelling", state: "cancelled", reason: "cancelled by anna" }),
  );
}

/** Repaired by hand in every way, and done again while a review, an event and a proposal are open. */
function addRepairedRun(sample: SampleJournal, run: number): void {
  const byHand = { by: "anna", approvedBy: "bert", reason: "as agreed" };
  sample.add(run, "started", startedHead(run), { data: '{"order":15}' });
  const operation = sample.nextSeq(run);
  const failed = outcomeHead(operation, { proof: "never" });
  sample.add(run, "intent", intentHead(operation), { name: "charge", attempt: 1 });
  sample.add(run, "outcome", failed, { name: "charge", attempt: 1 });
  const edit = { effect: "charge", asked: "a1", digest: "a2", changed: ["/card"] };
  sample.add(run, "edited", { ...edit, ...byHand }, { name: "charge", data: '{"card":"2"}' });
  const proposed = sample.add(run, "proposed", proposedHead(), { data: '{"paid":true}' });
  sample.add(run, "decided", { ...byHand, proposed, verdict: "approved" });
  sample.add(
    run,
    "supplied",
    { ...byHand, operation, effect: "charge", proof: "never", end: "value", ref: "pay-15" },
    { name: "charge", data: '{"paid":true}' },
  );
  const asked = sample.add(run, "asked", askedHead(), { name: "approve" });
  const awaited = { event: "paid", key: "order-15", dueAtMs: null };
  sample.add(run, "awaited", awaited, { name: "paid" });
  const expired = sample.add(run, "proposed", proposedHead({ act: "again", step: null }));
  const { by, reason } = byHand;
  sample.add(run, "decided", { by, reason, proposed: expired, verdict: "expired" });
  sample.add(run, "proposed", proposedHead({ act: "correct" }), { data: '{"order":16}' });
  sample.add(
    run,
    "again",
    { ...byHand, fromSeq: asked, step: "approve", reviews: [asked], awaits: ["paid"] },
    { data: '{"order":16}' },
  );
}

function proposedHead(over: Partial<ProposedHead> = {}): ProposedHead {
  return {
    by: "anna",
    reason: "as agreed",
    act: "supply",
    step: "charge",
    workflow: "order-to-cash",
    effect: "charge",
    owner: "finance",
    needs: "a result is given by hand",
    version: 1,
    digest: "b1",
    expiresAtMs: SAMPLE_START_MS + 86_400_000,
    ...over,
  };
}
