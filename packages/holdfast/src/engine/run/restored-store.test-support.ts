/** A store that is restored from a backup, after its original went on for a while. */
import { copyFileSync, rmSync } from "node:fs";
import { acceptStore, backupStore } from "../../store-sqlite/index.ts";
import type { AnyWorkflow } from "../../workflow/workflow.ts";
import type { TestWorld } from "../test-world.test-support.ts";

/** `holdfast store accept` on the world's store, which no engine holds. */
export async function accept(world: TestWorld): Promise<void> {
  const nowMs = () => world.clock.nowMs();
  await acceptStore({ path: world.path, reason: "disk lost", by: "ana", nowMs });
}

/**
 * Makes a backup, lets the original go on, and puts the backup in its place. No engine runs then.
 *
 * @param original - what the original does meanwhile; it is closed after it. Nothing may have been
 *   read of the world's store by then: an open reader would go on to read the original.
 */
export async function putBackupBack(
  world: TestWorld,
  workflows: readonly AnyWorkflow[],
  original: () => Promise<void>,
): Promise<void> {
  await world.close();
  const backup = `${world.path}.backup`;
  for (const side of ["", ".key", ".anchor"]) rmSync(`${backup}${side}`, { force: true });
  await backupStore({ path: world.path, to: backup });
  await world.begin(workflows);
  await original();
  await world.close();
  for (const log of ["-wal", "-shm"]) rmSync(`${world.path}${log}`, { force: true });
  copyFileSync(backup, world.path);
}

/** The same with an original that goes on for `lostMs`, accepted and at work again. */
export async function restore(
  world: TestWorld,
  workflows: readonly AnyWorkflow[],
  lostMs: number,
): Promise<void> {
  await putBackupBack(world, workflows, () => world.advance(lostMs));
  await accept(world);
  await world.begin(workflows);
}
