import { expect, test } from "vitest";
import { pageOfException } from "./exception-page.ts";

test.each([
  ["ambiguous", "EFFECT:ANSWER_SCHEMA", "HF3003"],
  ["defect", "EFFECT:ANSWER_SCHEMA", "HF3003"],
  ["ambiguous", "NODE:ECONNRESET", "HF3001"],
  ["ambiguous", "HF2104", "HF3001"],
  ["expired", "RUN:DEADLINE_PASSED", "HF3005"],
  ["permanent", "HF3004", "HF3004"],
  ["data", "HTTP:NO_IBAN", "HF3002"],
] as const)("%s by %s is explained on page %s", (failureClass, reasonCode, page) => {
  expect(pageOfException({ class: failureClass, reasonCode })).toBe(page);
});
