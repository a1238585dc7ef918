/**
 * NATS JetStream, seen by a publisher (failure model 2.10). No connector speaks it yet. A message
 * that is published again with the same id is dropped within the stream's duplicate window only,
 * which is two minutes unless it was set.
 */
import { protocolTable } from "../protocol-table.ts";

const ERRORS = "NATS, nats-server errors.json";
const ACKS = "NATS, JetStream model deep dive";

export const NATS_TABLE = protocolTable({
  id: "nats",
  title: "NATS JetStream (publisher)",
  prefix: "nats",
  version: 1,
  pick: "most-exact",
  reason: { domain: "NATS", by: "id" },
  origin: "remote",
  phases: {
    created: { evidence: "created", means: "not published yet" },
    sent: { evidence: "sent", means: "published, no acknowledgement" },
    answered: { evidence: "answered", means: "the server answered this message" },
  },
  phaseAssumed: "sent",
  rows: [
    {
      id: "no-responders",
      when: { code: ["503", "NO_RESPONDERS"] },
      effect: "never",
      class: "unavailable",
      scope: "dependency",
      source: "NATS, client protocol, no responders",
      note: "nobody listens there: no stream, or JetStream is off",
    },
    {
      id: "no-acknowledgement",
      when: { code: ["TIMEOUT", "CONNECTION_CLOSED", "DISCONNECT"] },
      effect: "by-phase",
      class: "ambiguous",
      scope: "key",
      origin: "network",
      source: ACKS,
      note: "published again with the same Nats-Msg-Id, within the duplicate window",
    },
    {
      id: "wrong-sequence",
      when: { code: ["10071", "10164", "10070"] },
      effect: "never",
      class: "contention",
      scope: "key",
      echo: true,
      source: ERRORS,
      note: "the stream or the subject has moved on: on a repeat by our own message",
    },
    {
      id: "too-large",
      when: { code: ["10054"] },
      effect: "never",
      class: "data",
      scope: "item",
      source: ERRORS,
    },
    {
      id: "storage-full",
      when: { code: ["10047", "10028", "10023"] },
      effect: "never",
      class: "exhausted",
      scope: "dependency",
      source: ERRORS,
    },
    {
      id: "store-failed",
      when: { code: ["10077"] },
      effect: "by-phase",
      class: "transient",
      scope: "item",
      source: ERRORS,
      note: "a generic failure to store it, a full stream among others",
    },
    {
      id: "no-stream",
      when: { code: ["10059", "10060", "10039", "10076"] },
      effect: "never",
      class: "misconfigured",
      scope: "dependency",
      source: ERRORS,
    },
    {
      id: "no-leader",
      when: { code: ["10008", "10009"] },
      effect: "never",
      class: "unavailable",
      scope: "dependency",
      source: ERRORS,
    },
    {
      id: "access",
      when: { code: ["PERMISSIONS_VIOLATION", "AUTHORIZATION_VIOLATION"] },
      effect: "never",
      class: "misconfigured",
      scope: "dependency",
      source: "NATS, client protocol, -ERR",
    },
  ],
});
