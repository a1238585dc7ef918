/** Apps over cells in files of one folder, for tests. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { firstList } from "../core/cell-list.ts";
import type { Cells, HoldfastOptions, StoreAddress } from "../app-settings.ts";
import { holdfast, type App } from "../holdfast.ts";
import { homeNames } from "./placing.ts";

export class CellsUnderTest {
  readonly folder = mkdtempSync(join(tmpdir(), "holdfast-cells-"));
  readonly lines: string[] = [];
  readonly #options: Omit<HoldfastOptions, "store">;
  readonly #apps = new Set<App>();

  constructor(options: Omit<HoldfastOptions, "store">) {
    this.#options = options;
  }

  address(name: string): StoreAddress {
    return `sqlite:${join(this.folder, `${name}.db`)}`;
  }

  stores(...names: string[]): Cells {
    return Object.fromEntries(names.map((name) => [name, this.address(name)]));
  }

  /** An app on these cells; closed by `dispose`. */
  app(...names: string[]): App {
    return this.open(this.stores(...names));
  }

  open(store: HoldfastOptions["store"]): App {
    const log = (line: string) => this.lines.push(line);
    const app = holdfast({ ...this.#options, store, log });
    this.#apps.add(app);
    return app;
  }

  async close(app: App): Promise<void> {
    this.#apps.delete(app);
    await app.close();
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#apps].map((app) => app.close()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A list of these cells, as their stores hold it at first. */
function listOf(...names: string[]) {
  return firstList(names.map((name) => ({ name, storeId: `store_${name}` })));
}

/** Keys of a workflow that belong to each of these cells, by the list that has them all. */
export function keysAt(workflow: string, names: readonly string[], at: string, count: number) {
  const list = listOf(...names);
  const keys: string[] = [];
  for (let number = 0; keys.length < count; number += 1) {
    const key = `key-${String(number)}`;
    const placed = { kind: "run", namespace: "main", workflow, key } as const;
    if (homeNames(list, placed).home === at) keys.push(key);
  }
  return keys;
}
