/** Local work: packed and damaged files, what we give up, pipes, programs. */
import { execFile } from "node:child_process";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { cp, open, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGunzip, gunzipSync, gzipSync } from "node:zlib";
import { plainError } from "../capture.ts";
import { fourthLabel, type FourthMore, type Proof, type Scenario } from "../case.ts";
import type { Reasons } from "./fourth-answer.ts";

const TEXT = "4711;12.50;EUR\n";
const OURS = "our code asked for what makes no sense";
const DAMAGED = "this file is not what it says it is: somebody must send it again";
const SETTING = "what our setting names is of another kind, or not there";

interface Case {
  readonly name: string;
  readonly effect: Proof;
  readonly reasons: Reasons;
  readonly why: string;
  readonly act: (at: string) => unknown;
  readonly more: FourthMore & { readonly phase?: Phase };
}

/** What our code was at: that it only read is a proof that it wrote nothing. */
type Phase = "read" | "write" | "call";

const file = (
  name: string,
  effect: Proof,
  reasons: Reasons,
  why: string,
  act: (at: string) => unknown,
  more: Case["more"] = {},
): Case => ({ name, effect, reasons, why, act, more });

/** `out` is what is to be written, in a folder of its own. */
const FILES: readonly Case[] = [
  file(
    "packed input is damaged",
    "never",
    "data",
    DAMAGED,
    (at) => {
      const packed = gzipSync(TEXT.repeat(50));
      packed.writeUInt8(packed.readUInt8(20) ^ 0xff, 20);
      writeFileSync(join(at, "in.gz"), packed);
      gunzipSync(readFileSync(join(at, "in.gz")));
    },
    { phase: "read" },
  ),
  file(
    "packed input is cut",
    "never",
    ["data", "transient"],
    DAMAGED,
    (at) => {
      writeFileSync(join(at, "in.gz"), gzipSync(TEXT.repeat(50)).subarray(0, 30));
      gunzipSync(readFileSync(join(at, "in.gz")));
    },
    { phase: "read" },
  ),
  file(
    "input is not packed",
    "never",
    "data",
    DAMAGED,
    (at) => {
      writeFileSync(join(at, "in.gz"), TEXT);
      gunzipSync(readFileSync(join(at, "in.gz")));
    },
    { phase: "read" },
  ),
  file(
    "letters that are none",
    "never",
    "data",
    DAMAGED,
    (at) => {
      writeFileSync(join(at, "in.csv"), Buffer.from([0x41, 0xff, 0x42]));
      new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(join(at, "in.csv")));
    },
    { phase: "read" },
  ),
  file(
    "input is no json",
    "never",
    ["data", "defect"],
    DAMAGED,
    (at) => JSON.parse(readFileSync(join(at, "there"), "utf8")),
    { phase: "read" },
  ),
  file(
    "packed input is damaged while its content is written",
    "maybe",
    "data",
    "a part of the file may be written by then",
    async (at) => {
      const packed = gzipSync(
        Buffer.from(Array.from({ length: 400_000 }, (_, n) => (n * 7919) % 251)),
        { level: 1 },
      );
      packed.writeUInt8(packed.readUInt8(packed.length - 6) ^ 0xff, packed.length - 6);
      writeFileSync(join(at, "in.gz"), packed);
      await pipeline(
        createReadStream(join(at, "in.gz")),
        createGunzip(),
        createWriteStream(join(at, "out")),
      );
    },
    { phase: "write" },
  ),
  file(
    "we give up while we write",
    "maybe",
    "transient",
    "a part of the file may be written by then",
    async (at) => {
      const stop = new AbortController();
      const writing = writeFile(join(at, "out"), TEXT.repeat(4_000_000), { signal: stop.signal });
      stop.abort();
      await writing;
    },
    { phase: "write" },
  ),
  file(
    "we have given up before we begin",
    "never",
    "transient",
    "given up before anything was done",
    async (at) => {
      await readFile(join(at, "there"), { signal: AbortSignal.abort() });
    },
    { phase: "read" },
  ),
  file(
    "nobody reads the pipe any more",
    "maybe",
    ["transient", "unavailable"],
    "what was written before may have been read",
    async (at) => {
      await promisify(execFile)("mkfifo", [join(at, "pipe")]);
      const reader = openSync(join(at, "pipe"), "r+");
      const writer = openSync(join(at, "pipe"), "w");
      const only = openSync(join(at, "pipe"), "r");
      closeSync(reader);
      closeSync(only);
      writeSync(writer, TEXT);
    },
    {
      phase: "write",
      or: [
        ["never", "transient"],
        ["never", "unavailable"],
      ],
    },
  ),
  file("a copy into itself", "never", ["defect", "misconfigured"], OURS, async (at) => {
    mkdirSync(join(at, "in"));
    await cp(join(at, "in"), join(at, "in", "deeper"), { recursive: true });
  }),
  file(
    "a folder over a file",
    "never",
    ["misconfigured", "data", "defect"],
    SETTING,
    async (at) => {
      mkdirSync(join(at, "in"));
      await cp(join(at, "in"), join(at, "there"), { recursive: true });
    },
  ),
  file("a name that leads to itself", "never", "misconfigured", SETTING, async (at) => {
    symlinkSync("loop", join(at, "loop"));
    await open(join(at, "loop"), "w");
  }),
  file("a program that is not there", "never", "misconfigured", SETTING, async () =>
    promisify(execFile)("holdfast-no-such-program", []),
  ),
  file("a program that may not run", "never", ["misconfigured", "defect"], SETTING, async (at) =>
    promisify(execFile)(join(at, "there"), []),
  ),
  file(
    "a program that ends in failure after its work",
    "maybe",
    ["transient", "permanent", "defect", "data"],
    "it failed, and says nothing of its work",
    async (at) => promisify(execFile)("sh", ["-c", `echo x > '${join(at, "out")}'; exit 3`]),
  ),
];

export function fourthFileScenarios(): readonly Scenario[] {
  return FILES.map((each): Scenario => {
    const id = `local/${each.name.replaceAll(/[^a-z\d]+/giu, "-")}`;
    return {
      id,
      fault: each.name,
      label: fourthLabel(each.effect, each.reasons, each.why, each.more),
      protocol: "file",
      server: "the operating system",
      play: async () => {
        const at = mkdtempSync(join(tmpdir(), "corpus-fourth-"));
        writeFileSync(join(at, "there"), "x");
        try {
          await each.act(at);
          throw new Error(`case ${id} went well`);
        } catch (error) {
          const ledger = existsSync(join(at, "out")) ? "happened" : "not";
          return { seen: { phase: each.more.phase ?? "call", error: plainError(error) }, ledger };
        } finally {
          rmSync(at, { recursive: true, force: true });
        }
      },
    };
  });
}
