/** HTTP that breaks on its way: damaged answers, our own side that gives up, servers that die, and TLS. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { fourthLabel, type FourthMore, type Proof, type Scenario } from "../case.ts";
import type { VictimScript } from "../fourth-victim.ts";
import type { Counterpart } from "../start-counterpart.ts";
import { issue, startVictim } from "../start-victim.ts";
import type { WireStep } from "../wire-script.ts";
import type { Reasons } from "./fourth-answer.ts";
import { at, idOf, send, type Sent } from "./last-send.ts";

const SILENCE_MS = 700;
const DONE = "done, says the status; its result is lost";
const LOST = "the request had left; nothing tells whether the server has worked on it";
const UNBORN = "no connection came about, so nothing of ours has left";
const SETTING = "no bytes of ours left: the two do not trust each other until a setting changes";

/** The last bytes of the body that is sent. */
const WHOLE = '"EUR"}';
const WORK: WireStep = { do: "work" };
const RESET: WireStep = { do: "reset" };
const say = (text: string): WireStep => ({ do: "send", text });
const head = (status: string, ...fields: readonly string[]): string =>
  [`HTTP/1.1 ${status}`, "content-type: application/json", ...fields, "", ""].join("\r\n");
const sized = (status: string, body: string, ...fields: readonly string[]): WireStep =>
  say(`${head(status, `content-length: ${String(body.length)}`, ...fields)}${body}`);
const packed = gzipSync('{"id":"77","state":"placed","lines":[1,2,3,4,5]}').toString("latin1");

interface Wired {
  readonly name: string;
  readonly effect: Proof;
  readonly reasons: Reasons;
  readonly why: string;
  readonly steps: readonly WireStep[];
  readonly more: Sent & FourthMore;
}

const wired = (
  name: string,
  effect: Proof,
  reasons: Reasons,
  why: string,
  steps: readonly WireStep[],
  more: Wired["more"] = {},
): Wired => ({ name, effect, reasons, why, steps, more });

const GZIP = "content-encoding: gzip";
const CASES: readonly Wired[] = [
  wired("packed answer is cut", "surely", "ambiguous", DONE, [
    WORK,
    sized("201 Created", packed.slice(0, 30), GZIP),
  ]),
  wired("letters of another kind", "surely", "ambiguous", DONE, [
    WORK,
    sized("200 OK", Buffer.from('\uFEFF{"id":"77"}', "utf16le").toString("latin1")),
  ]),
  wired("two answers in one", "surely", "ambiguous", DONE, [
    WORK,
    sized("200 OK", '{"id":"77"}{"id":"77"}'),
  ]),
  wired("length too short", "surely", "ambiguous", DONE, [
    WORK,
    say(`${head("201 Created", "content-length: 7", "connection: close")}{"id":"77"}`),
    { do: "end" },
  ]),
  wired(
    "refusal is damaged",
    "never",
    "data",
    "the status refuses the order; only the rest is lost",
    [sized("422 Unprocessable Entity", packed.slice(0, 20), GZIP)],
  ),
  wired("at work, it says, then resets", "maybe", "transient", LOST, [
    WORK,
    say("HTTP/1.1 102 Processing\r\n\r\n"),
    RESET,
  ]),
  wired(
    "a head that never ends",
    "maybe",
    "transient",
    LOST,
    [WORK, say("HTTP/1.1 201 Created\r\nx-part: 1\r\nx-part: ")],
    { options: { headersTimeoutMs: SILENCE_MS } },
  ),
  wired("we give up before an answer", "maybe", "transient", LOST, [], { giveUpMs: SILENCE_MS }),
  wired("we give up before an answer, after its work", "maybe", "transient", LOST, [WORK], {
    giveUpMs: SILENCE_MS,
  }),
  wired(
    "we give up in the answer",
    "surely",
    "ambiguous",
    DONE,
    [WORK, say(`${head("201 Created", "content-length: 900")}{"id":`)],
    { giveUpMs: SILENCE_MS },
  ),
  wired(
    "we give up in the page of a failure",
    "maybe",
    "transient",
    LOST,
    [WORK, say(`${head("500 Internal Server Error", "content-length: 900")}{"error":`)],
    { giveUpMs: SILENCE_MS },
  ),
];

