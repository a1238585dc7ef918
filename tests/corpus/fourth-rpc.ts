/** gRPC by its own implementation: a server and a client of the Python package `grpcio`, in processes of their own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { ended, type OtherServer } from "./last-servers.ts";

/** A call that takes longer is stuck. */
const CALL_MS_MAX = 120_000;
/** What the library writes for people goes nowhere. */
const QUIET = { ...process.env, GRPC_VERBOSITY: "NONE" };

/**
 * What a call wants is in `x-case`: whether it works, how long it takes, and the status that ends it. What
 * is not asked for is what the server makes by itself: of a thrown error, a message that cannot be read or
 * is too large, of too many calls at once, of a method that is not there.
 */
const SERVER = `
import grpc, json, os, signal, sqlite3, sys, threading, base64
from concurrent import futures
def work(key):
    with sqlite3.connect(sys.argv[1], timeout=10) as ledger:
        ledger.execute("insert or ignore into work values (?, '')", (key,))
def place(request, context):
    asked = dict(context.invocation_metadata())
    case = json.loads(asked["x-case"])
    if case.get("works"): work(asked["idempotency-key"])
    if case.get("dies"): os.kill(os.getpid(), signal.SIGKILL)
    if case.get("holds"): threading.Event().wait()
    if case.get("throws"): raise RuntimeError("printer on fire")
    if case.get("unwritable"): return "unwritable"
    if case.get("large"): return b"x" * 5000000
    if case.get("code") is None: return b""
    fields = [(name, base64.b64decode(value) if name.endswith("-bin") else value) for name, value in case.get("fields", {}).items()]
    context.set_trailing_metadata(tuple(fields))
    codes = {code.value[0]: code for code in grpc.StatusCode}
    context.abort(codes[case["code"]], case.get("says", ""))
def read(data):
    if data == b"unreadable": raise ValueError("not a message")
    return data
def write(answer):
    return answer if isinstance(answer, bytes) else None
methods = {"Place": grpc.unary_unary_rpc_method_handler(place, request_deserializer=read, response_serializer=write)}
server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), maximum_concurrent_rpcs=4, options=[("grpc.so_reuseport", 0)])
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Orders", methods),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
import logging; logging.disable(logging.CRITICAL)
print(port, flush=True)
server.wait_for_termination()
`;

/** Makes the calls that come in, one a line, and prints what the library says of each. */
const CLIENT = `
import grpc, json, sys, base64, threading
def metadata(case, key): return (("x-case", json.dumps(case)), ("idempotency-key", key))
def made(asked):
    options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    channel = grpc.secure_channel(asked["target"], grpc.ssl_channel_credentials(), options=options) if asked.get("secure") else grpc.insecure_channel(asked["target"], options=options)
    call = channel.unary_unary(asked["method"])
    others = [call.future(b"", metadata=metadata({"holds": True}, asked["key"] + "/other")) for _ in range(asked.get("others", 0))]
    if others: threading.Event().wait(3)
    body = b"x" * asked["bodyBytes"] if "bodyBytes" in asked else asked.get("body", "").encode()
    running = call.future(body, metadata=metadata(asked.get("case", {}), asked["key"]), timeout=asked.get("timeoutMs", 60000) / 1000, wait_for_ready=asked.get("waits", False))
    if "cancelMs" in asked: threading.Timer(asked["cancelMs"] / 1000, running.cancel).start()
    try:
        error = running.exception()
    except grpc.FutureCancelledError:
        error = running
    if error is None: return {"went": "well"}
    fields = {name: base64.b64encode(value).decode() if isinstance(value, bytes) else value for name, value in error.trailing_metadata() or ()}
    return {"code": error.code().value[0], "details": error.details(), "metadata": fields}
for line in sys.stdin: print(json.dumps(made(json.loads(line))), flush=True)
`;

export interface RpcCall {
  readonly target: string;
  readonly key: string;
  readonly method: string;
  readonly case?: object;
  readonly body?: string;
  readonly bodyBytes?: number;
  readonly timeoutMs?: number;
  readonly cancelMs?: number;
  readonly waits?: boolean;
  readonly secure?: boolean;
  /** Calls that are at work meanwhile. */
  readonly others?: number;
}

/** What the library hands up of a call that failed. */
interface RpcFailed {
  readonly code: number;
  readonly details: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface RpcClient {
  /** @throws {Error} if the call goes well. */
  call(call: RpcCall): Promise<RpcFailed>;
  stop(): Promise<void>;
}

export function startRpcClient(): RpcClient {
  const child = spawn("python3", ["-c", CLIENT], {
    stdio: ["pipe", "pipe", "inherit"],
    env: QUIET,
  });
  const lines = createInterface({ input: child.stdout });
  return {
    call: async (call) => {
      const answer = once(lines, "line", { signal: AbortSignal.timeout(CALL_MS_MAX) });
      child.stdin.write(`${JSON.stringify(call)}\n`);
      const [line] = (await answer) as [string];
      const said: unknown = JSON.parse(line);
      if (!isFailed(said)) throw new Error(`the call ${call.key} went well`);
      return said;
    },
    stop: async () => ended(child, "SIGKILL"),
  };
}

function isFailed(said: unknown): said is RpcFailed {
  return typeof said === "object" && said !== null && "code" in said;
}

export async function startRpc(ledgerPath: string): Promise<OtherServer> {
  const child = spawn("python3", ["-c", SERVER, ledgerPath], {
    stdio: ["ignore", "pipe", "ignore"],
    env: QUIET,
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { port: Number(line.toString().trim()), stop: async () => ended(child, "SIGKILL") };
}
