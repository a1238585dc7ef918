/** Held-out gRPC: every status that a server may send, and calls that end without one. */
import { connect, type ClientHttp2Stream } from "node:http2";
import { once } from "node:events";
import { plain } from "../capture.ts";
import { heldLabel, type Proof, type Reason, type Scenario, type Seen } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import { idOf } from "./last-send.ts";

interface Case {
  readonly name: string;
  readonly effect: Proof;
  readonly reasons: Reason | readonly [Reason, ...Reason[]];
  readonly why: string;
  readonly works: boolean;
  readonly how: string;
  readonly detail: string;
}

const REFUSED = "the application has answered, and refuses it";
const OPEN = "it failed, and says nothing of its work";
const SETTING = "every call fails alike until a setting changes";
const LOST = "the call was lost on its way, or its answer was";
const UNSEEN = "the protocol promises that it was not looked at";

const status = (
  name: string,
  effect: Proof,
  reasons: Case["reasons"],
  why: string,
  detail: string,
  works = false,
): Case => ({ name, effect, reasons, why, works, how: "status", detail });
const broken = (
  name: string,
  effect: Proof,
  reasons: Case["reasons"],
  why: string,
  how: string,
  detail: string,
  works = false,
): Case => ({ name, effect, reasons, why, works, how, detail });

const CASES: readonly Case[] = [
  status("unknown", "maybe", "transient", OPEN, "2|panic: nil map"),
  status("unknown after its work", "maybe", "transient", OPEN, "2|Application error", true),
  status("invalid argument", "never", "data", REFUSED, "3|amount must be above 0"),
  status("deadline after its work", "maybe", "transient", OPEN, "4|deadline exceeded", true),
  status("not found", "never", "data", REFUSED, "5|customer c77"),
  status("already exists", "never", "data", REFUSED, "6|order 4711"),
  status("permission denied", "never", ["misconfigured", "policy"], SETTING, "7|no role"),
  status("slower", "never", "throttled", "go slower, it says", "8|slow|grpc-retry-pushback-ms=500"),
  status("quota", "never", ["exhausted", "throttled"], "used up", "8|quota of the day"),
  status("failed precondition", "never", ["data", "policy"], REFUSED, "9|account is not empty"),
  status("aborted", "never", "contention", "somebody else was first", "10|transaction conflict"),
  status("out of range", "never", "data", REFUSED, "11|offset beyond the end"),
  status("unimplemented", "never", "permanent", "no such operation", "12|unknown method Place"),
  status("internal", "maybe", ["transient", "defect"], OPEN, "13|internal"),
  status("internal after its work", "maybe", ["transient", "defect"], OPEN, "13|internal", true),
  status("unavailable", "maybe", "unavailable", OPEN, "14|connection refused"),
  status("unavailable after its work", "maybe", "unavailable", OPEN, "14|draining", true),
  status("data loss", "maybe", ["permanent", "misconfigured"], OPEN, "15|checksum", true),
  status("unauthenticated", "never", "misconfigured", SETTING, "16|token expired"),
  broken("refused stream", "never", "transient", UNSEEN, "reset", "7"),
  broken("goaway", "never", "transient", UNSEEN, "goaway", ""),
  broken("reset by an inner error", "maybe", "transient", LOST, "reset", "2"),
  broken("reset after its work", "maybe", "transient", LOST, "reset", "2", true),
  broken("cancelled by the server", "maybe", "transient", LOST, "reset", "8", true),
  broken("calm", "maybe", ["throttled", "transient"], LOST, "reset", "11"),
  broken("session destroyed after its work", "maybe", "transient", LOST, "destroy", "", true),
  broken("session destroyed", "maybe", "transient", LOST, "destroy", ""),
  // The head has said 200, which every answer of gRPC says: it is no word of the application.
  broken("half an answer after its work", "maybe", "transient", LOST, "half", "", true),
];

export function rpcScenarios(counterpart: Counterpart, port: number): readonly Scenario[] {
  return CASES.map(({ name, effect, reasons, why, works, how, detail }): Scenario => {
    const id = idOf("rpc", name);
    const path = `/${works ? "works" : "fails"}/${how}/${encodeURIComponent(detail)}`;
    return {
      id,
      protocol: "grpc",
      server: "node:http2",
      fault: name,
      label: heldLabel(effect, reasons, why),
      play: async () => ({ seen: await call(id, port, path), ledger: counterpart.done(id) }),
    };
  });
}

/** As a client of gRPC does, which hands up a status with details and metadata, or what broke it. */
async function call(key: string, port: number, path: string): Promise<Seen> {
  const session = connect(`http://127.0.0.1:${String(port)}`);
  session.on("error", () => undefined);
  await once(session, "connect");
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    "idempotency-key": key,
  });
  stream.end(Buffer.from([0, 0, 0, 0, 0]));
  const seen = await ended(stream);
  session.destroy();
  return seen;
}

async function ended(stream: ClientHttp2Stream): Promise<Seen> {
  let head: Readonly<Record<string, unknown>> = {};
  let thrown: Error | null = null;
  stream.on("response", (headers) => (head = headers));
  stream.on("trailers", (trailers) => (head = { ...head, ...trailers }));
  stream.on("error", (error) => (thrown = error));
  stream.resume();
  await once(stream, "close", { signal: AbortSignal.timeout(30_000) }).catch((error: unknown) => {
    // It closes with an error that is kept above.
    if (thrown === null) throw error;
  });
  const code = head["grpc-status"];
  if (typeof code === "string") {
    const details = String(head["grpc-message"]);
    const metadata = Object.fromEntries(
      Object.entries(head).filter(([name]) => name.startsWith("grpc-retry")),
    );
    const error = { name: "Error", message: `${code}: ${details}`, code: Number(code), details };
    return { phase: "answered", error: { ...error, metadata } };
  }
  const { rstCode } = stream;
  // Typed as never by the closure above.
  const error = thrown as (Error & { readonly code?: string }) | null;
  return {
    phase: "bodySent",
    error: {
      name: error?.name ?? "Error",
      message: plain(error?.message ?? "the stream closed without an answer"),
      code: error?.code ?? "ERR_HTTP2_STREAM_CANCEL",
      rstCode,
    },
  };
}
