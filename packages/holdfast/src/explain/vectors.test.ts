/**
 * The vectors of the package are what the tables and the engine's decision say today. After a change
 * of a table: `npm run vectors`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PROTOCOLS } from "../core/protocols/protocols.ts";
import { vectorFile, vectorText, type Vector, type VectorFile } from "./vectors.ts";

const FOLDER = new URL("../../vectors/", import.meta.url);
const IDS = PROTOCOLS.map(({ table }) => table.id);

function read(id: string): string {
  return readFileSync(new URL(`${id}.json`, FOLDER), "utf8");
}

function vectorsOf(id: string): readonly Vector[] {
  return (JSON.parse(read(id)) as VectorFile).vectors;
}

test("there is one file for each protocol, and no other", () => {
  expect(readdirSync(FOLDER).toSorted()).toEqual(IDS.map((id) => `${id}.json`).toSorted());
});

test.each(PROTOCOLS.map((protocol) => [protocol.table.id, protocol] as const))(
  "the file of %s is what its table says",
  (id, protocol) => {
    const stored = read(id).split("\n");
    const wanted = vectorText(vectorFile(protocol)).split("\n");
    // Some lines say it better than a file of thousands.
    const missing = wanted.filter((line) => !stored.includes(line)).slice(0, 3);
    expect(missing).toEqual([]);
    expect(stored.length).toBe(wanted.length);
    expect(stored.join("\n") === wanted.join("\n")).toBe(true);
  },
);

describe.each(IDS)("the vectors of %s", (id) => {
  test("name each case in one line only", () => {
    const cases = vectorsOf(id).map(({ code, status, phase, conditions, attempt }) =>
      JSON.stringify([code, status, phase, conditions, attempt]),
    );
    expect(cases.filter((each, at) => cases.indexOf(each) !== at)).toEqual([]);
  });

  test("never send again what may have happened, where the contract does not make that harmless", () => {
    const open = vectorsOf(id).filter(({ effect }) => effect === "maybe");
    const sent = ["retry", "wait", "redo", "resume", "park"];
    for (const { moves, ...given } of open) {
      expect([given, sent.includes(moves.once ?? "")]).toEqual([given, false]);
      expect([given, sent.includes(moves.probeable ?? "")]).toEqual([given, false]);
    }
  });

  test("have no move for what is no failure, and one for each contract for what is one", () => {
    const { contracts } = JSON.parse(read(id)) as VectorFile;
    for (const { class: failureClass, moves } of vectorsOf(id)) {
      expect(Object.keys(moves)).toEqual(failureClass === null ? [] : contracts);
    }
  });
});
