/** Local files: what the operating system really says, with the folder itself as the ledger. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  constants,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  existsSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import {
  appendFile,
  chmod,
  copyFile,
  link,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  rmdir,
  symlink,
  unlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { label, type Reason, type Scenario } from "../case.ts";
import { plainError } from "../capture.ts";

const TEXT = "4711;12.50;EUR\n";

interface FileCase {
  readonly name: string;
  readonly reason: Reason;
  readonly why: string;
  /** Works in a folder of its own; the file `out` there is what is to be written. */
  readonly act: (folder: string) => Promise<unknown>;
}

const one = (name: string, reason: Reason, why: string, act: FileCase["act"]): FileCase => ({
  name,
  reason,
  why,
  act,
});

const PLACE = "the place is not there: every file fails alike until a setting changes";
const NOT_OURS = "we may not do this here until somebody lets us";
const KIND = "what is there is of another kind than our setting says";
const OURS = "our code asked for what makes no sense";

const CASES: readonly FileCase[] = [
  one("folder missing", "misconfigured", PLACE, async (at) => writeFile(join(at, "no/out"), TEXT)),
  one("append, folder missing", "misconfigured", PLACE, async (at) =>
    appendFile(join(at, "no/out"), TEXT),
  ),
  one("list, folder missing", "misconfigured", PLACE, async (at) => readdir(join(at, "no"))),
  one("make, parent missing", "misconfigured", PLACE, async (at) => mkdir(join(at, "no/out"))),
  one("a file where a folder should be", "misconfigured", KIND, async (at) =>
    writeFile(join(at, "plain/out"), TEXT),
  ),
  one("list a file", "misconfigured", KIND, async (at) => readdir(join(at, "plain"))),
  one("write to a folder", "misconfigured", KIND, async (at) =>
    writeFile(join(at, "folder"), TEXT),
  ),
  one("read a folder", "misconfigured", KIND, async (at) => readFile(join(at, "folder"))),
  one("rename over a folder", "misconfigured", KIND, async (at) =>
    rename(join(at, "plain"), join(at, "folder")),
  ),
  one("exists already", "data", "another file has this name already", async (at) =>
    writeFile(join(at, "plain"), TEXT, { flag: "wx" }),
  ),
  one("link exists already", "data", "another file has this name already", async (at) =>
    link(join(at, "plain"), join(at, "plain2")),
  ),
  one("symlink exists already", "data", "another file has this name already", async (at) =>
    symlink("x", join(at, "plain2")),
  ),
  one("copy, exists already", "data", "another file has this name already", async (at) =>
    copyFile(join(at, "plain"), join(at, "plain2"), constants.COPYFILE_EXCL),
  ),
  one("make, exists already", "data", "another folder has this name already", async (at) =>
    mkdir(join(at, "folder")),
  ),
  one("disk full", "exhausted", "no room on the device", async () => writeFile("/dev/full", TEXT)),
  one("append, disk full", "exhausted", "no room on the device", async () =>
    appendFile("/dev/full", TEXT),
  ),
  one("folder not empty", "data", "what is to be removed still holds something", async (at) =>
    rmdir(join(at, "full")),
  ),
  one(
    "rename over a full folder",
    "data",
    "what is to be replaced still holds something",
    async (at) => rename(join(at, "folder"), join(at, "full")),
  ),
  one("name too long", "data", "this payload's name is longer than a name may be", async (at) =>
    writeFile(join(at, "n".repeat(300)), TEXT),
  ),
  one(
    "links in a circle",
    "misconfigured",
    "the links lead nowhere until somebody mends them",
    async (at) => writeFile(join(at, "circle/out"), TEXT),
  ),
  one(
    "rename to another device",
    "defect",
    "a file cannot be renamed across devices: to be copied instead",
    async (at) => rename(join(at, "plain"), "/dev/shm/corpus-out"),
  ),
  one(
    "link to another device",
    "defect",
    "a file cannot be linked across devices: to be copied instead",
    async (at) => link(join(at, "plain"), "/dev/shm/corpus-out"),
  ),
  one("not in /proc", "misconfigured", PLACE, async () => writeFile("/proc/corpus-out", TEXT)),
  one("make in /proc", "misconfigured", PLACE, async () => mkdir("/proc/corpus-out")),
  one("remove in /proc", "misconfigured", NOT_OURS, async () => unlink("/proc/self/status")),
  one("remove a folder as a file", "misconfigured", KIND, async (at) => unlink(join(at, "folder"))),
  one("no such device", "misconfigured", KIND, async (at) => {
    execFileSync("mkfifo", [join(at, "pipe")]);
    const handle = await open(join(at, "pipe"), constants.O_WRONLY | constants.O_NONBLOCK);
    await handle.close();
  }),
  one(
    "busy program",
    "transient",
    "the program is running now; it can be replaced once it has ended",
    async (at) => {
      copyFileSync("/bin/sleep", join(at, "program"));
      const running = spawn(join(at, "program"), ["60"], { stdio: "ignore" });
      try {
        await once(running, "spawn");
        await writeFile(join(at, "program"), TEXT);
      } finally {
        running.kill("SIGKILL");
      }
    },
  ),
  one("written where only read", "defect", OURS, async (at) => {
    const handle = await open(join(at, "plain"), "r");
    try {
      await handle.write(TEXT);
    } finally {
      await handle.close();
    }
  }),
  one("into itself", "defect", OURS, async (at) =>
    rename(join(at, "full"), join(at, "full/inner")),
  ),
  one("a zero in the name", "data", "this payload's name holds what no name may hold", async (at) =>
    writeFile(`${at}/o\u0000ut`, TEXT),
  ),
  one("an empty name", "data", "this payload has no name", async () => writeFile("", TEXT)),
  one("a number for content", "defect", OURS, async (at) =>
    writeFile(join(at, "out2"), 17 as unknown as string),
  ),
  one("change rights, missing", "data", "the file of this payload is not there", async (at) =>
    chmod(join(at, "out3"), 0o600),
  ),
  one("input missing", "data", "the file of this payload is not there", async (at) =>
    readFile(join(at, "input-4711")),
  ),
  one("remove, missing", "data", "the file of this payload is not there", async (at) =>
    unlink(join(at, "input-4711")),
  ),
  one("rename, missing", "data", "the file of this payload is not there", async (at) =>
    rename(join(at, "input-4711"), join(at, "done")),
  ),
  one("copy, missing", "data", "the file of this payload is not there", async (at) =>
    copyFile(join(at, "input-4711"), join(at, "done")),
  ),
  one("remove a tree without saying so", "defect", OURS, async (at) => rm(join(at, "full"))),
];

export function fileScenarios(): readonly Scenario[] {
  return CASES.map(({ name, reason, why, act }): Scenario => ({
    id: `file/${name.replaceAll(/[^a-z\d]+/giu, "-")}`,
    protocol: "file",
    server: "operating system",
    fault: name,
    label: label("never", reason, `${why}; refused as a whole`),
    play: async () => {
      const folder = mkdtempSync(join(tmpdir(), "corpus-file-"));
      furnish(folder);
      try {
        const error = await act(folder).then(
          () => new Error("no error"),
          (reasonOf: unknown) => reasonOf,
        );
        const path = join(folder, "out");
        const isWritten = existsSync(path) && readFileSync(path, "utf8") === TEXT;
        return {
          seen: { phase: "refused", error: plainError(error) },
          ledger: isWritten ? "happened" : "not",
        };
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  }));
}

function furnish(folder: string): void {
  mkdirSync(join(folder, "folder"));
  mkdirSync(join(folder, "full"));
  writeFileSync(join(folder, "full/one"), "1");
  writeFileSync(join(folder, "plain"), "old");
  writeFileSync(join(folder, "plain2"), "old");
  symlinkSync("circle", join(folder, "circle"));
}
