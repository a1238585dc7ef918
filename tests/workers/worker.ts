/**
 * A worker among others on the PostgreSQL store that HOLDFAST_STORE names. It takes commands on
 * standard input and says on standard output what comes of them, one line of JSON each.
 */
import { createInterface } from "node:readline";
import { holdfast } from "holdfast";
import { flows, paid } from "./flows.ts";

const app = holdfast({
  store: process.env["HOLDFAST_STORE"] as `postgres://${string}`,
  postgres: { shared: true },
  workflows: Object.values(flows),
  log: () => undefined,
});

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

app.on((told) => {
  if (told.type === "shards.taken" || told.type === "shards.given") {
    say({ [told.type]: told.shards.length });
  }
  if (told.type === "dependency.changed") say({ dependency: told.to });
  if (told.type === "engine.fatal") say({ fatal: told.message });
});

export interface Command {
  readonly id: number;
  readonly verb: "start" | "result" | "send" | "complete" | "cancel";
  readonly flow?: keyof typeof flows;
  /** Of the run, the event, or the answer. */
  readonly key: string;
  readonly lane?: string;
  readonly run?: string;
}

async function answerTo({ verb, flow = "quick", key, lane = "", run = "" }: Command) {
  switch (verb) {
    case "start":
    case "result": {
      const handle = await app.start(flows[flow], { key, lane });
      const { id, isNew } = handle;
      return { run: id, isNew, ...(verb === "result" ? { result: await handle.result() } : {}) };
    }
    case "send":
      await app.send(paid, { key, id: `paid ${key}`, payload: { cents: 5 } });
      return {};
    case "complete":
      await app.complete("bank", key, { ok: true, value: { ref: key } });
      return {};
    case "cancel":
      await app.cancel(run, { by: "test", reason: "no more" });
      return {};
  }
}

await app.listen();
say({ ready: true });
createInterface(process.stdin).on("line", (line) => {
  // Written by the test, in this form.
  const command = JSON.parse(line) as Command;
  answerTo(command).then(
    (answer) => {
      say({ id: command.id, ...answer });
    },
    (error: unknown) => {
      say({ id: command.id, error: String(error) });
    },
  );
});
