/** Runs and the runs that they have started, as the families that leave a store together. */
interface Member {
  readonly run: number;
  readonly parentRun: number | null;
}

/** Each family with its root first, in the order in which the roots are given. */
export function familiesOf<Run extends Member>(runs: readonly Run[]): readonly (readonly Run[])[] {
  const byRun = new Map(runs.map((run) => [run.run, run]));
  const families = new Map<number, Run[]>();
  for (const run of runs) {
    const root = rootOf(run, byRun);
    const family = families.get(root.run);
    if (family === undefined) families.set(root.run, run === root ? [run] : [root, run]);
    else if (run !== root) family.push(run);
  }
  return [...families.values()];
}

function rootOf<Run extends Member>(run: Run, byRun: ReadonlyMap<number, Run>): Run {
  let root = run;
  // A parent has a smaller number than its children, so this ends whatever the rows say.
  for (;;) {
    const parent = root.parentRun === null ? undefined : byRun.get(root.parentRun);
    if (parent === undefined || parent.run >= root.run) return root;
    root = parent;
  }
}
