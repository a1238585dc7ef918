/** HTTP through the connector: answers of a real server, broken connections, TLS and names. */
import type { HttpClientOptions } from "holdfast/connectors/http";
import { label, type Proof, type Reason, type Scenario } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import type { WireScript, WireStep } from "../wire-script.ts";
import { call, httpScript, SILENCE_MS } from "./http-call.ts";
import { networkScenarios } from "./http-network.ts";
import { BODY_CASES, STATUS_CASES, type StatusCase } from "./http-statuses.ts";

export function httpScenarios(counterpart: Counterpart, seed: string): readonly Scenario[] {
  return [
    ...STATUS_CASES.map((status) => statusScenario(counterpart, status)),
    ...BODY_CASES.map((status) => statusScenario(counterpart, status)),
    ...wireScenarios(counterpart),
    ...networkScenarios(counterpart, seed),
  ];
}

function statusScenario(counterpart: Counterpart, status: StatusCase): Scenario {
  const id = `http/${status.name.replaceAll(" ", "-")}`;
  return {
    id,
    protocol: "http",
    server: "node:http",
    fault: `answers ${String(status.status)}${status.works === true ? " after its work" : ""}`,
    label: label(status.effect, status.reason, status.why),
    play: async () => {
      await counterpart.follow({ key: id, on: [], answer: httpScript(status) });
      const seen = await call(id, `http://127.0.0.1:${String(counterpart.ports.http)}`);
      // An answer for several items: one of the two was done.
      const items = status.effect === "partial" ? 2 : 1;
      return { seen, ledger: counterpart.done(id, items) };
    },
  };
}

const WORK: WireStep = { do: "work" };
const RESET: WireStep = { do: "reset" };
const END: WireStep = { do: "end" };
const send = (text: string): WireStep => ({ do: "send", text });
const OK = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
/** The end of the order in JSON: with it the request is whole. */
const WHOLE = '"EUR"}';

interface WireCase {
  readonly name: string;
  readonly at: "connection" | "request";
  readonly steps: readonly WireStep[];
  readonly effect: Proof;
  readonly reason: Reason;
  readonly why: string;
  readonly options?: Partial<HttpClientOptions>;
}

const LOST = "the request had left; nothing tells whether the server has worked on it";
const DONE = "the status says that it was done; the rest of the answer is lost";
const NOISE = "what came is no HTTP, so it says nothing of the work";

const wire = (
  name: string,
  effect: Proof,
  reason: Reason,
  why: string,
  steps: readonly WireStep[],
  rest: Partial<WireCase> = {},
): WireCase => ({ name, effect, reason, why, steps, at: "request", ...rest });

const SHORT = { options: { headersTimeoutMs: SILENCE_MS, bodyTimeoutMs: SILENCE_MS } };

