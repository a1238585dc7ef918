import { expect, test } from "vitest";
import type { SuspectedHead } from "../../core/suspicion.ts";
import { requireTexts } from "./record-texts.ts";

const record = { run: 1, name: "", data: null };

test("a suspicion names the worker by its number, and a worker takes over the runs of a dead one", () => {
  const head: SuspectedHead = { event: "started", by: 7, group: 1, size: 1, crashes: 1 };
  expect(() => requireTexts({ ...record, kind: "suspected", head })).not.toThrow();
});

test("whoever did something has a name that is a text", () => {
  const given = { ...record, kind: "cancel", head: { by: 7 } };
  expect(() => requireTexts(given)).toThrow(/its by is no text/u);
});
