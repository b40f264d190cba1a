import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import { lockFolder } from "../../src/adapters/store-sqlite/folder-lock.ts";
import { AccountingSink } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { IMPLICIT, PLAIN, STARTTLS, USER, configure, scene } from "../support/scene.ts";
import { MessageFactory, type SourceMessage, type SourceOptions, SourceSession } from "../support/source.ts";

const MiB = 1024 * 1024;
const factory = new MessageFactory("e", seeded(1), 6 * MiB);

/** Sends over a connection of its own; answers the relay's id of the message. */
async function send(options: SourceOptions, message: SourceMessage): Promise<string> {
  const session = await SourceSession.connect(options);
  const result = await session.send(message);
  await session.quit();
  expect(result).toMatchObject({ kind: "acknowledged", recipients: message.recipients });
  return "reply" in result ? result.reply.split(" ").at(-1)! : "";
}

async function json(home: RelayHome, ...args: string[]): Promise<unknown> {
  const { code, output, errors } = await runCommand([...args, "--json", "--config", home.configFile], {
    cwd: home.folder,
  });
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  return JSON.parse(output);
}

const WAYS: readonly {
  readonly name: string;
  readonly listener: number;
  readonly options: Omit<SourceOptions, "port">;
  readonly identity: string;
}[] = [
  { name: "plain, by network", listener: PLAIN, options: {}, identity: "network 127.0.0.0/8" },
  { name: "STARTTLS, by network", listener: STARTTLS, options: { tls: "starttls" }, identity: "network 127.0.0.0/8" },
  {
    name: "STARTTLS, AUTH PLAIN",
    listener: STARTTLS,
    options: { tls: "starttls", auth: { mechanism: "PLAIN", ...USER } },
    identity: "user app",
  },
  {
    name: "STARTTLS, AUTH LOGIN",
    listener: STARTTLS,
    options: { tls: "starttls", auth: { mechanism: "LOGIN", ...USER } },
    identity: "user app",
  },
  {
    name: "implicit TLS, AUTH PLAIN",
    listener: IMPLICIT,
    options: { tls: "implicit", auth: { mechanism: "PLAIN", ...USER } },
    identity: "user app",
  },
  {
    name: "implicit TLS, AUTH LOGIN",
    listener: IMPLICIT,
    options: { tls: "implicit", auth: { mechanism: "LOGIN", ...USER } },
    identity: "user app",
  },
];

test("a message goes through every listener, with every way of saying who one is", async () => {
  await scene({}, async ({ relay, sink, ports }) => {
    for (const { name, listener, options, identity } of WAYS) {
      const message = factory.make(3000, 1);
      const id = await send({ port: ports[listener]!, ...options }, message);
      await sink.until(({ copies }) => copies.some(({ hash }) => hash === message.hash));
      const accepted = await relay.event("message.accepted", (event) => event["id"] === id);
      expect({ name, identity: accepted["identity"] }).toEqual({ name, identity });
    }
    expect(sink.copies).toHaveLength(WAYS.length);
    expect(relay.lines.join("\n")).not.toContain(USER.password);
  });
});

test("while the next hop is away a message waits and says why; when it is back the message goes", async () => {
  const reserved = await AccountingSink.start();
  const { port } = reserved;
  await reserved.close();
  const config = { smarthosts: { sink: { url: `smtp://127.0.0.1:${port}`, tls: "none" } } };
  await scene({ config }, async ({ home, relay, ports }) => {
    const message = factory.make(3000, 1);
    const id = await send({ port: ports[PLAIN]! }, message);
    await relay.event("site.blocked");
    const [recipient] = message.recipients;
    // Settled a moment after the lane was blocked: asked again until it stands there.
    await expect
      .poll(() => json(home, "queue", "list"))
      .toMatchObject({
        deliveries: [{ id, recipient, state: "waiting", reason: expect.stringMatching(/^lane-blocked: /) }],
      });
    expect(await json(home, "queue", "show", id)).toMatchObject({
      id,
      from: message.from,
      subject: `message ${message.id}`,
      octets: message.content.length,
      deliveries: [{ recipient, text: expect.stringContaining("ECONNREFUSED") }],
    });
    const status = (await json(home, "status")) as { waiting: number; lanes: { blockedUntil?: number }[] };
    expect(status.waiting).toBe(1);
    expect(status.lanes[0]?.blockedUntil).toBeGreaterThan(Date.now() - 10_000);
    const back = await AccountingSink.start({ port });
    try {
      await back.until(({ copies }) => copies.length > 0);
      expect(back.copies[0]!.hash).toBe(message.hash);
      await relay.event("site.unblocked");
      await expect.poll(() => json(home, "queue", "list")).toEqual({ deliveries: [] });
      await expect
        .poll(() => json(home, "queue", "show", id))
        .toMatchObject({ deliveries: [{ recipient, state: "delivered", text: "250 2.0.0 taken" }] });
    } finally {
      await back.close();
    }
  });
});

