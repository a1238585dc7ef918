import { describe, expect, test } from "vitest";
import { typeOfMount } from "./network-disk.ts";

const MOUNTS = `/dev/vda / ext4 rw 0 0
proc /proc proc rw 0 0
server:/export /mnt/shared nfs4 rw 0 0
//server/share /mnt/with\\040space cifs rw 0 0
/dev/vdb /mnt/shared/local xfs rw 0 0
me@host:/ /data/me/far fuse.sshfs rw 0 0
`;

describe("typeOfMount", () => {
  test.each([
    ["/var/lib/app", "ext4"],
    ["/", "ext4"],
    ["/mnt/shared", "nfs4"],
    ["/mnt/shared/app/data", "nfs4"],
    ["/mnt/sharedfolder", "ext4"],
    ["/mnt/shared/local/app", "xfs"],
    ["/mnt/with space/app", "cifs"],
    ["/data/me/far", "fuse.sshfs"],
  ])("finds the mount that holds %s: %s", (folder, type) => {
    expect(typeOfMount(MOUNTS, folder)).toBe(type);
  });

  test("knows nothing from an empty table", () => {
    expect(typeOfMount("", "/var")).toBeNull();
  });
});
