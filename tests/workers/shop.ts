/** Another company's system as the workers of a test call it: SHOP is its address, LIMITS what it takes. */
import { effect, integration, workflow, type IntegrationOptions } from "holdfast";
import { httpClient } from "holdfast/connectors/http";
import { z } from "zod";

const input = z.object({ key: z.string(), lane: z.string() });

const client = httpClient({ baseUrl: process.env["SHOP"] ?? "http://127.0.0.1:1" });

const shop = integration("shop", {
  owner: "sales",
  // Written by the test, in this form.
  ...(JSON.parse(process.env["LIMITS"] ?? "{}") as Partial<IntegrationOptions>),
});

const order = effect("order", {
  on: shop,
  timeout: "20s",
  retry: { attempts: 20, within: "10m", first: "100ms" },
  repeat: "idempotent",
  why: "upsert",
  input,
  output: z.string(),
  run: async ({ key }, attempt) => {
    const path = `/${String(process.pid)}/${encodeURIComponent(key)}`;
    await client.request(attempt, { method: "POST", path, json: {} });
    return key;
  },
});

export const orders = workflow(
  "orders",
  { input, output: z.unknown(), owner: "tests", key: ({ key }) => key },
  ({ key, lane }, run) => run.do(order, { key, lane }),
);
