/**
 * SFTP and FTP (failure model 2.10). No connector speaks it yet. A file is put under a temporary
 * name, checked by its size, and renamed: the rename is the effect, and what was lost before it left
 * at most a temporary file.
 */
import { protocolTable } from "../protocol-table.ts";

const DRAFT = "draft-ietf-secsh-filexfer-02 7";
const FTP = "RFC 959 4.2";

export const SFTP_TABLE = protocolTable({
  id: "sftp",
  title: "SFTP and FTP",
  prefix: "sftp",
  version: 1,
  pick: "most-exact",
  reason: { domain: "SFTP", by: "id" },
  origin: "remote",
  phases: {
    created: { evidence: "created", means: "before the rename: at most a temporary file is left" },
    rename: { evidence: "sent", means: "the rename was sent, or it is written in place" },
    answered: { evidence: "answered", means: "the server answered this request" },
  },
  phaseAssumed: "rename",
  aliases: {
    "2": "SSH_FX_NO_SUCH_FILE",
    "3": "SSH_FX_PERMISSION_DENIED",
    "4": "SSH_FX_FAILURE",
    "5": "SSH_FX_BAD_MESSAGE",
    "6": "SSH_FX_NO_CONNECTION",
    "7": "SSH_FX_CONNECTION_LOST",
    "8": "SSH_FX_OP_UNSUPPORTED",
  },
  rows: [
    {
      id: "login",
      when: { code: ["530", "USERAUTH_FAILURE", "HOST_KEY_REJECTED"] },
      effect: "never",
      class: "misconfigured",
      scope: "dependency",
      source: "RFC 4252 5.1, RFC 959 4.2",
      note: "no second try: it may lock the account; a new host key is for a person to accept",
    },
    {
      id: "no-file",
      when: { code: ["SSH_FX_NO_SUCH_FILE", "550"] },
      effect: "never",
      class: "data",
      scope: "item",
      source: DRAFT,
      note: "wait for a bounded time, then repair; FTP says 550 also for missing rights",
    },
    {
      id: "permission",
      when: { code: ["SSH_FX_PERMISSION_DENIED"] },
      effect: "never",
      class: "misconfigured",
      scope: "dependency",
      source: DRAFT,
    },
    {
      id: "lost",
      when: { code: ["SSH_FX_NO_CONNECTION", "SSH_FX_CONNECTION_LOST", "426", "ECONNRESET"] },
      effect: "by-phase",
      class: "transient",
      scope: "item",
      origin: "network",
      source: DRAFT,
    },
    {
      id: "service",
      when: { code: ["421"] },
      effect: "by-phase",
      class: "unavailable",
      scope: "dependency",
      source: FTP,
    },
    {
      id: "space",
      when: { code: ["552", "452"] },
      effect: "never",
      class: "exhausted",
      scope: "dependency",
      source: FTP,
    },
    {
      id: "failure",
      when: { code: ["SSH_FX_FAILURE"] },
      effect: "by-phase",
      class: "transient",
      scope: "item",
      source: DRAFT,
      note: "servers say it of a full disk, an existing target and much else",
    },
    {
      id: "misuse",
      when: { code: ["SSH_FX_BAD_MESSAGE", "SSH_FX_OP_UNSUPPORTED"] },
      effect: "never",
      class: "defect",
      scope: "item",
      source: DRAFT,
    },
  ],
});