export function fourthNetworkScenarios(counterpart: Counterpart): readonly Scenario[] {
  const { ports } = counterpart;
  const broken = CASES.map(
    ({ name, effect, reasons, why, steps, more: { or, told, ...sent } }): Scenario => {
      const id = idOf("broken", name);
      return {
        id,
        protocol: "http",
        server: "scripted TCP",
        fault: name,
        label: fourthLabel(effect, reasons, why, {
          ...(or === undefined ? {} : { or }),
          ...(told === undefined ? {} : { told }),
        }),
        play: async () => {
          await counterpart.follow({ key: id, on: [{ text: WHOLE, steps }] });
          return { seen: await send(id, at(ports.wire), sent), ledger: counterpart.done(id) };
        },
      };
    },
  );
  return [...broken, ...victims(counterpart), ...alerts(counterpart), flipped(counterpart)];
}

/** Servers in processes that die or stop, or whose certificates are not good. */
function victims(counterpart: Counterpart): readonly Scenario[] {
  const one = (
    name: string,
    effect: Proof,
    reasons: Reasons,
    why: string,
    script: () => readonly [VictimScript, Sent],
    more: FourthMore = {},
    before: (port: number) => Promise<readonly Socket[]> = async () => Promise.resolve([]),
  ): Scenario => {
    const id = idOf("victim", name);
    return {
      id,
      protocol: "http",
      server: "node:http in a process of its own",
      fault: name,
      label: fourthLabel(effect, reasons, why, more),
      play: async () => {
        const [does, sent] = script();
        const victim = await startVictim(counterpart.ledgerPath, does);
        const waiting = await before(victim.port);
        try {
          const url = at(victim.port, does.tls === undefined ? "http" : "https");
          const seen = await send(id, url, sent);
          return { seen, ledger: counterpart.done(id) };
        } finally {
          for (const socket of waiting) socket.destroy();
          await victim.stop();
        }
      },
    };
  };
  const secured = (
    name: string,
    extensions: string,
    given: (
      issued: ReturnType<typeof issue>,
    ) => readonly [VictimScript["tls"] & object, Sent["options"] & object],
    key?: readonly string[],
  ): Scenario =>
    one(name, "never", "misconfigured", SETTING, () => {
      const issued = issue(extensions, key);
      const [tls, options] = given(issued);
      return [
        { does: "answers", tls: { key: issued.key, cert: issued.cert, ...tls } },
        { options },
      ];
    });
  const named = "subjectAltName=IP:127.0.0.1";
  const { early, good } = counterpart.certificates;
  return [
    one("dies after its work", "maybe", "transient", LOST, () => [
      { does: "dies after its work" },
      {},
    ]),
    one("dies in its answer", "surely", "ambiguous", DONE, () => [
      { does: "dies in its answer" },
      {},
    ]),
    one(
      "takes no more connections",
      "never",
      ["unavailable", "transient"],
      UNBORN,
      () => [{ does: "stops" }, { options: { connectTimeoutMs: SILENCE_MS } }],
      {},
      filled,
    ),
    one(
      "we give up before a connection",
      "never",
      ["transient", "unavailable"],
      UNBORN,
      () => [{ does: "stops" }, { giveUpMs: SILENCE_MS }],
      {},
      filled,
    ),
    one("certificate not valid yet", "never", "misconfigured", SETTING, () => [
      { does: "answers", tls: { ...early } },
      { options: { tls: { ca: early.cert } } },
    ]),
    secured("an authority of its own in the chain", named, ({ cert, ca }) => [
      { cert: `${cert}${ca}` },
      {},
    ]),
    secured("a certificate for clients", `${named}\nextendedKeyUsage=clientAuth`, ({ ca }) => [
      {},
      { tls: { ca } },
    ]),
    secured("a certificate for other names", "subjectAltName=DNS:*.shop.example", ({ ca }) => [
      {},
      { tls: { ca } },
    ]),
    secured(
      "a key that is too weak",
      named,
      ({ ca }) => [{ ciphers: "DEFAULT@SECLEVEL=0" }, { tls: { ca } }],
      ["rsa:1024"],
    ),
    secured("a certificate of ours is wanted, before TLS 1.3", named, ({ ca }) => [
      { requestCert: true, rejectUnauthorized: true, ca: good.cert, maxVersion: "TLSv1.2" },
      { tls: { ca } },
    ]),
  ];
}

