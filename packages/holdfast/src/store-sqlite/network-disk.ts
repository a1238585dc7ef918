/**
 * Refuses disks on which file locks and the shared memory of the write-ahead log do not work.
 * Known only where the machine says so: Linux lists its mounts.
 */
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, resolve, sep } from "node:path";
import { HoldfastError } from "../core/error.ts";

const NETWORK_TYPES: readonly string[] = [
  "nfs",
  "nfs4",
  "cifs",
  "smb3",
  "smbfs",
  "fuse.sshfs",
  "9p",
  "afs",
  "ceph",
  "glusterfs",
  "fuse.glusterfs",
];

const MOUNTS = "/proc/self/mounts";

/** @throws {HoldfastError} HF5003 if the folder of `path` is on a disk of another machine. */
export function refuseNetworkDisk(path: string): void {
  if (!existsSync(MOUNTS)) return;
  const folder = realpathSync(dirname(resolve(path)));
  const type = typeOfMount(readFileSync(MOUNTS, "utf8"), folder);
  if (type === null || !NETWORK_TYPES.includes(type)) return;
  throw new HoldfastError(
    "HF5003",
    `${folder} is on a network disk (${type})`,
    "Put the store on a local disk. Locks and shared memory of SQLite do not hold over a network; " +
      "for several machines use the PostgreSQL store.",
  );
}

/** Type of the file system that holds `folder`, from the text of a mount table. */
export function typeOfMount(mounts: string, folder: string): string | null {
  let longest = "";
  let type: string | null = null;
  for (const line of mounts.split("\n")) {
    const [, rawPoint, lineType] = line.split(" ");
    if (rawPoint === undefined || lineType === undefined) continue;
    // Spaces and their like are written as octal escapes.
    const point = rawPoint.replaceAll(/\\(\d{3})/gu, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const inside = point === sep || folder === point || folder.startsWith(point + sep);
    // The last mount on a point is the one that is seen.
    if (inside && point.length >= longest.length) {
      longest = point;
      type = lineType;
    }
  }
  return type;
}
