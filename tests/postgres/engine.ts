/** A process with an app on PostgreSQL, which says when it runs and is then killed. */
import { holdfast } from "holdfast";

const app = holdfast({
  store: process.env["HOLDFAST_STORE"] as `postgres://${string}`,
  workflows: [],
  postgres: { leaseMs: 1000 },
});
await app.listen();
process.stdout.write("waiting\n");
setInterval(() => undefined, 1000);
