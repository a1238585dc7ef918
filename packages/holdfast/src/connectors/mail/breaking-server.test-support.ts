/** A mail server that breaks off where it is told, and knows what it has taken. */
import { createServer, type AddressInfo, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface Mailbox {
  readonly port: number;
  /** Contents of the messages that the server has taken. */
  readonly taken: string[];
}

export interface RawMailbox extends Mailbox {
  /** Commands that it was given, the content left out. */
  readonly commands: string[];
}

/** Where a raw server breaks off: right after it has read this. */
export type BreakAt = "greeting" | "MAIL FROM" | "DATA" | "content" | "dot";

/** Speaks just enough SMTP to take one message, and ends the session at a given point. */
export async function breaking(
  at: BreakAt,
  end: (socket: Socket) => void,
  extensions: readonly string[] = [],
): Promise<RawMailbox> {
  const taken: string[] = [];
  const commands: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    if (at === "greeting") {
      end(socket);
      return;
    }
    socket.write("220 test\r\n");
    let text = "";
    let isContent = false;
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (isContent) {
        if (at === "content" && text.length > 0) end(socket);
        if (at === "content" || !text.endsWith("\r\n.\r\n")) return;
        taken.push(text);
        end(socket);
        return;
      }
      for (let line = lineOf(text); line !== null; line = lineOf(text)) {
        text = text.slice(line.length + 2);
        commands.push(line);
        if (line.startsWith(at)) {
          end(socket);
          return;
        }
        isContent = line === "DATA";
        socket.write(replyTo(line, extensions));
      }
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => {
    server.close();
  });
  // The cast is true: it listens on a TCP port.
  return { port: (server.address() as AddressInfo).port, taken, commands };
}

function lineOf(text: string): string | null {
  const end = text.indexOf("\r\n");
  return end < 0 ? null : text.slice(0, end);
}

function replyTo(line: string, extensions: readonly string[]): string {
  if (line === "DATA") return "354 go on\r\n";
  if (line === "STARTTLS") return "502 not here\r\n";
  if (!line.startsWith("EHLO")) return "250 ok\r\n";
  const lines = ["test", ...extensions];
  return lines.map((each, at) => `250${at === lines.length - 1 ? " " : "-"}${each}\r\n`).join("");
}
