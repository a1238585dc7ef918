import { expect, test, describe } from "vitest";
import { outside } from "../command-line.ts";
import type { Explanation } from "../explain/explain.ts";
import { runCommandLine } from "./program.ts";

async function run(words: readonly string[], input = "") {
  let out = "";
  let err = "";
  const terminal = {
    env: {},
    hasFile: () => false,
    userName: () => null,
    width: null,
    out: (text: string) => (out += text),
    err: (text: string) => (err += text),
  };
  const code = await runCommandLine(["classify", ...words], terminal, {
    ...outside,
    readInput: () => Promise.resolve(input),
  });
  return { code, out, err };
}

async function explained(words: readonly string[], input = ""): Promise<Explanation> {
  const { out, code } = await run([...words, "--json"], input);
  expect(code).toBe(0);
  return JSON.parse(out) as Explanation;
}

describe("holdfast classify", () => {
  test("says what it proves, its class, its rule and where that is written, and the move with its reason", async () => {
    const words = "--protocol postgres --code 40001 --phase in-transaction --contract once";
    const { code, out } = await run(words.split(" "));
    expect(out.split("\n").slice(0, -1)).toEqual([
      "postgres 40001, phase in-transaction, attempt 1",
      "effect    never: nothing happened outside",
      "class     contention (transient)",
      "scope     key",
      "origin    remote",
      "reason    SQLSTATE:40001",
      expect.stringMatching(
        /^rule {6}sqlstate\/contention, version 3, table \(PostgreSQL, Appendix A: Error Codes\): serialization/,
      ),
      expect.stringMatching(/^once {8}redo: Lost a race/),
    ]);
    expect(code).toBe(0);
  });

  test("takes how long to wait from a field of the answer", async () => {
    const words = ["--http", "503", "--header", "retry-after: 5", "--contract", "keyed"];
    const { failure, rules, moves } = await explained(words);
    expect(failure).toMatchObject({ class: "throttled", effect: "maybe", scope: "dependency" });
    expect(failure?.evidence.retryAfterMs).toBe(5_000);
    expect(rules.map(({ id }) => id)).toEqual(["http-signal/wait", "http-status/503"]);
    expect(moves).toMatchObject([{ contract: "keyed", move: "wait" }]);
    expect(moves[0]?.because).toContain("5");
  });

  test.each([
    ["23505", "postgres"],
    ["XX000", "postgres"],
    ["EPIPE", "node"],
    ["E2BIG", "node"],
    ["1062", "mysql"],
    ["9999", "node"],
  ])("takes a code that stands alone, %s, for one of %s", async (code, protocol) => {
    expect(await explained(["--code", code])).toMatchObject({ protocol, code });
    const named = await explained(["--code", code, "--protocol", "mysql"]);
    expect(named.protocol).toBe("mysql");
  });

  test.each([
    [["--protocol", "mysql", "1205"], "mysql 1205"],
    [["--protocol", "smtp", "550"], "smtp 550"],
    [["--protocol", "postgres", "40001"], "postgres 40001"],
    [["--protocol", "grpc", "UNAVAILABLE"], "grpc UNAVAILABLE"],
    [["HTTP 503"], "http 503"],
    [["1205"], "mysql 1205"],
  ])("knows what stands in its tables where it is the argument: %j", async (words, head) => {
    const { code, out } = await run(words);
    expect(out.split(",")[0]).toBe(head);
    expect(out).not.toContain("no rule");
    expect(out).toMatch(/^rule {6}[a-z-]+\//m);
    expect(code).toBe(0);
  });

  test("a bare code that no table has is one to teach", async () => {
    const { code, out } = await run(["--protocol", "mysql", "ER_OF_OUR_OWN"]);
    expect(out).toMatch(/^mysql ER_OF_OUR_OWN, .*\nno rule: teach me one\./);
    expect(code).toBe(0);
  });

  test("what an option says of it wins over the argument", async () => {
    const words = ["--protocol", "mysql", "--code", "1213", "1205"];
    expect(await explained(words)).toMatchObject({ protocol: "mysql", code: "1213" });
    const timed = ["--protocol", "smtp", "--when", "no-reply", "no answer came"];
    expect(await explained(timed)).toMatchObject({ isKnown: true, conditions: ["no-reply"] });
    const answered = ["--http", "503", "1205"];
    expect(await explained(answered)).toMatchObject({ protocol: "http", status: 503, code: null });
  });

  test("reads an error with its causes from the input", async () => {
    const error = { message: "fetch failed", cause: { code: "ECONNREFUSED" } };
    const { protocol, failure, moves } = await explained(["-"], JSON.stringify(error));
    expect(protocol).toBe("node");
    expect(failure).toMatchObject({ class: "unavailable", effect: "maybe" });
    expect(moves.map(({ contract }) => contract)).toEqual([
      "read",
      "idempotent",
      "keyed",
      "probeable",
      "once",
    ]);
    const early = await explained(["-", "--phase", "created"], JSON.stringify(error));
    expect(early.failure).toMatchObject({ class: "unavailable", effect: "never" });
  });

  test("says that no phase was given, and which was taken", async () => {
    const { out } = await run(["--protocol", "grpc", "--code", "14"]);
    expect(out).toContain(
      "No phase was given, so sent was taken, which proves least: add --phase.",
    );
  });

  test("presumes a duplicate to be our own earlier success where that may be", async () => {
    const words = "--protocol grpc --code ALREADY_EXISTS --phase answered --contract probeable";
    const [first, second] = await Promise.all([
      explained(words.split(" ")),
      explained([...words.split(" "), "--attempt", "2", "--may-have-happened"]),
    ]);
    expect(first.moves).toMatchObject([{ move: "repair" }]);
    expect(second.failure).toMatchObject({ class: "ambiguous", effect: "maybe" });
    expect(second.moves).toMatchObject([{ move: "resolve" }]);
  });

  test("does not send again what an earlier attempt may have done", async () => {
    const words = "--protocol node --code ECONNREFUSED --phase created --contract once".split(" ");
    expect((await explained(words)).moves).toMatchObject([{ move: "park" }]);
    const open = await explained([...words, "--may-have-happened"]);
    expect(open.moves).toMatchObject([{ move: "askOutcome" }]);
  });

  test("takes an answer that broke off after it had said that it was done for done", async () => {
    const words = "--protocol node --code UND_ERR_BODY_TIMEOUT --phase answered --status".split(
      " ",
    );
    const { failure } = await explained([...words, "200"]);
    expect(failure).toMatchObject({ class: "transient", effect: "surely" });
    const read = await explained([...words, "200", "--method", "GET"]);
    expect(read.failure).toMatchObject({ effect: "maybe" });
    expect((await explained([...words, "500"])).failure).toMatchObject({ effect: "maybe" });
  });

  test("says of what no rule knows how it is treated, and what to do about it", async () => {
    const { code, out } = await run([
      '{"code":"E_OF_OUR_OWN","message":"odd"}',
      "--contract",
      "keyed",
    ]);
    expect(out).toMatch(/^no rule: teach me one\./m);
    expect(out).toMatch(/^class {5}transient$/m);
    expect(out).toMatch(/^keyed {7}retry: /m);
    expect(code).toBe(0);
  });

  test("says that a success is no failure", async () => {
    const { out } = await run(["--http", "201"]);
    expect(out).toMatch(/^no failure: it was done$/m);
  });
});

describe("bad use of holdfast classify", () => {
  test.each([
    [[], /There is nothing to classify: neither a code, nor a status, nor an error\./],
    [
      ["--protocol", "postgress", "--code", "1"],
      /--protocol "postgress" is not known\.\n.*Did you mean "postgres"\?/,
    ],
    [
      ["--protocol", "postgres", "--code", "40001", "--phase", "commit-send"],
      /no phase of postgres\.\n.*Did you mean "commit-sent"\?/,
    ],
    [
      ["--protocol", "http", "--status", "429", "--when", "quotas"],
      /--when "quotas" is no condition of http\.\n.*Did you mean "quota"\?/,
    ],
    [["--protocol", "sftp", "--code", "530", "--when", "x"], /sftp has none: leave it out\./],
    [["--http", "42"], /--http must be a whole number from 100 to 999/],
    [["--http", "500", "--status", "500"], /--http and --status are given both\./],
    [["--http", "500", "--protocol", "smtp"], /--http is given, and --protocol smtp\./],
    [
      ["--http", "503", "--header", "retry-after"],
      /--header must be "name: value", got "retry-after"\./,
    ],
    [
      ["--http", "503", "--contract", "twice"],
      /Allowed choices are read, idempotent, keyed, probeable, once/,
    ],
    [["--http", "503", "--attempt", "0"], /--attempt must be a whole number from 1 to 100/],
    [
      ["503"],
      /"503" may be of http, smtp.*\n.*holdfast classify --protocol http 503   or   holdfast classify --protocol smtp 503/,
    ],
    [
      ["--protocol", "mysql", "lock wait timeout"],
      /The text names no code of mysql.*\n.*holdfast classify --protocol mysql CODE/,
    ],
    [
      ["--protocol", "http", "40001"],
      /40001 is no status of http.*\n.*holdfast classify --protocol http --code 40001/,
    ],
    [["{broken"], /error/],
    [[" "], /The error is empty\./],
  ])("%j", async (words, message) => {
    const { code, out, err } = await run(words);
    expect(err).toMatch(/^HF4102 {2}/);
    expect(err).toMatch(message);
    expect(out).toBe("");
    expect(code).toBe(2);
  });
});
