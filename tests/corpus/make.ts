/**
 * Makes the corpus: plays every case against its counterpart and writes what was seen, with its
 * label, to tests/corpus/data. `npm run corpus -- [--seed N] [--part first|last|held|fourth] [--only TEXT]`.
 *
 * No classifier is asked here. A label that the counterpart's ledger belies ends the program.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { assertProved, type CorpusCase, type Scenario } from "./case.ts";
import { httpScenarios } from "./cases/http.ts";
import { fileScenarios } from "./cases/files.ts";
import { startPostgresBench } from "./cases/postgres.ts";
import { sqliteScenarios } from "./cases/sqlite.ts";
import { smtpScenarios } from "./cases/smtp.ts";
import { startLastDatabases } from "./cases/last-databases.ts";
import { lastFileScenarios } from "./cases/last-files.ts";
import { gatewayScenarios } from "./cases/last-gateways.ts";
import { lastMailScenarios } from "./cases/last-mail.ts";
import { edgeScenarios } from "./cases/held-edge.ts";
import { fastifyScenarios, flaskScenarios } from "./cases/held-frameworks.ts";
import { heldFileScenarios, heldSqliteScenarios } from "./cases/held-local.ts";
import { heldMailScenarios } from "./cases/held-mail.ts";
import { mariaDbScenarios } from "./cases/held-mariadb.ts";
import { startHeldPostgres } from "./cases/held-postgres.ts";
import { rpcScenarios } from "./cases/held-rpc.ts";
import { businessScenarios } from "./cases/fourth-business.ts";
import { cloudScenarios } from "./cases/fourth-clouds.ts";
import { formScenarios } from "./cases/fourth-forms.ts";
import { gatewayScenarios as fourthGatewayScenarios } from "./cases/fourth-gateways.ts";
import { fourthFileScenarios } from "./cases/fourth-files.ts";
import { fourthSqliteScenarios } from "./cases/fourth-sqlite.ts";
import { fourthMailScenarios } from "./cases/fourth-mail.ts";
import { fourthMariaDbScenarios } from "./cases/fourth-mariadb.ts";
import { messageScenarios } from "./cases/fourth-messages.ts";
import { fourthNetworkScenarios } from "./cases/fourth-network.ts";
import { paymentScenarios } from "./cases/fourth-payments.ts";
import { startFourthPostgres } from "./cases/fourth-postgres.ts";
import { fourthRpcScenarios } from "./cases/fourth-rpc.ts";
import { startRpc, startRpcClient } from "./fourth-rpc.ts";
import { startMariaDb } from "./held-mariadb-server.ts";
import { hasPythonModule, startEdge, startFastify, startFlask } from "./held-servers.ts";
import { hasProgram, startNginx, startPython } from "./last-servers.ts";
import { startCounterpart, type Counterpart } from "./start-counterpart.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    part: { type: "string" },
    only: { type: "string", default: "" },
    out: { type: "string", default: join(import.meta.dirname, "data") },
  },
});

await main();

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "corpus-"));
  const counterpart = await startCounterpart(folder);
  try {
    const isAsked = (part: string): boolean => (values.part ?? part) === part;
    if (isAsked("first")) await playFirst(counterpart);
    if (isAsked("last")) await playLast(counterpart, folder);
    if (isAsked("held")) await playHeld(counterpart, folder);
    if (isAsked("fourth")) await playFourth(counterpart, folder);
  } finally {
    await counterpart.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function playFirst(counterpart: Counterpart): Promise<void> {
  await playAll("first", "http", httpScenarios(counterpart, values.seed));
  await playAll("first", "smtp", smtpScenarios(counterpart));
  await playAll("first", "file", fileScenarios());
  await playAll("first", "sqlite", sqliteScenarios());
  const bench = await startPostgresBench();
  try {
    await playAll("first", "postgres", bench.scenarios);
  } finally {
    await bench.stop();
  }
}

async function playLast(counterpart: Counterpart, folder: string): Promise<void> {
  const { ports, certificates, ledgerPath } = counterpart;
  const nginx = hasProgram("nginx")
    ? await startNginx(folder, ports.wire, certificates.good)
    : null;
  const hasPython = hasProgram("python3");
  const own = hasPython ? await startPython(ledgerPath, "own") : null;
  const plain = hasPython ? await startPython(ledgerPath, "plain") : null;
  try {
    await playAll("last", "http", gatewayScenarios(counterpart, { nginx, own, plain }));
    await playAll("last", "smtp", lastMailScenarios(counterpart));
    await playAll("last", "file", lastFileScenarios());
  } finally {
    await Promise.all([nginx?.stop(), own?.stop(), plain?.stop()]);
  }
  const databases = await startLastDatabases(folder);
  try {
    await playAll("last", "postgres", databases.scenarios);
  } finally {
    await databases.stop();
  }
}

async function playHeld(counterpart: Counterpart, folder: string): Promise<void> {
  const { ledgerPath } = counterpart;
  const edge = await startEdge(ledgerPath);
  const fastify = await startFastify(ledgerPath);
  const flask = hasPythonModule("flask") ? await startFlask(ledgerPath) : null;
  try {
    const http = [
      ...fastifyScenarios(counterpart, fastify.port),
      ...(flask === null ? [] : flaskScenarios(counterpart, flask.port)),
      ...edgeScenarios(counterpart, edge.http),
    ];
    await playAll("held", "http", http);
    await playAll("held", "grpc", rpcScenarios(counterpart, edge.rpc));
    await playAll("held", "smtp", heldMailScenarios(counterpart));
    await playAll("held", "file", heldFileScenarios());
    await playAll("held", "sqlite", heldSqliteScenarios());
  } finally {
    await Promise.all([edge.stop(), fastify.stop(), flask?.stop()]);
  }
  const postgres = await startHeldPostgres();
  try {
    await playAll("held", "postgres", postgres.scenarios);
  } finally {
    await postgres.stop();
  }
  if (!hasProgram("mariadbd")) {
    console.log("mariadbd is not there: its cases stay as they were recorded");
    return;
  }
  const mariadb = await startMariaDb(folder);
  try {
    await playAll("held", "mysql", mariaDbScenarios(mariadb));
  } finally {
    await mariadb.stop();
  }
}

async function playFourth(counterpart: Counterpart, folder: string): Promise<void> {
  const http = [
    ...paymentScenarios(counterpart),
    ...businessScenarios(counterpart),
    ...messageScenarios(counterpart),
    ...cloudScenarios(counterpart),
    ...formScenarios(counterpart),
    ...fourthGatewayScenarios(counterpart),
    ...fourthNetworkScenarios(counterpart),
  ];
  await playAll("fourth", "http", http);
  await playAll("fourth", "smtp", fourthMailScenarios(counterpart));
  await playAll("fourth", "file", fourthFileScenarios());
  await playAll("fourth", "sqlite", fourthSqliteScenarios());
  if (hasPythonModule("grpc")) {
    const server = await startRpc(counterpart.ledgerPath);
    const client = startRpcClient();
    try {
      await playAll("fourth", "grpc", fourthRpcScenarios(counterpart, client, server.port));
    } finally {
      await Promise.all([server.stop(), client.stop()]);
    }
  } else console.log("grpcio is not there: its cases stay as they were recorded");
  const postgres = await startFourthPostgres();
  try {
    await playAll("fourth", "postgres", postgres.scenarios);
  } finally {
    await postgres.stop();
  }
  if (!hasProgram("mariadbd")) {
    console.log("mariadbd is not there: its cases stay as they were recorded");
    return;
  }
  const mariadb = await startMariaDb(folder);
  try {
    await playAll("fourth", "mysql", fourthMariaDbScenarios(mariadb, counterpart));
  } finally {
    await mariadb.stop();
  }
}

async function playAll(
  part: CorpusCase["part"],
  file: string,
  scenarios: readonly Scenario[],
): Promise<void> {
  const lines: string[] = [];
  for (const { play, ...scenario } of scenarios) {
    if (!scenario.id.includes(values.only)) continue;
    const { seen, ledger } = await play();
    for (const { effect } of [scenario.label, ...(scenario.label.also ?? [])])
      assertProved(scenario.id, effect, ledger);
    const made: CorpusCase = { part, contract: "once", ...scenario, ledger, seen };
    lines.push(JSON.stringify(made));
    console.log(`${made.id}: ${ledger}, ${seen.phase}`);
  }
  if (values.only === "")
    writeFileSync(join(values.out, `${part}-${file}.ndjson`), `${lines.join("\n")}\n`);
}
