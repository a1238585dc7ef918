/** The engine's process as its supervisor sees it: started, killed, started again. */
import { fileURLToPath } from "node:url";
import { startChild, type ChildEnd } from "./child.ts";
import type { Ports } from "./integrations.ts";

const PROGRAM = fileURLToPath(new URL("./engine-process.ts", import.meta.url));
const READY_MS_MAX = 20_000;
/** Attempts in flight may end first, which takes their time-out at most. */
const DRAIN_MS_MAX = 15_000;

export interface EngineChild {
  /** Of its intake, on 127.0.0.1. */
  readonly port: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly ended: Promise<ChildEnd>;
  /** SIGKILL: nothing of the process gets to run any more. */
  kill(): Promise<ChildEnd>;
  /** SIGTERM, which drains; SIGKILL if that is not enough. */
  stop(): Promise<ChildEnd>;
}

export interface EngineSetting {
  readonly dir: string;
  /** Address of the store, as the app names it. */
  readonly store: string;
  readonly ports: Ports;
  /** One of several on the store. */
  readonly isShared: boolean;
}

/** @throws {Error} with its last words, if it ends or is silent for 20 s instead of getting ready. */
export async function startEngine({
  dir,
  store,
  ports,
  isShared,
}: EngineSetting): Promise<EngineChild> {
  const flags = Object.entries(ports).flatMap(([name, port]) => [`--${name}`, String(port)]);
  const child = await startChild(
    "the engine",
    [PROGRAM, "--dir", dir, "--store", store, ...flags, ...(isShared ? ["--shared"] : [])],
    READY_MS_MAX,
  );
  return {
    port: child.port,
    ended: child.ended,
    kill: async () => child.end("SIGKILL", DRAIN_MS_MAX),
    stop: async () => child.end("SIGTERM", DRAIN_MS_MAX),
  };
}
