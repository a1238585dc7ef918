/** A build whose module keeps a process alive, as one that holds a connection does. */
import { workflow } from "holdfast";
import { z } from "zod";

setInterval(() => undefined, 1_000);

const waits = workflow(
  "waits",
  { input: z.object({ id: z.string() }), output: z.null(), key: ({ id }) => id, owner: "shop" },
  async (_input, run) => {
    await run.sleep("1h");
    return null;
  },
);

export default { workflows: [waits], version: "v2" };
