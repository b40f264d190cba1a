import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import { residentMiB, whileWatched } from "./process-facts.ts";

afterEach(() => vi.useRealTimers());

test("what was watched is not looked at any more where the work failed: the process may be gone", async () => {
  vi.useFakeTimers();
  const child = spawn("sleep", ["60"]);
  try {
    const watched = whileWatched(child.pid!, () => Promise.reject(new Error("the flood ended")));
    await expect(watched).rejects.toThrow("the flood ended");
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    child.kill();
    await once(child, "exit");
  }
});

test("the most that a process had is told with what the work brought", async () => {
  const work = (): Promise<string> => new Promise((resolve) => setTimeout(resolve, 250, "done"));
  const { result, mostMiB } = await whileWatched(process.pid, work);
  expect(result).toBe("done");
  expect(mostMiB).toBeGreaterThan(1);
  expect(residentMiB(process.pid)).toBeGreaterThan(1);
});
