/** A head longer than this is not taken for HTTP (node:http itself stops at 16 KiB). */
const HEAD_BYTES_MAX = 64 * 1024;
const HEAD_END = "\r\n\r\n";

export class HttpFramingError extends Error {
  override readonly name: string = "HttpFramingError";
}

/**
 * Finds where one HTTP/1.1 message ends in a stream of bytes (RFC 9112, section 6). It reads just
 * enough for that: it does not judge, change or forward anything.
 *
 * Upgrades are not understood; an interim answer (1xx) is taken as part of the message after it.
 */
export class HttpFraming {
  readonly #role:
    | { readonly kind: "request" }
    | { readonly kind: "answer"; readonly method: string };
  #state:
    | "head"
    | "length"
    | "chunk-size"
    | "chunk"
    | "chunk-end"
    | "trailer"
    | "until-close"
    | "done" = "head";
  #unread: Buffer = Buffer.alloc(0);
  #left = 0;
  #startLine = "";
  #headers = new Map<string, string>();
  #headLength = 0;
  /** The body, without the framing of chunks. */
  readonly body: Buffer[] = [];

  constructor(
    role: { readonly kind: "request" } | { readonly kind: "answer"; readonly method: string },
  ) {
    this.#role = role;
  }

  get isDone(): boolean {
    return this.#state === "done";
  }

  /** The message ends where the connection ends. */
  get endsWithConnection(): boolean {
    return this.#state === "until-close";
  }

  /** `GET /path HTTP/1.1` or `HTTP/1.1 200 OK`. */
  get startLine(): string {
    return this.#startLine;
  }

  /** Bytes up to the end of the head, those of interim answers before it included. */
  get headLength(): number {
    return this.#headLength;
  }

  /** The sender will close the connection after this message. */
  get closes(): boolean {
    return (
      this.endsWithConnection ||
      this.#startLine.includes("HTTP/1.0") ||
      /\bclose\b/i.test(this.#headers.get("connection") ?? "")
    );
  }

  /**
   * Takes the bytes of this message and gives back the rest: bytes after its end.
   * @throws {HttpFramingError} if the bytes cannot be HTTP/1.1.
   */
  push(bytes: Buffer): Buffer {
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    // Each step takes bytes or changes the state towards "done", so this ends.
    while (this.#state !== "done" && this.#step());
    if (this.#state !== "done") return Buffer.alloc(0);
    const rest = this.#unread;
    this.#unread = Buffer.alloc(0);
    return rest;
  }

  /** Takes what it can; false if more bytes are needed. */
  #step(): boolean {
    switch (this.#state) {
      case "head":
        return this.#head();
      case "length":
        return this.#take("done");
      case "chunk":
        return this.#take("chunk-end");
      case "chunk-end":
        return this.#line(() => {
          this.#state = "chunk-size";
        });
      case "chunk-size":
        return this.#line((line) => {
          this.#chunkSize(line);
        });
      case "trailer":
        return this.#line((line) => {
          if (line === "") this.#state = "done";
        });
      case "until-close":
        if (this.#unread.length > 0) this.body.push(this.#unread);
        this.#unread = Buffer.alloc(0);
        return false;
      case "done":
        return false;
    }
  }

  #head(): boolean {
    const end = this.#unread.indexOf(HEAD_END);
    if (end < 0) {
      if (this.#unread.length > HEAD_BYTES_MAX) {
        throw new HttpFramingError(
          `expected an HTTP head within ${String(HEAD_BYTES_MAX)} bytes, got none`,
        );
      }
      return false;
    }
    const [startLine = "", ...fields] = this.#unread.toString("latin1", 0, end).split("\r\n");
    this.#unread = this.#unread.subarray(end + HEAD_END.length);
    this.#headLength += end + HEAD_END.length;
    this.#startLine = startLine;
    this.#headers = new Map(
      fields.map((field) => {
        const colon = field.indexOf(":");
        return [field.slice(0, colon).trim().toLowerCase(), field.slice(colon + 1).trim()];
      }),
    );
    this.#state = this.#stateAfterHead();
    return true;
  }

  #stateAfterHead(): "head" | "length" | "chunk-size" | "until-close" | "done" {
    if (this.#role.kind === "answer") {
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(this.#startLine)?.[1];
      if (status === undefined)
        throw new HttpFramingError(`expected a status line, got ${this.#startLine}`);
      if (status.startsWith("1")) return "head";
      if (this.#role.method === "HEAD" || status === "204" || status === "304") return "done";
    } else if (!/^[A-Z]+ \S+ HTTP\/1\.[01]$/.test(this.#startLine)) {
      throw new HttpFramingError(`expected a request line, got ${this.#startLine}`);
    }
    if (/\bchunked\b/i.test(this.#headers.get("transfer-encoding") ?? "")) return "chunk-size";
    const length = this.#headers.get("content-length");
    if (length === undefined) return this.#role.kind === "request" ? "done" : "until-close";
    if (!/^\d{1,15}$/.test(length))
      throw new HttpFramingError(`expected a Content-Length, got ${length}`);
    this.#left = Number(length);
    return this.#left === 0 ? "done" : "length";
  }

  #take(next: "done" | "chunk-end"): boolean {
    const part = this.#unread.subarray(0, this.#left);
    if (part.length === 0) return false;
    this.body.push(part);
    this.#unread = this.#unread.subarray(part.length);
    this.#left -= part.length;
    if (this.#left === 0) this.#state = next;
    return true;
  }

  #chunkSize(line: string): void {
    const size = /^([0-9a-f]{1,12})\s*(?:;.*)?$/i.exec(line)?.[1];
    if (size === undefined)
      throw new HttpFramingError(`expected a chunk size, got ${line.slice(0, 40)}`);
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? "trailer" : "chunk";
  }

  #line(use: (line: string) => void): boolean {
    const end = this.#unread.indexOf("\r\n");
    if (end < 0) {
      if (this.#unread.length > HEAD_BYTES_MAX)
        throw new HttpFramingError("expected the end of a line, got none");
      return false;
    }
    const line = this.#unread.toString("latin1", 0, end);
    this.#unread = this.#unread.subarray(end + 2);
    use(line);
    return true;
  }
}
