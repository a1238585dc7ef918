/** HTTP whose connection does not come up, or breaks on the way: TLS, names, ports, the fault proxy. */
import type { HttpClientOptions } from "holdfast/connectors/http";
import { startFaultProxy, type FaultKind } from "holdfast/testing";
import { label, type Ledger, type Proof, type Reason, type Scenario, type Seen } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import type { WireScript, WireStep } from "../wire-script.ts";
import { call, closedPort, SILENCE_MS } from "./http-call.ts";

const RESET: WireStep = { do: "reset" };
const END: WireStep = { do: "end" };
const send = (text: string): WireStep => ({ do: "send", text });
const LOST = "the request had left; nothing tells whether the server has worked on it";
const DONE = "the status says that it was done; the rest of the answer is lost";
const SLOWED = "the server takes us, but not now";
const at = (port: number, host = "127.0.0.1"): string => `https://${host}:${String(port)}`;
const greet = (steps: readonly WireStep[]): WireScript => ({
  key: "tls/greet",
  greet: steps,
  on: [],
});

export function networkScenarios(counterpart: Counterpart, seed: string): readonly Scenario[] {
  return [
    ...tlsScenarios(counterpart),
    ...proxyScenarios(counterpart, seed),
    ...nameScenarios(counterpart),
  ];
}

function once(
  id: string,
  server: string,
  fault: string,
  effect: Proof,
  reason: Reason,
  why: string,
  see: () => Promise<Seen>,
  ledger: () => Ledger = () => "not",
): Scenario {
  return {
    id,
    protocol: "http",
    server,
    fault,
    label: label(effect, reason, why),
    play: async () => ({ seen: await see(), ledger: ledger() }),
  };
}

const UNTRUSTED = "no bytes of ours left: the certificate is refused until a setting changes";

function tlsScenarios(counterpart: Counterpart): readonly Scenario[] {
  const { ports, certificates } = counterpart;
  const ca = certificates.good.cert;
  const tls = (
    name: string,
    effect: Proof,
    reason: Reason,
    why: string,
    url: () => string,
    options: Partial<HttpClientOptions> = {},
    script: WireScript = { key: `tls/${name}`, on: [] },
  ): Scenario =>
    once(
      `tls/${name.replaceAll(" ", "-")}`,
      "TLS",
      name,
      effect,
      reason,
      why,
      async () => {
        await counterpart.follow(script);
        return call(`tls/${name}`, url(), options);
      },
      () => counterpart.done(`tls/${name}`),
    );
  const silent = { connectTimeoutMs: SILENCE_MS };
  return [
    tls("self signed", "never", "misconfigured", UNTRUSTED, () => at(ports.tls)),
    tls("expired", "never", "misconfigured", UNTRUSTED, () => at(ports.expired), {
      tls: { ca: certificates.expired.cert },
    }),
    tls("other name", "never", "misconfigured", UNTRUSTED, () => at(ports.tls), {
      tls: { ca, servername: "erp.example.com" },
    }),
    tls(
      "old versions only",
      "never",
      "misconfigured",
      "client and server agree on no version",
      () => at(ports.oldTls),
      { tls: { ca } },
    ),
    tls(
      "client certificate wanted",
      "maybe",
      "transient",
      "in TLS 1.3 the refusal comes after we may have sent, and no reason is seen",
      () => at(ports.clientCertificate),
      { tls: { ca } },
    ),
    tls(
      "plain server",
      "never",
      "misconfigured",
      "the server speaks no TLS: our address",
      () => at(ports.http),
      { tls: { ca } },
    ),
    tls(
      "reset in the handshake",
      "never",
      "transient",
      "broke before anything of ours was sent",
      () => at(ports.wire),
      { tls: { ca } },
      greet([RESET]),
    ),
    tls(
      "end in the handshake",
      "never",
      "transient",
      "broke before anything of ours was sent",
      () => at(ports.wire),
      { tls: { ca } },
      greet([END]),
    ),
    tls(
      "garbage in the handshake",
      "never",
      "misconfigured",
      "the server speaks something else: our address",
      () => at(ports.wire),
      { tls: { ca } },
      greet([send("220 mail.example.com ESMTP\r\n")]),
    ),
    tls(
      "silent handshake",
      "never",
      "transient",
      "no connection came up in time",
      () => at(ports.wire),
      { tls: { ca }, ...silent },
    ),
    tls(
      "a client certificate that is no certificate",
      "never",
      "misconfigured",
      "our own setting cannot be read",
      () => at(ports.tls),
      { tls: { ca, cert: "no certificate", key: "no key" } },
    ),
    tls(
      "plain to a TLS server",
      "maybe",
      "transient",
      "sent in the clear to a server that closes; no reason is seen",
      () => `http://127.0.0.1:${String(ports.tls)}`,
    ),
  ];
}

