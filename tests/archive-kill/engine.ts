/** `node engine.ts STORE RUNS`: does so many runs, says "ready", and stays. */
import { z } from "zod";
import { holdfast, workflow } from "holdfast";

const [address = "", runs = "0"] = process.argv.slice(2);

const small = workflow(
  "small",
  {
    input: z.object({ id: z.string() }),
    output: z.string(),
    key: ({ id }) => id,
    owner: "team",
  },
  async ({ id }, run) => run.step("say", () => `hello ${id}`),
);

// The test gives the address of a file.
const app = holdfast({ store: address as `sqlite:${string}`, workflows: [small] });
await app.listen();
const starts = Array.from({ length: Number(runs) }, async (_, number) => {
  const handle = await app.start(small, { id: String(number) });
  return await handle.result();
});
await Promise.all(starts);
process.stdout.write("ready\n");
