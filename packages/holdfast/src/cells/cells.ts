/**
 * The cells of an app: one engine for each, side by side in this process. One that cannot be reached
 * stops no other: what belongs to it is refused by name (HF5023), and it is tried again.
 */
import { backoffDelayMs } from "../core/backoff.ts";
import { type CellList, firstList, requireCell } from "../core/cell-list.ts";
import { type FoundCell, cellStart } from "../core/cell-start.ts";
import type { CellsHead } from "../core/cells.ts";
import { HoldfastError } from "../core/error.ts";
import { formatItemId } from "../core/run-number.ts";
import type { Clock, Random } from "../engine/clock.ts";
import type { Engine } from "../engine/engine.ts";
import { digestsWith } from "../engine/journal/digest.ts";
import { CellAway, type Neighbours } from "../engine/neighbours.ts";
import type { Store } from "../store/store.ts";
import { type Directory, NeighbourCells, engineOfRun } from "./neighbour-cells.ts";
import { StoreJournal } from "./list-record.ts";
import { forwardKept } from "./forwarding.ts";
import { openSecret } from "./sealed-secret.ts";

/** How one cell is opened; the composition root knows its driver. */
export interface CellDoor {
  readonly name: string;
  /** What its store holds. @throws {HoldfastError} if it cannot be looked at, or is not there yet. */
  readonly look: () => Promise<FoundCell>;
  /**
   * The store, made if it is not there, for whoever has it alone.
   *
   * @throws {HoldfastError} HF5004 at once if another has it: waiting is for who holds no other cell.
   */
  readonly openAlone: () => Promise<Store>;
  /**
   * Its engine at work. Whatever ends badly closes the store again.
   *
   * @param prepare - is given the store before anything of it is done.
   * @param onFatal - the store can no longer be written to.
   */
  readonly open: (
    prepare: (store: Store) => Promise<Neighbours>,
    onFatal: (error: Error) => void,
  ) => Promise<Engine>;
}

export interface CellsNeeds {
  readonly doors: readonly CellDoor[];
  readonly clock: Clock;
  readonly random: Random;
  /** How long a process that died while it made the first list keeps the others out. */
  readonly aloneMsMax: number;
  readonly log: (line: string) => void;
}

/** Waits between two tries to reach a cell: a second on the whole at first, half a minute at most. */
const AGAIN = { backoffFirstMs: 1_000, backoffMaxMs: 30_000 };

/** How often kept events are looked through for runs of other cells that wait for them. */
const FORWARD_EVERY_MS = 30_000;

/** How often a first list is looked at that another process is making, beyond what one that died takes. */
const FIRST_TRIES_MAX = 100;
const FIRST_LOOK_MS = 200;

export class Cells implements Directory {
  readonly engines = new Map<string, Engine>();
  readonly #needs: CellsNeeds;
  readonly #lost = new Map<string, string>();
  /** Ends the waits that are under way. */
  readonly #waits = new Set<() => void>();
  readonly #tries = new Set<Promise<void>>();
  #list: CellList | null = null;
  #isClosed = false;

  constructor(needs: CellsNeeds) {
    this.#needs = needs;
  }

