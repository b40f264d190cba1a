import { writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { plantedTree } from "../crash/patched-copy.ts";
import { selfSigned } from "../support/certificates.ts";
import { freePort } from "../support/free-port.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { type Place, ScriptedHost } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// A next hop that says nothing holds up no stop, and what it kept waiting is delivered after the next start.

/** The server would be waited for much longer: 5 minutes. */
const STOPPED_WITHIN_MS = 20_000;

/** A relay's, with that port of this machine as its next hop. */
function homeTo(port: number): RelayHome {
  const home = new RelayHome();
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { hop: { url: `smtp://127.0.0.1:${port}`, tls: "none" } },
    routes: [{ deliver: "hop" }],
  });
  return home;
}

test.each<Place>(["CONNECT", "MAIL"])(
  "a next hop that is silent at %s: the stop takes seconds, and nothing is lost",
  async (silentAt) => {
    let isSilent = true;
    const host = await ScriptedHost.start({
      script: (place) => (place === silentAt && isSilent ? "silence" : undefined),
    });
    const home = homeTo(host.port);
    let relay = new RelayProcess(home);
    try {
      const [port = 0] = await relay.ports();
      const session = await SourceSession.connect({ port });
      const content = Buffer.from("Subject: x\r\n\r\nbody\r\n");
      for (let n = 0; n < 8; n++)
        await session.send({ id: "", from: "s@here.test", recipients: [`r${n}@there.test`], content, hash: "" });
      await session.quit();
      await expect.poll(() => host.openedAt.length).toBeGreaterThan(0);
      const from = performance.now();
      expect(await relay.stop()).toEqual({ code: 0, signal: null });
      expect(performance.now() - from).toBeLessThan(STOPPED_WITHIN_MS);
      isSilent = false;
      relay = new RelayProcess(home);
      await relay.ports();
      await expect.poll(() => host.messages.length).toBe(8);
      expect(new Set(host.messages.flatMap(({ to }) => to)).size).toBe(8);
    } finally {
      relay.kill("SIGKILL");
      await relay.stop();
      await host.close();
      home.remove();
    }
  },
);

// A store that fails while a relay stops keeps the ends of its last deliveries from being recorded: that is no stop in order.
test.each(["mail", "queue", "store"] as const)(
  "a %s thread that dies while the relay stops: the relay ends at once, and not as if it had stopped in order",
  async (thread) => {
    const host = await ScriptedHost.start({ script: (place) => (place === "MAIL" ? "silence" : undefined) });
    const { tree, remove } = plantedTree("thread-ends");
    const home = homeTo(host.port);
    const file = path.join(home.folder, "end");
    const relay = new RelayProcess(home, { tree, environment: { ENDING_THREAD: thread, ENDING_AT_FILE: file } });
    try {
      const [port = 0] = await relay.ports();
      const session = await SourceSession.connect({ port });
      const content = Buffer.from("Subject: x\r\n\r\nbody\r\n");
      await session.send({ id: "", from: "s@here.test", recipients: ["r@there.test"], content, hash: "" });
      await expect.poll(() => host.openedAt.length).toBeGreaterThan(0);
      // Who is told to stop waits for the session and for the server.
      relay.kill("SIGTERM");
      await relay.event("relay.stopping");
      const from = performance.now();
      writeFileSync(file, "");
      expect(await relay.exited).toEqual({ code: 70, signal: null });
      expect(performance.now() - from).toBeLessThan(STOPPED_WITHIN_MS / 2);
      expect(relay.events("relay.died")).toMatchObject([
        { text: expect.stringContaining(`the ${thread} thread died`) },
      ]);
      expect(relay.events("relay.stopped")).toEqual([]);
    } finally {
      relay.kill("SIGKILL");
      await relay.exited;
      await host.close();
      home.remove();
      remove();
    }
  },
);

test("a relay that is told to stop in the moment in which a thread dies ends as one of which a thread died", async () => {
  const { tree, remove } = plantedTree("thread-ends");
  const home = homeTo(1);
  const file = path.join(home.folder, "end");
  const relay = new RelayProcess(home, { tree, environment: { ENDING_THREAD: "store", ENDING_AT_FILE: file } });
  try {
    await relay.ports();
    writeFileSync(file, "");
    await relay.event("relay.died");
    relay.kill("SIGTERM");
    expect(await relay.exited).toEqual({ code: 70, signal: null });
  } finally {
    relay.kill("SIGKILL");
    await relay.exited;
    home.remove();
    remove();
  }
});

