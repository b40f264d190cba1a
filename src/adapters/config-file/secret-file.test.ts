import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isMountedReadOnly } from "./mounts.ts";
import { readSecretFile } from "./secret-file.ts";

const MOUNTS = [
  "22 1 0:21 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/a",
  "23 22 0:22 / /proc rw,nosuid - proc proc rw",
  "24 22 8:1 /secrets /run/app\\040secrets/x ro,relatime - ext4 /dev/sda1 rw,errors=remount-ro",
  "25 22 0:30 / /tmpfs rw,relatime shared:7 master:2 - tmpfs tmpfs ro,size=4k",
  "26 22 0:31 / /over rw - tmpfs tmpfs rw",
  "27 26 0:32 / /over ro - tmpfs tmpfs rw",
  "28 22 0:33 / /data rw - ext4 /dev/sdb rw",
  "29 22 8:1 /srv/password /etc/app/password ro - ext4 /dev/sda1 rw",
  "31 22 0:40 / /run/credentials/waypost.service ro,nosuid - ramfs ramfs rw,mode=700",
  "30 22 8:17 / /srv ro - ext4 /dev/sdb1 rw",
  "",
].join("\n");

test.each([
  ["/etc/secret", false],
  ["/run/app secrets/x", true],
  ["/run/app secrets/x/password", true],
  ["/run/app secrets/xy", false],
  ["/tmpfs/..data/password", true],
  ["/over/password", true],
  ["/data/password", false],
  ["/etc/app/password", true],
  ["/srv/password", false],
  ["/run/credentials/waypost.service/relayhost", true],
])("%s was mounted read-only for this process: %s", (place, isReadOnly) => {
  expect(isMountedReadOnly(MOUNTS, place)).toBe(isReadOnly);
});

// As `ProtectSystem=strict` and `ProtectSystem=full` leave a machine, and --read-only a container.
test.each([
  "22 1 8:1 / / ro,relatime - ext4 /dev/sda1 rw",
  "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 8:1 /etc /etc ro - ext4 /dev/sda1 rw",
  "22 1 0:21 /@ / rw - btrfs /dev/sda1 rw\n23 22 0:21 /@/etc /etc ro - btrfs /dev/sda1 rw",
  "22 1 0:21 / / ro,relatime - overlay overlay rw,lowerdir=/a",
])("the system's own files being read-only says nothing about a secret among them: %s", (mounts) => {
  expect(isMountedReadOnly(mounts, "/etc/waypost/password")).toBe(false);
});

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-secret-"));
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

// As Kubernetes lays out a secret: password -> ..data/password, ..data -> ..2026_11_28.
test.each([0o444, 0o440, 0o400])("links are followed to a file, whose mode %o counts", async (mode) => {
  fs.mkdirSync(path.join(folder, "..2026_11_28"));
  fs.writeFileSync(path.join(folder, "..2026_11_28/password"), "kept-secret\n", { mode });
  fs.symlinkSync("..2026_11_28", path.join(folder, "..data"));
  fs.symlinkSync("..data/password", path.join(folder, "password"));
  const file = path.join(folder, "password");
  const why = `the secret file ${file} can be read by others; run chmod 600 ${file}`;
  const expected = mode === 0o400 ? { kind: "text", text: "kept-secret" } : { kind: "failed", why };
  expect(await readSecretFile(file)).toEqual(expected);
});
