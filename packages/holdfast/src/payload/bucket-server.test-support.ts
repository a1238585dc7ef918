/** An object store of somebody else's, for tests: an emulator of Amazon's, over HTTP. */
import { createServer } from "node:net";
import { startFauxqs } from "fauxqs";

const ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: "test",
  AWS_SECRET_ACCESS_KEY: "test",
  AWS_REGION: "eu-central-1",
} as const;

export interface BucketServer {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** With one bucket, `payloads`; this process's clients find it by their environment. */
export async function startBucketServer(port = 0): Promise<BucketServer> {
  const server = await startFauxqs({
    port,
    host: "127.0.0.1",
    logger: false,
    init: { buckets: ["payloads"] },
  });
  findBucketServer(server.port);
  return { port: server.port, stop: () => server.stop() };
}

export function findBucketServer(port: number): void {
  Object.assign(process.env, ENVIRONMENT, {
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${String(port)}`,
  });
}

/** A port at which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
