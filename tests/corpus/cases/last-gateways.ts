/** The last third of HTTP: nginx before a failing server, Python's server, HTTP/2, cut uploads. */
import type { HttpClientOptions } from "holdfast/connectors/http";
import { label, type Proof, type Reason, type Scenario } from "../case.ts";
import type { NginxPorts, OtherServer } from "../last-servers.ts";
import type { Counterpart } from "../start-counterpart.ts";
import type { WireStep } from "../wire-script.ts";
import { DIALECT_CASES } from "./last-dialects.ts";
import { httpScript } from "./http-call.ts";
import { at, idOf, send, type Sent } from "./last-send.ts";
import { uploadScenarios } from "./last-uploads.ts";

interface Others {
  readonly nginx: NginxPorts | null;
  readonly own: OtherServer | null;
  readonly plain: OtherServer | null;
}

export function gatewayScenarios(counterpart: Counterpart, others: Others): readonly Scenario[] {
  return [
    ...dialectScenarios(counterpart),
    ...(others.nginx === null ? [] : nginxScenarios(counterpart, others.nginx)),
    ...(others.own === null || others.plain === null
      ? []
      : pythonScenarios(counterpart, others.own, others.plain)),
    ...uploadScenarios(counterpart),
  ];
}

function dialectScenarios(counterpart: Counterpart): readonly Scenario[] {
  return DIALECT_CASES.map((one): Scenario => {
    const id = idOf("dialect", one.name);
    return {
      id,
      protocol: "http",
      server: "node:http in the words of a service",
      fault: one.name,
      label: label(one.effect, one.reason, one.why),
      play: async () => {
        await counterpart.follow({ key: id, on: [], answer: httpScript(one) });
        return {
          seen: await send(id, at(counterpart.ports.http), {}),
          ledger: counterpart.done(id),
        };
      },
    };
  });
}

const WHOLE = '"EUR"}';
const work: WireStep = { do: "work" };
const OK = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const say = (text: string): WireStep => ({ do: "send", text });

