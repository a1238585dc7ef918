/** The last third of HTTP: bodies cut on their way out, and HTTP/2. */
import { connect as connectHttp2, constants } from "node:http2";
import type { HttpClientOptions } from "holdfast/connectors/http";
import { label, type Proof, type Reason, type Scenario, type Seen } from "../case.ts";
import { plainAnswer, plainError } from "../capture.ts";
import type { Counterpart } from "../start-counterpart.ts";
import type { WireStep } from "../wire-script.ts";
import { at, idOf, send } from "./last-send.ts";

const work: WireStep = { do: "work" };
const say = (text: string): WireStep => ({ do: "send", text });

export function uploadScenarios(counterpart: Counterpart): readonly Scenario[] {
  return [...cutScenarios(counterpart), ...http2Scenarios(counterpart)];
}

function cutScenarios(counterpart: Counterpart): readonly Scenario[] {
  const big = "x".repeat(6_000_000);
  const one = (
    name: string,
    effect: Proof,
    reason: Reason,
    why: string,
    steps: readonly WireStep[],
  ): Scenario => {
    const id = idOf("upload", name);
    return {
      id,
      protocol: "http",
      server: "scripted TCP",
      fault: name,
      label: label(effect, reason, why),
      play: async () => {
        await counterpart.follow({ key: id, on: [{ text: "POST", steps }] });
        const seen = await send(id, at(counterpart.ports.wire), {
          body: big,
          options: { requestBytesMax: 8_000_000 },
        });
        return { seen, ledger: counterpart.done(id) };
      },
    };
  };
  const part = "a part had left, and a server may work on what it has";
  return [
    one("reset in the middle", "maybe", "transient", part, [{ do: "reset" }]),
    one("reset in the middle, worked", "maybe", "transient", part, [work, { do: "reset" }]),
    one("503 in the middle", "never", "throttled", "said before the body was whole", [
      say("HTTP/1.1 503 Busy\r\nretry-after: 2\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    ]),
    one("401 in the middle", "never", "misconfigured", "refused before the body was whole", [
      say("HTTP/1.1 401 Who\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    ]),
  ];
}

function http2Scenarios(counterpart: Counterpart): readonly Scenario[] {
  const only = (
    name: string,
    url: string,
    effect: Proof,
    why: string,
    options: Partial<HttpClientOptions>,
  ): Scenario => {
    const id = idOf("http2", name);
    return {
      id,
      protocol: "http",
      server: "node:http2",
      fault: name,
      label: label(effect, effect === "never" ? "misconfigured" : "transient", why),
      play: async () => {
        await counterpart.follow({
          key: id,
          on: [],
          answer: { status: 200, headers: {}, body: "{}", works: true },
        });
        return { seen: await send(id, url, { options }), ledger: counterpart.done(id) };
      },
    };
  };
  const { ports, certificates } = counterpart;
  const ca = certificates.good.cert;
  const stream = (
    name: string,
    status: number,
    works: boolean,
    effect: Proof,
    reason: Reason,
    why: string,
  ): Scenario => {
    const id = idOf("http2", name);
    return {
      id,
      protocol: "http",
      server: "node:http2",
      fault: name,
      label: label(effect, reason, why),
      play: async () => {
        await counterpart.follow({
          key: id,
          on: [],
          answer: { status, headers: {}, body: "{}", works },
        });
        return {
          seen: await overHttp2(at(ports.http2, "https"), ca),
          ledger: counterpart.done(id),
        };
      },
    };
  };
  return [
    only(
      "only HTTP 2 there",
      at(ports.http2, "https"),
      "never",
      "client and server agree on no protocol",
      { tls: { ca } },
    ),
    stream("refused by 429", 429, false, "never", "throttled", "go slower, says the server"),
    stream("refused by 422", 422, false, "never", "data", "the payload is refused"),
    stream(
      "failed after its work",
      500,
      true,
      "maybe",
      "transient",
      "it failed and says nothing of its work",
    ),
  ];
}

/** As users do who need HTTP/2, which the connector does not speak. */
async function overHttp2(url: string, ca: string): Promise<Seen> {
  const session = connectHttp2(url, { ca });
  try {
    return await new Promise<Seen>((resolve) => {
      const failed = (error: unknown): void => {
        resolve({ phase: "bodySent", error: plainError(error) });
      };
      session.on("error", failed);
      const request = session.request({
        [constants.HTTP2_HEADER_METHOD]: "POST",
        [constants.HTTP2_HEADER_PATH]: "/orders",
      });
      let status = 0;
      let body = "";
      request.setEncoding("utf8").on("error", failed);
      request.on("response", (headers) => {
        status = Number(headers[constants.HTTP2_HEADER_STATUS]);
      });
      request.on("data", (text: string) => {
        body += text;
      });
      request.on("end", () => {
        resolve({ phase: "answered", answer: plainAnswer(status, {}, body) });
      });
      request.end('{"currency":"EUR"}');
    });
  } finally {
    session.close();
  }
}
