/**
 * A connector and a counterpart of a small protocol of lines, right in everything; and each wrong in one
 * thing. A request is "VERB key token ...", its answer one line.
 */
import { connect, createServer, type Socket } from "node:net";
import type { Classified, Evidence } from "../../core/failure.ts";
import { CallFailed, type Attempt } from "../../workflow/attempt.ts";
import type { ConnectorUnderTest, Counterpart } from "./describe-connector.ts";
import { closed, listening, portOf } from "./listener.ts";

const TOKEN = "token-1234-secret";
const BYTES_MAX = 64 * 1024;

/** Something that a connector does wrong. */
export interface Faulty {
  /** Throws what the runtime throws. */
  readonly throwsPlain?: boolean;
  /** Says nothing of how far it got. */
  readonly marksNothing?: boolean;
  /** Says of each broken line that nothing was sent. */
  readonly saysUnsent?: boolean;
  /** Says of each broken line that something may have been. */
  readonly saysMaybe?: boolean;
  /** Takes the end of a line for an answer. */
  readonly takesSilence?: boolean;
  readonly repeats?: boolean;
  readonly repeatsBusy?: boolean;
  readonly ignoresAbort?: boolean;
  readonly ignoresLateStart?: boolean;
  readonly keepsLine?: boolean;
  readonly makesKeys?: boolean;
  readonly dropsKey?: boolean;
  readonly tellsSecret?: boolean;
  readonly followsAnywhere?: boolean;
  readonly readsOn?: boolean;
  readonly knowsNoAnswers?: boolean;
  readonly saysSent?: boolean;
  readonly countsTwice?: boolean;
  readonly asksTwice?: boolean;
  /** Says of each broken line that it happened. */
  readonly saysSurely?: boolean;
  /** Sends its request in two parts: nothing wrong with that. */
  readonly splits?: boolean;
}

type Reply =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "broken"; readonly error: unknown; readonly isConnected: boolean }
  | { readonly kind: "aborted"; readonly error: unknown; readonly isConnected: boolean }
  | { readonly kind: "large" };

export class ToyConnector {
  readonly #port: number;
  readonly #faulty: Faulty;

  constructor(port: number, faulty: Faulty = {}) {
    this.#port = port;
    this.#faulty = faulty;
  }

  async call(attempt: Attempt, verb: string, argument = ""): Promise<unknown> {
    const { repeats, repeatsBusy, asksTwice } = this.#faulty;
    if (asksTwice === true) await this.#ask(attempt, this.#port, "refuse", "");
    let reply = await this.#ask(attempt, this.#port, verb, argument);
    if (repeats === true && reply.kind === "broken" && reply.isConnected)
      reply = await this.#ask(attempt, this.#port, verb, argument);
    if (repeatsBusy === true && reply.kind === "line" && reply.text.startsWith("busy"))
      reply = await this.#ask(attempt, this.#port, verb, argument);
    if (this.#faulty.followsAnywhere === true && reply.kind === "line")
      if (reply.text.startsWith("elsewhere"))
        reply = await this.#ask(attempt, Number(reply.text.split(" ")[1]), verb, argument);
    return this.#read(reply, attempt);
  }

  #read(reply: Reply, attempt: Attempt): unknown {
    const faulty = this.#faulty;
    const { count: callCount } = attempt.calls;
    if (reply.kind === "line") {
      attempt.mark("answered");
      if (reply.text === "ok") return reply.text;
      const phase = faulty.saysSent === true ? "sent" : "answered";
      throw failed(this.#masked(reply.text), { phase, callCount }, this.#verdict(reply.text));
    }
    if (reply.kind === "large")
      throw failed("it is too large", { phase: "answered", callCount }, LARGE);
    if (faulty.takesSilence === true && reply.kind === "broken" && reply.isConnected) return "ok";
    if (faulty.throwsPlain === true) throw reply.error;
    const isUnsent =
      (!reply.isConnected || faulty.saysUnsent === true) && faulty.saysMaybe !== true;
    const evidence = { phase: isUnsent ? "created" : "sent", callCount } as const;
    throw failed(String(reply.error), evidence, isUnsent ? AWAY : this.#lost);
  }

  get #lost(): Classified {
    return this.#faulty.saysSurely === true ? { ...LOST, effect: "surely" } : LOST;
  }

  #masked(text: string): string {
    return this.#faulty.tellsSecret === true ? text : text.replaceAll(TOKEN, "***");
  }

  #verdict(text: string): Classified | null {
    if (this.#faulty.knowsNoAnswers === true) return null;
    const [word] = text.split(" ");
    if (word === "busy") return { class: "throttled", effect: "never", origin: "remote" };
    if (word === "elsewhere") return { class: "misconfigured", effect: "never", origin: "remote" };
    return { class: "data", effect: "never", origin: "remote" };
  }

