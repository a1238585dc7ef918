import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HttpFraming, HttpFramingError } from "./http-framing.ts";

const MESSAGES = {
  "a request without a body": "GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
  "a request with a length": "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
  "a request with a length of zero": "POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
  "a request in chunks":
    "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n",
} as const;

const ANSWERS = {
  "an answer with a length": "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
  "an answer in chunks":
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "an answer without content": "HTTP/1.1 204 No Content\r\n\r\n",
  "an interim answer and the real one":
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
} as const;

/** Pushes the text in pieces that end at the given places. */
function pushInPieces(framing: HttpFraming, text: string, places: readonly number[]): string {
  const bytes = Buffer.from(text, "latin1");
  const ends = [...new Set(places.map((place) => place % bytes.length)), bytes.length].toSorted(
    (one, other) => one - other,
  );
  let rest = "";
  let start = 0;
  for (const end of ends) {
    const piece = bytes.subarray(start, end);
    rest += (framing.isDone ? piece : framing.push(piece)).toString("latin1");
    start = end;
  }
  return rest;
}

const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 12 });
const NEXT = "GET /next HTTP/1.1\r\n\r\n";

describe("HttpFraming", () => {
  test.each(Object.entries(MESSAGES))("finds the end of %s, however it is split", (_, message) => {
    fc.assert(
      fc.property(cuts, (places) => {
        const framing = new HttpFraming({ kind: "request" });
        expect(pushInPieces(framing, message + NEXT, places)).toBe(NEXT);
        expect(framing.isDone).toBe(true);
        const body = Buffer.concat(framing.body).toString("latin1");
        expect(body).toBe(message.includes("hel") ? "hello" : "");
      }),
    );
  });

  test.each(Object.entries(ANSWERS))("finds the end of %s, however it is split", (_, message) => {
    fc.assert(
      fc.property(cuts, (places) => {
        const framing = new HttpFraming({ kind: "answer", method: "POST" });
        expect(pushInPieces(framing, message + NEXT, places)).toBe(NEXT);
        expect(framing.isDone).toBe(true);
        expect(framing.startLine).toMatch(/^HTTP\/1\.1 20[04]/);
        expect(framing.headLength).toBe(headEnd(message));
      }),
    );
  });

  test("an answer to HEAD has no body, whatever its length says", () => {
    const framing = new HttpFraming({ kind: "answer", method: "HEAD" });
    framing.push(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
    expect(framing.isDone).toBe(true);
  });

  test("an answer without a length ends with the connection", () => {
    const framing = new HttpFraming({ kind: "answer", method: "GET" });
    framing.push(Buffer.from("HTTP/1.1 200 OK\r\n\r\nhello"));
    expect(framing).toMatchObject({ isDone: false, endsWithConnection: true, closes: true });
  });

  test.each([
    ["HTTP/1.1", "Connection: keep-alive", false],
    ["HTTP/1.1", "Connection: close", true],
    ["HTTP/1.0", "Host: x", true],
  ])("knows that %s with %s closes: %s", (version, field, closes) => {
    const framing = new HttpFraming({ kind: "request" });
    framing.push(Buffer.from(`GET / ${version}\r\n${field}\r\n\r\n`));
    expect(framing.closes).toBe(closes);
  });

  test.each([
    ["a greeting", "HELO there\r\n\r\n"],
    ["a length that is none", "POST / HTTP/1.1\r\nContent-Length: five\r\n\r\n"],
    ["a chunk size that is none", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"],
    ["a head without an end", `GET / HTTP/1.1\r\n${"x".repeat(70_000)}`],
  ])("refuses %s", (_, text) => {
    expect(() => new HttpFraming({ kind: "request" }).push(Buffer.from(text))).toThrow(
      HttpFramingError,
    );
  });
});

/** Where the last head of the message ends. */
function headEnd(message: string): number {
  const start = message.lastIndexOf("HTTP/1.1 ");
  return message.indexOf("\r\n\r\n", start) + 4;
}
