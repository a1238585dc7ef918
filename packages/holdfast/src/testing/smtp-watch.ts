/** Where in its conversation a client is after the bytes it has just sent. */
export type RequestPhase =
  /** Nothing that a fault could be done to. */
  | "quiet"
  /** A next request begins on a connection that already carried one. */
  | "next"
  /** The content of a request has begun and is not whole yet. */
  | "begun"
  /** The request is whole: with these bytes the counterpart can do the work. */
  | "whole";

/** Tells when a request is whole in a stream that is otherwise passed on untouched. */
export interface StreamWatch {
  client(bytes: Buffer): RequestPhase;
  server(bytes: Buffer): void;
}

/** Plain TCP: the first bytes of the client are the request, and there is one for each connection. */
export function watchTcp(): StreamWatch {
  return { client: () => "whole", server: () => undefined };
}

/** A line longer than this is cut in the watch (RFC 5321 allows 1,000 octets); only its tail matters. */
const LINE_BYTES_MAX = 4096;
const CONTENT_END = "\r\n.\r\n";

/**
 * SMTP: the request is the content of a message, from the 354 that invites it to the final dot
 * (RFC 5321, 4.1.1.4). BDAT is not understood; a server that does not offer CHUNKING is not sent it.
 */
export function watchSmtp(): StreamWatch {
  let isContent = false;
  let sentMessages = 0;
  let clientTail = "";
  let serverTail = "";
  const content = (bytes: Buffer): RequestPhase => {
    clientTail += bytes.toString("latin1");
    const isWhole = clientTail.includes(CONTENT_END);
    clientTail = isWhole ? "" : clientTail.slice(-(CONTENT_END.length - 1));
    if (!isWhole) return "begun";
    isContent = false;
    sentMessages += 1;
    return "whole";
  };
  return {
    client: (bytes) => {
      if (isContent) return content(bytes);
      clientTail = (clientTail + bytes.toString("latin1")).slice(-LINE_BYTES_MAX);
      const lines = clientTail.split("\r\n");
      clientTail = lines.pop() ?? "";
      return sentMessages > 0 && lines.some((line) => /^MAIL FROM:/i.test(line)) ? "next" : "quiet";
    },
    server: (bytes) => {
      serverTail = (serverTail + bytes.toString("latin1")).slice(-LINE_BYTES_MAX);
      const lines = serverTail.split("\r\n");
      serverTail = lines.pop() ?? "";
      if (lines.some((line) => line.startsWith("354"))) {
        isContent = true;
        // The content may begin with its end: an empty message is just the dot.
        clientTail = "\r\n";
      }
    },
  };
}
