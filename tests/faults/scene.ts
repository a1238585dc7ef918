/** What every script plays with: a folder, a counterpart, orders, and an end to all it has started. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPostgresReader, verifyPostgresStore } from "holdfast/postgres";
import { openSqliteReader, verifyStore } from "holdfast/sqlite";
import { seededRandom, type SeededRandom } from "holdfast/testing";
import { interruptedIn, type Reader } from "../kill/books.ts";
import { firstLine, startProgram } from "../kill/programs.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";
import { brokenInvariants } from "./invariants.ts";
import { Orders } from "./orders.ts";
import type { Found } from "./script.ts";
import type { WorkerSettings } from "./worker.ts";

const COUNTERPART = new URL("../kill/counterpart.ts", import.meta.url);
const LIFE_MS_MAX = 3_600_000;

/** Rounds are played so many times over at most, to cut off enough attempts. */
const ROUNDS_FACTOR_MAX = 5;

/** Of the stores of this process and of all workers that it starts. */
const STORE_KEY = randomBytes(32).toString("base64");

export class Scene {
  readonly folder: string;
  readonly random: SeededRandom;
  readonly say: (line: string) => void;
  readonly ledger: string;
  #port = 0;
  readonly #ends: (() => unknown)[] = [];

  private constructor(seed: string, say: (line: string) => void) {
    this.folder = mkdtempSync(join(tmpdir(), "holdfast-faults-"));
    // PostgreSQL runs as another user, and has to get to its folder below this one.
    chmodSync(this.folder, 0o755);
    this.random = seededRandom(1, seed);
    this.say = say;
    this.ledger = join(this.folder, "counterpart.db");
    this.#ends.push(() => {
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  static async open(seed: string, say: (line: string) => void): Promise<Scene> {
    const scene = new Scene(seed, say);
    const counterpart = startProgram(COUNTERPART, [scene.ledger], { lifeMsMax: LIFE_MS_MAX });
    scene.onClose(async () => {
      counterpart.kill("SIGTERM");
      await counterpart.ended;
    });
    // Its first line is always this.
    scene.#port = ((await firstLine(counterpart)) as { port: number }).port;
    process.env["HOLDFAST_STORE_KEY"] = STORE_KEY;
    return scene;
  }

  /** What is to be undone at the end, in the order from the last to the first. */
  onClose(end: () => unknown): void {
    this.#ends.push(end);
  }

  /** All of it, whatever fails on the way. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "the scene was not cleaned up");
  }

  fleet(
    settings: Omit<WorkerSettings, "port">,
    { ways = [{}], onReady }: Partial<Omit<FleetOptions, "settings">> = {},
  ): Fleet {
    const fleet = new Fleet({
      settings: { ...settings, port: this.#port },
      ways,
      ...(onReady === undefined ? {} : { onReady }),
    });
    this.onClose(() => fleet.close("SIGKILL"));
    return fleet;
  }

  orders(fleet: Fleet, name = "order"): Orders {
    return new Orders(fleet, this.random, `${name} `);
  }

  /**
   * Plays so many rounds, and more while too few attempts were cut off: whether a call is outside at
   * the moment of a fault is chance.
   */
  async rounds(
    store: WorkerSettings["store"],
    { count, cutOffMin }: { readonly count: number; readonly cutOffMin: number },
    play: () => Promise<void>,
  ): Promise<void> {
    for (let round = 0; round < count * ROUNDS_FACTOR_MAX; round += 1) {
      if (round >= count && (await cutOffIn(store)) >= cutOffMin) return;
      await play();
    }
  }

  /** Ends the play: what was broken, by all the rules that hold for every script. */
  async found(
    store: WorkerSettings["store"],
    { orders, fleet }: { readonly orders: Orders; readonly fleet: Fleet },
    more: Partial<Found> & {
      /** Attempts that have to have been cut off, as the journal says, for the play to prove anything. */
      readonly cutOffMin?: number;
    },
  ): Promise<Found> {
    const reader = await readerOf(store);
    try {
      const { ledger } = this;
      const damage = () => damageOf(store);
      const broken = await brokenInvariants({ orders, reader, ledger, damage, say: this.say });
      const interrupted = await interruptedIn(reader);
      await fleet.close("SIGTERM");
      return {
        broken: [...broken, ...(more.broken ?? [])],
        hits: {
          ...more.hits,
          "attempts cut off": { count: interrupted, atLeast: more.cutOffMin ?? 0 },
        },
        figures: {
          orders: orders.keys.length,
          "starts with unknown answer": orders.unknownCount,
          "starts refused": orders.refusedCount,
          "workers that ended by themselves": fleet.ends.length,
          ...more.figures,
        },
      };
    } finally {
      await reader.close();
    }
  }
}

const SQLITE = "sqlite:";

async function readerOf(store: WorkerSettings["store"]): Promise<Reader> {
  return store.startsWith(SQLITE)
    ? await openSqliteReader({ path: store.slice(SQLITE.length) })
    : await openPostgresReader({ url: store });
}

async function cutOffIn(store: WorkerSettings["store"]): Promise<number> {
  const reader = await readerOf(store);
  try {
    return await interruptedIn(reader);
  } finally {
    await reader.close();
  }
}

async function damageOf(store: WorkerSettings["store"]): Promise<readonly string[]> {
  const { damage } = store.startsWith(SQLITE)
    ? await verifyStore({ path: store.slice(SQLITE.length) })
    : await verifyPostgresStore({ url: store, key: STORE_KEY });
  return damage.map(({ what }) => `damage: ${what}`);
}
