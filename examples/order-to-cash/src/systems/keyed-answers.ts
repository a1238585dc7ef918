import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { problem, type JsonAnswer, type JsonRequest } from "./json-http.ts";
import { inTransaction } from "./ledger-store.ts";

export interface KeyedWork {
  /** What the request asks for, as text: the same key with another text is refused. */
  readonly asked: string;
  /** Does the work, in a transaction of the caller's. */
  readonly execute: (key: string) => JsonAnswer;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS keyed_answer (
    idempotency_key TEXT    NOT NULL PRIMARY KEY,
    fingerprint     TEXT    NOT NULL,
    answer          TEXT    NOT NULL,               -- JSON: status, body, headers
    at_ms           INTEGER NOT NULL
  ) STRICT;
`;

/**
 * Answers a request once per Idempotency-Key within the window.
 *
 * The work and its stored answer are one transaction, so a crash leaves both or neither. "In
 * progress" lives in memory on purpose: after a crash nothing is in progress any more.
 *
 * Refused by the draft's rules: no key 400, key in progress 409, key with another request 422.
 */
export function keyedAnswers(
  db: DatabaseSync,
  options: { readonly windowMs: number; readonly problems: string },
): (request: JsonRequest, work: KeyedWork, takeTime: () => Promise<void>) => Promise<JsonAnswer> {
  db.exec(SCHEMA);
  const find = db.prepare(
    "SELECT fingerprint, answer FROM keyed_answer WHERE idempotency_key = ? AND at_ms > ?",
  );
  const store = db.prepare(
    "INSERT OR REPLACE INTO keyed_answer (idempotency_key, fingerprint, answer, at_ms) VALUES (?, ?, ?, ?)",
  );
  const inProgress = new Map<string, string>();
  const { windowMs, problems } = options;

  function known(key: string, fingerprint: string): JsonAnswer | undefined {
    const stored = find.get(key, Date.now() - windowMs);
    const before = inProgress.get(key) ?? stored?.["fingerprint"];
    if (before === undefined) return undefined;
    if (before !== fingerprint) {
      return problem(
        422,
        `${problems}/key-reused`,
        "This Idempotency-Key was used for another request",
      );
    }
    if (stored === undefined) {
      return problem(
        409,
        `${problems}/key-in-progress`,
        "A request with this Idempotency-Key is in progress",
      );
    }
    // The text was written by JSON.stringify of a JsonAnswer, below.
    const answer = JSON.parse(String(stored["answer"])) as JsonAnswer;
    return { ...answer, headers: { ...answer.headers, "Idempotent-Replayed": "true" } };
  }

  return async (request, { asked, execute }, takeTime) => {
    // Hashed, because what was asked has a card number in it.
    const fingerprint = createHash("sha256").update(asked).digest("hex");
    const key = keyOf(request);
    if (key === undefined)
      return problem(400, `${problems}/key-missing`, "Idempotency-Key is required");
    const earlier = known(key, fingerprint);
    if (earlier !== undefined) return earlier;
    inProgress.set(key, fingerprint);
    try {
      await takeTime();
      return inTransaction(db, () => {
        const answer = execute(key);
        store.run(key, fingerprint, JSON.stringify(answer), Date.now());
        return answer;
      });
    } finally {
      inProgress.delete(key);
    }
  };
}

/** The key is a Structured Header string, so it may come in quotes (RFC 8941, 3.3.3). */
function keyOf(request: JsonRequest): string | undefined {
  const header = request.headers["idempotency-key"];
  if (typeof header !== "string" || header === "") return undefined;
  return /^"(.+)"$/.exec(header)?.[1] ?? header;
}
