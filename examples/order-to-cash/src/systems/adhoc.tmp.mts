import { startSystems } from "./launch.ts";
import { readLedger } from "./ledger.ts";
import { Agent, request } from "undici";
import { rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
const settleMs = 5000;
rmSync("/tmp/adhoc-systems", { recursive: true, force: true });
const s = await startSystems({ dir: "/tmp/adhoc-systems", seed: 1, faults: 0.6, settleMs });
const agent = new Agent({ connections: 16, pipelining: 1 });
const sent = new Map<string, number>(); const out: Record<string, number> = {};
let next = 0; const t0 = Date.now();
async function worker() {
  for (;;) {
    const i = next++; if (i >= 1000) return;
    const id = `ORD-${i}`; 
    for (;;) { try { sent.set(id, Date.now());
      const r = await request(`http://127.0.0.1:${s.places.erp.port}/invoices`, { dispatcher: agent, method: "POST", body: JSON.stringify({ orderId: id, customer: "Ada", cents: 5 }), signal: AbortSignal.timeout(1200) });
      const text = await r.body.text(); let k = String(r.statusCode); try { JSON.parse(text); } catch { k += " garbage"; }
      out[k] = (out[k] ?? 0) + 1;
    } catch (e: any) { const k = e.code ?? e.name; out[k] = (out[k] ?? 0) + 1; if (k === "ECONNREFUSED") { await delay(100); continue; } }
    break; }
  }
}
await Promise.all(Array.from({ length: 16 }, worker));
console.log(out, "took", Date.now() - t0);
await s.settled();
const rows = readLedger(s.places.erp.ledgerFile);
console.log("rows", rows.length, "distinct", new Set(rows.map(r => r.businessKey)).size, "max late", Math.max(...rows.map(r => r.atMs - sent.get(r.businessKey)!)));
console.log(s.counts().erp);
await agent.destroy();
const rep = await s.stop(); console.log(rep.deaths, rep.killed);