test("5 MiB leave octet for octet as they came", async () => {
  await scene({ sink: { keepsRaw: true } }, async ({ sink, ports }) => {
    const message = factory.make(5 * MiB, 1);
    await send({ port: ports[PLAIN]! }, message);
    await sink.until(({ copies }) => copies.length > 0);
    const raw = sink.copies[0]!.raw!;
    expect(raw.subarray(raw.length - message.content.length).equals(message.content)).toBe(true);
    expect(raw.subarray(0, raw.length - message.content.length).toString("latin1")).toMatch(
      /^Received: from source\.test \(\[127\.0\.0\.1\]\)\r\n\tby relay\.test \(Waypost\) with ESMTP id [0-9A-Za-z]{14}\r\n\tfor <[^>]*>;\r\n\t[^\r]*\r\n$/,
    );
  });
});

test("250 recipients go in transactions of at most 100, each recipient once", async () => {
  await scene({}, async ({ sink, ports }) => {
    const message = factory.make(3000, 250);
    await send({ port: ports[PLAIN]! }, message);
    await sink.until(() => sink.recipients().length >= 250);
    expect(sink.recipients().toSorted()).toEqual(message.recipients.toSorted());
    expect(sink.copies.map(({ recipients }) => recipients.length).toSorted((a, b) => a - b)).toEqual([50, 100, 100]);
  });
});

test("SIGTERM: what is on its way is finished and recorded, then the relay ends", async () => {
  await scene({ sink: { latencyMs: 1000 } }, async ({ home, relay, sink, ports }) => {
    const message = factory.make(3000, 1);
    await send({ port: ports[PLAIN]! }, message);
    await sink.until(({ connections }) => connections.size === 1);
    expect(sink.copies).toHaveLength(0);
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
    expect(sink.copies.map(({ hash }) => hash)).toEqual([message.hash]);
    expect(relay.events("delivery.delivered")).toHaveLength(1);
    expect(relay.events("relay.stopping")).toMatchObject([{ because: "SIGTERM" }]);
    expect(relay.events("relay.stopped")).toHaveLength(1);
    expect(readdirSync(home.data).filter((name) => name.startsWith("queue"))).toEqual(["queue.db"]);
    expect(await json(home, "queue", "list")).toEqual({ deliveries: [] });
  });
});

test("a signal that is repeated, as Ctrl-C through the launcher is, does not cut the finishing short", async () => {
  await scene({ sink: { latencyMs: 1500 } }, async ({ relay, sink, ports }) => {
    const message = factory.make(3000, 1);
    await send({ port: ports[PLAIN]! }, message);
    await sink.until(({ connections }) => connections.size === 1);
    relay.kill("SIGTERM");
    await relay.event("relay.stopping");
    expect(sink.copies).toHaveLength(0);
    for (const signal of ["SIGTERM", "SIGINT", "SIGTERM"] as const) relay.kill(signal);
    expect(await relay.exited).toEqual({ code: 0, signal: null });
    expect(sink.copies.map(({ hash }) => hash)).toEqual([message.hash]);
    expect(relay.events("relay.stopping")).toHaveLength(1);
    expect(relay.events("relay.stopped")).toHaveLength(1);
  });
});

test("a launcher that is killed takes the relay with it, which finishes what is under way", async () => {
  const home = new RelayHome();
  const sink = await AccountingSink.start({ latencyMs: 2500 });
  const launcher = ["sh", "-c", 'WAYPOST_LAUNCHER=$$ "$@" & wait', "sh"];
  try {
    configure(home, sink.port);
    const relay = new RelayProcess(home, { under: launcher });
    const ports = await relay.ports();
    const message = factory.make(3000, 1);
    await send({ port: ports[PLAIN]! }, message);
    relay.kill("SIGKILL");
    await relay.exited; // its streams stay open until the relay is gone too
    expect(sink.copies.map(({ hash }) => hash)).toEqual([message.hash]);
    expect(relay.events("relay.stopped")).toHaveLength(1);
  } finally {
    await sink.close();
    home.remove();
  }
});

test("SIGTERM as soon as the relay says that it is up: it stops in order", async () => {
  await scene({}, async ({ relay }) => {
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
    expect(relay.events("relay.stopped")).toHaveLength(1);
  });
});

test("a second relay on the same data folder is refused with one line, and the first goes on", async () => {
  await scene({}, async ({ home, sink, ports }) => {
    const second = new RelayProcess(home);
    expect(await second.exited).toEqual({ code: 75, signal: null });
    const told = second.errors.split("\n").filter((line) => line !== "" && !line.includes("configuration from"));
    expect(told).toEqual([expect.stringMatching(/^waypost: another Waypost, process \d+, runs on .*data; stop it/)]);
    await send({ port: ports[PLAIN]! }, factory.make(3000, 1));
    await sink.until(({ copies }) => copies.length === 1);
  });
});

