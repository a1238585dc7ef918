/** What was declared, and what has left: by the key under which the other systems know an operation. */
import type { IntentHead, JournalRecord } from "#src/core/journal.ts";

interface Operation {
  readonly run: number;
  readonly operation: number;
  readonly step: string;
  readonly head: IntentHead;
  /** Attempts whose intent is durable. */
  readonly attempts: Set<number>;
  declared: number;
  left: number;
}

export class Sent {
  readonly #byKey = new Map<string, Operation>();
  readonly #byNumber = new Map<string, Operation>();
  /** What requests under a key were about. */
  readonly #about = new Map<string, { readonly action: string; readonly id: string }>();

  declared(record: JournalRecord, head: IntentHead): void {
    const { run, name, attempt } = record;
    const number = `${String(run)}/${String(head.operation)}`;
    let known = this.#byNumber.get(number);
    if (known === undefined) {
      const { operation } = head;
      known = { run, operation, step: name, head, attempts: new Set(), declared: 0, left: 0 };
      this.#byNumber.set(number, known);
      this.#byKey.set(head.key, known);
    }
    known.declared += 1;
    known.attempts.add(attempt);
  }

  left(key: string, action: string, id: string): Operation | null {
    this.#about.set(key, { action, id });
    const known = this.#byKey.get(key);
    if (known === undefined) return null;
    known.left += 1;
    return known;
  }

  operation(key: string): Operation | null {
    return this.#byKey.get(key) ?? null;
  }

  leftCount(run: number, operation: number): number {
    return this.#byNumber.get(`${String(run)}/${String(operation)}`)?.left ?? 0;
  }

  declaredCount(run: number, operation: number): number {
    return this.#byNumber.get(`${String(run)}/${String(operation)}`)?.declared ?? 0;
  }

  about(key: string): { readonly action: string; readonly id: string } | null {
    return this.#about.get(key) ?? null;
  }

  isKnown(key: string): boolean {
    return this.#byKey.has(key);
  }
}