  get list(): CellList {
    if (this.#list === null) throw new Error("cells are asked for before they are open");
    return this.#list;
  }

  get away(): readonly string[] {
    return [...this.#lost.keys()];
  }

  /**
   * Opens what can be opened, and goes on trying the rest.
   *
   * @throws {HoldfastError} HF5024 if the stores hold another list; else why the first of them could
   *   not be opened, if none could.
   */
  async open(): Promise<void> {
    const { doors } = this.#needs;
    this.#list = await this.#agreedList();
    const opened = await Promise.allSettled(doors.map((door) => this.#openCell(door)));
    const failed = opened.flatMap((one) =>
      one.status === "rejected" ? [one.reason as unknown] : [],
    );
    const misfit = failed.find(
      (error) => error instanceof HoldfastError && error.code === "HF5024",
    );
    if (misfit !== undefined || this.engines.size === 0) {
      await this.close();
      throw misfit ?? failed[0];
    }
    for (const [index, one] of opened.entries()) {
      const door = doors[index];
      if (one.status === "rejected" && door !== undefined) this.#lose(door, one.reason);
    }
    this.#background(this.#forwardNowAndThen());
  }

  engine(cell: string): Engine {
    return this.engines.get(cell) ?? this.refuseAway(cell);
  }

  refuseAway(name: string): never {
    throw new CellAway(name, this.#lost.get(name) ?? "it is not open.");
  }

  /** One that leads everything to where it belongs. */
  any(): Engine {
    for (const engine of this.engines.values()) return engine;
    return this.refuseAway(this.away[0] ?? "");
  }

  /** The engine that has this run; any of them if none has: it says so. */
  async of(run: number): Promise<Engine> {
    return (await engineOfRun(this, run)) ?? this.any();
  }

  /** The engine that has an exception. Those of the store itself have numbers that several may have. */
  async ofException(run: number, seq: number): Promise<Engine> {
    if (run !== 0) return await this.of(run);
    const having: [string, Engine][] = [];
    for (const [name, engine] of this.engines) {
      await engine.committer.durable();
      const row = await engine.store.exception(run, seq);
      if (row !== null && row.closedAtMs === null) having.push([name, engine]);
    }
    if (having.length > 1) {
      const id = formatItemId("exc", { run, seq });
      throw new HoldfastError(
        "HF6003",
        `Cells ${having.map(([name]) => name).join(" and ")} have an exception with this number, about their stores themselves. Nothing was closed.`,
        `Say which: holdfast close ${id} --cell NAME --reason "..."`,
      );
    }
    return having[0]?.[1] ?? this.any();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const end of this.#waits) end();
    await Promise.all(this.#tries);
    await Promise.all([...this.engines.values()].map((engine) => engine.close()));
    this.engines.clear();
  }

  async #agreedList(): Promise<CellList> {
    const { doors, aloneMsMax } = this.#needs;
    const names = doors.map(({ name }) => name);
    const triesMax = FIRST_TRIES_MAX + Math.ceil(aloneMsMax / FIRST_LOOK_MS);
    for (let tries = 1; ; tries += 1) {
      const start = cellStart(names, await this.#look());
      if (start.kind === "go") return start.list;
      try {
        return await makeFirstList(doors, () => this.#needs.clock.nowMs());
      } catch (error) {
        // Another process makes it just now: then it is there soon.
        const isBusy = error instanceof HoldfastError && error.code === "HF5004";
        if (!isBusy || tries >= triesMax) throw error;
      }
      await this.#pause(FIRST_LOOK_MS);
    }
  }

  async #look(): Promise<FoundCell[]> {
    const looked = await Promise.allSettled(this.#needs.doors.map((door) => door.look()));
    return looked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  }

  async #openCell(door: CellDoor): Promise<void> {
    const { name } = door;
    // Never makes the store anew: that is done with the list.
    await door.look();
    const prepare = async (store: Store) => await this.#prepare(name, store);
    const engine = await door.open(prepare, (error) => {
      this.#failed(door, error);
    });
    if (this.#isClosed) {
      await engine.close();
      return;
    }
    this.engines.set(name, engine);
    this.#lost.delete(name);
  }

  /** The store is had now: what it holds is what counts. */
  async #prepare(name: string, store: Store): Promise<Neighbours> {
    const head = await store.cells.list();
    const { list } = this;
    const isOwn = head?.self === name && requireCell(list, name).storeId === store.storeId;
    if (!isOwn || head.list.generation !== list.generation) {
      throw new HoldfastError(
        "HF5024",
        `The store of cell ${name} holds ${head === null ? "no list of cells" : `the list of generation ${String(head.list.generation)}, as cell ${head.self}`}; the others hold that of generation ${String(list.generation)}.`,
        "If the list was changed meanwhile, start this app with the new one; else name the store of that cell.",
      );
    }
    const { part } = requireCell(list, name);
    return new NeighbourCells(this, { self: name, part, former: formerOf(head, store) });
  }

  /** The store of a cell that was at work can no longer be written to. */
  #failed(door: CellDoor, error: Error): void {
    const engine = this.engines.get(door.name);
    if (engine === undefined) return;
    this.engines.delete(door.name);
    const over = async () => {
      // Its runs were let go of already; a store that has failed may fail once more at its end.
      await engine.close().catch(() => undefined);
    };
    this.#lose(door, error, over());
  }

  /** @param after - what has to end before it is tried again. */
  #lose(door: CellDoor, error: unknown, after: Promise<void> = Promise.resolve()): void {
    this.#lost.set(door.name, messageOf(error));
    this.#background(this.#tryAgain(door, error, after));
  }

  async #tryAgain(door: CellDoor, first: unknown, after: Promise<void>): Promise<void> {
    const { random, log } = this.#needs;
    await after;
    let error = first;
    for (let failures = 1; !this.#isClosed; failures += 1) {
      const delayMs = backoffDelayMs(AGAIN, failures, random.next());
      const message = messageOf(error);
      this.#lost.set(door.name, message);
      log(
        `holdfast: cell ${door.name} cannot be reached: ${message} The others go on; it is tried again in ${String(Math.round(delayMs))} ms.`,
      );
      await this.#pause(delayMs);
      if (this.#isClosed) return;
      try {
        await this.#openCell(door);
        log(`holdfast: cell ${door.name} is back.`);
        return;
      } catch (thrown) {
        error = thrown;
      }
    }
  }

  /** What a crash has kept from being given on. */
  async #forwardNowAndThen(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await forwardKept(this);
      } catch (error) {
        this.#needs.log(`holdfast: kept events were not given on: ${messageOf(error)}`);
      }
      await this.#pause(FORWARD_EVERY_MS);
    }
  }

