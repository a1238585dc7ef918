/** Local files: what the operating system itself says, in a folder of the test's own. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FailureClass } from "../../core/failure.ts";
import { explainRequest } from "../../explain/request.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-files-"));
  writeFileSync(join(folder, "there"), "x");
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** As `holdfast classify` reads it: through JSON, as another process would hand it over. */
function explained(error: unknown) {
  const seen: unknown = JSON.parse(JSON.stringify(error));
  const request = { conditions: [], method: "POST", headers: {}, attempt: 1, isOpen: false };
  const { protocol, failure } = explainRequest({ ...request, error: seen, nowMs: 0 });
  return `${protocol} ${failure?.rule.id ?? ""}: ${failure?.class ?? ""}, ${failure?.effect ?? ""}`;
}

function thrown(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("it went well");
}

function expectSaid(error: unknown, code: string, rule: string, failureClass: FailureClass): void {
  expect(error).toMatchObject({ code });
  expect(explained(error)).toBe(`file ${rule}: ${failureClass}, never`);
}

describe("the operating system refuses", () => {
  test("what is not there", () => {
    const error = thrown(() => readFileSync(join(folder, "missing")));
    expectSaid(error, "ENOENT", "file/file-missing", "data");
  });

  test("what is there already", () => {
    const error = thrown(() => writeFileSync(join(folder, "there"), "y", { flag: "wx" }));
    expectSaid(error, "EEXIST", "file/file-exists", "data");
    expect(readFileSync(join(folder, "there"), "utf8")).toBe("x");
  });

  test("a folder as a file, and a file as a folder", () => {
    const misuse = "file/file-misuse";
    expectSaid(
      thrown(() => openSync(folder, "w")),
      "EISDIR",
      misuse,
      "defect",
    );
    const below = join(folder, "there", "below");
    expectSaid(
      thrown(() => readFileSync(below)),
      "ENOTDIR",
      misuse,
      "defect",
    );
  });

  test("names that are too long, and links that lead round", () => {
    const long = join(folder, "x".repeat(300));
    expectSaid(
      thrown(() => readFileSync(long)),
      "ENAMETOOLONG",
      "file/file-misuse",
      "defect",
    );
    symlinkSync("round", join(folder, "round"));
    const error = thrown(() => readFileSync(join(folder, "round")));
    expectSaid(error, "ELOOP", "file/file-misuse", "defect");
  });
});

describe.runIf(process.platform === "linux")("Linux refuses", () => {
  test("to write where there is no room", () => {
    const error = thrown(() => writeFileSync("/dev/full", "x"));
    expectSaid(error, "ENOSPC", "file/no-space", "exhausted");
  });

  test("a pipe at whose other end nobody is", () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const error = thrown(() => openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK));
    expectSaid(error, "ENXIO", "file/device-missing", "misconfigured");
  });

  test("what is not open for writing", () => {
    const file = openSync(join(folder, "there"), "r");
    const error = thrown(() => writeSync(file, "x"));
    closeSync(file);
    expectSaid(error, "EBADF", "file/file-misuse", "defect");
  });

  test("to write a program that runs", async () => {
    const program = join(folder, "sleeper");
    copyFileSync(process.execPath, program);
    chmodSync(program, 0o755);
    const child = spawn(program, ["-e", "process.stdin.resume()"], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    await once(child, "spawn");
    const error = thrown(() => openSync(program, "w"));
    child.kill("SIGKILL");
    await once(child, "exit");
    expectSaid(error, "ETXTBSY", "file/file-busy", "transient");
  });

  test.runIf(existsSync("/dev/shm"))("to rename from one file system to another", () => {
    if (statfsSync("/dev/shm").type === statfsSync(folder).type) return;
    const error = thrown(() =>
      renameSync(join(folder, "there"), `/dev/shm/${String(process.pid)}`),
    );
    expectSaid(error, "EXDEV", "file/file-misuse", "defect");
  });

  test("what somebody may not do who is not root", () => {
    const locked = join(folder, "locked");
    mkdirSync(locked, { mode: 0o700 });
    const script = `try { require("node:fs").writeFileSync(process.argv[1], "x") } catch (error) { console.log(JSON.stringify(error)) }`;
    const isRoot = process.getuid?.() === 0;
    if (!isRoot) chmodSync(locked, 0o500);
    chmodSync(folder, 0o755);
    // `nobody`, where we could do everything ourselves.
    const other = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    const { stdout } = spawnSync(process.execPath, ["-e", script, join(locked, "file")], {
      ...other,
      cwd: "/",
      encoding: "utf8",
    });
    expectSaid(JSON.parse(stdout), "EACCES", "file/no-permission", "misconfigured");
  });
});
