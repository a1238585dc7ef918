/** `node cells.ts RUNS NAME=ADDRESS...`: does so many runs over these cells, says "ready", and stays. */
import { z } from "zod";
import { holdfast, workflow } from "holdfast";

const [runs = "0", ...stores] = process.argv.slice(2);

const small = workflow(
  "small",
  { input: z.object({ id: z.string() }), output: z.string(), key: ({ id }) => id, owner: "team" },
  async ({ id }, run) => run.step("say", () => `hello ${id}`),
);

const store = Object.fromEntries(
  stores.map((text) => {
    const at = text.indexOf("=");
    // The test gives addresses of files.
    return [text.slice(0, at), text.slice(at + 1) as `sqlite:${string}`];
  }),
);
const app = holdfast({ store, workflows: [small] });
await app.listen();
const starts = Array.from({ length: Number(runs) }, async (_, number) => {
  const handle = await app.start(small, { id: String(number) });
  return await handle.result();
});
await Promise.all(starts);
process.stdout.write("ready\n");
