/** gRPC of a real server to a real client: what both make by themselves, and calls that end on the way. */
import { fourthLabel, type Scenario } from "../case.ts";
import { plain } from "../capture.ts";
import { startRpc, type RpcClient } from "../fourth-rpc.ts";
import type { Counterpart } from "../start-counterpart.ts";
import { OPEN, RPC_STATUSES, rpcCase, type RpcCase } from "./fourth-rpc-statuses.ts";
import { closedPort } from "./http-call.ts";
import { idOf } from "./last-send.ts";

const LOST = "the call was on its way, or at work, when it was lost";
const UNBORN = "no connection came about, but only a sentence of the library says so";

const OWN: readonly RpcCase[] = [
  rpcCase("the server's code throws after its work", "maybe", ["transient", "permanent"], OPEN, {
    case: { works: true, throws: true },
  }),
  rpcCase(
    "the server cannot write its answer",
    "maybe",
    ["transient", "permanent", "ambiguous"],
    OPEN,
    { case: { works: true, unwritable: true } },
  ),
  rpcCase(
    "the server cannot read our message",
    "never",
    "defect",
    "our message is no message; it was not given to the application",
    { body: "unreadable" },
    {
      told: "words",
      or: [
        ["maybe", "transient"],
        ["maybe", "defect"],
      ],
    },
  ),
  rpcCase("no such method", "never", ["permanent", "defect"], "no such operation is served there", {
    method: "/shop.Orders/Cancel",
  }),
  rpcCase(
    "our message is too large for it",
    "never",
    ["data", "permanent", "misconfigured"],
    "this order is larger than it takes",
    { bodyBytes: 5_000_000 },
    {
      told: "words",
      or: [
        ["never", "exhausted"],
        ["never", "throttled"],
      ],
    },
  ),
  rpcCase(
    "its answer is too large for us",
    "maybe",
    ["ambiguous", "misconfigured", "defect", "permanent", "data"],
    "the answer came, and our own limit refused to read it: what it says is lost",
    { case: { works: true, large: true } },
    { told: "words", or: [["surely", "ambiguous"]] },
  ),
  rpcCase("our deadline passes after its work", "maybe", "transient", LOST, {
    case: { works: true, holds: true },
    timeoutMs: 4_000,
  }),
  rpcCase("we cancel it after its work", "maybe", "transient", LOST, {
    case: { works: true, holds: true },
    cancelMs: 3_000,
  }),
  // The last one: those that hold its places do so for good.
  rpcCase(
    "too many calls at once",
    "never",
    ["throttled", "exhausted"],
    "it takes no more calls for now",
    { others: 4 },
  ),
];

export function fourthRpcScenarios(
  counterpart: Counterpart,
  client: RpcClient,
  port: number,
): readonly Scenario[] {
  const on = (each: RpcCase, reach: () => Promise<Reached>): Scenario =>
    scenario(counterpart, client, each, reach);
  const onServer = [...RPC_STATUSES, ...OWN].map((each) =>
    on(each, async () => Promise.resolve([port, null])),
  );
  const elsewhere = UNREACHED.map(([each, where]) =>
    on(each, async () => [await where(counterpart), null]),
  );
  const dying = on(DIES, async () => {
    const victim = await startRpc(counterpart.ledgerPath);
    return [victim.port, async () => victim.stop()];
  });
  return [...onServer, ...elsewhere, dying];
}

const DIES = rpcCase(
  "the server dies after its work",
  "maybe",
  ["unavailable", "transient"],
  LOST,
  {
    case: { works: true, dies: true },
  },
);

const UNREACHED: readonly (readonly [
  RpcCase,
  (counterpart: Counterpart) => number | Promise<number>,
])[] = [
  [
    rpcCase(
      "nobody listens",
      "never",
      "unavailable",
      UNBORN,
      {},
      {
        told: "words",
        or: [
          ["maybe", "unavailable"],
          ["maybe", "transient"],
        ],
      },
    ),
    closedPort,
  ],
  [
    rpcCase(
      "nobody listens, and we wait for somebody",
      "maybe",
      ["transient", "unavailable"],
      "the deadline passed, and how far the call had got is not said",
      { waits: true, timeoutMs: 1_000 },
    ),
    closedPort,
  ],
  [
    rpcCase(
      "a plain web server",
      "never",
      ["misconfigured", "unavailable"],
      UNBORN,
      {},
      {
        told: "words",
        or: [
          ["maybe", "misconfigured"],
          ["maybe", "unavailable"],
          ["maybe", "transient"],
        ],
      },
    ),
    ({ ports }) => ports.http,
  ],
  [
    rpcCase(
      "an authority that nobody knows",
      "never",
      ["misconfigured", "unavailable"],
      UNBORN,
      { secure: true },
      {
        told: "words",
        or: [
          ["maybe", "misconfigured"],
          ["maybe", "unavailable"],
          ["maybe", "transient"],
        ],
      },
    ),
    ({ ports }) => ports.http2,
  ],
];

type Reached = readonly [port: number, stop: (() => Promise<void>) | null];

function scenario(
  counterpart: Counterpart,
  client: RpcClient,
  each: RpcCase,
  reach: () => Promise<Reached>,
): Scenario {
  const { name, effect, reasons, why, call, more } = each;
  const id = idOf("call", name);
  return {
    id,
    protocol: "grpc",
    server: "grpcio",
    fault: name,
    label: fourthLabel(effect, reasons, why, more),
    play: async () => {
      const [port, stop] = await reach();
      try {
        const target = `127.0.0.1:${String(port)}`;
        const failed = await client.call({
          target,
          key: id,
          method: "/shop.Orders/Place",
          ...call,
        });
        const details = plain(failed.details);
        const error = {
          ...failed,
          name: "Error",
          message: `${String(failed.code)}: ${details}`,
          details,
        };
        // The library does not say how far a call had got.
        return { seen: { phase: "call", error }, ledger: counterpart.done(id) };
      } finally {
        await stop?.();
      }
    },
  };
}
