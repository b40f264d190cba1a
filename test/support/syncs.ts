import fs from "node:fs";
import { vi } from "vitest";

/** The paths that `work` has put on stable storage, in order. */
export function syncedBy(work: () => void): string[] {
  const synced: string[] = [];
  const sync = fs.fsyncSync;
  const spy = vi.spyOn(fs, "fsyncSync").mockImplementation((descriptor) => {
    sync(descriptor);
    synced.push(fs.readlinkSync(`/proc/self/fd/${descriptor}`));
  });
  try {
    work();
  } finally {
    spy.mockRestore();
  }
  return synced;
}
