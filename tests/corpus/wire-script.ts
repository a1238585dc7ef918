/** What a scripted counterpart does to a connection: steps that follow when some text has arrived. */
export type WireStep =
  /** Commits a row to the ledger; several items for a message with several recipients. */
  | { readonly do: "work"; readonly item?: string }
  | { readonly do: "send"; readonly text: string }
  | { readonly do: "end" }
  | { readonly do: "reset" };

export interface WireScript {
  /** Names the rows of the ledger. */
  readonly key: string;
  /** Right after the connection is there. */
  readonly greet?: readonly WireStep[];
  /** In order: each waits for its text after what the one before has used up. */
  readonly on: readonly { readonly text: string; readonly steps: readonly WireStep[] }[];
  /** An answer of the HTTP server, instead of steps. */
  readonly answer?: HttpScript;
}

export interface HttpScript {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Whether the work is done before the answer leaves. */
  readonly works: boolean;
  /** Items of a batch that are done before the answer leaves; the others are not. */
  readonly items?: readonly string[];
}

/** Ports of a counterpart, on 127.0.0.1. */
export interface Ports {
  /** A server that does what the script's steps say, byte by byte. */
  readonly wire: number;
  /** The same under TLS, with a certificate that nobody has signed. */
  readonly tls: number;
  /** A node:http server. */
  readonly http: number;
  /** A node:http2 server under TLS. */
  readonly http2: number;
  /** An smtp-server. */
  readonly smtp: number;
  /** TLS with settings that clients refuse or are refused by. */
  readonly expired: number;
  readonly oldTls: number;
  readonly clientCertificate: number;
}