test("try mode beside another one: refused with one line that names the option", async () => {
  const home = new RelayHome();
  const lock = lockFolder(home.folder)!;
  try {
    const { code, errors } = await runCommand(["try", "--data", home.folder], { cwd: home.folder });
    expect({ code, errors }).toEqual({
      code: 75,
      errors: `waypost: another Waypost runs on ${home.folder}; stop it, or choose another folder: npm start -- --data FOLDER\n`,
    });
  } finally {
    lock.release();
    home.remove();
  }
});

test("a queue store that is no database: one line with its path and what to do, and nothing is touched", async () => {
  const home = new RelayHome();
  try {
    configure(home, 1);
    mkdirSync(home.data);
    const text = "no database".repeat(1000);
    home.write("data/queue.db", text);
    const relay = new RelayProcess(home);
    expect(await relay.exited).toEqual({ code: 78, signal: null });
    const told = relay.errors.split("\n").filter((line) => line !== "" && !line.includes("configuration from"));
    expect(told).toEqual([
      `waypost: ${home.queueFile} is no SQLite database: move it away, or name another folder in \`data\``,
    ]);
    expect(readFileSync(home.queueFile, "utf8")).toBe(text);
  } finally {
    home.remove();
  }
});

test("a port that is taken is named with its owner", async () => {
  const owner = net.createServer();
  await new Promise<void>((resolve) => owner.listen({ host: "127.0.0.1", port: 0 }, resolve));
  const { port } = owner.address() as net.AddressInfo;
  const home = new RelayHome();
  try {
    configure(home, 1, { listeners: [{ listen: `127.0.0.1:${port}`, tls: "none" }] });
    for (const threads of [1, 2]) {
      configure(home, 1, { listeners: [{ listen: `127.0.0.1:${port}`, tls: "none" }], threads });
      const relay = new RelayProcess(home);
      expect(await relay.exited).toEqual({ code: 78, signal: null });
      expect(relay.errors).toContain(`127.0.0.1:${port} is taken by `);
      expect(relay.errors).toContain(`(pid ${process.pid})`);
    }
  } finally {
    owner.close();
    home.remove();
  }
});

test("start without any configuration ends with 78 and names the places", async () => {
  const home = new RelayHome();
  try {
    const { code, output, errors } = await runCommand(["start"], { cwd: home.folder });
    expect({ code, output }).toEqual({ code: 78, output: "" });
    const places = [path.join(home.folder, "waypost.yaml"), "/etc/waypost/waypost.yaml"];
    for (const place of [...places, "--config FILE", "WAYPOST_CONFIG", "WAYPOST_RELAYHOST"])
      expect(errors).toContain(place);
  } finally {
    home.remove();
  }
});

test("config check: valid, and not valid with its place", async () => {
  const home = new RelayHome();
  try {
    configure(home, 1);
    const check = (): ReturnType<typeof runCommand> =>
      runCommand(["config", "check", "--config", home.configFile], { cwd: home.folder });
    const note =
      "note: mail for <postmaster> is refused, and nobody hears of reports that fail: postmaster is not set\n";
    expect(await check()).toMatchObject({ code: 0, output: `${note}${home.configFile}: valid\n` });
    configure(home, 1, { postmaster: "admin@example.com" });
    expect(await check()).toMatchObject({ code: 0, output: `${home.configFile}: valid\n` });
    home.write("key.pem", "no key");
    const withoutKey = await check();
    expect(withoutKey.code).toBe(78);
    expect(withoutKey.errors).toContain(`tls.key: ${path.join(home.folder, "key.pem")} is no private key in PEM`);
    configure(home, 1, { listner: [] });
    const invalid = await check();
    expect(invalid.code).toBe(78);
    expect(invalid.errors).toMatch(/waypost\.yaml:\d+:1: unknown key 'listner'; did you mean 'listeners'\?/);
  } finally {
    home.remove();
  }
});

test("version", async () => {
  const home = new RelayHome();
  try {
    for (const args of [["version"], ["--version"], ["-V"]])
      expect(await runCommand(args, { cwd: home.folder })).toMatchObject({
        code: 0,
        output: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/),
      });
  } finally {
    home.remove();
  }
});

test("a reader of the log that stops reading does not stop the mail", async () => {
  await scene({}, async ({ relay, sink, ports }) => {
    relay.stopReading();
    // 5,000 lines of some 300 octets: more than pipe and stream buffers hold.
    for (let i = 0; i < 20; i++) await send({ port: ports[PLAIN]! }, factory.make(2000, 250));
    await sink.until(() => sink.recipients().length === 5000);
    await send({ port: ports[PLAIN]! }, factory.make(2000, 1));
    await sink.until(() => sink.recipients().length === 5001);
    expect(relay.events("delivery.delivered").length).toBeLessThan(5000);
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
  });
});