function nameScenarios(counterpart: Counterpart): readonly Scenario[] {
  const { http } = counterpart.ports;
  const nobody = "there is no such name, and there never was: our address";
  return [
    once(
      "node/refused",
      "none",
      "nobody listens",
      "never",
      "unavailable",
      "nobody is there to take a connection",
      async () => call("node/refused", `http://127.0.0.1:${String(await closedPort())}`),
    ),
    once(
      "node/refused-tls",
      "none",
      "nobody listens, TLS",
      "never",
      "unavailable",
      "nobody is there to take a connection",
      async () => call("node/refused-tls", `https://127.0.0.1:${String(await closedPort())}`),
    ),
    once(
      "node/refused-both",
      "none",
      "nobody listens on any address of a name",
      "never",
      "unavailable",
      "nobody is there to take a connection",
      async () => call("node/refused-both", `http://localhost:${String(await closedPort())}`),
    ),
    once("node/no-such-name", "none", "name unknown", "never", "misconfigured", nobody, async () =>
      call("node/no-such-name", "http://erp.invalid"),
    ),
    once(
      "node/no-such-name-tls",
      "none",
      "name unknown, TLS",
      "never",
      "misconfigured",
      nobody,
      async () => call("node/no-such-name-tls", "https://erp.invalid"),
    ),
    once(
      "node/broadcast",
      "none",
      "address nobody may connect to",
      "never",
      "misconfigured",
      "no machine has this address",
      async () =>
        call("node/broadcast", "http://255.255.255.255", { connectTimeoutMs: SILENCE_MS }),
    ),
    once(
      "node/header-of-two-lines",
      "node:http",
      "our header holds a line break",
      "never",
      "defect",
      "the request we built is malformed; nothing left",
      async () =>
        call("node/header-of-two-lines", `http://127.0.0.1:${String(http)}`, {
          authorize: async () => ({ "x-token": "a\r\nb" }),
        }),
    ),
    once(
      "node/authorize-fails",
      "node:http",
      "our code for credentials throws",
      "never",
      "defect",
      "our code threw before anything was sent",
      async () =>
        call("node/authorize-fails", `http://127.0.0.1:${String(http)}`, {
          authorize: async () => {
            throw new TypeError("Cannot read properties of undefined (reading 'token')");
          },
        }),
    ),
  ];
}

interface ProxyCase {
  readonly kind: FaultKind;
  readonly effect: Proof;
  readonly reason: Reason;
  readonly why: string;
}

// `refuse` is left out: whether its reset comes before or after our first byte is a matter of luck.
const PROXY_CASES: readonly ProxyCase[] = [
  { kind: "reset-before", effect: "maybe", reason: "transient", why: LOST },
  { kind: "reset-after", effect: "maybe", reason: "transient", why: LOST },
  { kind: "swallow", effect: "maybe", reason: "transient", why: LOST },
  { kind: "late", effect: "maybe", reason: "transient", why: LOST },
  { kind: "throttle", effect: "never", reason: "throttled", why: SLOWED },
  { kind: "malformed", effect: "surely", reason: "ambiguous", why: DONE },
  { kind: "cut", effect: "surely", reason: "ambiguous", why: DONE },
];

function proxyScenarios(counterpart: Counterpart, seed: string): readonly Scenario[] {
  return PROXY_CASES.map(({ kind, effect, reason, why }): Scenario => {
    const id = `proxy/${kind}`;
    return {
      id,
      protocol: "http",
      server: "node:http behind the fault proxy",
      fault: kind,
      label: label(effect, reason, why),
      play: async () => {
        const body = JSON.stringify({ id: "4711", state: "booked" });
        const headers = { "content-type": "application/json" };
        await counterpart.follow({
          key: id,
          on: [],
          answer: { status: 201, headers, body, works: true },
        });
        const proxy = await startFaultProxy({
          upstream: { host: "127.0.0.1", port: counterpart.ports.http },
          seed,
          faultRate: 1,
          mix: { [kind]: 1 },
          settleMs: 1_000,
        });
        try {
          const url = `http://127.0.0.1:${String(proxy.port)}`;
          const seen = await call(id, url, { headersTimeoutMs: 1_500 });
          await proxy.settled();
          return { seen, ledger: counterpart.done(id) };
        } finally {
          await proxy.close();
        }
      },
    };
  });
}
