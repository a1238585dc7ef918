import { expect, test } from "vitest";
import { pasteReady } from "./paste-ready.ts";

const COMMANDS = ["settle", "show", "edit"];
const said = (text: string, options: Parameters<typeof pasteReady>[1]) =>
  pasteReady(text, options, COMMANDS);

test("a command names the store that was named, and what else was", () => {
  const options = { store: ["sqlite:./a.db"], keyRing: "./my ring's.json" };
  expect(said("Look: holdfast show X, then `holdfast settle Y`.", options).text).toBe(
    `Look: holdfast --store sqlite:./a.db --key-ring './my ring'\\''s.json' show X, then \`holdfast --store sqlite:./a.db --key-ring './my ring'\\''s.json' settle Y\`.`,
  );
  const cells = { store: ["a=sqlite:a.db", "b=sqlite:b.db"], cell: "b" };
  expect(said("holdfast show X", cells).text).toBe(
    "holdfast --store a=sqlite:a.db --store b=sqlite:b.db --cell b show X",
  );
});

test.each([
  ["nothing is named", "holdfast show X", {}],
  ["it is prose", "holdfast 1.0 shows X", { store: ["sqlite:a.db"] }],
  ["it is a list of commands", "or holdfast edit | show", { store: ["sqlite:a.db"] }],
  ["it names its own", "holdfast show X --store sqlite:b.db", { store: ["sqlite:a.db"] }],
])("a text stays as it is where %s", (_why, text, options) => {
  expect(said(text, options)).toEqual({ text, remark: null });
});

test.each(["sqlite:./a$&b.db", "sqlite:./a$$b.db", "sqlite:./a$`b.db"])(
  "what is named stays as it was written: %s",
  (address) => {
    expect(said("Look: holdfast show X", { store: [address] }).text).toBe(
      `Look: holdfast --store '${address}' show X`,
    );
  },
);

test.each([
  "postgres://ana:secret@db/x",
  "postgres://db/x?user=ana&password=secret",
  "postgres://ana@db/x?sslkey=k.pem&sslpassword=secret",
  "postgres://db/x?PASSWORD=secret",
])("a password is not repeated: %s", (address) => {
  const { text, remark } = said("holdfast show X", { store: [address] });
  expect(text).toBe("holdfast show X");
  expect(remark).toMatch(/set HOLDFAST_STORE\.$/u);
  expect(said("nothing to do", { store: [address] }).remark).toBeNull();
});

test("a user without a password is no secret", () => {
  expect(said("holdfast show X", { store: ["postgres://app@db/x"] }).text).toBe(
    "holdfast --store postgres://app@db/x show X",
  );
});
