/**
 * What the outside gives the app to do: runs by a start or by a message, events, late answers. Each is
 * told until it is answered, and what was answered is held against the store in that moment.
 */
import type { AnyWorkflow } from "#src/workflow/workflow.ts";
import type { Receipt } from "#src/workflow/message.ts";
import { seededRandom } from "#src/testing/seeded-random.ts";
import { PAID } from "./definitions.ts";
import { POISON_KEY } from "./model/bound-rules.ts";
import type { Report } from "./model/violation.ts";
import { chance, type Plan } from "./plan.ts";
import type { Process } from "./process.ts";
import { awaitedBy, family, poisonOf, programOf, type Program } from "./programs.ts";
import type { Senders } from "./senders.ts";
import type { Disk } from "./store/disk.ts";

export interface WorkOptions {
  readonly plan: Plan;
  readonly disk: Disk;
  readonly senders: Senders;
  readonly report: Report;
  readonly note: (text: string) => void;
}

/** Work is given within the first part of the time in which things go wrong. */
const GIVEN_WITHIN_MS = 300_000;
/** How long a message may wait for what it follows before its owner hears of it. */
const HOLD_MS = 60_000;
const SOON_MS = 300;
const LATE_MS = 120_000;

export class Work {
  /** What runs do, by their business keys. */
  readonly programs = new Map<string, Program>();
  readonly #options: WorkOptions;
  /** First answer to each message. */
  readonly #receipts = new Map<string, Receipt>();

  constructor(options: WorkOptions) {
    this.#options = options;
  }

  give(): void {
    const { plan, note } = this.#options;
    const random = chance(plan, "work");
    // An order is one of its workflow.
    const sequences = new Map<string, number>();
    for (let at = 1; at <= plan.runs; at += 1) {
      const drawn = programOf(chance(plan, `program ${String(at)}`), `k${String(at)}`);
      const program: Program = plan.inOrder ? { ...drawn, workflow: "flow", lane: null } : drawn;
      for (const one of family(program)) this.programs.set(one.key, one);
      note(`program ${JSON.stringify(program)}`);
      const inMs = random.next() * Math.min(plan.faultsUntilMs / 2, GIVEN_WITHIN_MS);
      const isMessage = random.next() < 0.4 || plan.inOrder;
      const isInOrder = isMessage && (random.next() < 0.6 || plan.inOrder);
      const sequence = (sequences.get(program.workflow) ?? 0) + 1;
      if (isInOrder) sequences.set(program.workflow, sequence);
      if (isMessage) this.#receive(program, isInOrder ? sequence : null, inMs);
      else this.#start(program, inMs);
      for (const one of family(program)) this.#sendEvents(one);
    }
    if (plan.poison) this.#givePoison();
  }

  #givePoison(): void {
    const { plan, note } = this.#options;
    const random = chance(plan, "poison program");
    const program = poisonOf(random, POISON_KEY);
    note(`program ${JSON.stringify(program)}`);
    for (const one of family(program)) this.programs.set(one.key, one);
    this.#start(program, (random.next() * plan.faultsUntilMs) / 2);
    for (const one of family(program)) this.#sendEvents(one);
  }

  /** The late answer to a request that was accepted under this reference. */
  completeLater(ref: string): void {
    const { plan, senders, disk } = this.#options;
    const name = `complete ${ref}`;
    if (senders.open.has(name)) return;
    const random = seededRandom(plan.seed, name);
    senders.send(
      {
        name,
        say: ({ engine }) => engine.commands.complete("order", ref, { ok: true, value: { ref } }),
        heard: () => {
          const isKept = [...disk.tables.early.values()].some((one) => one.ref === ref);
          const isAwaited = disk.tables.pending.some((one) => one.ref === ref);
          this.#requireKept(isKept || !isAwaited, name);
        },
      },
      random.next() * (random.next() < 0.3 ? SOON_MS : LATE_MS),
    );
  }

  #start({ key, workflow }: Program, inMs: number): void {
    const { senders, disk } = this.#options;
    senders.send(
      {
        name: `start ${key}`,
        say: ({ engine }) => engine.startRun(known({ engine }, workflow), { key }, { by: "shop" }),
        heard: ({ run }) => {
          this.#requireKept(disk.tables.runs.has(run), `start ${key}`);
        },
      },
      inMs,
    );
  }

  #receive({ key, workflow }: Program, sequence: number | null, inMs: number): void {
    const { senders, disk, report } = this.#options;
    const order = sequence === null ? null : () => ({ key: "shop", sequence });
    senders.send<Receipt>(
      {
        name: `message ${key}`,
        say: ({ engine }) =>
          engine.commands.receiving.receive({
            workflow: known({ engine }, workflow),
            input: { key },
            payload: { key },
            ingress: "orders",
            by: "shop",
            source: "shop",
            id: `message ${key}`,
            duplicates: "merge",
            order,
            holdMs: this.#options.plan.inOrder ? SOON_MS : HOLD_MS,
            windowMs: null,
            busy: "wait",
          }),
        heard: (receipt) => {
          const row = [...disk.tables.received.values()].find(({ id }) => id === `message ${key}`);
          this.#requireKept(row !== undefined, `message ${key}`);
          const before = this.#receipts.get(key);
          const isSame = before?.state === receipt.state && before.run === receipt.run;
          // What was held has been started since.
          if (before !== undefined && before.state !== "held" && !isSame)
            report(
              "P6",
              null,
              `message ${key} was answered ${before.state}, then ${receipt.state}`,
            );
          this.#receipts.set(key, receipt);
        },
      },
      inMs,
    );
  }

  #sendEvents({ nodes, key: of }: Program): void {
    const { plan } = this.#options;
    for (const key of awaitedBy(nodes, of)) {
      const random = chance(plan, `event ${key}`);
      const inMs = random.next() * plan.faultsUntilMs;
      this.#sendEvent(key, 1, inMs);
      // Somebody uses the id a second time, for something else.
      if (random.next() < plan.people / 2) this.#sendEvent(key, 2, inMs + random.next() * LATE_MS);
    }
  }

  #sendEvent(key: string, amount: number, inMs: number): void {
    const { senders, disk } = this.#options;
    const id = `id ${key}`;
    const name = amount === 1 ? `event ${key}` : `other event ${key}`;
    senders.send(
      {
        name,
        say: ({ engine }) => engine.commands.send(PAID.name, key, id, { amount }),
        heard: () => {
          const isKept = [...disk.tables.accepted.values()].some((one) => one.id === id);
          this.#requireKept(isKept, name);
        },
      },
      inMs,
    );
  }

  #requireKept(isKept: boolean, what: string): void {
    if (!isKept) this.#options.report("P1", null, `${what} was accepted, and is not there`);
  }
}

function known({ engine }: Pick<Process, "engine">, name: string): AnyWorkflow {
  const workflow = engine.workflow(name);
  if (workflow === null) throw new Error(`no workflow ${name}`);
  return workflow;
}
