/**
 * SQLite: what a primary result code means (failure model 2.7). A refusal rolls the transaction
 * back; only a disk error in answer to the commit leaves it open.
 */
import { protocolTable } from "../protocol-table.ts";

const CODES = "SQLite, Result and Error Codes";

/** Names of primary result codes, and of extended ones that are met often, as their numbers. */
const NUMBERS = {
  SQLITE_ERROR: "1",
  SQLITE_PERM: "3",
  SQLITE_BUSY: "5",
  SQLITE_BUSY_SNAPSHOT: "5",
  SQLITE_LOCKED: "6",
  SQLITE_NOMEM: "7",
  SQLITE_READONLY: "8",
  SQLITE_INTERRUPT: "9",
  SQLITE_IOERR: "10",
  SQLITE_CORRUPT: "11",
  SQLITE_FULL: "13",
  SQLITE_CANTOPEN: "14",
  SQLITE_TOOBIG: "18",
  SQLITE_CONSTRAINT: "19",
  SQLITE_CONSTRAINT_CHECK: "19",
  SQLITE_CONSTRAINT_FOREIGNKEY: "19",
  SQLITE_CONSTRAINT_NOTNULL: "19",
  SQLITE_CONSTRAINT_PRIMARYKEY: "19",
  SQLITE_CONSTRAINT_UNIQUE: "19",
  SQLITE_MISMATCH: "20",
  SQLITE_MISUSE: "21",
  SQLITE_RANGE: "25",
  SQLITE_NOTADB: "26",
} as const;

export const SQLITE_TABLE = protocolTable({
  id: "sqlite",
  title: "SQLite: primary result codes",
  prefix: "sqlite",
  version: 1,
  pick: "most-exact",
  reason: { domain: "SQLITE", by: "code" },
  origin: "remote",
  phases: {
    "in-transaction": { evidence: "created", means: "the commit was not begun" },
    commit: { evidence: "sent", means: "in answer to the commit" },
  },
  phaseAssumed: "commit",
  aliases: NUMBERS,
  rows: [
    {
      id: "contention",
      when: { code: ["5", "6"] },
      effect: "never",
      class: "contention",
      scope: "key",
      source: CODES,
      note: "BUSY, LOCKED",
    },
    {
      id: "constraint",
      when: { code: ["19"] },
      effect: "never",
      class: "data",
      scope: "item",
      source: CODES,
      note: "CONSTRAINT",
    },
    {
      id: "disk-full",
      when: { code: ["13"] },
      effect: "never",
      class: "exhausted",
      scope: "dependency",
      source: CODES,
      note: "FULL",
    },
    {
      id: "access",
      when: { code: ["3", "8", "14"] },
      effect: "never",
      class: "misconfigured",
      scope: "dependency",
      source: CODES,
      note: "PERM, READONLY, CANTOPEN",
    },
    {
      id: "disk",
      when: { code: ["10"] },
      effect: "by-phase",
      class: "unavailable",
      scope: "dependency",
      source: CODES,
      note: "IOERR",
    },
    {
      id: "damaged",
      when: { code: ["11", "26"] },
      effect: "never",
      class: "misconfigured",
      scope: "dependency",
      source: CODES,
      note: "CORRUPT, NOTADB: nothing is written until a person has looked",
    },
    {
      id: "resources",
      when: { code: ["7", "9"] },
      effect: "never",
      class: "transient",
      scope: "item",
      source: CODES,
      note: "NOMEM, INTERRUPT",
    },
    {
      id: "statement",
      when: { code: ["1", "18", "20", "21", "25"] },
      effect: "never",
      class: "defect",
      scope: "item",
      source: CODES,
      note: "ERROR, TOOBIG, MISMATCH, MISUSE, RANGE",
    },
  ],
});
