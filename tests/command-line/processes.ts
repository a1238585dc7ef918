/** The app and the command line as processes of their own. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { COMMAND_LINE, CONDITION_FLAG } from "../program-flags.ts";

const shop = fileURLToPath(new URL("shop.ts", import.meta.url));
/** The database is no longer news. */
const NODE_OPTIONS = [CONDITION_FLAG, "--disable-warning=ExperimentalWarning"];
/** What the developer's own shell may set does not count here. */
const CLEAN = { HOLDFAST_STORE: undefined, NODE_OPTIONS: undefined };
/** No process of a test lives longer, milliseconds; nor does a test. */
export const LIFE_MS_MAX = 60_000;

export interface Order {
  readonly id: string;
  readonly does: "charge" | "ask" | "mail" | "book" | "sleep";
}

export interface Shop {
  stop(): Promise<void>;
}

/** Starts the app; resolves when it is at work. `stop` lets it close its store. */
export async function startShop(
  store: string,
  orders: readonly Order[],
  mendedPath = "",
): Promise<Shop> {
  const child = started([...NODE_OPTIONS, shop, store, JSON.stringify(orders), mendedPath]);
  const ended = once(child, "close");
  let said = "";
  let complained = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (complained += text));
  await new Promise<void>((resolve, reject) => {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("ready\n")) resolve();
    });
    child.once("close", () => {
      reject(new Error(`the shop ended before it was ready: ${complained}`));
    });
  });
  return {
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Runs one command line to its end. */
export async function holdfastCli(
  words: readonly string[],
  { env = {}, cwd = process.cwd() }: Surroundings = {},
): Promise<Ended> {
  const child = started([...NODE_OPTIONS, COMMAND_LINE, ...words], env, cwd);
  let out = "";
  let err = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (err += text));
  // An exit code, or a signal: then there is none, and the test says so.
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, err };
}

/** Begins one command line, for who ends it before its end. */
export function startHoldfastCli(words: readonly string[]): ChildProcess {
  return started([...NODE_OPTIONS, COMMAND_LINE, ...words]);
}

function started(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd = process.cwd(),
): ChildProcess {
  return spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, ...CLEAN, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LIFE_MS_MAX,
    killSignal: "SIGKILL",
  });
}

const POLLS_MAX = 200;
const POLL_MS = 50;

/** Asks again until the answer is not null; the last word is an error that names what was awaited. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | null>,
  pollsMax = POLLS_MAX,
): Promise<T> {
  for (let polls = 0; polls < pollsMax; polls += 1) {
    const answer = await ask();
    if (answer !== null) return answer;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`waited in vain for: ${what}`);
}
