import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { MiB } from "../../core/base/limits.ts";
import { Reserve } from "./reserve.ts";

test("a reserve takes real room, and gives it back", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-reserve-"));
  try {
    const file = path.join(folder, "reserve");
    const reserve = new Reserve(file, 3 * MiB);
    expect(reserve.isHeld).toBe(false);
    expect(reserve.hold()).toBe(true);
    expect(reserve.isHeld).toBe(true);
    expect(fs.statSync(file).blocks * 512).toBeGreaterThanOrEqual(3 * MiB);
    fs.truncateSync(file, MiB); // half of one, from a start that was cut short
    expect(reserve.isHeld).toBe(false);
    reserve.release();
    reserve.release();
    expect(fs.existsSync(file)).toBe(false);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test("a reserve that the system refuses is not held, and ends nothing", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-reserve-"));
  try {
    const file = path.join(folder, "reserve");
    fs.mkdirSync(path.join(file, "in-the-way"), { recursive: true });
    const reserve = new Reserve(file, 3 * MiB);
    expect(reserve.hold()).toBe(false);
    reserve.release();
    expect(reserve.isHeld).toBe(false);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
