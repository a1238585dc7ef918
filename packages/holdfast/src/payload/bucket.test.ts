import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  DeleteObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../engine/clock.ts";
import { openSqliteReader, type SqliteStore, verifyStore } from "../store-sqlite/index.ts";
import { readKey } from "../store-sqlite/key-file.ts";
import { makeFolder, openInline } from "../store-sqlite/test-store.test-support.ts";
import { describeStore } from "../testing/describe-store.ts";
import { SampleJournal, startedHead } from "../testing/sample-journal.ts";
import { verifyWithPayloads } from "./audit.ts";
import {
  type BucketServer,
  findBucketServer,
  freePort,
  startBucketServer,
} from "./bucket-server.test-support.ts";
import { filePlace } from "./open-place.ts";
import { PayloadFiles } from "./payload-files.ts";
import { sweepFiles } from "./sweep.ts";
import { openSealedUnderTest } from "./test-payloads.test-support.ts";
import { withPayloads } from "./with-payloads.ts";

const LONG = JSON.stringify("x".repeat(100_000));
const OTHER = JSON.stringify("y".repeat(100_000));

let server: BucketServer;
let client: S3Client;
beforeAll(async () => {
  server = await startBucketServer();
  client = new S3Client({ forcePathStyle: true });
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});

function newAddress(): string {
  return `s3://payloads/${randomBytes(6).toString("hex")}`;
}

describeStore("the SQLite store, sealed and in a bucket", openSealedUnderTest(newAddress), {
  describe,
  test,
});

describe("payloads in a bucket", () => {
  let folder: ReturnType<typeof makeFolder>;
  let path: string;
  let directory: string;
  let inner: SqliteStore;
  beforeEach(async () => {
    folder = makeFolder();
    path = join(folder.path, "store.db");
    directory = newAddress();
    inner = await openInline(path);
  });
  afterEach(async () => {
    await inner.abandon();
    folder.remove();
  });

  async function keys(): Promise<readonly string[]> {
    const Prefix = directory.slice("s3://payloads/".length);
    const { Contents = [] } = await client.send(
      new ListObjectsV2Command({ Bucket: "payloads", Prefix }),
    );
    return Contents.map(({ Key = "" }) => Key);
  }

  async function flushed(...payloads: readonly string[]): Promise<void> {
    const store = await withPayloads(inner, { directory });
    const sample = new SampleJournal();
    for (const [index, data] of payloads.entries())
      sample.add(index + 1, "started", startedHead(index + 1, { key: String(index) }), { data });
    sample.continueIn(store);
    await sample.flushTo(store);
    const loaded = await store.load(payloads.map((_, index) => index + 1));
    expect(loaded.map(({ records }) => records[0]?.data)).toEqual(payloads);
  }

  async function damage(): Promise<readonly string[]> {
    const options = { ring: null, directory, secret: readKey(path) };
    const report = await verifyWithPayloads((o) => verifyStore({ path, ...o }), options);
    return report.damage.map(({ what }) => what);
  }

  test("are objects below its prefix, one each", async () => {
    await flushed(LONG, '"short"', OTHER);
    expect(await keys()).toHaveLength(2);
    expect(await damage()).toEqual([]);
  });

  test("that were changed, or are gone, are named by a check", async () => {
    await flushed(LONG, OTHER);
    const [first = "", second = ""] = await keys();
    const changed = { Bucket: "payloads", Key: first, Body: OTHER.replace("y", "z") };
    await client.send(new PutObjectCommand(changed));
    await client.send(new DeleteObjectCommand({ Bucket: "payloads", Key: second }));
    const found = (await damage()).toSorted().join("\n");
    expect(found).toMatch(/cannot be read \(NoSuchKey\)/u);
    expect(found).toContain(`its file in ${directory} is not what was written`);
  });

  test("that no record refers to are swept away, some at a time", async () => {
    await flushed(LONG, OTHER);
    const kept = await keys();
    const files = new PayloadFiles(filePlace(directory), readKey(path));
    const left = [7, 8].map((seq) => files.toFile("left", { run: 1, seq }).file);
    await files.write(left);
    const reader = await openSqliteReader({ path });
    const looked: number[] = [];
    for (let after: string | null = ""; after !== null;) {
      // Two hours from now: the objects are new.
      const nowMs = systemClock.nowMs() + 7_200_000;
      const options = { secret: readKey(path), nowMs, after, filesMax: 3 };
      const swept: Awaited<ReturnType<typeof sweepFiles>> = await sweepFiles(
        directory,
        reader,
        options,
      );
      looked.push(swept.looked);
      after = swept.next;
    }
    await reader.close();
    expect(looked).toEqual([3, 1]);
    expect(await keys()).toEqual(kept);
  });

  test("go to a bucket that is there, or nothing starts", async () => {
    const refused = withPayloads(inner, { directory: "s3://nobodys-bucket" });
    await expect(refused).rejects.toMatchObject({ code: "HF5002" });
  });

  test("go to an address that is one", async () => {
    for (const address of ["s3://", "s3://UPPER/x", "s3://b", "gs://bucket/x", "s3://bucket/a b"])
      await expect(withPayloads(inner, { directory: address })).rejects.toMatchObject({
        code: "HF1001",
      });
  });

  test("are written when a bucket that was away for a moment is back", async () => {
    const port = await freePort();
    findBucketServer(port);
    const place = filePlace(directory);
    const writing = place.write([{ name: "aa/file", bytes: Buffer.from("payload") }]);
    const late = await startBucketServer(port);
    await writing;
    expect((await place.read("aa/file")).toString()).toBe("payload");
    await late.stop();
    findBucketServer(server.port);
  });
});

const run = promisify(execFile);
const DOOR = fileURLToPath(new URL("./open-place.ts", import.meta.url));

/** Node.js itself says that it does not find the package, as where nobody has installed it. */
const WITHOUT_SDK = `import { registerHooks } from "node:module";
  registerHooks({
    resolve(name, context, next) {
      if (name !== "@aws-sdk/client-s3") return next(name, context);
      throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
    },
  });`;

test("a bucket without the client library says what to install", async () => {
  const program = `import { filePlace } from ${JSON.stringify(DOOR)};
    try {
      await filePlace("s3://payloads").prepare();
    } catch (error) {
      console.log(error.code, error.remedy);
    }`;
  const hooks = `data:text/javascript,${encodeURIComponent(WITHOUT_SDK)}`;
  const words = ["--import", hooks, "--input-type=module", "-e", program];
  const { stdout } = await run(process.execPath, words);
  expect(stdout).toContain("HF5011 Install it beside holdfast: npm install @aws-sdk/client-s3");
});
