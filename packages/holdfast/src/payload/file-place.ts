/** Where the files of long payloads lie: a directory, or a bucket of an object store. */

/** A file that is to be written. */
export interface NewFile {
  /** Its path inside the place, with "/" between the parts. */
  readonly name: string;
  readonly bytes: Buffer;
}

export interface ListedFile {
  readonly name: string;
  readonly modifiedAtMs: number;
}

export interface FilePlace {
  /** As it was given. */
  readonly address: string;
  /** Makes it if it is not there, or refuses what cannot be used. */
  prepare(): Promise<void>;
  /** Durable, all of them, when it resolves. One that is there is written anew. */
  write(files: readonly NewFile[]): Promise<void>;
  /** Rejects with what the system says if it is not there or cannot be read. */
  read(name: string): Promise<Buffer>;
  /** Those whose names come after this one, in their order. */
  list(after: string): AsyncIterable<ListedFile>;
  remove(name: string): Promise<void>;
}
