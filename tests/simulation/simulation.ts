/**
 * One seed: workers on one store, other systems, people; first with faults, then without, until all
 * has ended or is somebody's. The model looks on.
 */
import { formatRunId } from "#src/core/run-number.ts";
import type { JournalRecord } from "#src/core/journal.ts";
import { seededRandom } from "#src/testing/seeded-random.ts";
import { define, type World } from "./definitions.ts";
import type { EventLoop } from "./event-loop.ts";
import { BoundRules } from "./model/bound-rules.ts";
import { PauseRules } from "./model/pause-rules.ts";
import { checkEnd } from "./model/end-rules.ts";
import { RecordRules, type SeenBy } from "./model/record-rules.ts";
import { RequestRules } from "./model/request-rules.ts";
import { Sent } from "./model/sent.ts";
import { VersionRules } from "./model/version-rules.ts";
import type { Report, Violation } from "./model/violation.ts";
import { People } from "./people.ts";
import { chance, type Plan } from "./plan.ts";
import { Process } from "./process.ts";
import { Scheduler } from "./scheduler.ts";
import { Senders } from "./senders.ts";
import { Disk, type Chain } from "./store/disk.ts";
import { peopleReader } from "./store/reader.ts";
import { Systems } from "./systems.ts";
import { Trace } from "./trace.ts";
import { Transport, type Request } from "./transport.ts";
import { Weather } from "./weather.ts";
import type { CodeVersion } from "./versions.ts";
import { Work } from "./work.ts";

export interface Outcome {
  readonly violation: Violation | null;
  readonly trace: Trace;
  /** What happened, counted: a simulation in which nothing goes wrong proves nothing. */
  readonly counts: Readonly<Record<string, number>>;
}

const HOUR_MS = 3_600_000;
/** How long after the last fault everything must have ended. */
const CALM_MS = 48 * HOUR_MS;
const STEPS_MAX = 60_000;
/** Entries between two looks whether all is done. */
const LOOK_EVERY = 25;
const RESTART_MS = 15_000;
/** A deployment ends the workers one after the other, within this. */
const ROLLOUT_MS = 20_000;

export class Simulation {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly disk: Disk;
  readonly systems = new Systems(() => this.scheduler.nowMs);
  readonly counts: Record<string, number> = {};
  violation: Violation | null = null;
  readonly #sent = new Sent();
  readonly #records: RecordRules;
  readonly #requests: RequestRules;
  readonly #versions: VersionRules;
  readonly #bounds: BoundRules;
  readonly #pauses: PauseRules;
  readonly #transport: Transport;
  readonly #work: Work;
  readonly #processes: Process[] = [];
  readonly #senders: Senders;
  readonly #weather: Weather;
  readonly #seenBy = new Map<string, SeenBy>();
  #started = 0;
  #isDamaged = false;
  /** Of the code that processes start with. */
  #deployed: CodeVersion = "1";
  /** Nothing may go on from here. */
  #isOver = false;
  /** The process whose call is leaving. */
  #calling: Process | null = null;

