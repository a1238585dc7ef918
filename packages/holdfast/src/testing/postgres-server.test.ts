import { existsSync } from "node:fs";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { expect, test } from "vitest";
import { findPostgres } from "./postgres-programs.ts";
import { startPostgresServer } from "./postgres-server.ts";

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new Client(url);
  await client.connect();
  try {
    return Object.values((await client.query(sql)).rows[0] as object)[0];
  } finally {
    await client.end();
  }
}

test("a server syncs to the disk, checks its pages, and leaves nothing behind", async () => {
  const server = await startPostgresServer({ settings: { max_connections: "20" } });
  const folder = String(await ask(server.url(), "show data_directory"));
  expect(await ask(server.url(), "show fsync")).toBe("on");
  expect(await ask(server.url(), "show data_checksums")).toBe("on");
  expect(await ask(server.url(), "show max_connections")).toBe("20");
  await server.stop();
  expect(existsSync(folder)).toBe(false);
  expect(() => process.kill(server.pid, 0)).toThrow("ESRCH");
});

test("a server ends with the process that started it, even if that is killed", async () => {
  const door = new URL("./postgres-server.ts", import.meta.url);
  const program = `import { startPostgresServer } from ${JSON.stringify(fileURLToPath(door))};
    const server = await startPostgresServer({ fsync: false });
    process.stdout.write(server.url());
    setInterval(() => undefined, 1000);`;
  const owner = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [url] = (await once(owner.stdout.setEncoding("utf8"), "data")) as [string];
  const client = new Client(url);
  await client.connect();
  const gone = new Promise<Error>((resolve) => {
    client.on("error", resolve);
  });
  owner.kill("SIGKILL");
  expect((await gone).message).toMatch(/terminat/u);
});

test("a machine without PostgreSQL is told what to install", () => {
  expect(() => findPostgres({ PG_BIN: "/nowhere" })).toThrow("PG_BIN is /nowhere");
});
