/**
 * The thread of the append log: every record of a flush behind its length, one write, one
 * fdatasync.
 */
import { fdatasyncSync, openSync, writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { logText } from "./log-text.ts";
import type { ThreadRequest } from "./thread-store.ts";

// Set by `threadStore`: the path of the log.
const fd = openSync(workerData as string, "a");

const port = parentPort;
port?.on("message", (request: ThreadRequest) => {
  if (request.verb === "flush") {
    writeAll(Buffer.from(logText(request.batch.records)));
    fdatasyncSync(fd);
  }
  port?.postMessage(request.id);
});

function writeAll(bytes: Buffer): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(fd, bytes, written);
}