test("who waits for TLS when a relay stops is told nothing in clear", async () => {
  const home = new RelayHome();
  const listener = { listen: "127.0.0.1:0", tls: "none" };
  const { certificate, key } = selfSigned("relay.test");
  home.configure({
    tls: { certificate: home.write("certificate.pem", certificate), key: home.write("key.pem", key) },
    listeners: [{ ...listener, tls: "implicit" }, { ...listener, tls: "starttls" }, listener],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { hop: { url: "smtp://127.0.0.1:9", tls: "none" } },
    routes: [{ deliver: "hop" }],
  });
  const relay = new RelayProcess(home);
  try {
    const clients = (await relay.ports()).map((port) => {
      const client = { socket: net.connect({ host: "127.0.0.1", port }), heard: "" };
      client.socket
        .on("data", (octets) => void (client.heard += octets.toString("latin1")))
        .on("error", () => undefined);
      return client;
    });
    const [implicit, starttls, plain] = clients;
    const hears = (client: (typeof clients)[number], text: string) => expect.poll(() => client.heard).toContain(text);
    await hears(plain!, "220 ");
    await hears(starttls!, "220 ");
    starttls!.socket.write("EHLO client.test\r\n");
    await hears(starttls!, "250 ");
    starttls!.socket.write("STARTTLS\r\n");
    await hears(starttls!, "220 2.0.0");
    for (const client of clients) client.heard = "";
    await relay.stop();
    await hears(plain!, "421 ");
    expect([implicit!.heard, starttls!.heard]).toEqual(["", ""]);
    for (const { socket } of clients) socket.destroy();
  } finally {
    relay.kill("SIGKILL");
    await relay.stop();
    home.remove();
  }
});

test("while a relay stops, status says so, and what it would not go on with is refused", async () => {
  const home = new RelayHome();
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { hop: { url: "smtp://127.0.0.1:9", tls: "none" } },
    routes: [{ deliver: "hop" }],
  });
  const run = async (...args: string[]): ReturnType<typeof runCommand> =>
    await runCommand([...args, "--config", home.configFile], { cwd: home.folder });
  const relay = new RelayProcess(home);
  const [port = 0] = await relay.ports();
  const file = `${home.folder}/queue.waypost`;
  const client = net.connect(port, "127.0.0.1");
  try {
    await run("pause", "outbound");
    const session = await SourceSession.connect({ port });
    const content = Buffer.from("Subject: x\r\n\r\nbody\r\n");
    await session.send({ id: "", from: "s@here.test", recipients: ["r@there.test"], content, hash: "" });
    await session.quit();
    expect((await run("queue", "export", file)).code).toBe(0);
    for (const target of ["inbound", "outbound"]) expect((await run("resume", target)).code).toBe(0);
    expect(JSON.parse((await run("status", "--json")).output)).toMatchObject({ state: "running" });
    // A message whose end is not there yet is waited for.
    let said = "";
    client.setEncoding("utf8").on("data", (text: string) => (said += text));
    for (const command of ["HELO client.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA"]) {
      const before = said.length;
      client.write(`${command}\r\n`);
      await expect.poll(() => said.slice(before)).toMatch(/^(250|354) /m);
    }
    client.write("Subject: x\r\n\r\n");
    relay.kill("SIGTERM");
    await relay.event("relay.stopping");
    await expect.poll(async () => (await run("status")).output).toMatch(/^Stopping: no new mail is taken/m);
    expect(JSON.parse((await run("status", "--json")).output)).toMatchObject({ state: "stopping" });
    expect((await run("top", "--once")).output).toMatch(/ {3}stopping$/m);
    for (const command of [["reload"], ["queue", "import", file]]) {
      const { code, output, errors } = await run(...command);
      expect([code, output, errors]).toEqual([75, "", expect.stringContaining("the relay is stopping")]);
    }
    relay.kill("SIGHUP");
    expect(await relay.event("config.rejected")).toMatchObject({
      errors: [expect.stringContaining("the relay is stopping")],
    });
    // Who comes now hears it, and does not keep the relay.
    expect(await (await SourceSession.open(port, false)).reply()).toMatch(/^421 4\.3\.2 /);
    client.write("x\r\n.\r\n");
    await expect.poll(() => said).toContain("\r\n250 2.0.0 ");
    expect(await relay.exited).toEqual({ code: 0, signal: null });
  } finally {
    client.destroy();
    relay.kill("SIGKILL");
    await relay.stop();
    home.remove();
  }
});

test("a stop in the first moment in which mail flows finishes what has begun", async () => {
  const port = await freePort();
  const home = new RelayHome();
  home.configure({
    listeners: [{ listen: `127.0.0.1:${port}`, tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { hop: { url: "smtp://127.0.0.1:9", tls: "none" } },
    routes: [{ deliver: "hop" }],
  });
  const relay = new RelayProcess(home);
  try {
    const session = await firstSession(port);
    await session.expect(220);
    await session.hello();
    for (const command of ["MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA"]) await session.command(command);
    relay.kill("SIGTERM");
    await relay.event("relay.stopping");
    expect(await session.command("Subject: x\r\n\r\nx\r\n.")).toMatch(/^250 2\.0\.0 /);
    expect(await relay.exited).toEqual({ code: 0, signal: null });
    expect(relay.events("relay.stopped")).toHaveLength(1);
  } finally {
    relay.kill("SIGKILL");
    await relay.stop();
    home.remove();
  }
});

/** As soon as somebody listens. */
async function firstSession(port: number): Promise<SourceSession> {
  for (let n = 0; n < 10_000; n++) {
    try {
      return await SourceSession.open(port, false);
    } catch {
      await turn(); // not yet
    }
  }
  throw new Error("nobody listens");
}
