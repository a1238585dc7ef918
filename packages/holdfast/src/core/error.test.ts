import { expect, test } from "vitest";
import { HoldfastError } from "./error.ts";

const MESSAGE = "It is\n    at a loss.";
const error = new HoldfastError("HF6003", MESSAGE, "Look again.", { where: "run_1", cause: 7 });
const SHOWN = `HoldfastError: HF6003  ${MESSAGE}
        run_1
        Fix: Look again.
        See docs/reference/errors.md#hf6003`;

test("says code, place and remedy as a text, and at the head of its stack", () => {
  expect(String(error)).toBe(SHOWN);
  expect(error.stack?.startsWith(`${SHOWN}\n    at `)).toBe(true);
  expect(error.stack).toContain("error.test.ts");
  expect(error.stack?.split("It is")).toHaveLength(2);
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
