import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isLocked, lockFile } from "./file-lock.ts";

test("a file that is no lock, or a damaged one, is not known to be locked; who locks it hears what is wrong", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-lock-"));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, "lock.db");
  expect(isLocked(file)).toBe(false);
  fs.writeFileSync(file, randomBytes(4096));
  expect(isLocked(file)).toBe(false);
  expect(() => lockFile(file)).toThrow(/not a database/);
});
