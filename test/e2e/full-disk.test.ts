import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { AccountingSink } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { freePort } from "../support/free-port.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { PLAIN, configure } from "../support/scene.ts";
import { SmallDisk, mayMount } from "../support/small-disk.ts";
import { MessageFactory, SourceSession } from "../support/source.ts";

// The data folder on a small tmpfs that somebody else fills up.

const MiB = 1024 * 1024;
const skipped = mayMount ? "" : " (skipped: not root)";
// The disk is as small as a start (20 MiB) and a queue on it allow: filling it takes a slow machine its time.
const DISK_MIB = 36;
const listeners = [{ listen: "127.0.0.1:0", tls: "none", max_message_bytes: 2 * MiB }];
/** Sessions that fill it: one would mostly wait for answers. */
const SESSIONS = 8;

interface Disk {
  readonly home: RelayHome;
  readonly disk: SmallDisk;
}

async function onSmallDisk(play: (disk: Disk, sinkPort: number) => Promise<void>): Promise<void> {
  const home = new RelayHome();
  const disk = new SmallDisk(home.folder, DISK_MIB);
  try {
    const sinkPort = await freePort();
    configure(home, sinkPort, { data: path.join(home.folder, "data"), listeners });
    await play({ home, disk }, sinkPort);
  } catch (error) {
    // Who loses a connection hears of it before the end of the process that had it.
    await Promise.race([Promise.all(started.map((relay) => relay.exited)), setTimeout(2000)]);
    throw new Error(`with relays of which ${started.map((relay) => relay.told()).join("\nand ")}`, { cause: error });
  } finally {
    for (const relay of started.splice(0)) {
      if (relay.isRunning) relay.kill("SIGKILL");
      await relay.exited;
    }
    disk.remove();
    home.remove();
  }
}

const started: RelayProcess[] = [];

function start({ home }: Disk): RelayProcess {
  const relay = new RelayProcess(home);
  started.push(relay);
  return relay;
}

/** Some sessions send until they are refused; answers the recipients that were acknowledged. */
async function sendUntilRefused(port: number, octets: number): Promise<string[]> {
  const acknowledged: string[] = [];
  const sessions = Array.from({ length: SESSIONS }, async () => {
    const session = await SourceSession.connect({ port });
    for (;;) {
      const result = await session.send(factory.make(octets, 1));
      if (result.kind === "refused") {
        expect(result.reply).toMatch(/^452 4\.3\.1 /);
        return session.quit();
      }
      expect(result.kind).toBe("acknowledged");
      if (result.kind === "acknowledged") acknowledged.push(...result.recipients);
      if (acknowledged.length * octets > DISK_MIB * MiB) throw new Error("the disk took more than it has");
    }
  });
  await Promise.all(sessions);
  return acknowledged;
}

/** All of it comes, however long that takes: only a stand-still ends the wait. */
async function untilAllCame(sink: AccountingSink, count: number): Promise<void> {
  while (sink.copies.length < count) {
    const before = sink.copies.length;
    await sink.until((found) => found.copies.length > before);
  }
}

/** There is room again: mail is accepted soon. */
async function sendWhenAccepted(port: number, relay: RelayProcess): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const session = await SourceSession.connect({ port });
    const result = await session.send(factory.make(3000, 1));
    await session.quit();
    if (result.kind === "acknowledged") return;
    await setTimeout(200);
  }
  throw new Error(`still refused: ${relay.lines.filter((line) => line.includes("space.")).join("\n")}`);
}

const factory = new MessageFactory("f", seeded(1), MiB);

test.skipIf(!mayMount)(`452 4.3.1 to MAIL, and mail again when there is room${skipped}`, () =>
  onSmallDisk(async (small, sinkPort) => {
    const sink = await AccountingSink.start({ port: sinkPort });
    const relay = start(small);
    const port = (await relay.ports())[PLAIN]!;
    const session = await SourceSession.connect({ port });
    expect(await session.send(factory.make(3000, 1))).toMatchObject({ kind: "acknowledged" });
    small.disk.fill((DISK_MIB - 10) * MiB); // and 8 MiB are the reserve
    await relay.event("space.low");
    expect(await session.send(factory.make(3000, 1))).toMatchObject({
      kind: "refused",
      reply: expect.stringMatching(/^452 4\.3\.1 /),
    });
    small.disk.free();
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
  onSmallDisk(async (small, sinkPort) => {
    const first = start(small);
    const acknowledged = await sendUntilRefused((await first.ports())[PLAIN]!, octets);
    expect(acknowledged.length).toBeGreaterThan(50);
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    const second = start(small);
    const port = (await second.ports())[PLAIN]!;
    // What the start could save may be enough for some more.
    acknowledged.push(...(await sendUntilRefused(port, 3000)));
    const sink = await AccountingSink.start({ port: sinkPort });
    await untilAllCame(sink, acknowledged.length);
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
    onSmallDisk(async (small) => {
      small.disk.fill();
      const first = start(small);
      expect(await first.exited).toEqual({ code: 75, signal: null });
      expect(first.errors).toMatch(/the disk with the data folder .*data is full: make 20 MiB of room/);
      small.disk.free();
      const second = start(small);
      await second.ports();
      expect(await second.stop()).toEqual({ code: 0, signal: null });
    }),
);
