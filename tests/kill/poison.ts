/**
 * An app in a process of its own that one of its runs kills with SIGKILL, again and again, from within
 * a step. Says in JSON lines what happens; `{"putAway":...}` when that run was given to its owner, and
 * `{"over":true}` when the others have ended. Runs until SIGTERM.
 *
 * `node poison.ts STORE`
 */
import { holdfast, workflow } from "holdfast";
import { z } from "zod";

const [store = ""] = process.argv.slice(2);

const flow = workflow(
  "flow",
  {
    input: z.object({ id: z.string() }),
    output: z.string(),
    key: ({ id }) => id,
    owner: "team-flow",
  },
  async ({ id }, run) => {
    await run.step("before", () => id, { durable: true });
    await run.step("deadly", () => {
      if (id === "bad") process.kill(process.pid, "SIGKILL");
      return id;
    });
    return id;
  },
);

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

const app = holdfast({ store: `sqlite:${store}`, workflows: [flow], log: () => undefined });
const putAway = new Promise<void>((resolve) => {
  app.on((event) => {
    if (event.type !== "exception.opened") return;
    say({ putAway: event.key, owner: event.owner, because: event.because });
    resolve();
  });
});
await app.listen();
const [bad, ...good] = await Promise.all(["bad", "a", "b"].map((id) => app.start(flow, { id })));
await Promise.all(good.map((handle) => handle.result()));
// In an earlier life it may have been put away already.
const row = bad === undefined ? null : await app.get(bad.id);
if (row?.state !== "exception") await putAway;
say({ over: true });
