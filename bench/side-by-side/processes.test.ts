import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { endedChildrenMs, processorMs, proportionalMiB, threadsMs } from "./processes.ts";

const isHere = process.platform === "linux";
const BUSY = "const end = performance.now() + 400; while (performance.now() < end); ";

test.skipIf(!isHere)(
  "the time of a process, of its threads and of a child that ended is what it was busy",
  async () => {
    const before = endedChildrenMs();
    const child = spawn(process.execPath, ["-e", `${BUSY} console.log("done"); setInterval(() => undefined, 1000)`]);
    await once(child.stdout, "data");
    const [whole, threads] = [processorMs(child.pid!), threadsMs(child.pid!)];
    expect(whole).toBeGreaterThan(200);
    expect(Math.abs([...threads.values()].reduce((sum, ms) => sum + ms, 0) - whole)).toBeLessThan(100);
    expect(proportionalMiB(child.pid!)).toBeGreaterThan(5);
    const ended = once(child, "exit");
    child.kill();
    await ended;
    expect(processorMs(child.pid!)).toBe(0);
    expect(proportionalMiB(child.pid!)).toBe(0);
    expect(endedChildrenMs() - before).toBeGreaterThanOrEqual(200);
  },
);
