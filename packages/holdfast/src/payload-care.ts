/** What the care of a store needs where payloads are sealed or lie in files. Part of command-line.ts. */
import { checkVersions, openBuild } from "./check-versions.ts";
import { HoldfastError } from "./core/error.ts";
import type { StoreCare, StoreReader } from "./operate/store-care.ts";
import {
  keptApart,
  lookAtPayloads,
  readerOfStored,
  readerWithPayloads,
  readKeyRing,
  sweepFiles,
  verifyWithPayloads,
} from "./payload/index.ts";

/** What the command line was given, for stores whose payloads need it. */
export interface PayloadAccess {
  /** File of the key ring. */
  readonly keyRing: string | null;
  /** Directory of payloads in files. */
  readonly payloadFiles: string | null;
}

type Verify = Parameters<typeof verifyWithPayloads>[0];

/** What a driver brings. */
interface Driver {
  readonly openReader: () => Promise<StoreReader>;
  readonly verify: Verify;
  /** The store's key. */
  readonly secret: () => Uint8Array;
  readonly nowMs: () => number;
}

export function payloadCare(
  { openReader, verify, secret, nowMs }: Driver,
  { keyRing, payloadFiles: directory }: PayloadAccess,
): Pick<
  StoreCare,
  | "openReader"
  | "openStored"
  | "lookAtPayloads"
  | "verify"
  | "sweep"
  | "checkVersions"
  | "openBuild"
> & {
  readonly apart: () => Promise<readonly string[]>;
} {
  const ring = () => (keyRing === null ? null : readKeyRing(keyRing));
  const inReader = async <T>(use: (reader: StoreReader) => Promise<T>): Promise<T> => {
    const reader = await openReader();
    try {
      return await use(reader);
    } finally {
      await reader.close();
    }
  };
  const openShown = async () => {
    const given = { ring: ring(), directory };
    return readerWithPayloads(await openReader(), given);
  };
  return {
    openReader: openShown,
    lookAtPayloads: (reader, tell) => lookAtPayloads(reader, { ring, directory }, tell),
    openBuild: (module) => openBuild(secret, module),
    checkVersions: (module) => checkVersions({ openReader: openShown, secret }, module),
    openStored: async () => {
      // The key is asked for only where files are held against it.
      const files = directory === null ? null : { directory, secret: secret() };
      return readerOfStored(await openReader(), files);
    },
    verify: () => verifyWithPayloads(verify, { ring: ring(), directory, secret: secret() }),
    sweep: () => inReader((reader) => sweepAll(directory, reader, { secret, nowMs })),
    apart: () => inReader(async (reader) => keptApart(await reader.declarations())),
  };
}

async function sweepAll(
  directory: string | null,
  reader: StoreReader,
  { secret, nowMs }: Pick<Driver, "secret" | "nowMs">,
) {
  if (directory === null) {
    throw new HoldfastError(
      "HF4102",
      "No directory is named whose files are to be looked at.",
      "Add --payload-files DIRECTORY, or set HOLDFAST_PAYLOAD_FILES, to what the app gives as payloads.directory.",
    );
  }
  let [looked, removed, foreign] = [0, 0, 0];
  let after: string | null = "";
  while (after !== null) {
    const swept: Awaited<ReturnType<typeof sweepFiles>> = await sweepFiles(directory, reader, {
      secret: secret(),
      nowMs: nowMs(),
      after,
    });
    looked += swept.looked;
    removed += swept.removed;
    foreign += swept.foreign;
    after = swept.next;
  }
  return { looked, removed, foreign };
}
