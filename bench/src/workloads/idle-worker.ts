/**
 * A worker of a store that several share: says when it is ready, and of each run when its first step
 * is at work. `node idle-worker.ts URL`, until SIGTERM.
 */
import { holdfast, workflow } from "holdfast";
import { BENCH_KEY, keyed, type IdleLine } from "./idle-shared.ts";

const [url = ""] = process.argv.slice(2);

function say(line: IdleLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Of a machine's processes, milliseconds since 1970. */
function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

const begin = workflow("begin", keyed, async (input, run) => {
  await run.step("first", () => {
    say({ kind: "begun", key: String(input), atMs: nowMs() });
    return null;
  });
  return null;
});

const app = holdfast({
  // Given by the process that starts this one.
  store: url as `postgres://${string}`,
  postgres: { key: BENCH_KEY, shared: true },
  workflows: [begin],
  log: () => undefined,
});
await app.listen();
say({ kind: "ready" });
process.once("SIGTERM", () => {
  void app.close();
});
