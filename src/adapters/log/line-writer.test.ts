import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatEvent } from "../../core/event-line.ts";
import { LineWriter } from "./line-writer.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waypost-log-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const droppedLine = (lines: number): string => formatEvent({ event: "log.dropped", lines }, 0);

function writerOn(descriptor: number, pendingOctetsMax = 1024 * 1024): LineWriter {
  return new LineWriter({ descriptor, pendingOctetsMax, droppedLine });
}

describe("a file", () => {
  test("takes all lines in their order", async () => {
    const path = join(folder, "log");
    const descriptor = openSync(path, "w");
    const writer = writerOn(descriptor);
    const lines = Array.from({ length: 5000 }, (_, i) => `line ${i} ${"x".repeat(i % 100)}\n`);
    for (const line of lines) writer.write(line);
    await writer.flush(5000);
    closeSync(descriptor);
    expect(readFileSync(path, "utf8")).toBe(lines.join(""));
    expect(writer.dropped).toBe(0);
  });

  test("that is full costs lines, not the process", async () => {
    const descriptor = openSync("/dev/full", "w");
    const writer = writerOn(descriptor);
    for (let i = 0; i < 10; i++) writer.write("never written\n");
    await writer.flush(5000);
    closeSync(descriptor);
    expect(writer.dropped).toBe(10);
  });

  test("that was closed behind our back costs lines, not the process", async () => {
    const descriptor = openSync(join(folder, "log"), "w");
    closeSync(descriptor);
    const writer = writerOn(descriptor);
    for (let i = 0; i < 10; i++) writer.write("never written\n");
    await writer.flush(5000);
    writer.write("after the end\n");
    expect(writer.dropped).toBe(11);
  });

  test("lines that travel together are counted one by one, wherever they are lost", async () => {
    const descriptor = openSync(join(folder, "log"), "w");
    closeSync(descriptor);
    const writer = writerOn(descriptor, 100);
    writer.write("in flight\nin flight\n");
    writer.write("waiting\nwaiting\nwaiting\n");
    writer.write("beyond the bound\n".repeat(7));
    expect(writer.dropped).toBe(7);
    await writer.flush(5000);
    expect(writer.dropped).toBe(12);
    writer.write("after the end\nafter the end\n");
    expect(writer.dropped).toBe(14);
  });
});

const PROGRAM = fileURLToPath(new URL("../../../test/programs/write-log.ts", import.meta.url));

interface Run {
  readonly received: string;
  readonly told: { readonly dropped: number; readonly waitedMs: number };
}

/** The program writes 5000 lines to a real pipe (Node would give it a socket), and waits up to `flushMs` for its reader. */
async function runInto(reader: string, flushMs: number): Promise<Run> {
  const command = `"$0" "$1" "$2" | ${reader}`;
  const child = spawn("sh", ["-c", command, process.execPath, PROGRAM, `${flushMs}`], { stdio: "pipe" });
  const [received, told] = [[] as string[], [] as string[]];
  child.stdout.setEncoding("utf8").on("data", (text: string) => received.push(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => told.push(text));
  await once(child, "close");
  return { received: received.join(""), told: JSON.parse(told.join("")) as Run["told"] };
}

describe("a pipe", () => {
  test("whose reader falls behind: the bound holds, lines keep their order, and the missing ones are counted", async () => {
    const { received } = await runInto("(sleep 0.3; cat)", 5000);
    const entries = received
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { i?: number; dropped?: number });
    const lines = entries.flatMap((entry) => entry.i ?? []);
    const dropped = entries.reduce((sum, entry) => sum + (entry.dropped ?? 0), 0);
    expect(lines).toEqual([...lines].sort((a, b) => a - b));
    expect(dropped).toBeGreaterThan(3000);
    expect(lines.length + dropped).toBe(5000);
  });

  test("whose reader stops: the process waits as long as it was told, and can exit", async () => {
    const { told } = await runInto("(exec sleep 2)", 200);
    expect(told.waitedMs).toBeGreaterThanOrEqual(190);
    expect(told.waitedMs).toBeLessThan(1500);
  });

  test("whose reader goes away: everything is dropped, nothing is thrown", async () => {
    const { told } = await runInto("head -1 > /dev/null", 5000);
    expect(told.dropped).toBeGreaterThan(0);
    expect(told.waitedMs).toBeLessThan(4000);
  });
});