  #background(work: Promise<void>): void {
    const tried = work.finally(() => this.#tries.delete(tried));
    this.#tries.add(tried);
  }

  async #pause(ms: number): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        cancel();
        this.#waits.delete(end);
        resolve();
      };
      const cancel = this.#needs.clock.after(ms, end);
      this.#waits.add(end);
    });
  }
}

/**
 * Puts the first list into all stores, each of which is made for it if it is not there. Asked for in
 * all of them before it is agreed in one: a store that has agreed is never without the others.
 */
async function makeFirstList(doors: readonly CellDoor[], nowMs: () => number): Promise<CellList> {
  const opened: { readonly name: string; readonly store: Store; readonly journal: StoreJournal }[] =
    [];
  try {
    for (const { name, openAlone } of doors.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const store = await openAlone();
      opened.push({ name, store, journal: new StoreJournal(store, nowMs) });
    }
    const list = firstList(opened.map(({ name, store }) => ({ name, storeId: store.storeId })));
    for (const { name, store } of opened) await requireFirst(name, store);
    for (const isAgreed of [false, true]) {
      for (const { name: self, journal } of opened) {
        await journal.list({ self, list, isAgreed, by: "app", secrets: {} });
      }
    }
    return list;
  } finally {
    for (const { store } of opened) await store.close();
  }
}

async function requireFirst(name: string, store: Store): Promise<void> {
  const head = await store.cells.list();
  if (store.lastRun === 0 && (head === null || !head.isAgreed)) return;
  throw new HoldfastError(
    "HF5004",
    `The store of cell ${name} was used while the first list of cells was made.`,
    "Start again: it is looked at anew.",
  );
}

function formerOf(head: CellsHead, { storeId, secret }: Store) {
  return head.list.removed.map((removed) => {
    const sealed = head.secrets[removed.storeId] ?? "";
    const own = openSecret(sealed, removed.storeId, { storeId, secret });
    return { name: removed.name, storeId: removed.storeId, digests: digestsWith(own) };
  });
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /[.!?]$/u.test(text) ? text : `${text}.`;
}
