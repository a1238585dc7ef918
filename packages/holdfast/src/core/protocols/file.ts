/**
 * Local files: what the operating system's refusals mean (failure model 2.4).
 *
 * The operating system answers each call, so a refusal proves that this call did nothing. That holds
 * for a file as a whole only where it is written under a temporary name, synced and renamed: the
 * rename is the effect. Where nobody watched (an error thrown by code of the user's), the engine
 * trusts no such proof.
 */
import { MISSING_WAIT_MS, protocolTable } from "../protocol-table.ts";

const ERRNO = "errno(3)";

export const FILE_TABLE = protocolTable({
  id: "file",
  title: "Local files",
  prefix: "file",
  version: 3,
  pick: "most-exact",
  reason: { domain: "FILE", by: "id" },
  origin: "local",
  phases: {
    temporary: {
      evidence: "created",
      means: "before the rename: at most a file of a temporary name is left",
    },
    refused: { evidence: "answered", means: "the operating system refused the call" },
    rename: { evidence: "sent", means: "while renaming, or writing in place" },
  },
  phaseAssumed: "refused",
  rows: [
    {
      id: "no-space",
      when: { code: ["ENOSPC", "EDQUOT", "EFBIG"] },
      effect: "never",
      class: "exhausted",
      scope: "system",
      source: "write(2)",
      note: "write to a temporary name, sync, rename: a half-written file is then no effect",
    },
    {
      id: "no-permission",
      when: { code: ["EACCES", "EPERM", "EROFS", "ERR_ACCESS_DENIED"] },
      effect: "never",
      class: "misconfigured",
      scope: "dependency",
      source: "open(2)",
      note: "rights of our own process",
    },
    {
      id: "device-missing",
      when: { code: ["ENXIO", "ENODEV"] },
      effect: "never",
      class: "misconfigured",
      scope: "dependency",
      source: "open(2)",
      note: "no device, or nobody at the other end of a pipe",
    },
    {
      id: "file-missing",
      when: { code: ["ENOENT"] },
      effect: "never",
      class: "data",
      scope: "item",
      mayComeWithinMs: MISSING_WAIT_MS,
      source: "open(2)",
      note: "the source file is absent: wait for a bounded time, then repair",
    },
    {
      id: "file-exists",
      when: { code: ["EEXIST", "ENOTEMPTY"] },
      effect: "never",
      class: "data",
      scope: "item",
      echo: true,
      source: "open(2), O_EXCL",
      note: "on a repeat our own earlier write, which is then compared",
    },
    {
      id: "file-busy",
      when: { code: ["EBUSY", "ETXTBSY", "EAGAIN", "ESTALE"] },
      effect: "never",
      class: "transient",
      scope: "item",
      source: ERRNO,
      note: "somebody else has it open",
    },
    {
      id: "disk-error",
      when: { code: ["EIO"] },
      effect: "by-phase",
      class: "unavailable",
      scope: "dependency",
      source: "fsync(2)",
      note: "what was being written may be there or not",
    },
    {
      id: "file-misuse",
      when: {
        code: [
          "EXDEV",
          "EISDIR",
          "ENOTDIR",
          "ENAMETOOLONG",
          "EINVAL",
          "ELOOP",
          "EBADF",
          "ERR_DIR_CLOSED",
          "ERR_FS_EISDIR",
        ],
      },
      effect: "never",
      class: "defect",
      scope: "item",
      origin: "code",
      source: "rename(2)",
      note: "a wrong path or call",
    },
  ],
});
