/** Held-out HTTP: edges and meshes before a backend that may have worked, and TLS that does not come about. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { createServer as createTls, type TlsOptions } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { heldLabel, type Proof, type Reason, type Scenario } from "../case.ts";
import type { Counterpart } from "../start-counterpart.ts";
import { at, idOf, send, type Sent } from "./last-send.ts";

type Reasons = Reason | readonly [Reason, ...Reason[]];
type End = "answer" | "reset" | "half" | "stall";
interface Case {
  readonly name: string;
  readonly effect: Proof;
  readonly reasons: Reasons;
  readonly why: string;
  readonly told?: "words";
  readonly works?: true;
  readonly end?: End;
  readonly status?: number;
  readonly fields?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly options?: Sent["options"];
}

const one = (
  name: string,
  effect: Proof,
  reasons: Reasons,
  why: string,
  rest: Omit<Case, "name" | "effect" | "reasons" | "why">,
): Case => ({ name, effect, reasons, why, ...rest });

const CLOUDFLARE = { server: "cloudflare", "content-type": "text/html" };
const ENVOY = { server: "envoy", "content-type": "text/plain" };
const JSON_TYPE = { "content-type": "application/json" };
const LOST = "the edge lost what is behind it, which may have worked";
const AWAY = "the edge got no connection to what is behind it";
const SETTING = "every call fails alike until a setting changes";
const DONE = "done, says the status; its result is lost";
const words = { told: "words" } as const;

const CASES: readonly Case[] = [
  one("520 after its work", "maybe", "transient", LOST, {
    works: true,
    status: 520,
    fields: CLOUDFLARE,
    body: "error code: 520",
  }),
  one("521", "never", "unavailable", AWAY, {
    status: 521,
    fields: CLOUDFLARE,
    body: "error code: 521",
  }),
  one("522 after its work", "maybe", ["unavailable", "transient"], LOST, {
    works: true,
    status: 522,
    fields: CLOUDFLARE,
    body: "error code: 522",
  }),
  one("522 without its work", "maybe", ["unavailable", "transient"], LOST, {
    status: 522,
    fields: CLOUDFLARE,
    body: "error code: 522 ",
  }),
  one("523", "never", "unavailable", AWAY, {
    status: 523,
    fields: CLOUDFLARE,
    body: "error code: 523",
  }),
  one("524 after its work", "maybe", "transient", LOST, {
    works: true,
    status: 524,
    fields: CLOUDFLARE,
    body: "error code: 524",
  }),
  one("525", "never", ["misconfigured", "unavailable"], "no TLS behind the edge", {
    status: 525,
    fields: CLOUDFLARE,
    body: "error code: 525",
  }),
  one("526", "never", ["misconfigured", "unavailable"], "a bad certificate behind the edge", {
    status: 526,
    fields: CLOUDFLARE,
    body: "error code: 526",
  }),
  one("530", "maybe", ["unavailable", "misconfigured", "transient"], "the edge finds no name", {
    status: 530,
    fields: CLOUDFLARE,
    body: "error code: 1016",
  }),
  one("edge asks for slower", "never", "throttled", "go slower, it says", {
    status: 429,
    fields: { ...CLOUDFLARE, "retry-after": "30" },
    body: "error code: 1015",
  }),
  one("edge blocks", "never", ["misconfigured", "policy"], "the edge lets our address not in", {
    status: 403,
    fields: CLOUDFLARE,
    body: "error code: 1020",
  }),
  one("mesh has nobody healthy", "maybe", "unavailable", "nobody is there behind it", {
    status: 503,
    fields: ENVOY,
    body: "no healthy upstream",
  }),
  one("mesh loses it after its work", "maybe", ["unavailable", "transient"], LOST, {
    works: true,
    status: 503,
    fields: ENVOY,
    body: "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
  }),
  one("mesh waits too long", "maybe", "transient", LOST, {
    works: true,
    status: 504,
    fields: ENVOY,
    body: "upstream request timeout",
  }),
  one("mesh limits", "never", "throttled", "go slower, it says", {
    status: 429,
    fields: { ...ENVOY, "x-envoy-ratelimited": "true" },
    body: "local_rate_limited",
  }),
  one("mesh forbids", "never", ["misconfigured", "policy"], SETTING, {
    status: 403,
    fields: ENVOY,
    body: "RBAC: access denied",
  }),
  one("mesh wants a token", "never", "misconfigured", SETTING, {
    status: 401,
    fields: { ...ENVOY, "www-authenticate": 'Bearer realm="x", error="invalid_token"' },
    body: "Jwt is expired",
  }),
  one("cluster has no such host", "never", "permanent", "no such route", {
    status: 404,
    fields: { "content-type": "text/plain" },
    body: "default backend - 404",
    ...words,
  }),
  one("api gateway has no such key", "never", "misconfigured", SETTING, {
    status: 403,
    fields: { ...JSON_TYPE, "x-amzn-errortype": "ForbiddenException" },
    body: '{"message":"Forbidden"}',
  }),
  one("api gateway is too slow", "maybe", "transient", LOST, {
    works: true,
    status: 504,
    fields: { ...JSON_TYPE, "x-amzn-errortype": "InternalServerErrorException" },
    body: '{"message": "Endpoint request timed out"}',
  }),
  one("api gateway's quota", "never", "exhausted", "used up until tomorrow", {
    status: 429,
    fields: { ...JSON_TYPE, "x-amzn-errortype": "LimitExceededException" },
    body: '{"message":"Limit Exceeded"}',
    ...words,
  }),
  one("api gateway slows down", "never", "throttled", "go slower, it says", {
    status: 400,
    fields: { ...JSON_TYPE, "x-amzn-errortype": "ThrottlingException:http://internal/" },
    body: '{"message":"Rate exceeded"}',
  }),
  one("store of objects", "never", "misconfigured", SETTING, {
    status: 404,
    fields: { "content-type": "application/xml" },
    body: "<?xml version='1.0'?><Error><Code>NoSuchBucket</Code><BucketName>b</BucketName></Error>",
  }),
  one("store of objects is busy", "maybe", "throttled", "go slower, it says", {
    status: 503,
    fields: { "content-type": "application/xml" },
    body: "<?xml version='1.0'?><Error><Code>ServiceBusySlowDown</Code></Error>",
  }),
  one("table is there no more", "never", "misconfigured", SETTING, {
    status: 404,
    fields: { ...JSON_TYPE, "x-ms-error-code": "TableNotFound" },
    body: '{"odata.error":{"code":"TableNotFound"}}',
  }),
  one("entity changed", "never", "contention", "somebody else was first", {
    status: 412,
    fields: { ...JSON_TYPE, "x-ms-error-code": "UpdateConditionNotSatisfied" },
    body: '{"odata.error":{"code":"UpdateConditionNotSatisfied"}}',
  }),
  one("too large for now", "never", ["throttled", "data"], "later, it says", {
    status: 413,
    fields: { "retry-after": "120" },
  }),
  one("a page to log in", "maybe", "misconfigured", "a page of something in between", {
    status: 200,
    fields: { "content-type": "text/html" },
    body: "<form action=/login>",
    ...words,
  }),
  one("packed, unasked", "surely", "ambiguous", DONE, {
    works: true,
    status: 200,
    fields: { ...JSON_TYPE, "content-encoding": "br" },
    body: "xx",
  }),
  one("stops in its answer", "surely", "ambiguous", DONE, {
    works: true,
    end: "stall",
    status: 201,
    fields: JSON_TYPE,
    body: '{"id":1}',
    options: { bodyTimeoutMs: 700 },
  }),
  one("ends in its answer", "surely", "ambiguous", DONE, {
    works: true,
    end: "half",
    status: 201,
    fields: JSON_TYPE,
    body: '{"id":1}',
  }),
  one("ends in its failure", "maybe", "transient", LOST, {
    works: true,
    end: "half",
    status: 502,
    fields: JSON_TYPE,
    body: '{"code":"X"}',
  }),
  one("ends in its refusal", "never", "data", "refused, says the status", {
    end: "half",
    status: 422,
    fields: JSON_TYPE,
    body: '{"code":"CUSTOMER_UNKNOWN"}',
  }),
  one("resets after its work", "maybe", "transient", LOST, { works: true, end: "reset" }),
  one("resets without its work", "maybe", "transient", LOST, { end: "reset" }),
];

export function edgeScenarios(counterpart: Counterpart, port: number): readonly Scenario[] {
  return [
    ...CASES.map((each) => caseScenario(counterpart, port, each)),
    ...tlsScenarios(counterpart),
  ];
}

function caseScenario(counterpart: Counterpart, port: number, each: Case): Scenario {
  const { name, effect, reasons, why, told, options = {}, ...rest } = each;
  const id = idOf("edge", name);
  const asked = { works: false, end: "answer", status: 200, fields: {}, body: "", ...rest };
  return {
    id,
    protocol: "http",
    server: "an edge of our own before a backend of its own",
    fault: name,
    label: heldLabel(effect, reasons, why, told),
    play: async () => {
      const headers = { "x-case": JSON.stringify(asked) };
      return { seen: await send(id, at(port), { headers, options }), ledger: counterpart.done(id) };
    },
  };
}

/** Handshakes that fail for other reasons than those of the first part; the ledger can hold nothing. */
function tlsScenarios(counterpart: Counterpart): readonly Scenario[] {
  const tls = (name: string, why: string, options: () => TlsOptions): Scenario => {
    const id = idOf("handshake", name);
    return {
      id,
      protocol: "http",
      server: "node:tls",
      fault: name,
      label: heldLabel("never", "misconfigured", why),
      play: async () => {
        const server = createTls(options());
        server.on("tlsClientError", (_error, socket) => socket.destroy());
        const port = await new Promise<number>((resolve) => {
          server.listen(0, "127.0.0.1", () => {
            resolve((server.address() as AddressInfo).port);
          });
        });
        const seen = await send(id, at(port, "https"), {});
        server.close();
        return { seen, ledger: counterpart.done(id) };
      },
    };
  };
  const { good } = counterpart.certificates;
  return [
    tls("no cipher in common", SETTING, () => ({
      ...good,
      ciphers: "ECDHE-RSA-AES128-SHA",
      maxVersion: "TLSv1.2",
    })),
    tls("an authority that nobody knows", SETTING, signedByNobody),
    tls("no certificate at all", SETTING, () => ({})),
    mailServerForWeb(counterpart),
  ];
}

