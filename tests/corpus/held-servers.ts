/** Servers of the held-out part, in processes of their own: Fastify, Flask, and an edge that loses what is behind it. */
import { execFileSync, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { ended, type OtherServer } from "./last-servers.ts";

/** A machine that needs longer to start a process is stuck, not slow. */
const START_MS_MAX = 120_000;

/**
 * As its users write it, with the answers that Fastify makes by itself left as they are. What a request
 * wants is in `x-case`: what the handler does, and the status and code that it refuses with.
 */
const FASTIFY = `
import Fastify from "fastify";
import { DatabaseSync } from "node:sqlite";
const ledger = new DatabaseSync(process.argv[1]);
ledger.exec("pragma busy_timeout = 10000");
const work = (request) => ledger.prepare("insert or ignore into work values (?, '')").run(request.headers["idempotency-key"]);
const app = Fastify({ bodyLimit: 2000, forceCloseConnections: true });
const schema = { body: { type: "object", required: ["customer", "amount"], properties: { customer: { type: "string" }, amount: { type: "number", exclusiveMinimum: 0 }, terms: { enum: ["net30", "net60"] } } } };
app.addHook("onRequest", async (request, reply) => {
  if (request.headers["x-hook"] === undefined) return;
  const [status, code, fields] = request.headers["x-hook"].split("|");
  reply.code(Number(status)).headers(JSON.parse(fields || "{}"));
  return reply.send(code === "" ? undefined : { code, message: "refused before it was read" });
});
app.post("/orders", { schema }, async (request, reply) => {
  const [what, status, code, fields] = (request.headers["x-case"] ?? "works").split("|");
  if (what.includes("works")) work(request);
  if (what.includes("throws")) throw new Error("cannot read properties of undefined");
  if (what.includes("hangs")) return new Promise(() => undefined);
  if (what.includes("drops")) { reply.hijack(); reply.raw.destroy(); return; }
  if (what.includes("breaks off")) { reply.hijack(); reply.raw.writeHead(200, { "content-type": "application/json" }); reply.raw.write('{"id":'); setTimeout(() => reply.raw.destroy(), 50); return; }
  if (what.includes("no json")) return reply.type("text/html").send("<p>Thank you</p>");
  reply.code(Number(status ?? 201)).headers(JSON.parse(fields || "{}"));
  if (code?.startsWith("{") === true) return reply.type(what.includes("problem") ? "application/problem+json" : "application/json").send(code);
  return code === undefined || code === "" ? reply.send() : reply.send({ code, message: "as the order stands" });
});
await app.listen({ port: 0, host: "127.0.0.1" });
console.log(app.server.address().port);
`;

export async function startFastify(ledgerPath: string): Promise<OtherServer> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", FASTIFY, ledgerPath], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { port: Number(line.toString().trim()), stop: async () => ended(child, "SIGKILL") };
}

const FLASK = `
import sys, sqlite3, threading
from flask import Flask, Response, abort, redirect, request, jsonify
from werkzeug.serving import make_server
app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 2000
def work():
    with sqlite3.connect(sys.argv[1], timeout=10) as ledger:
        ledger.execute("insert or ignore into work values (?, '')", (request.headers["idempotency-key"],))
@app.post("/orders")
def orders():
    what = request.headers.get("x-case", "")
    body = request.get_json()
    if "works" in what: work()
    if "throws" in what: raise KeyError("customer")
    if "stream" in what:
        def parts():
            yield '{"id":'
            raise RuntimeError("printer on fire")
        return Response(parts(), content_type="application/json")
    if "reads a field" in what: return jsonify(request.form["customer"])
    if "says" in what: return jsonify(error="The customer is on hold since Monday."), int(what.split()[-1])
    abort(int(what.split()[-1]))
@app.get("/orders/<int:order>")
def order(order): return jsonify(order)
@app.post("/folder/")
def folder(): return jsonify(1)
@app.post("/login-first")
def login_first(): return redirect("/login")
server = make_server("127.0.0.1", 0, app, threaded=True)
import logging; logging.getLogger("werkzeug").disabled = True; app.logger.disabled = True
print(server.server_port, flush=True)
server.serve_forever()
`;

/** True if the machine's Python has the module. */
export function hasPythonModule(name: string): boolean {
  try {
    execFileSync("python3", ["-c", `import ${name}`], { stdio: "ignore" });
    return true;
  } catch {
    // Python says so by its exit code.
    return false;
  }
}

export async function startFlask(ledgerPath: string): Promise<OtherServer> {
  const child = spawn("python3", ["-c", FLASK, ledgerPath], {
    stdio: ["ignore", "pipe", "ignore"],
    // Its sets are written in the order of their hashes.
    env: { ...process.env, PYTHONHASHSEED: "0" },
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { port: Number(line.toString().trim()), stop: async () => ended(child, "SIGKILL") };
}

export interface Edge {
  readonly http: number;
  /** gRPC over HTTP/2 without TLS. */
  readonly rpc: number;
  stop(): Promise<void>;
}

export async function startEdge(ledgerPath: string): Promise<Edge> {
  const child = fork(join(import.meta.dirname, "held-edge.ts"), [ledgerPath], {
    execArgv: process.execArgv,
  });
  const [ports] = (await once(child, "message", {
    signal: AbortSignal.timeout(START_MS_MAX),
  })) as [{ readonly http: number; readonly rpc: number }];
  return { ...ports, stop: async () => ended(child, "SIGKILL") };
}
