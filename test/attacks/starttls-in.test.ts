import net from "node:net";
import tls from "node:tls";
import { afterEach, expect, test } from "vitest";
import { TestServer } from "../support/socket-wire.ts";
import { testListener } from "../support/listener.ts";
import { tally } from "../support/recorded.ts";

// STARTTLS over real connections: what is said in clear does not reach into TLS, and back there is no way.

tally("starttls");

let server: TestServer;

afterEach(async () => {
  await server.close();
});

interface Client {
  readonly socket: net.Socket;
  heard(): string;
  /** Resolves when the server has said this much, or is gone. */
  until(text: string): Promise<string>;
  gone(): Promise<void>;
}

function client(socket: net.Socket): Client {
  let input = "";
  socket.on("data", (octets: Uint8Array) => void (input += new TextDecoder().decode(octets)));
  socket.on("error", () => undefined); // `close` follows
  const isClosed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return {
    socket,
    heard: () => input,
    until: async (text) => {
      while (!input.includes(text) && !socket.destroyed)
        await Promise.race([new Promise((resolve) => socket.once("data", resolve)), isClosed]);
      return input;
    },
    gone: () => isClosed,
  };
}

async function start(words: string): Promise<number> {
  server = new TestServer(testListener(words));
  return server.listen();
}

async function greeted(port: number): Promise<Client> {
  const found = client(net.connect({ host: "127.0.0.1", port }));
  await found.until("220 ");
  found.socket.write("EHLO client.test\r\n");
  await found.until("LIMITS");
  return found;
}

test("row 1: a command behind STARTTLS in one segment is never answered", async () => {
  const found = await greeted(await start("starttls auth trusted"));
  found.socket.write("STARTTLS\r\nNOOP\r\n");
  await found.gone();
  expect(found.heard()).not.toContain("250 2.0.0 OK");
  expect(found.heard()).toContain("554 5.5.0");
});

test("row 3: a transaction injected behind STARTTLS is gone", async () => {
  const found = await greeted(await start("starttls auth trusted"));
  found.socket.write("STARTTLS\r\n");
  found.socket.write("MAIL FROM:<a@x.test>\r\nRCPT TO:<v@x.test>\r\nDATA\r\n");
  await found.gone();
  expect(found.heard()).not.toMatch(/Sender OK|354/);
  expect(server.engine.queue.arrivals).toEqual([]);
});

test.each([
  ["row 8: plain text instead of a handshake", "EHLO client.test\r\nNOOP\r\n"],
  ["row 9: a handshake that cannot succeed", "\x16\x03\x01\x00\x05hello"],
])("%s ends the connection, and nothing is answered in clear", async (_, octets) => {
  const found = await greeted(await start("starttls auth trusted"));
  found.socket.write("STARTTLS\r\n");
  await found.until("220 2.0.0");
  const before = found.heard().length;
  found.socket.write(octets, "latin1");
  await found.gone();
  expect(found.heard().slice(before)).not.toMatch(/^[0-9]{3}[ -]/m);
  expect(server.engine.events.map(({ event }) => event)).toContain("session.failed");
});

test("row 8: a client that never shakes hands is given up in time", async () => {
  const found = await greeted(await start("starttls auth trusted"));
  found.socket.write("STARTTLS\r\n");
  await found.gone(); // the test's listener waits 5 s, a real one INBOUND_TIME.tlsHandshake
  expect(found.heard()).toMatch(/220 2\.0\.0 [^\r]*\r\n$/);
});

test("row 9: a client that knows only TLS 1.1 is refused", async () => {
  const port = await start("secure auth trusted");
  const stream = tls.connect({
    host: "127.0.0.1",
    port,
    rejectUnauthorized: false,
    minVersion: "TLSv1",
    maxVersion: "TLSv1.1",
    ciphers: "DEFAULT@SECLEVEL=0",
  });
  const found = client(stream);
  await found.gone();
  expect(found.heard()).toBe("");
});

test("row 13: names that are none in SNI do no harm", async () => {
  const port = await start("secure trusted");
  for (const servername of ["x".repeat(255), "../../x", "a\\", "relay.test"]) {
    const found = client(tls.connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false }));
    await found.until("220 ");
    found.socket.end("QUIT\r\n");
    await found.gone();
    if (servername === "relay.test") expect(found.heard()).toMatch(/^220 relay\.test .*221 /s);
  }
});
