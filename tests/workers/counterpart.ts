/**
 * The shop, in a process of its own: it counts how many calls are open at once, whoever makes them,
 * and when each began. `POST /PID/KEY` is a call; what the test asks is below `/test/`.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Seen {
  /** Most calls that were open at once since the last reset. */
  readonly openMax: number;
  readonly calls: readonly { readonly pid: number; readonly key: string; readonly atMs: number }[];
}

/** How long it takes to answer, milliseconds. */
const WORK_MS = Number(process.env["WORK_MS"] ?? 50);

let open = 0;
let openMax = 0;
let calls: { pid: number; key: string; atMs: number }[] = [];
/** For whom it is down: a process, or everybody. */
let downFor: string | null = null;

function work(path: string, answer: ServerResponse): void {
  const [, pid = "", key = ""] = path.split("/");
  open += 1;
  openMax = Math.max(openMax, open);
  calls.push({ pid: Number(pid), key: decodeURIComponent(key), atMs: performance.now() });
  const isDown = downFor === "all" || downFor === pid;
  const timer = setTimeout(() => {
    answer.writeHead(isDown ? 503 : 200, { "content-type": "application/json" }).end("{}");
  }, WORK_MS);
  // Also where the caller was killed: nobody waits for it any more.
  answer.on("close", () => {
    clearTimeout(timer);
    open -= 1;
  });
}

function tell(path: string, answer: ServerResponse): void {
  const [, , what = "", whom = ""] = path.split("/");
  if (what === "down") downFor = whom;
  if (what === "up") downFor = null;
  if (what === "reset") {
    calls = [];
    openMax = open;
  }
  const seen: Seen = { openMax, calls };
  answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(seen));
}

const server = createServer((request: IncomingMessage, answer) => {
  const { url = "" } = request;
  request.resume();
  if (url.startsWith("/test/")) tell(url, answer);
  else work(url, answer);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;
process.stdout.write(`${String(port)}\n`);
