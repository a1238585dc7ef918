/**
 * HTTP/2 against a real server that knows whether it did the work: what a client is told when a
 * stream is refused, reset, left out by a GOAWAY, or ends with its session.
 */
import {
  connect,
  constants,
  createServer,
  type ClientHttp2Session,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Evidence } from "../../core/failure.ts";
import { expectFailure, failureOf } from "./produced.test-support.ts";

let server: Http2Server;
let session: ClientHttp2Session;
let executed: string[];
let onStream: (stream: ServerHttp2Stream, execute: () => void) => void;

beforeEach(async () => {
  executed = [];
  server = createServer();
  server.on("sessionError", () => undefined);
  server.on("stream", (stream, headers) => {
    // Its end is what the test provokes.
    stream.on("error", () => undefined);
    onStream(stream, () => executed.push(String(headers[":path"])));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  // The cast is true: it listens on a TCP port.
  const { port } = server.address() as AddressInfo;
  session = connect(`http://127.0.0.1:${String(port)}`);
  session.on("error", () => undefined);
});
afterEach(async () => {
  session.destroy();
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
});

/** A POST, as a client that minds its marks makes it: what it ended with, with the code of its reset. */
async function post(path = "/"): Promise<unknown> {
  const stream = session.request({ ":method": "POST", ":path": path });
  stream.end("{}");
  let error: Error | null = null;
  let isAnswered = false;
  stream.on("error", (thrown) => (error = thrown));
  stream.on("response", () => (isAnswered = true));
  stream.resume();
  await new Promise<void>((resolve) => {
    stream.once("close", resolve);
  });
  if (isAnswered && error === null) throw new Error("it was answered");
  // Where the stream closes without an error, its code is all that there is.
  const silent = Object.assign(new Error("the stream was closed without an answer"), {
    code: "ERR_HTTP2_STREAM_CANCEL",
  });
  return Object.assign(error ?? silent, { rstCode: stream.rstCode });
}

/** One call, watched, whose head has left. */
const SENT: Evidence = { phase: "sent", callCount: 1 };

test("a refused stream was not processed, whatever the method", async () => {
  onStream = (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM);
  const error = await post();
  expectFailure(failureOf(error, SENT), "node/http2-unprocessed", "transient", "never");
  expect(executed).toEqual([]);
});

test("nobody watched, or there was another call: then a refused stream proves nothing", async () => {
  onStream = (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM);
  expect(failureOf(await post(), {}).effect).toBe("maybe");
});

test("a stream that is reset for another reason may have been processed", async () => {
  onStream = (stream, execute) => {
    execute();
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  };
  const error = await post();
  expectFailure(failureOf(error, SENT), "node/http2-stream", "transient", "maybe");
  expect(executed).toEqual(["/"]);
});

test("so may one whose session is destroyed", async () => {
  onStream = (stream, execute) => {
    execute();
    stream.session?.destroy();
  };
  const error = await post();
  expectFailure(failureOf(error, SENT), "node/http2-stream", "transient", "maybe");
  expect(executed).toEqual(["/"]);
});

test("so may one whose session fails", async () => {
  onStream = (stream, execute) => {
    execute();
    stream.session?.destroy(new Error("broken"), constants.NGHTTP2_PROTOCOL_ERROR);
  };
  const error = await post();
  const { rule, effect } = failureOf(error, SENT);
  expect(["node/http2", "node/http2-stream"]).toContain(rule.id);
  expect(effect).toBe("maybe");
});

test("a stream that a GOAWAY leaves out was not processed", async () => {
  const sessions: ServerHttp2Session[] = [];
  server.on("session", (each) => sessions.push(each));
  const arrived = new Promise<void>((resolve) => {
    onStream = (stream, execute) => {
      // The first is processed and stays open; the second never reaches the application.
      if (stream.id !== 1) return;
      execute();
      resolve();
    };
  });
  const first = post("/first");
  await arrived;
  const second = post("/second");
  for (const each of sessions) each.goaway(constants.NGHTTP2_NO_ERROR, 1);
  const error = await second;
  expectFailure(failureOf(error, SENT), "node/http2-unprocessed", "transient", "never");
  session.destroy();
  await first;
  expect(executed).toEqual(["/first"]);
});
