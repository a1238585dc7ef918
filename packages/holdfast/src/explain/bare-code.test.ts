import { describe, expect, test } from "vitest";
import { PROTOCOLS } from "../core/protocols/protocols.ts";
import { bareCode } from "./bare-code.ts";

describe("a code that stands alone", () => {
  test.each([
    ["1205", "mysql", { code: "1205" }],
    ["1205", "mariadb", { code: "1205" }],
    ["40001", "postgres", { code: "40001" }],
    ["UNAVAILABLE", "grpc", { code: "UNAVAILABLE" }],
    ["14", "grpc", { code: "14" }],
    ["550", "smtp", { status: 550 }],
    ["503", "http", { status: 503 }],
    ["HTTP 529", "llm", { status: 529 }],
    ["550 5.1.1 no such user", "smtp", { status: 550, code: "5.1.1" }],
    ["421 closing", "smtp", { status: 421 }],
    // What no row has is still its code: somebody has to say what it means.
    ["ER_OF_OUR_OWN", "mysql", { code: "ER_OF_OUR_OWN" }],
    ["9999", "mysql", { code: "9999" }],
    ["299", "smtp", { status: 299 }],
    ["5e2", "smtp", { code: "5e2" }],
    // The text tells it, as without the protocol.
    ["connect ECONNREFUSED 1.2.3.4", "node", {}],
  ])("%s is one of the protocol that is named, %s", (text, protocol, taken) => {
    expect(bareCode(text, protocol)).toEqual(taken);
  });

  test.each([
    ["1205", { protocol: "mysql", code: "1205" }],
    ["40001", { protocol: "postgres", code: "40001" }],
    ["99ZZZ", { protocol: "postgres", code: "99ZZZ" }],
    ["UNAVAILABLE", { protocol: "grpc", code: "UNAVAILABLE" }],
    ["invalid_grant", { protocol: "oauth", code: "invalid_grant" }],
    ["HTTP 503", { protocol: "http", status: 503 }],
    ["HTTP/1.1 503 Service Unavailable", { protocol: "http", status: 503 }],
    ["Request failed with status code 404", { protocol: "http", status: 404 }],
    ["HTTP 503: connect ECONNREFUSED 1.2.3.4", {}],
    ["E_OF_OUR_OWN", {}],
    ["it did not work", {}],
    ["we saw 503 rows", {}],
  ])("%s is of the only protocol that has it", (text, taken) => {
    expect(bareCode(text, undefined)).toEqual(taken);
  });

  test.each([
    ["503", undefined, '"503" may be of http, smtp, llm'],
    ["14", undefined, '"14" may be of grpc, sqlite, kafka'],
    ["40001", "http", "40001 is no status of http: expected three digits"],
    ["Lock wait, 1205", "mysql", "The text names no code of mysql"],
    ["HTTP 503", "postgres", "The text names no code of postgres"],
    ["1205", "mysq", '--protocol "mysq" is not known'],
  ])("%s, protocol %s: refused where it cannot be understood", (text, protocol, message) => {
    expect(() => bareCode(text, protocol)).toThrow(message);
  });

  test("every code that a table has by name is taken with its protocol", () => {
    for (const { table } of PROTOCOLS) {
      const codes = table.rows.flatMap(({ when }) => when.code ?? []);
      for (const code of codes.filter((one) => !one.endsWith("*") && !one.includes(" ")))
        expect(bareCode(code, table.id), `${table.id} ${code}`).toEqual({ code });
    }
  });
});
