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
  // Workers number runs for themselves, so a parent may have the greater number. More steps than
  // there are runs would be a circle, which only damaged rows have.
  for (let steps = 0; steps < byRun.size; steps += 1) {
    const parent = root.parentRun === null ? undefined : byRun.get(root.parentRun);
    if (parent === undefined) return root;
    root = parent;
  }
  return run;
}