  #ask(attempt: Attempt, port: number, verb: string, argument: string): Promise<Reply> {
    const faulty = this.#faulty;
    if (attempt.signal.aborted && faulty.ignoresLateStart !== true)
      return Promise.resolve({ kind: "aborted", error: "too late", isConnected: false });
    attempt.calls.count += faulty.countsTwice === true ? 2 : 1;
    return new Promise<Reply>((resolve) => {
      const socket = connect({ port, host: "127.0.0.1" });
      let isConnected = false;
      let text = "";
      const end = (reply: Reply) => {
        resolve(reply);
        if (faulty.keepsLine !== true || reply.kind !== "aborted") socket.destroy();
      };
      socket.on("connect", () => {
        isConnected = true;
        if (faulty.marksNothing !== true) attempt.mark("sent");
        const key = faulty.makesKeys === true ? `own-${String(attempt.number)}` : attempt.key;
        const request = `${verb} ${faulty.dropsKey === true ? "-" : key} ${TOKEN} ${argument}\n`;
        if (faulty.splits !== true) {
          socket.write(request);
          return;
        }
        socket.write(request.slice(0, 3));
        // Two turns on, the other side has read the first part.
        setImmediate(() => setImmediate(() => socket.write(request.slice(3))));
      });
      socket.on("data", (chunk: Buffer) => {
        text += chunk.toString("latin1");
        const [line = "", ...rest] = text.split("\n");
        if (rest.length > 0) end({ kind: "line", text: line });
        else if (text.length > BYTES_MAX && faulty.readsOn !== true) end({ kind: "large" });
      });
      const broken = (error: unknown) => {
        end({ kind: "broken", error, isConnected });
      };
      socket.on("error", broken);
      socket.on("close", () => {
        broken("the line was closed");
      });
      const abort = () => {
        end({ kind: "aborted", error: attempt.signal.reason, isConnected });
      };
      if (faulty.ignoresAbort !== true)
        attempt.signal.addEventListener("abort", abort, { once: true });
    });
  }
}

const AWAY: Classified = { class: "unavailable", effect: "never", origin: "network" };
const LOST: Classified = { class: "transient", effect: "maybe", origin: "network" };
const LARGE: Classified = { class: "defect", effect: "surely", origin: "remote" };

function failed(message: string, evidence: Evidence, says: Classified | null): CallFailed {
  const rule = { source: "table", id: "toy/answer", version: 1 } as const;
  return new CallFailed({ message, evidence, ...(says === null ? {} : { table: { says, rule } }) });
}

/** Drops no repeats. */
async function openToy(): Promise<Counterpart> {
  const done: string[] = [];
  let asked = 0;
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      const [line = "", ...rest] = text.split("\n");
      if (rest.length === 0) return;
      text = "";
      asked += 1;
      const [verb = "", key = "", token = "", argument = ""] = line.split(" ");
      if (verb === "work") done.push(key === "-" ? "" : key);
      answer(socket, verb, token, argument);
    });
  });
  await listening(server);
  return {
    port: portOf(server),
    done: () => done,
    asked: () => asked,
    close: () => closed(server),
  };
}

function answer(socket: Socket, verb: string, token: string, argument: string): void {
  if (verb === "work") socket.write("ok\n");
  else if (verb === "refuse") socket.write(`refused to ${token}\n`);
  else if (verb === "busy") socket.write("busy\n");
  else if (verb === "elsewhere") socket.write(`elsewhere ${argument}\n`);
  else pourOut(socket);
}

/** Writes for as long as somebody reads. */
function pourOut(socket: Socket): void {
  const chunk = Buffer.alloc(64 * 1024, "x");
  const pour = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on("drain", pour);
  pour();
}

export function toy(faulty: Faulty = {}): ConnectorUnderTest<ToyConnector> {
  return {
    ...(Object.keys(faulty).length === 0 ? {} : { patienceMs: 500 }),
    open: openToy,
    connect: (port) => new ToyConnector(port, faulty),
    close: () => Promise.resolve(),
    call: (connector, attempt) => connector.call(attempt, "work"),
    passesKey: true,
    refusals: [
      {
        name: "data that it does not take",
        call: (connector, attempt) => connector.call(attempt, "refuse"),
        class: "data",
        effect: "never",
      },
      {
        name: "not now",
        call: (connector, attempt) => connector.call(attempt, "busy"),
        class: "throttled",
        effect: "never",
      },
    ],
    secret: TOKEN,
    sentOn: (connector, attempt, port) => connector.call(attempt, "elsewhere", String(port)),
    endless: {
      call: (connector, attempt) => connector.call(attempt, "endless"),
      bytesMax: BYTES_MAX,
    },
  };
}