  constructor(plan: Plan, eventLoop: EventLoop) {
    this.plan = plan;
    this.scheduler = new Scheduler(eventLoop);
    this.trace = new Trace(this.scheduler);
    const { scheduler, systems } = this;
    const random = chance(plan, "disk");
    const bytes = (count: number) => Uint8Array.from({ length: count }, () => random.integer(256));
    this.disk = new Disk({
      storeId: `store_${Buffer.from(bytes(16)).toString("hex")}`,
      secret: bytes(32),
    });
    const report = this.#report;
    const { disk } = this;
    const sent = this.#sent;
    const seenBy = (command: string) => this.#seenBy.get(command) ?? null;
    this.#records = new RecordRules({ disk, sent, report, seenBy });
    const flyingUnder = (key: string) => this.#transport.flyingUnder(key);
    this.#requests = new RequestRules({ disk, sent, systems, flyingUnder, report });
    disk.onCommit = (records, chain) => {
      this.#committed(records, chain);
    };
    const note = (text: string) => {
      this.#note(text);
    };
    disk.onCommand = note;
    disk.onDamage = (run, how) => {
      this.#note(`damage of ${String(run)} ${how}`);
      if (how === "unnoticed")
        report("P13", run, "a changed record of it was read, and not noticed");
      else this.#isOver = true;
    };
    this.#weather = new Weather({
      plan,
      scheduler,
      random: chance(plan, "weather"),
      isCalm: () => this.isCalm,
      processes: () => this.#alive,
      note,
    });
    this.#transport = new Transport({
      scheduler,
      systems,
      random: chance(plan, "transport"),
      faults: () => (this.isCalm ? 0 : plan.transport),
      found: (action) => this.#weather.found(action),
      onLeave: (request) => {
        if (this.#calling !== null) this.#leaves(request, this.#calling);
      },
      note,
    });
    this.#senders = new Senders({
      scheduler,
      random: chance(plan, "senders"),
      again: () => (this.isCalm ? 0 : plan.people),
      ready: () => this.#alive.filter(({ isReady }) => isReady),
      note,
    });
    this.#work = new Work({ plan, disk, senders: this.#senders, report, note });
    this.#versions = new VersionRules({ disk, programs: this.#work.programs, report, note });
    this.#pauses = new PauseRules(report);
    this.#bounds = new BoundRules({ disk, heldMax: plan.heldMax, report });
  }

  #leaves(request: Request, process: Process): void {
    this.#requests.leaves(request, process);
    const operation = this.#sent.operation(request.key);
    if (operation === null || operation.head.undoes !== undefined) return;
    this.#versions.leaves(operation.run, process.version, `${request.action} ${request.id}`);
  }

  get isCalm(): boolean {
    return this.scheduler.sinceStartMs >= this.plan.faultsUntilMs;
  }

  get #alive(): readonly Process[] {
    return this.#processes.filter(({ isDead }) => !isDead);
  }

  #note(text: string): void {
    this.trace.add(text);
    // The first word that is no name and no number says what it was.
    const word = /(?:^| )([A-Za-z]+:?)(?= |$)/u.exec(text)?.[1] ?? "";
    this.counts[word] = (this.counts[word] ?? 0) + 1;
  }

  async run(): Promise<Outcome> {
    const { scheduler, plan } = this;
    for (let at = 0; at < plan.workers; at += 1) this.#startProcess(`w${String(at + 1)}`);
    this.#work.give();
    for (const { atMs, version } of plan.deployments)
      scheduler.after(atMs, null, () => {
        this.#deploy(version);
      });
    this.#startPeople();
    this.#weather.start();
    const untilMs = scheduler.nowMs + plan.faultsUntilMs + CALM_MS;
    let steps = 0;
    while (this.violation === null && !this.#isOver && (await scheduler.step(untilMs))) {
      steps += 1;
      if (steps > STEPS_MAX) break;
      if (steps % LOOK_EVERY === 0 && this.isCalm && this.#isDone) break;
    }
    if (this.violation === null && !this.#isOver) this.#checkEnd();
    for (const process of this.#alive) process.die("the simulation is over");
    this.counts["steps"] = steps;
    return { violation: this.violation, trace: this.trace, counts: this.counts };
  }

  #deploy(version: CodeVersion): void {
    this.#deployed = version;
    this.#note(`deployed version ${version}`);
    const random = chance(this.plan, `rollout ${String(this.scheduler.nowMs)}`);
    for (const process of this.#alive)
      this.scheduler.after(random.next() * ROLLOUT_MS, process, () => {
        if (process.version !== version) process.die("another version is deployed");
      });
  }

  get #isDone(): boolean {
    if (this.#senders.open.size > 0 || this.#bounds.heldCount > 0) return false;
    for (const { row } of this.disk.tables.runs.values())
      if (!this.#records.isOver(row.run)) return false;
    return [...this.disk.inbox.values()].every(({ answer }) => answer !== null);
  }

  /** Something was thrown that nobody has caught: a process would have ended by it. */
  threw(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#report("P2", null, `it threw ${text}`);
  }

  readonly #report: Report = (promise, run, text) => {
    this.violation ??= { promise, run, text };
    this.#note(`VIOLATION ${promise} ${text}`);
  };

  #checkEnd(): void {
    const { disk, systems } = this;
    const report = this.#report;
    for (const name of this.#senders.open) report("P1", null, `nobody ever answered "${name}"`);
    checkEnd({ disk, systems, sent: this.#sent, report });
    this.#versions.checkEnd(this.#deployed);
    this.#bounds.checkEnd();
  }

  #committed(records: readonly JournalRecord[], chain: Chain): void {
    const process = this.#processes.find((one) => one.chain === chain);
    const by = process?.name ?? "?";
    for (const { run, seq, kind, name, head } of records) {
      const more =
        kind === "state" || kind === "opened" || kind === "finished" ? ` ${head ?? ""}` : "";
      this.#note(`${by} ${String(run)}/${String(seq)} ${kind} ${name}${more.slice(0, 200)}`);
      if (kind !== "started") continue;
      const { lane } = JSON.parse(head ?? "null") as { readonly lane: string | null };
      if (lane !== null) this.#requests.startedIn(lane, run);
    }
    this.#records.committed(records);
    if (process !== undefined) this.#versions.committed(records, process.version);
    this.#bounds.committed(records);
    this.#pauses.committed(records);
  }

  #startProcess(name: string): void {
    this.#started += 1;
    const { scheduler, disk, plan } = this;
    const process = new Process({
      name,
      seed: plan.seed,
      number: this.#started,
      isShared: plan.workers > 1,
      version: this.#deployed,
      limits: plan.heldMax === null ? {} : { heldMessagesMax: plan.heldMax },
      disk,
      scheduler,
      skewMs: 0,
      faults: () => (this.isCalm ? null : plan.store),
      define: (life) => define(this.#worldOf(life)),
      note: (text) => {
        this.#note(text);
      },
      onDeath: (dead, why) => {
        this.#note(`${dead.name} dies: ${why}`);
        this.#damage();
        const inMs = this.isCalm
          ? 500
          : seededRandom(plan.seed, `restart ${String(this.#started)}`).next() * RESTART_MS;
        scheduler.after(inMs, null, () => {
          if (why !== "the simulation is over") this.#startProcess(dead.name);
        });
      },
      onPost: (shard) => {
        this.#hint(shard);
      },
      onEvent: (of, event) => {
        if (event.type === "shards.taken" || event.type === "shards.given")
          this.#note(`${of.name} ${event.type} ${String(event.shards.length)}`);
        if (event.type === "recovery.done")
          this.#note(`${of.name} recovered ${String(event.runs)} runs`);
        if (event.type === "store.retry") this.#note(`${of.name} reads again: ${event.what}`);
      },
    });
    this.#processes.push(process);
    process.start();
  }

  /** While no process runs: of a run that the next one brings back. */
  #damage(): void {
    if (!this.plan.damage || this.#isDamaged) return;
    for (const { row } of this.disk.tables.runs.values()) {
      if (row.state !== "running" || !this.disk.damage(row.run)) continue;
      this.#isDamaged = true;
      return;
    }
  }

  #worldOf(process: Process): World {
    const transport = this.#transport;
    return {
      programs: this.#work.programs,
      version: process.version,
      crash: (key) => {
        if (process.isDead) return;
        this.#bounds.killed();
        process.die(`the code of ${key} ends it`);
      },
      accepted: (ref) => {
        this.#work.completeLater(ref);
      },
      transport: {
        call: (of, attempt) => {
          this.#calling = process;
          try {
            return transport.call(process, of, attempt);
          } finally {
            this.#calling = null;
          }
        },
        look: (action, id, signal) => transport.look(process, action, id, signal),
      },
    };
  }

  /** Whoever owns the shard hears of the command, as a rule. */
  #hint(shard: number): void {
    for (const process of this.#alive) {
      if (this.plan.workers > 1 && !process.owns(shard)) continue;
      this.scheduler.after(1, process, () => {
        process.hint();
      });
    }
  }

  #startPeople(): void {
    const { plan, disk, scheduler } = this;
    const reader = peopleReader(disk, (shard) => {
      this.#hint(shard);
    });
    const people = new People({
      reader: {
        ...reader,
        post: (command) => {
          this.#remember(command.id, command.data);
          return reader.post(command);
        },
      },
      scheduler,
      random: chance(plan, "people"),
      slowness: () => (this.isCalm ? 0 : plan.people),
      cancels: () => (this.isCalm ? 0 : plan.cancel),
      pausing: chance(plan, "pausing"),
      pauses: () => (this.isCalm ? 0 : plan.pause),
      note: (text) => {
        this.#note(text);
      },
      truth: (run, operation) => this.#truth(run, operation),
    });
    people.start();
  }

  #remember(id: string, data: string): void {
    const { attempts, exception } = JSON.parse(data) as Partial<SeenBy>;
    this.#seenBy.set(id, { attempts: attempts ?? null, exception: exception ?? null });
  }

  #truth(run: number, operation: number): boolean | null {
    const row = this.disk.tables.effects.get(`${String(run)}/${String(operation)}`);
    const about = row === undefined ? null : this.#sent.about(row.key);
    if (about === null) return false;
    if (this.#transport.mayLand(about.action, about.id)) return null;
    return this.systems.count(about.action, about.id) > 0;
  }

  /** The newest lines about what a violation is about. */
  about({ run }: Violation): readonly string[] {
    if (run === null) return [];
    const key = this.disk.tables.runs.get(run)?.row.key ?? formatRunId(run);
    return [String(run), ` ${key}`, `${key}.`];
  }
}
