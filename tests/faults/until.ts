/** Waiting for what no event tells of: rows of a database, processes of others. */

/** Between two looks, milliseconds. */
const LOOK_EVERY_MS = 20;

/** Looks again and again; false if it is not so within the bound. */
export async function until(
  isSo: () => Promise<boolean> | boolean,
  msMax: number,
): Promise<boolean> {
  const startedAtMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startedAtMs >= msMax) return false;
    await pause(LOOK_EVERY_MS);
  }
  return true;
}

/** How long a fault lasts. */
async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
