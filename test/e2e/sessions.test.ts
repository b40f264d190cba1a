import { execFileSync } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import { LOGS } from "../../src/core/base/limits.ts";
import { AccountingSink } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { PLAIN, STARTTLS, USER, configure, scene } from "../support/scene.ts";
import { MessageFactory, SourceSession } from "../support/source.ts";
import { LineClient } from "../support/socket-wire.ts";

// Limits of sessions hold exactly over all mail threads (promise P8).

/** So many connections one after the other; what each got as its first line. */
async function greetings(port: number, count: number): Promise<{ lines: string[]; close: () => Promise<void> }> {
  const clients: LineClient[] = [];
  const lines: string[] = [];
  for (let n = 0; n < count; n++) {
    const client = await LineClient.connect(port, false);
    clients.push(client);
    lines.push((await client.line())!.slice(0, 3));
  }
  const close = async (): Promise<void> => {
    await Promise.all(clients.map((client) => client.end()));
  };
  return { lines, close };
}

const codes = (taken: number, refused: number): string[] => [
  ...Array.from({ length: taken }, () => "220"),
  ...Array.from({ length: refused }, () => "421"),
];

test("a limit of a listener is neither more nor less with four mail threads", async () => {
  for (const limit of [1, 7]) {
    await scene({ config: { threads: 4, limits: { sessions_per_listener: limit } } }, async ({ ports }) => {
      const { lines, close } = await greetings(ports[PLAIN]!, limit + 5);
      expect(lines).toEqual(codes(limit, 5));
      await close();
      // Every seat is free again, as soon as the relay has seen that its clients are gone.
      await expect
        .poll(async () => {
          const again = await greetings(ports[PLAIN]!, limit);
          await again.close();
          return again.lines;
        })
        .toEqual(codes(limit, 0));
    });
  }
});

test("strangers leave a tenth of a listener to those that are known, and who is turned away is told of", async () => {
  const config = {
    access: { networks: ["127.0.0.9/32"] },
    limits: { sessions_per_listener: 20, sessions_per_address: 100 },
  };
  await scene({ config }, async ({ ports, relay }) => {
    const strangers = await greetings(ports[PLAIN]!, 20);
    expect(strangers.lines).toEqual(codes(18, 2));
    const route = { host: "127.0.0.1", localAddress: "127.0.0.9" };
    const known = await SourceSession.connect({ port: ports[PLAIN]!, route });
    await known.quit();
    expect(await relay.event("sessions.full")).toMatchObject({ limit: "listener", client: "127.0.0.1" });
    await strangers.close();
  });
});

test("the limit of an address is for strangers; who gave a password makes room", async () => {
  const config = { threads: 4, access: { networks: [] }, limits: { sessions_per_address: 3 } };
  await scene({ config }, async ({ ports }) => {
    const port = ports[STARTTLS]!;
    const known = [];
    for (let n = 0; n < 5; n++)
      known.push(await SourceSession.connect({ port, tls: "starttls", auth: { mechanism: "PLAIN", ...USER } }));
    const strangers = await greetings(port, 5);
    expect(strangers.lines).toEqual(codes(3, 2));
    await strangers.close();
    for (const session of known) await session.quit();
  });
});

/** Commands that are refused, one session after the other: answers how many were. */
async function refusals(port: number, sessions: number, localAddress: string): Promise<number> {
  let refused = 0;
  for (let n = 0; n < sessions; n++) {
    const socket = net.connect({ host: "127.0.0.1", port, localAddress });
    let text = "";
    socket.setEncoding("latin1").on("data", (part: string) => (text += part));
    await once(socket, "data"); // neither before the greeting nor behind EHLO may anything follow
    socket.write("EHLO client.test\r\n");
    await once(socket, "data");
    socket.write(`${"RCPT TO:<a@b.test>\r\n".repeat(5)}QUIT\r\n`);
    await once(socket, "close");
    refused += [...text.matchAll(/^503 /gm)].length;
  }
  return refused;
}

test("what strangers do has so many lines of the log, and a count of the rest; what those that are known do is told each time", async () => {
  const config = { threads: 1, access: { networks: ["127.0.0.9/32"] } };
  await scene({ config }, async ({ ports, relay }) => {
    const port = ports[PLAIN]!;
    const ofStranger = await refusals(port, 30, "127.0.0.1");
    const ofKnown = await refusals(port, 30, "127.0.0.9");
    expect([ofStranger, ofKnown]).toEqual([150, 150]);
    await relay.stop();
    const told = relay.events("session.refused").map(({ client }) => client);
    expect(told.filter((client) => client === "127.0.0.1")).toHaveLength(LOGS.strangerLinesPerMinute);
    expect(told.filter((client) => client === "127.0.0.9")).toHaveLength(ofKnown);
    expect(relay.events("log.withheld")).toMatchObject([
      { of: "session.refused", client: "127.0.0.1", lines: ofStranger - LOGS.strangerLinesPerMinute },
    ]);
  });
});

const factory = new MessageFactory("s", seeded(1), 1024 * 1024);

test.skipIf(process.platform !== "linux")(
  "a limit of file descriptors below that of sessions is told at the start; sessions leave some of them for deliveries",
  async () => {
    const home = new RelayHome();
    const sink = await AccountingSink.start();
    try {
      configure(home, sink.port);
      const relay = new RelayProcess(home, { under: ["sh", "-c", 'ulimit -n 240; exec "$@"', "sh"] });
      const [port = 0] = await relay.ports();
      expect(relay.events("descriptors.few")).toMatchObject([
        { descriptors: 240, sessions: 30_000, connections: 4000 },
      ]);
      const first = await SourceSession.connect({ port });
      const flood = Array.from({ length: 400 }, () => net.connect({ host: "127.0.0.1", port }));
      const turnedAway = flood.map((socket) => once(socket.on("error", () => undefined).resume(), "close"));
      await Promise.race(turnedAway);
      await relay.event("sessions.full", ({ limit }) => limit === "file-descriptors");
      // Who was let in before can send, and what it sends goes out, while all the others sit there.
      expect(await first.send(factory.make(300_000, 1))).toMatchObject({ kind: "acknowledged" });
      await sink.until(({ copies }) => copies.length === 1);
      for (const socket of flood) socket.destroy();
      await expect.poll(() => greeted(port)).toBe(true);
      const session = await SourceSession.connect({ port });
      expect(await session.send(factory.make(3000, 1))).toMatchObject({ kind: "acknowledged" });
      await sink.until(({ copies }) => copies.length === 2);
      expect(await relay.stop()).toEqual({ code: 0, signal: null });
    } finally {
      await sink.close();
      home.remove();
    }
  },
);

async function greeted(port: number): Promise<boolean> {
  const client = await LineClient.connect(port, false);
  const line = await client.line();
  await client.end();
  return line?.startsWith("220") === true;
}

const mayMount = process.getuid?.() === 0 && process.platform === "linux";

test.skipIf(!mayMount)(`a data folder in memory is told${mayMount ? "" : " (skipped: not root)"}`, async () => {
  const disk = new RelayHome();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", disk.folder]);
  try {
    await scene({ config: { data: path.join(disk.folder, "data") } }, async ({ relay }) => {
      expect(relay.events("data.volatile")).toMatchObject([{ fileSystem: "tmpfs" }]);
      await relay.stop();
    });
  } finally {
    execFileSync("umount", [disk.folder]);
    disk.remove();
  }
});