/** A leaf whose authority is not sent and not known. */
function signedByNobody(): TlsOptions {
  const folder = mkdtempSync(join(tmpdir(), "corpus-authority-"));
  const run = (...given: string[]): void => {
    execFileSync("openssl", given, { cwd: folder, stdio: "ignore" });
  };
  const fresh = ["-newkey", "rsa:2048", "-nodes"];
  run("req", "-x509", ...fresh, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=authority");
  run("req", ...fresh, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=127.0.0.1");
  run(
    "x509",
    "-req",
    "-in",
    "leaf.csr",
    "-CA",
    "ca.crt",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-out",
    "leaf.crt",
  );
  const options = {
    key: readFileSync(join(folder, "leaf.key"), "utf8"),
    cert: readFileSync(join(folder, "leaf.crt"), "utf8"),
  };
  rmSync(folder, { recursive: true, force: true });
  return options;
}

function mailServerForWeb(counterpart: Counterpart): Scenario {
  const id = idOf("handshake", "a server of mail");
  return {
    id,
    protocol: "http",
    server: "a mail server",
    fault: "a server of mail",
    // It has got our request, and what it made of it nobody knows: but it speaks another language.
    label: heldLabel("maybe", ["misconfigured", "transient"], "what answers is no web server"),
    play: async () => {
      const server = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.end("220 mx.example.com ESMTP ready\r\n");
      });
      const port = await new Promise<number>((resolve) => {
        server.listen(0, "127.0.0.1", () => {
          resolve((server.address() as AddressInfo).port);
        });
      });
      const seen = await send(id, at(port), {});
      server.close();
      return { seen, ledger: counterpart.done(id) };
    },
  };
}
