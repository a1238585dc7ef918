/** Messages that processes of their own receive, which are killed: each is taken once all the same. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPostgresReader, verifyPostgresStore } from "holdfast/postgres";
import { openSqliteReader, verifyStore } from "holdfast/sqlite";
import { startPostgresServer, type PostgresServer } from "holdfast/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { firstLine, startProgram, type Program } from "./kill/programs.ts";

const SERVER = new URL("ingress/server.ts", import.meta.url);
const TEST_MS_MAX = 180_000;
// Each test starts processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: TEST_MS_MAX, hookTimeout: TEST_MS_MAX });

let folder: string;
let programs: Program[] = [];
let server: PostgresServer | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-receiving-"));
});
afterEach(async () => {
  for (const program of programs) program.kill("SIGKILL");
  await Promise.all(programs.map(({ ended }) => ended));
  programs = [];
  await server?.stop();
  server = null;
  rmSync(folder, { recursive: true, force: true });
});

async function serve(env: Readonly<Record<string, string>>) {
  const program = startProgram(SERVER, [], { lifeMsMax: TEST_MS_MAX, env });
  programs.push(program);
  const { port } = z.object({ port: z.number() }).parse(await firstLine(program));
  return { program, port };
}

async function post(port: number, key: string, id: string) {
  const response = await fetch(`http://127.0.0.1:${String(port)}/`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": `"${key}"` },
    body: JSON.stringify({ id, cents: 100 }),
  });
  const body = z
    .object({ run: z.string().optional() })
    .loose()
    .parse(await response.json());
  const isReplayed = response.headers.get("idempotent-replayed") === "true";
  return { status: response.status, body, isReplayed };
}

type Answer = Awaited<ReturnType<typeof post>>;

/** As a client does: again while the same is being taken, or the worker that takes it changes. */
async function postUntilTaken(port: number, key: string, id: string): Promise<Answer> {
  for (;;) {
    const answer = await post(port, key, id);
    if (answer.status !== 409 && answer.status !== 503) return answer;
  }
}

test("a message whose receiver is killed before its answer gets the answer when it is repeated", async () => {
  const path = join(folder, "store.db");
  const env = { HOLDFAST_STORE: `sqlite:${path}` };
  const dying = await serve({ ...env, KILLED_BEFORE_ANSWER: "yes" });
  await expect(post(dying.port, "k-1", "O-1")).rejects.toThrow(/fetch failed/);
  expect((await dying.program.ended).signal).toBe("SIGKILL");
  const { port, program } = await serve(env);
  const answer = await post(port, "k-1", "O-1");
  expect(answer).toMatchObject({ status: 202, isReplayed: true, body: { state: "started" } });
  expect(await post(port, "k-1", "O-1")).toEqual(answer);
  expect(await post(port, "k-1", "O-2")).toMatchObject({ status: 422 });
  program.kill("SIGTERM");
  expect((await program.ended).code).toBe(0);
  const reader = await openSqliteReader({ path });
  const runs = await reader.runs({ afterRun: 0, limit: 10 });
  await reader.close();
  expect(runs.map(({ key, state }) => [key, state])).toEqual([["O-1", "completed"]]);
  expect((await verifyStore({ path })).damage).toEqual([]);
});

test("two workers of one store take each message once, also when one of them is killed", async () => {
  server = await startPostgresServer();
  const url = server.url();
  const key = randomBytes(32).toString("base64");
  const env = { HOLDFAST_STORE: url, HOLDFAST_STORE_KEY: key, SHARED: "yes" };
  const first = await serve(env);
  const second = await serve(env);
  const ports = [first.port, second.port];
  const both = (at: number) => ports[at % 2] ?? 0;

  const sent = Array.from({ length: 200 }, (_, at) => post(both(at), "same", "O-same"));
  const answers = await Promise.all(sent);
  const taken = answers.filter(({ status }) => status === 202);
  expect(answers.filter(({ status }) => status !== 202 && status !== 409)).toEqual([]);
  expect(taken.filter(({ isReplayed }) => !isReplayed)).toHaveLength(1);
  expect(new Set(taken.map(({ body }) => body.run)).size).toBe(1);

  const keys = Array.from({ length: 40 }, (_, at) => `k-${String(at)}`);
  const each = await Promise.all(
    keys.map((name, at) => postUntilTaken(both(at), name, `O-${name}`)),
  );
  expect(each.filter(({ isReplayed }) => isReplayed)).toEqual([]);
  // Another payload under a known id is refused by the other worker, too.
  expect(await post(second.port, "same", "O-other")).toMatchObject({ status: 422 });

  // The first is the keeper: what it has taken, the other one knows.
  first.program.kill("SIGKILL");
  await first.program.ended;
  const again = await Promise.all(
    keys.map((name) => postUntilTaken(second.port, name, `O-${name}`)),
  );
  expect(again.map(({ body }) => body)).toEqual(each.map(({ body }) => body));
  expect(again.filter(({ isReplayed }) => !isReplayed)).toEqual([]);
  const fresh = await postUntilTaken(second.port, "new", "O-new");
  expect(fresh).toMatchObject({ status: 202, isReplayed: false });

  second.program.kill("SIGTERM");
  expect((await second.program.ended).code).toBe(0);
  const reader = await openPostgresReader({ url });
  expect(await reader.runs({ afterRun: 0, limit: 100 })).toHaveLength(keys.length + 2);
  const received = await reader.received({ after: null, limit: 100 });
  expect(new Set(received.map(({ state }) => state))).toEqual(new Set(["started"]));
  expect(received).toHaveLength(keys.length + 2);
  await reader.close();
  const { damage } = await verifyPostgresStore({ url, key });
  expect(damage).toEqual([]);
});
