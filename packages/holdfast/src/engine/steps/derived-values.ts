/** `run.now`, `run.random` and `run.uuid`: values that are the same again on recovery. */
import { HoldfastError } from "../../core/error.ts";
import { dateOf } from "../clock.ts";
import type { LiveRun } from "../run/live-run.ts";
import { requireFreeName } from "./step-name.ts";

/** The time when this was first asked. Recorded; it may be lost with the steps after it. */
export function recordedNow(run: LiveRun, path: string): Date {
  enterValue(run, path);
  const recorded = run.recorded(path)[0]?.data;
  if (recorded !== undefined && recorded !== null) return dateOf(Number(recorded));
  const atMs = run.host.clock.nowMs();
  if (run.listens) run.append("result", path, { now: true }, String(atMs));
  return dateOf(atMs);
}

/** In [0, 1): 48 bits of the digest of (run, name). */
export function derivedRandom(run: LiveRun, path: string): number {
  enterValue(run, path);
  return fractionOf(derivedBytes(run, "random", path));
}

export function fractionOf(bytes: Uint8Array): number {
  return Buffer.from(bytes).readUIntBE(0, 6) / 2 ** 48;
}

/** Version 4 in form (RFC 9562), its bits from the digest of (run, name). */
export function derivedUuid(run: LiveRun, path: string): string {
  enterValue(run, path);
  return uuidOf(derivedBytes(run, "uuid", path));
}

export function uuidOf(digest: Uint8Array): string {
  const bytes = Buffer.from(digest).subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}

function derivedBytes(run: LiveRun, kind: string, path: string): Uint8Array {
  return run.host.digests.bytes(`${kind}\u0000${String(run.row.run)}\u0000${path}`);
}

/** Takes the name, so that a second use is refused like that of any other step. */
export function enterValue(run: LiveRun, path: string): void {
  requireFreeName(run, path);
  run.slots.set(path, {
    path,
    verb: {
      what: "a recorded value",
      misfit: () => null,
      settle() {
        throw new HoldfastError(
          "HF2104",
          `The journal of run ${run.id} holds an answer under "${path}", where the code asks for a recorded value.`,
          "Give the value another name.",
        );
      },
      live: () => undefined,
    },
    records: [],
    ended: true,
    wait: null,
  });
}