function nginxScenarios(counterpart: Counterpart, ports: NginxPorts): readonly Scenario[] {
  const one = (
    name: string,
    effect: Proof,
    reason: Reason,
    why: string,
    path: string,
    steps: readonly WireStep[] = [],
    sent: Sent = {},
  ): Scenario => {
    const id = idOf("nginx", name);
    return {
      id,
      protocol: "http",
      server: "nginx",
      fault: name,
      label: label(effect, reason, why),
      play: async () => {
        await counterpart.follow({ key: id, on: [{ text: WHOLE, steps }] });
        const seen = await send(id, at(ports.front), { path, ...sent });
        return { seen, ledger: counterpart.done(id) };
      },
    };
  };
  const lost = "the gateway lost the server behind it, which may have worked";
  const done = "done, says the status; the result is lost";
  const end: WireStep = { do: "end" };
  const reset: WireStep = { do: "reset" };
  const secure = (
    name: string,
    url: string,
    reason: Reason,
    why: string,
    options: Partial<HttpClientOptions>,
  ): Scenario => {
    const id = idOf("nginx", name);
    return {
      id,
      protocol: "http",
      server: "nginx",
      fault: name,
      label: label("never", reason, why),
      play: async () => ({ seen: await send(id, url, { options }), ledger: counterpart.done(id) }),
    };
  };
  return [
    one("backend resets before its work", "maybe", "transient", lost, "/back", [reset]),
    one("backend resets after its work", "maybe", "transient", lost, "/back", [work, reset]),
    one("backend ends after its work", "maybe", "transient", lost, "/back", [work, end]),
    one("backend too slow, not working", "maybe", "transient", lost, "/back", []),
    one("backend too slow after its work", "maybe", "transient", lost, "/back", [work]),
    one("backend speaks garbage", "maybe", "transient", lost, "/back", [
      work,
      say("\u0001\u0002\u0003\r\n\r\n"),
      end,
    ]),
    one("backend's head is too large", "maybe", "transient", lost, "/buffer", [
      work,
      say(`${OK}x: ${"y".repeat(3000)}\r\n\r\n`),
      end,
    ]),
    one("backend cuts a length", "surely", "ambiguous", done, "/back", [
      work,
      say(`${OK}content-length: 50\r\n\r\n{"id`),
      end,
    ]),
    one("backend cuts chunks", "surely", "ambiguous", done, "/back", [
      work,
      say(`${OK}transfer-encoding: chunked\r\n\r\n5\r\n{"id"\r\n`),
      reset,
    ]),
    one(
      "backend fails, page of the gateway",
      "surely",
      "ambiguous",
      "the gateway says done; what it shows is no result",
      "/mute",
      [work, say("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"), end],
    ),
    one(
      "nobody behind it",
      "maybe",
      "transient",
      "a 502 says not whether the server behind was reached",
      "/nobody",
    ),
    one("no such path", "never", "permanent", "no such route", "/no-such"),
    one(
      "a file is no route",
      "never",
      "permanent",
      "the server does not take this method there",
      "/file.txt",
    ),
    one(
      "folder without its slash",
      "never",
      "misconfigured",
      "it has moved: our address is wrong",
      "/folder",
    ),
    one("no credentials", "never", "misconfigured", "refused until a secret changes", "/private"),
    one(
      "wrong credentials",
      "never",
      "misconfigured",
      "refused until a secret changes",
      "/private",
      [],
      { headers: { authorization: "Basic c2hvcDp4" } },
    ),
    one("denied", "never", "misconfigured", "refused until a setting changes", "/denied"),
    one(
      "only for reading",
      "never",
      "misconfigured",
      "refused until a setting changes",
      "/only-get",
    ),
    one(
      "drops the connection",
      "maybe",
      "transient",
      "the request had left; nothing was said",
      "/drop",
    ),
    one("gone", "never", "permanent", "gone for good", "/gone"),
    one("closed", "maybe", "unavailable", "down as a whole", "/closed"),
    one("moved", "never", "misconfigured", "it has moved: our address is old", "/moved"),
    one("moved for good", "never", "misconfigured", "it has moved: our address is old", "/kept"),
    one("legal", "never", "policy", "the law forbids it", "/legal"),
    one("teapot", "never", "permanent", "refused for good", "/teapot"),
    one("too large by the server", "never", "data", "this payload is too large", "/back", [], {
      body: `{"x":"${"x".repeat(400)}"}`,
    }),
    one("too large by the route", "never", "data", "this payload is too large", "/small"),
    one(
      "address too long",
      "never",
      "defect",
      "we built an address that is too long",
      `/${"a".repeat(9000)}`,
    ),
    one("header too large", "never", "defect", "we built headers that are too large", "/gone", [], {
      headers: { "x-big": "h".repeat(12_000) },
    }),
    one(
      "turns in a circle",
      "maybe",
      "transient",
      "it failed and says nothing of the work",
      "/inner",
    ),
    one(
      "first of a slow lane",
      "maybe",
      "transient",
      "a 502 says not whether the server behind was reached",
      "/slow",
    ),
    one(
      "second of a slow lane",
      "maybe",
      "unavailable",
      "a bare 503: down or too fast, it does not say",
      "/slow",
    ),
    one(
      "first of a lane with 429",
      "maybe",
      "transient",
      "a 502 says not whether the server behind was reached",
      "/slow429",
    ),
    one(
      "second of a lane with 429",
      "never",
      "throttled",
      "go slower, says the server",
      "/slow429",
    ),
    secure(
      "plain to its secure port",
      at(ports.secure),
      "misconfigured",
      "its page says that this port wants TLS: our address",
      {},
    ),
    secure(
      "no client certificate",
      at(ports.secure, "https"),
      "misconfigured",
      "its page says that a certificate is missing: our setting",
      { tls: { ca: counterpart.certificates.good.cert } },
    ),
  ];
}

function pythonScenarios(
  counterpart: Counterpart,
  own: OtherServer,
  plain: OtherServer,
): readonly Scenario[] {
  const one = (
    name: string,
    effect: Proof,
    reason: Reason,
    why: string,
    port = own.port,
  ): Scenario => {
    const id = idOf("python", `${name}${port === own.port ? "" : " plain"}`);
    return {
      id,
      protocol: "http",
      server: "Python http.server",
      fault: name,
      label: label(effect, reason, why),
      play: async () => ({
        seen: await send(id, at(port), { headers: { "x-case": name } }),
        ledger: counterpart.done(id),
      }),
    };
  };
  const lost = "the request had left; the server ended without a word";
  return [
    one("throws", "maybe", "transient", lost),
    one("works then throws", "maybe", "transient", lost),
    one("throws in its answer", "surely", "ambiguous", "done; the answer is cut"),
    one("no length", "surely", "ambiguous", "done; the answer ends in the middle"),
    one("only a status", "maybe", "transient", "the head was never whole"),
    one("400", "never", "data", "the payload is refused"),
    one("409", "never", "contention", "it conflicts with the state now"),
    one("500", "maybe", "transient", "it failed and says nothing of its work"),
    one(
      "501 of a server of files",
      "never",
      "permanent",
      "the server cannot do this operation",
      plain.port,
    ),
  ];
}
