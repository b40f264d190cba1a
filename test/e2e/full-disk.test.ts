import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { AccountingSink } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { freePort } from "../support/free-port.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { PLAIN, configure } from "../support/scene.ts";
import { MessageFactory, SourceSession } from "../support/source.ts";

// The data folder on a small tmpfs that somebody else fills up.

const MiB = 1024 * 1024;
const mayMount = process.getuid?.() === 0 && process.platform === "linux";
const skipped = mayMount ? "" : " (skipped: not root)";
const listeners = [{ listen: "127.0.0.1:0", tls: "none", max_message_bytes: 4 * MiB }];

interface Disk {
  readonly home: RelayHome;
  /** Takes this much, or all there is. */
  fill(octets?: number): void;
  free(): void;
}

async function onSmallDisk(play: (disk: Disk, sinkPort: number) => Promise<void>): Promise<void> {
  const home = new RelayHome();
  const ballast = path.join(home.folder, "ballast");
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", home.folder]);
  try {
    const sinkPort = await freePort();
    configure(home, sinkPort, { data: path.join(home.folder, "data"), listeners });
    await play({ home, fill: (octets) => fill(ballast, octets), free: () => rmSync(ballast) }, sinkPort);
  } finally {
    for (const relay of started.splice(0)) {
      if (relay.isRunning) relay.kill("SIGKILL");
      await relay.exited;
    }
    execFileSync("umount", [home.folder]);
    home.remove();
  }
}

const started: RelayProcess[] = [];

function start({ home }: Disk): RelayProcess {
  const relay = new RelayProcess(home);
  started.push(relay);
  return relay;
}

function fill(file: string, octets = Number.POSITIVE_INFINITY): void {
  const handle = openSync(file, "a");
  try {
    // Page by page at the end, so that not one is left.
    for (let left = octets, piece = MiB; left > 0; left -= piece) {
      try {
        writeSync(handle, Buffer.alloc(piece));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        if (piece === 4096) return;
        piece = 4096;
      }
    }
  } finally {
    closeSync(handle);
  }
}

/** Sends until it is refused; answers the recipients that were acknowledged. */
async function sendUntilRefused(port: number, octets: number): Promise<string[]> {
  const acknowledged: string[] = [];
  const session = await SourceSession.connect({ port });
  for (let n = 0; n < 5000; n++) {
    const result = await session.send(factory.make(octets, 1));
    if (result.kind === "refused") {
      expect(result.reply).toMatch(/^452 4\.3\.1 /);
      await session.quit();
      return acknowledged;
    }
    expect(result.kind).toBe("acknowledged");
    if (result.kind === "acknowledged") acknowledged.push(...result.recipients);
  }
  throw new Error("a disk of 64 MiB took it all");
}

/** There is room again: mail is accepted soon. */
async function sendWhenAccepted(port: number, relay: RelayProcess): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const session = await SourceSession.connect({ port });
    const result = await session.send(factory.make(3000, 1));
    await session.quit();
    if (result.kind === "acknowledged") return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`still refused: ${relay.lines.filter((line) => line.includes("space.")).join("\n")}`);
}

const factory = new MessageFactory("f", seeded(1), 4 * MiB);

test.skipIf(!mayMount)(`452 4.3.1 to MAIL, and mail again when there is room${skipped}`, () =>
  onSmallDisk(async (disk, sinkPort) => {
    const sink = await AccountingSink.start({ port: sinkPort });
    const relay = start(disk);
    const port = (await relay.ports())[PLAIN]!;
    const session = await SourceSession.connect({ port });
    expect(await session.send(factory.make(3000, 1))).toMatchObject({ kind: "acknowledged" });
    disk.fill(50 * MiB);
    await relay.event("space.low");
    expect(await session.send(factory.make(3000, 1))).toMatchObject({
      kind: "refused",
      reply: expect.stringMatching(/^452 4\.3\.1 /),
    });
    disk.free();
    await relay.event("space.restored", ({ isMailAccepted }) => isMailAccepted === true);
    expect(await session.send(factory.make(3000, 1))).toMatchObject({ kind: "acknowledged" });
    await session.quit();
    await sink.until(({ copies }) => copies.length === 2);
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
    await sink.close();
  }),
);

test.skipIf(!mayMount).each([
  ["large messages", 250_000],
  ["small messages", 30_000],
])(`a queue of %s that filled the disk survives stop and start, and leaves as soon as it can${skipped}`, (_, octets) =>
  onSmallDisk(async (disk, sinkPort) => {
    const first = start(disk);
    const acknowledged = await sendUntilRefused((await first.ports())[PLAIN]!, octets);
    expect(acknowledged.length).toBeGreaterThan(50);
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    const second = start(disk);
    const port = (await second.ports())[PLAIN]!;
    // What the start could save may be enough for some more.
    acknowledged.push(...(await sendUntilRefused(port, 3000)));
    const sink = await AccountingSink.start({ port: sinkPort });
    await sink.until((found) => found.copies.length >= acknowledged.length, 60_000);
    expect(sink.recipients().toSorted()).toEqual(acknowledged.toSorted());
    await sendWhenAccepted(port, second);
    expect(await second.stop()).toEqual({ code: 0, signal: null });
    expect(second.events("relay.died")).toEqual([]);
    await sink.close();
  }),
);

test.skipIf(!mayMount)(
  `a start without any room is refused with what to do, and does as soon as there is room${skipped}`,
  () =>
    onSmallDisk(async (disk) => {
      disk.fill();
      const first = start(disk);
      expect(await first.exited).toEqual({ code: 75, signal: null });
      expect(first.errors).toMatch(/the disk with the data folder .*data is full: make 20 MiB of room/);
      disk.free();
      const second = start(disk);
      await second.ports();
      expect(await second.stop()).toEqual({ code: 0, signal: null });
    }),
);
