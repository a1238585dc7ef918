/**
 * The process that runs the orders: Holdfast on its store, and the intake before it. It may
 * be killed at any moment and started again with the same arguments.
 *
 *     node engine-process.ts --dir var/order-to-cash --store sqlite:PATH --crm 4001 --payments 4002 --erp 4003 --mail 4004
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { holdfast, type HoldfastOptions } from "holdfast";
import { openAuditLog } from "./audit-log.ts";
import { orderEffects } from "./effects.ts";
import { openIntake } from "./intake.ts";
import { connectSystems, type Ports } from "./integrations.ts";
import { AUDIT_FILE, KEY_FILE } from "./places.ts";
import { placeOrderWith } from "./workflow.ts";

/** On PostgreSQL an engine that was killed is gone after this, and the next one gets in. */
const LEASE_MS = 2_000;

const { dir, store, ports, shared } = readArguments();
const audit = openAuditLog(join(dir, AUDIT_FILE));
const effects = orderEffects(connectSystems(ports), audit);
const placeOrder = placeOrderWith(effects);
const app = holdfast({
  store,
  // One of several keeps to the default: its shards are taken over within 5 s.
  postgres: { keyFile: join(dir, KEY_FILE), ...(shared ? { shared } : { leaseMs: LEASE_MS }) },
  workflows: [placeOrder],
  // By these a run is undone that is cancelled without code that fits it.
  effects: Object.values(effects),
  // The supervisor reports them all at the end.
  log: () => undefined,
});
app.on((event) => {
  if (event.type === "engine.fatal" || event.type === "run.drift") {
    process.stderr.write(`${event.type}: ${event.message}\n`);
  }
});
// The signals are ours: the intake has to close before the engine does.
await app.listen({ signals: [] });
const intake = await openIntake(app, placeOrder);

let isEnding = false;
const end = (): void => {
  if (isEnding) return;
  isEnding = true;
  void intake
    .close()
    .then(async () => app.close())
    .then(() => {
      audit.close();
      process.exit(0);
    });
};
process.once("SIGTERM", end);
// A supervisor that is killed closes this pipe: nothing is left behind.
process.stdin.resume().once("end", end);
// Ctrl-C in a terminal reaches every process of the group; here the supervisor decides when to end.
process.on("SIGINT", () => undefined);
process.stdout.write(`${JSON.stringify({ ready: true, port: intake.port })}\n`);

interface Arguments {
  readonly dir: string;
  readonly store: HoldfastOptions["store"];
  readonly ports: Ports;
  readonly shared: boolean;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      dir: { type: "string" },
      store: { type: "string" },
      crm: { type: "string" },
      payments: { type: "string" },
      erp: { type: "string" },
      mail: { type: "string" },
      shared: { type: "boolean", default: false },
    },
  });
  if (values.dir === undefined) throw new Error("expected --dir DIRECTORY, got none");
  return {
    dir: values.dir,
    shared: values.shared,
    // Whatever it is, the app says what it expects.
    store: (values.store ?? "") as Arguments["store"],
    ports: {
      crm: portOf("crm", values.crm),
      payments: portOf("payments", values.payments),
      erp: portOf("erp", values.erp),
      mail: portOf("mail", values.mail),
    },
  };
}

function portOf(flag: string, text: string | undefined): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new Error(`expected a port for --${flag}, got ${String(text)}`);
}
