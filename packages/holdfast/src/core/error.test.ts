import { expect, test } from "vitest";
import { HoldfastError } from "./error.ts";

const MESSAGE = "It is\n    at a loss.";
const error = new HoldfastError("HF6003", MESSAGE, "Look again.", { where: "run_1", cause: 7 });
const SHOWN = `HoldfastError: HF6003  ${MESSAGE}
        run_1
        Fix: Look again.
        See docs/reference/errors.md#hf6003`;

test("says code, place and remedy as a text, and as its stack with places in the user's own code", () => {
  expect(String(error)).toBe(SHOWN);
  const [head = "", tail = ""] = (error.stack ?? "").split(
    /(?:\n {4}at .*error\.test\.ts:\d+:\d+\)?)+/u,
  );
  expect(`${head}${tail}`).toBe(SHOWN);
  expect(error.stack).not.toMatch(/node_modules|node:/u);
});

test("keeps all of its stack where nothing of it is the user's own code", () => {
  const before: unknown = Reflect.get(Error, "prepareStackTrace");
  Error.prepareStackTrace = (thrown) =>
    `${String(thrown)}\n    at flush (file:///srv/shop/node_modules/holdfast/dist/engine.js:1:2)`;
  try {
    const { stack } = new HoldfastError("HF5008", "It failed.", "Look.");
    expect(stack).toMatch(/#hf5008\n {4}at flush \(file:.*engine\.js:1:2\)$/u);
  } finally {
    Reflect.set(Error, "prepareStackTrace", before);
  }
});

test("has no enumerable property, so that who prints it says nothing twice", () => {
  expect(Object.keys(error)).toEqual([]);
  expect(error).toMatchObject({
    name: "HoldfastError",
    code: "HF6003",
    message: MESSAGE,
    remedy: "Look again.",
    where: "run_1",
    cause: 7,
  });
});
