import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { addressHash, readOrMakeLogKey } from "./address-hash.ts";

function keyFile(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-log-key-"));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  return path.join(folder, "log.key");
}

test("a key is made once, for its owner alone, and an address has one hash by it", () => {
  const file = keyFile();
  const [first, second] = [readOrMakeLogKey(file), readOrMakeLogKey(file)];
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  expect(fs.readdirSync(path.dirname(file))).toEqual(["log.key"]);
  expect(addressHash(first)("a@b.test")).toMatch(/^h:[0-9a-f]{16}$/);
  expect(addressHash(second)("a@b.test")).toBe(addressHash(first)("a@b.test"));
  expect(addressHash(readOrMakeLogKey(keyFile()))("a@b.test")).not.toBe(addressHash(first)("a@b.test"));
});

test("a key that is cut off is not taken for one", () => {
  const file = keyFile();
  fs.writeFileSync(file, "short");
  expect(() => readOrMakeLogKey(file)).toThrow("5 octets in place of 32");
});
