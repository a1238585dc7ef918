/** The whole program in one module: it works as soon as it is loaded, as HOW says. */
import { holdfast, workflow } from "holdfast";
import { z } from "zod";

const writes = workflow(
  "writes",
  { input: z.object({ id: z.string() }), output: z.null(), key: ({ id }) => id, owner: "shop" },
  (_input, run) => run.step("write", () => null),
);
const store = `sqlite:${process.env["APP_STORE"] ?? ""}` as const;
const app = holdfast({ store, workflows: [writes], log: () => undefined });

async function main(): Promise<void> {
  try {
    await app.start(writes, { id: "1" });
  } finally {
    // What a program does that has failed, or is done.
    process.exit(0);
  }
}

if (process.env["HOW"] === "awaits") await app.listen();
else void main();
setInterval(() => undefined, 1_000);

export default { workflows: [writes] };
