import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RecordColumns } from "../store/store.ts";
import { packRecords, unpackRecords } from "./packed-records.ts";

const text = fc.string({ unit: "binary" });
const record = fc.record({
  run: fc.maxSafeNat(),
  seq: fc.nat(),
  kind: fc.integer({ min: 0, max: 26 }),
  attempt: fc.nat(),
  atMs: fc.maxSafeInteger(),
  name: text,
  head: fc.option(text),
  data: fc.option(text),
});

function columnsOf(records: readonly (typeof record extends fc.Arbitrary<infer R> ? R : never)[]) {
  const columns: RecordColumns = {
    run: records.map((one) => one.run),
    seq: records.map((one) => one.seq),
    kind: records.map((one) => one.kind),
    attempt: records.map((one) => one.attempt),
    name: records.map((one) => one.name),
    atMs: records.map((one) => one.atMs),
    head: records.map((one) => one.head),
    data: records.map((one) => one.data),
  };
  return columns;
}

describe("records packed for the other thread", () => {
  test("come out as they went in, whatever their texts", () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 40 }), (records) => {
        const columns = columnsOf(records);
        expect(unpackRecords(structuredClone(packRecords(columns)))).toEqual(columns);
      }),
    );
  });

  test("tell an empty text from none", () => {
    const columns = columnsOf([
      { run: 1, seq: 1, kind: 0, attempt: 0, atMs: 1, name: "", head: "", data: null },
      { run: 1, seq: 2, kind: 0, attempt: 0, atMs: 1, name: "", head: null, data: "" },
    ]);
    expect(unpackRecords(packRecords(columns))).toEqual(columns);
  });

  test("are refused where a column is shorter than another", () => {
    const columns = columnsOf([
      { run: 1, seq: 1, kind: 0, attempt: 0, atMs: 1, name: "a", head: null, data: "{}" },
    ]);
    for (const column of ["seq", "kind", "attempt", "name", "atMs", "head", "data"] as const) {
      const packed = packRecords({ ...columns, [column]: [] });
      expect(() => unpackRecords(packed)).toThrow("shorter than another");
    }
  });
});
