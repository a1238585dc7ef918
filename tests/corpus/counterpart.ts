/**
 * The other side, in a process of its own: HTTP, HTTP/2, mail and scripted servers that do what the
 * script of the moment says, and write down what they have done before they answer.
 *
 * Started by start-counterpart.ts with the path of its ledger and its certificates; scripts come
 * over the channel to its parent, one at a time.
 */
import { readFileSync } from "node:fs";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTls, type TlsOptions } from "node:tls";
import { SMTPServer } from "smtp-server";
import { WorkLedger } from "./ledger.ts";
import type { Certificates } from "./make-certificates.ts";
import type { Ports, WireScript, WireStep } from "./wire-script.ts";

/** More of a request is not looked at. */
const READ_BYTES_MAX = 1_048_576;

const [ledgerPath = "", certificatesPath = ""] = process.argv.slice(2);
const ledger = new WorkLedger(ledgerPath);
const { good, expired } = JSON.parse(readFileSync(certificatesPath, "utf8")) as Certificates;
/** What carries a TLS connection, by the client's port: only that can be reset. */
const under = new Map<number, Socket>();
let script: WireScript = { key: "", on: [] };

process.on("message", (message) => {
  script = message as WireScript;
  process.send?.("ready");
});
process.on("disconnect", () => process.exit(0));
process.send?.(await listenAll());

async function listenAll(): Promise<Ports> {
  const mail = mailServer();
  await new Promise<void>((resolve) => {
    mail.listen(0, "127.0.0.1", resolve);
  });
  const tls = (options: TlsOptions) =>
    createTls({ ...good, ...options }, onWire)
      .on("tlsClientError", (_error, socket) => socket.destroy())
      .on("connection", (socket: Socket) => under.set(Number(socket.remotePort), socket));
  return {
    wire: await listen(createServer({ allowHalfOpen: true }, onWire)),
    tls: await listen(tls({})),
    http: await listen(createHttp(onHttp)),
    http2: await listen(createSecureServer({ ...good, allowHTTP1: false }, onHttp as never)),
    smtp: (mail.server.address() as AddressInfo).port,
    expired: await listen(tls(expired)),
    oldTls: await listen(
      tls({ minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }),
    ),
    clientCertificate: await listen(
      tls({ requestCert: true, rejectUnauthorized: true, ca: good.cert }),
    ),
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

function onWire(socket: Socket): void {
  const { key, greet = [], on } = script;
  let text = "";
  let next = 0;
  // How a connection ends is what a case is about; the client's side of it is looked at.
  socket.on("error", () => socket.destroy());
  run(socket, key, greet);
  socket.on("data", (bytes: Buffer) => {
    text = (text + bytes.toString("latin1")).slice(-READ_BYTES_MAX);
    for (let rule = on[next]; rule !== undefined; rule = on[next]) {
      const at = text.indexOf(rule.text);
      if (at < 0) return;
      text = text.slice(at + rule.text.length);
      next += 1;
      run(socket, key, rule.steps);
    }
  });
}

function run(socket: Socket, key: string, steps: readonly WireStep[]): void {
  for (const step of steps) {
    if (step.do === "work") ledger.record(key, step.item);
    else if (step.do === "send") socket.write(step.text, "latin1");
    else if (step.do === "end") socket.end();
    else resetAfterWrites(socket);
  }
}

/** A reset throws away what was written but not yet sent, so it waits until all has left. */
function resetAfterWrites(socket: Socket): void {
  const carrier = under.get(Number(socket.remotePort)) ?? socket;
  socket.write("", () => {
    setImmediate(() => carrier.resetAndDestroy());
  });
}

function onHttp(request: IncomingMessage, response: ServerResponse): void {
  const { key, answer } = script;
  request.resume().on("end", () => {
    if (answer === undefined) throw new Error(`case ${key} has no answer for the HTTP server`);
    if (answer.works) ledger.record(key);
    for (const item of answer.items ?? []) ledger.record(key, item);
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body);
  });
}

/** What the script says of a command is its refusal: "550 5.1.1 no such user". */
function refusal(text: string): Error | null {
  const rule = script.on.find((one) => one.text === text);
  const step = rule?.steps[0];
  if (step?.do !== "send") return null;
  const [, code = "550", said = ""] = /^(\d{3}) (.*)$/su.exec(step.text) ?? [];
  return Object.assign(new Error(said), { responseCode: Number(code) });
}

function mailServer(): SMTPServer {
  return new SMTPServer({
    secure: false,
    hideSTARTTLS: true,
    authOptional: true,
    allowInsecureAuth: true,
    size: 100_000,
    disableReverseLookup: true,
    onConnect: (_session, done) => {
      done(refusal("connect"));
    },
    onAuth: (_auth, _session, done) => {
      const error = refusal("auth");
      if (error === null) done(null, { user: "corpus" });
      else done(error);
    },
    onMailFrom: (_address, _session, done) => {
      done(refusal("from"));
    },
    onRcptTo: (address, _session, done) => {
      done(refusal(`to ${address.address}`) ?? refusal("to"));
    },
    onData: (stream, session, done) => {
      const { key } = script;
      stream.resume().on("end", () => {
        const error = refusal("content");
        if (error === null && !stream.sizeExceeded) {
          for (const { address } of session.envelope.rcptTo) ledger.record(key, address);
        }
        const tooBig = Object.assign(new Error("Message exceeds fixed maximum message size"), {
          responseCode: 552,
        });
        done(stream.sizeExceeded ? tooBig : error);
      });
    },
  });
}
