import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { Fakes } from "./fakes.ts";

const fakes = () => new Fakes((text) => createHmac("sha256", "k").update(text).digest("hex"));

const order = { id: "A-1", name: "Ada Byron", card: { number: 4111_2222, cvc: 123 }, paid: true };
const POINTERS = ["/name", "/card", "/paid"];

test("what is declared is replaced, and everything else stays", () => {
  const known = fakes();
  known.learn(order, POINTERS);
  const shown = known.inDeclared(order, POINTERS) as typeof order;
  expect(shown.id).toBe("A-1");
  expect(shown.name).toMatch(/^[A-Z][a-z]{2} [A-Z][a-z]{4}$/);
  expect(shown.name).not.toBe("Ada Byron");
  expect([typeof shown.card.number, typeof shown.card.cvc, typeof shown.paid]).toEqual([
    "number",
    "number",
    "boolean",
  ]);
  expect(known.count).toBe(3);
});

test("equal values are equal in the file, also where nobody has declared them", () => {
  const known = fakes();
  known.learn(order, POINTERS);
  const { name, card } = known.inDeclared(order, POINTERS) as typeof order;
  expect(known.inText("Dear Ada Byron, thank you")).toBe(`Dear ${name}, thank you`);
  const other = { to: "Ada Byron", amount: 4111_2222, "Ada Byron": [order.card.cvc, "123"] };
  expect(known.inDeclared(other, [])).toEqual({
    to: name,
    amount: card.number,
    // Three characters are everywhere: only where they are declared.
    [name]: [123, "123"],
  });
});

test("a short word is not looked for within others, a long one is, the longest first", () => {
  const known = fakes();
  known.learn(["Anna", "annabelle1", "annabelle1-2"], ["/*"]);
  expect(known.inText("Annabelle")).toBe("Annabelle");
  expect(known.inText("XannaBelle1Y Xannabelle1Y")).not.toContain("annabelle1");
  expect(known.inText("Anna.")).not.toContain("Anna");
  const long = known.inText("annabelle1-2");
  expect(long).toMatch(/^[a-z]{9}\d-\d$/);
  expect(known.inText("<annabelle1-2>")).toBe(`<${long}>`);
});

test("different values have different fakes, as far as there are so many", () => {
  const known = fakes();
  const names = Array.from({ length: 26 }, (_, at) => String.fromCharCode(97 + at));
  known.learn(names, [""]);
  const shown = known.inDeclared(names, [""]) as string[];
  expect(new Set(shown).size).toBeGreaterThan(20);
});

test("what nobody has declared is replaced unless the run shows it somewhere; booleans stay", () => {
  const known = fakes();
  known.learn({ id: "A-1", total: 1234 }, []);
  const result = { id: "A-1", secret: "hunter22", total: 1234, ok: true, left: null };
  known.learnUndeclared(result);
  const shown = known.inUndeclared(result) as typeof result;
  expect(shown).toMatchObject({ id: "A-1", total: 1234, ok: true, left: null });
  expect(shown.secret).toMatch(/^[a-z]{6}\d\d$/);
  expect(shown.secret).not.toBe("hunter22");
});

test("texts that mean something to a pattern are found as they are", () => {
  const known = fakes();
  known.learn(["a.b*c(d)[e]", "$1.00/x-y"], [""]);
  expect(known.inText("see a.b*c(d)[e] now")).not.toContain("a.b*c");
  expect(known.inText("aXbYc(d)[e]")).toBe("aXbYc(d)[e]");
  expect(known.inText("$1.00/x-y")).not.toContain("1.00");
});
