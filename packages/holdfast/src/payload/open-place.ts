import { HoldfastError } from "../core/error.ts";
import { BucketPlace, isBucketAddress } from "./bucket-place.ts";
import { DirectoryPlace } from "./directory-place.ts";
import type { FilePlace } from "./file-place.ts";

/** Not opened: that takes `prepare`. @throws {HoldfastError} HF1001 if the address is not valid. */
export function filePlace(address: string): FilePlace {
  if (isBucketAddress(address)) return new BucketPlace(address);
  if (!/^[a-z][a-z\d+.-]+:\/\//iu.test(address)) return new DirectoryPlace(address);
  throw new HoldfastError(
    "HF1001",
    `payloads.directory is not valid: expected a directory, or s3://BUCKET/PREFIX, got ${address}`,
    "Give the path of a directory, or the address of a bucket.",
  );
}
