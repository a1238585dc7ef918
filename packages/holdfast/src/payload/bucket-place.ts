/**
 * Files of payloads in a bucket of an object store that speaks Amazon's S3 protocol. Credentials,
 * region and the address of another provider come from where that client looks for them
 * (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL_S3, a profile, the machine's role).
 *
 * An object is durable, and read by everybody, when the answer to its put has come. A put that is
 * repeated writes the same bytes under the same name.
 */
import type { S3Client } from "@aws-sdk/client-s3";
import { HoldfastError } from "../core/error.ts";
import type { FilePlace, ListedFile, NewFile } from "./file-place.ts";

const ADDRESS =
  /^s3:\/\/(?<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(?<prefix>[\w!.*'()/-]*))?$/u;

/** Objects written at a time. */
const WRITES_AT_A_TIME_MAX = 16;
/**
 * Tries of one request, with pauses of up to 20 seconds between them: about two minutes in all. A flush
 * that waits for its files ends the process when they are used up.
 */
const TRIES_MAX = 10;
const CONNECT_MS_MAX = 5_000;
const REQUEST_MS_MAX = 30_000;

type Sdk = typeof import("@aws-sdk/client-s3");

export function isBucketAddress(address: string): boolean {
  return address.startsWith("s3://");
}

export class BucketPlace implements FilePlace {
  readonly address: string;
  readonly #bucket: string;
  /** "" or with "/" at its end. */
  readonly #prefix: string;
  #opened: Promise<{ readonly sdk: Sdk; readonly client: S3Client }> | null = null;

  /** @throws {HoldfastError} HF1001 if the address is not valid. */
  constructor(address: string) {
    const { bucket, prefix = "" } = ADDRESS.exec(address)?.groups ?? {};
    if (bucket === undefined) throw invalid(address);
    this.address = address;
    this.#bucket = bucket;
    this.#prefix = prefix === "" ? "" : `${prefix.replace(/\/+$/u, "")}/`;
  }

  /** @throws {HoldfastError} HF5011 without the client library, HF5002 if the bucket cannot be used. */
  async prepare(): Promise<void> {
    const { sdk, client } = await this.#open();
    try {
      await client.send(new sdk.HeadBucketCommand({ Bucket: this.#bucket }));
    } catch (error) {
      throw new HoldfastError(
        "HF5002",
        `the bucket of the payloads ${this.address} cannot be used: ${said(error)}`,
        "Make the bucket, and let this process list it and get, put and delete its objects: credentials and region come from the environment, as for every AWS client.",
        { cause: error },
      );
    }
  }

  async write(files: readonly NewFile[]): Promise<void> {
    for (let i = 0; i < files.length; i += WRITES_AT_A_TIME_MAX) {
      const some = files.slice(i, i + WRITES_AT_A_TIME_MAX);
      await Promise.all(some.map((file) => this.#put(file)));
    }
  }

  async #put({ name, bytes }: NewFile): Promise<void> {
    const { sdk, client } = await this.#open();
    const put = { Bucket: this.#bucket, Key: this.#prefix + name, Body: bytes };
    try {
      await client.send(new sdk.PutObjectCommand(put));
    } catch (error) {
      throw new HoldfastError(
        "HF5008",
        `a payload could not be written to ${this.address}: ${said(error)}`,
        "Nothing that refers to it was written, and the process ends. Mend the way to the bucket and start it again.",
        { cause: error },
      );
    }
  }

  async read(name: string): Promise<Buffer> {
    const { sdk, client } = await this.#open();
    const get = new sdk.GetObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + name });
    const { Body } = await client.send(get);
    if (Body === undefined) throw new Error("the answer has no body");
    return Buffer.from(await Body.transformToByteArray());
  }

  async *list(after: string): AsyncGenerator<ListedFile> {
    const { sdk, client } = await this.#open();
    const pages = sdk.paginateListObjectsV2(
      { client },
      {
        Bucket: this.#bucket,
        Prefix: this.#prefix,
        ...(after === "" ? {} : { StartAfter: this.#prefix + after }),
      },
    );
    for await (const { Contents = [] } of pages) {
      for (const { Key = "", LastModified } of Contents) {
        const name = Key.slice(this.#prefix.length);
        // An object without a time is left alone: it counts as new.
        yield { name, modifiedAtMs: LastModified?.getTime() ?? Infinity };
      }
    }
  }

  async remove(name: string): Promise<void> {
    const { sdk, client } = await this.#open();
    await client.send(
      new sdk.DeleteObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + name }),
    );
  }

  #open(): Promise<{ readonly sdk: Sdk; readonly client: S3Client }> {
    this.#opened ??= openClient();
    return this.#opened;
  }
}

async function openClient(): Promise<{ readonly sdk: Sdk; readonly client: S3Client }> {
  const sdk = await loadSdk();
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = process.env;
  const client = new sdk.S3Client({
    maxAttempts: TRIES_MAX,
    // Providers that run at an address of one's own rarely have a host name for each bucket.
    forcePathStyle: (AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL) !== undefined,
    requestHandler: { connectionTimeout: CONNECT_MS_MAX, requestTimeout: REQUEST_MS_MAX },
  });
  return { sdk, client };
}

async function loadSdk(): Promise<Sdk> {
  try {
    return await import("@aws-sdk/client-s3");
  } catch (error) {
    const isMissing =
      error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
    if (!isMissing) throw error;
    throw new HoldfastError(
      "HF5011",
      "payloads in a bucket need the package @aws-sdk/client-s3, which is not installed",
      "Install it beside holdfast: npm install @aws-sdk/client-s3@3",
      { cause: error },
    );
  }
}

function invalid(address: string): HoldfastError {
  return new HoldfastError(
    "HF1001",
    `payloads.directory is not valid: ${address} is no address of a bucket`,
    'Write s3://BUCKET or s3://BUCKET/PREFIX, for example "s3://shop-payloads/production".',
  );
}

/** Name and words of what went wrong: some of them have an empty message. */
function said(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message === "" ? error.name : `${error.name}: ${error.message}`;
}
