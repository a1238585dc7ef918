/** No attempt says of a part that nobody knows of that it was not done: only a look-up or a person does. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { PART_PROOFS, partsAfter, partsByOutcome, type Part } from "./parts.ts";

const proof = fc.constantFrom(...PART_PROOFS);
const parts = fc.uniqueArray(fc.record({ name: fc.constantFrom("a", "b", "c"), effect: proof }), {
  selector: ({ name }) => name,
  minLength: 1,
});
const ended = fc.oneof(
  fc.constant(null),
  fc.record({ effect: proof }),
  fc.record({ effect: proof, parts }),
);

test("a part of which nobody knows is sent again after no sequence of answers", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(ended, fc.boolean()), { maxLength: 8 }), (answers) => {
      const wasUnknown = new Set<string>();
      let known: readonly Part[] = [];
      for (const [answer, isOfAttempt] of answers) {
        known =
          answer === null ? partsAfter(known, null) : partsByOutcome(known, answer, isOfAttempt);
        for (const { name, effect } of known) {
          if (effect === "maybe") wasUnknown.add(name);
          expect(effect === "never" && wasUnknown.has(name)).toBe(false);
        }
      }
    }),
  );
});
