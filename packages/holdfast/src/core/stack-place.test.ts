import { expect, test } from "vitest";
import { firstPlace } from "./stack-place.ts";

test.each([
  [
    "TypeError: x\n    at placeOrder (/srv/order.ts:12:7)\n    at b (/srv/b.ts:1:1)",
    "placeOrder (/srv/order.ts:12:7)",
  ],
  ["Error: x\n    at async /srv/order.ts:3:1", "/srv/order.ts:3:1"],
  [
    "Error: x\n    at parse (/srv/node_modules/zod/index.js:1:1)\n    at mine (/srv/a.ts:2:2)",
    "mine (/srv/a.ts:2:2)",
  ],
  [
    "Error: x\n    at parse (/srv/node_modules/zod/index.js:1:1)",
    "parse (/srv/node_modules/zod/index.js:1:1)",
  ],
  ["Error: it was at noon", null],
  ["", null],
])("of %j it is %j", (stack, place) => {
  expect(firstPlace(stack)).toBe(place);
});
