/** Errors as JSON gives them: the fields are those that the clients named put on theirs. */
import { describe, expect, test } from "vitest";
import { recognise } from "./recognise.ts";

describe("recognise", () => {
  test.each([
    [
      "pg",
      { severity: "ERROR", code: "40001", message: "could not serialize" },
      "postgres",
      "40001",
    ],
    ["mysql2", { errno: 1213, code: "ER_LOCK_DEADLOCK", sqlState: "40001" }, "mysql", "1213"],
    [
      "mysql2, a lost connection",
      { errno: 0, code: "PROTOCOL_CONNECTION_LOST" },
      "mysql",
      "PROTOCOL_CONNECTION_LOST",
    ],
    [
      "mariadb, a number of its own",
      { errno: 45_000, code: "ER_OWN", sqlState: "45000" },
      "mysql",
      "ER_OWN",
    ],
    ["node:sqlite", { code: "ERR_SQLITE_ERROR", errcode: 2067 }, "sqlite", "19"],
    ["better-sqlite3", { code: "SQLITE_CONSTRAINT_UNIQUE" }, "sqlite", "SQLITE_CONSTRAINT_UNIQUE"],
    [
      "better-sqlite3, an extended code that is not listed",
      { code: "SQLITE_IOERR_FSYNC" },
      "sqlite",
      "SQLITE_IOERR",
    ],
    [
      "grpc-js",
      { code: 14, details: "No connection established", metadata: {} },
      "grpc",
      "UNAVAILABLE",
    ],
    [
      "kafkajs",
      { name: "KafkaJSProtocolError", type: "REQUEST_TIMED_OUT", code: 7 },
      "kafka",
      "REQUEST_TIMED_OUT",
    ],
    [
      "a token endpoint",
      { error: "invalid_grant", error_description: "revoked" },
      "oauth",
      "invalid_grant",
    ],
    [
      "a model provider",
      { status: 429, error: { type: "rate_limit_error" } },
      "llm",
      "rate_limit_error",
    ],
    ["a model's answer", { stop_reason: "max_tokens" }, "llm", "max_tokens"],
    [
      "Node.js, within a failed fetch",
      { name: "TypeError", message: "fetch failed", cause: { code: "ECONNREFUSED" } },
      "node",
      "ECONNREFUSED",
    ],
    ["Node.js, a file", { code: "ENOENT", syscall: "open", path: "a.csv" }, "file", "ENOENT"],
    [
      "gathered errors",
      { name: "AggregateError", errors: [{ code: "EHOSTUNREACH" }] },
      "node",
      "EHOSTUNREACH",
    ],
    ["nothing that is known", { code: "E_OF_OUR_OWN" }, null, "E_OF_OUR_OWN"],
  ])("an error of %s", (_client, error, protocol, code) => {
    expect(recognise(error)).toMatchObject({ protocol, code });
  });

  test("finds what a wrapper hides", () => {
    const wrapped = { message: "query failed", cause: { severity: "ERROR", code: "23505" } };
    expect(recognise(wrapped)).toMatchObject({ protocol: "postgres", code: "23505" });
  });

  test("takes the stage of a mail from the command, and the enhanced status from the reply", () => {
    const error = {
      code: "EENVELOPE",
      command: "RCPT TO",
      responseCode: 450,
      response: "450 4.7.1 later",
    };
    expect(recognise(error)).toMatchObject({
      protocol: "smtp",
      status: 450,
      code: "4.7.1",
      phase: "recipient",
    });
  });

  test("takes status, fields and reason of an answer from an error that carries it", () => {
    const answer = {
      status: 409,
      headers: { "Retry-After": "5" },
      data: { code: "VERSION_STALE" },
    };
    expect(recognise({ message: "conflict", response: answer })).toMatchObject({
      protocol: "http",
      status: 409,
      headers: { "retry-after": "5" },
      code: "VERSION_STALE",
    });
  });

  test("hears a refused stream of HTTP/2", () => {
    const message = "Stream closed with error code NGHTTP2_REFUSED_STREAM";
    expect(recognise({ code: "ERR_HTTP2_STREAM_ERROR", message })).toMatchObject({
      protocol: "node",
      conditions: ["unprocessed"],
    });
  });

  test("reads a text that somebody has copied", () => {
    expect(recognise("Error: connect ECONNREFUSED 127.0.0.1:5432")).toMatchObject({
      protocol: "node",
      code: "ECONNREFUSED",
    });
    expect(recognise("it did not work")).toMatchObject({ protocol: null, code: null });
  });

  test("ends in a chain that closes on itself", () => {
    const error: Record<string, unknown> = { message: "round" };
    error["cause"] = { message: "and round", cause: error };
    expect(recognise(error)).toMatchObject({ protocol: null, message: "round: and round" });
  });
});