/** Connections that one takes before it waits for nothing. */
const QUEUE_MAX = 16;

/** Takes the places of all who may wait: the kernel answers nobody else. */
async function filled(port: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  for (let isTaken = true; isTaken && sockets.length < QUEUE_MAX;) {
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    sockets.push(socket);
    isTaken = await Promise.race([
      new Promise<boolean>((resolve) => socket.once("connect", () => resolve(true))),
      new Promise<boolean>((resolve) => setTimeout(resolve, SILENCE_MS, false)),
    ]);
  }
  return sockets;
}

/** Alerts by which servers end a handshake: a record of TLS, level fatal, and the number of the alert. */
function alerts(counterpart: Counterpart): readonly Scenario[] {
  const alert = (name: string, number: number, reasons: Reasons, why: string): Scenario => {
    const id = idOf("alert", name);
    const record = `\u0015\u0003\u0003\u0000\u0002\u0002${String.fromCodePoint(number)}`;
    return {
      id,
      protocol: "http",
      server: "scripted TCP",
      fault: `TLS alert: ${name}`,
      label: fourthLabel("never", reasons, why),
      play: async () => {
        await counterpart.follow({ key: id, greet: [say(record)], on: [] });
        const seen = await send(id, at(counterpart.ports.wire, "https"), {});
        return { seen, ledger: counterpart.done(id) };
      },
    };
  };
  return [
    alert("unrecognized name", 112, "misconfigured", SETTING),
    alert("insufficient security", 71, "misconfigured", SETTING),
    alert(
      "internal error",
      80,
      ["transient", "unavailable"],
      "the server broke in the handshake; nothing of ours has left",
    ),
  ];
}

/** One byte of our request changes on its way, so the server refuses the record. */
function flipped(counterpart: Counterpart): Scenario {
  const id = idOf("broken", "our record is damaged on its way");
  return {
    id,
    protocol: "http",
    server: "node:https behind a proxy that damages",
    fault: "our record is damaged on its way",
    label: fourthLabel("maybe", "transient", LOST),
    play: async () => {
      const issued = issue("subjectAltName=IP:127.0.0.1");
      const { key, cert, ca } = issued;
      const victim = await startVictim(counterpart.ledgerPath, {
        does: "answers",
        tls: { key, cert, maxVersion: "TLSv1.2" },
      });
      const proxy = createServer((client) => {
        const upstream = connect(victim.port, "127.0.0.1");
        client.on("error", () => upstream.destroy()).on("close", () => upstream.end());
        upstream.on("error", () => client.destroy()).pipe(client);
        client.on("data", (bytes: Buffer) => {
          // Before TLS 1.3 only what we ask is in a record of this kind.
          if (bytes[0] === 0x17)
            bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
          upstream.write(bytes);
        });
      });
      await new Promise<void>((resolve) => {
        proxy.listen(0, "127.0.0.1", resolve);
      });
      const { port } = proxy.address() as AddressInfo;
      const seen = await send(id, at(port, "https"), { options: { tls: { ca } } });
      proxy.close();
      await victim.stop();
      return { seen, ledger: counterpart.done(id) };
    },
  };
}