const WIRE_CASES: readonly WireCase[] = [
  wire("reset before work", "maybe", "transient", LOST, [RESET]),
  wire("reset after work", "maybe", "transient", LOST, [WORK, RESET]),
  wire("end before work", "maybe", "transient", LOST, [END]),
  wire("end after work", "maybe", "transient", LOST, [WORK, END]),
  wire("silence before work", "maybe", "transient", LOST, [], SHORT),
  wire("silence after work", "maybe", "transient", LOST, [WORK], SHORT),
  wire("half a status line", "maybe", "transient", LOST, [WORK, send("HTTP/1.1 20"), RESET]),
  wire("half a head", "maybe", "transient", LOST, [WORK, send(OK), RESET]),
  wire("half a head, ended", "maybe", "transient", LOST, [WORK, send(OK), END]),
  wire("only early hints", "maybe", "transient", LOST, [
    send("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
    RESET,
  ]),
  wire("only continue", "maybe", "transient", LOST, [send("HTTP/1.1 100 Continue\r\n\r\n"), END]),
  wire("body cut by length", "surely", "ambiguous", DONE, [
    WORK,
    send(`${OK}content-length: 200\r\n\r\n{"id":`),
    RESET,
  ]),
  wire("body ended by length", "surely", "ambiguous", DONE, [
    WORK,
    send(`${OK}content-length: 200\r\n\r\n{"id":`),
    END,
  ]),
  wire("chunks cut", "surely", "ambiguous", DONE, [
    WORK,
    send(`${OK}transfer-encoding: chunked\r\n\r\n5\r\n{"id"\r\n`),
    END,
  ]),
  wire("bad chunk", "surely", "ambiguous", DONE, [
    WORK,
    send(`${OK}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n`),
    END,
  ]),
  wire(
    "body stops",
    "surely",
    "ambiguous",
    DONE,
    [WORK, send(`${OK}content-length: 200\r\n\r\n{"id":`)],
    SHORT,
  ),
  wire(
    "body too large",
    "surely",
    "ambiguous",
    "done; its answer is larger than we take",
    [WORK, send(`${OK}content-length: 3000\r\n\r\n${"x".repeat(3000)}`), END],
    { options: { responseBytesMax: 1000 } },
  ),
  wire("garbage", "maybe", "transient", NOISE, [
    WORK,
    send("\u0001\u0002\u0003garbage\r\n\r\n"),
    END,
  ]),
  wire("another protocol", "maybe", "transient", NOISE, [send("SSH-2.0-OpenSSH_9.2\r\n"), END]),
  wire("bad header", "maybe", "transient", NOISE, [
    WORK,
    send("HTTP/1.1 200 OK\r\nbad header\u0000: x\r\n\r\n"),
    END,
  ]),
  wire("two lengths", "maybe", "transient", NOISE, [
    WORK,
    send(`${OK}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`),
    END,
  ]),
  wire("huge head", "maybe", "transient", NOISE, [
    WORK,
    send(`${OK}x-filler: ${"y".repeat(40_000)}\r\ncontent-length: 2\r\n\r\n{}`),
    END,
  ]),
  wire("ends at once", "maybe", "transient", "ended while we may have been sending", [END], {
    at: "connection",
  }),
  wire("answers before it reads", "never", "throttled", "said before the request was read", [
    send("HTTP/1.1 429 Too Many Requests\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n"),
  ]),
  wire("408 of an idle server", "never", "transient", "the server saw no whole request in time", [
    send("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"),
    END,
  ]),
  wire("500 with a cut body", "maybe", "transient", LOST, [
    WORK,
    send("HTTP/1.1 500 Oops\r\ncontent-length: 90\r\n\r\n<h1>"),
    RESET,
  ]),
  wire("400 with a cut body", "never", "data", "the status is there and refuses the payload", [
    send("HTTP/1.1 400 Bad Request\r\ncontent-length: 90\r\n\r\n<h1>"),
    RESET,
  ]),
  wire("429 with a cut body", "never", "throttled", "the status and the wait are there", [
    send("HTTP/1.1 429 Slow\r\nretry-after: 4\r\ncontent-length: 90\r\n\r\n{"),
    END,
  ]),
  wire("switches protocols unasked", "maybe", "transient", NOISE, [
    send("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
    END,
  ]),
];

function wireScript(id: string, { at, steps }: WireCase): WireScript {
  return at === "connection"
    ? { key: id, greet: steps, on: [] }
    : { key: id, on: [{ text: WHOLE, steps }] };
}

function wireScenarios(counterpart: Counterpart): readonly Scenario[] {
  const over = (
    port: number,
    scheme: "http" | "https",
    one: WireCase,
    options: Partial<HttpClientOptions>,
  ): Scenario => {
    const id = `${scheme}/${one.name.replaceAll(/[ ,]+/gu, "-")}`;
    return {
      id,
      protocol: "http",
      server: scheme === "http" ? "scripted TCP" : "scripted TLS",
      fault: one.name,
      label: label(one.effect, one.reason, one.why),
      play: async () => {
        await counterpart.follow(wireScript(id, one));
        const url = `${scheme}://127.0.0.1:${String(port)}`;
        const seen = await call(id, url, { ...one.options, ...options });
        return { seen, ledger: counterpart.done(id) };
      },
    };
  };
  const { ports, certificates } = counterpart;
  const tls = { tls: { ca: certificates.good.cert } };
  const secured = WIRE_CASES.filter(
    ({ name }) => !name.startsWith("4") && !name.includes("at once") && !name.includes("idle"),
  );
  return [
    ...WIRE_CASES.map((one) => over(ports.wire, "http", one, {})),
    ...secured.map((one) => over(ports.tls, "https", one, tls)),
  ];
}
