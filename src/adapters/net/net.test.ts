import { once } from "node:events";
import * as net from "node:net";
import * as tls from "node:tls";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Certificate, selfSigned } from "../../../test/support/certificates.ts";
import { INBOUND } from "../../core/base/limits.ts";
import type { ConnectTarget, Socket, SocketEnd, SocketHandler, TlsFacts } from "../../ports/transport.ts";
import { plainAddress } from "./networks.ts";
import { NetSocket, type ServerTls, acceptSocket, acceptTlsSocket } from "./socket.ts";
import { serverContext } from "./tls-context.ts";
import { NetTransport } from "./transport.ts";

/** Notes what a handler is told, and lets a test wait for it. */
class Witness implements SocketHandler {
  readonly calls: string[] = [];
  text = "";
  octets = 0;
  tls: TlsFacts | undefined;
  ends: SocketEnd[] = [];
  socket: Socket | undefined;
  onReceived: (text: string) => void = () => {};
  #waiters: (() => void)[] = [];

  received(octets: Uint8Array): void {
    this.octets += octets.length;
    const text = Buffer.from(octets).toString("latin1");
    this.text += text;
    this.#note("received");
    this.onReceived(text);
  }
  drained(): void {
    this.#note("drained");
  }
  secured(tls: TlsFacts): void {
    this.tls = tls;
    this.#note("secured");
  }
  connected(socket: Socket, tls: TlsFacts | undefined): void {
    this.socket = socket;
    this.tls = tls;
    this.#note("connected");
  }
  closed(end: SocketEnd): void {
    this.ends.push(end);
    this.#note("closed");
  }

  async until(isTrue: (witness: this) => boolean): Promise<void> {
    while (!isTrue(this)) {
      if (this.ends.length > 0) throw new Error(`the connection ended first: ${JSON.stringify(this.ends)}`);
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }
  async untilCall(name: string): Promise<void> {
    await this.until(() => this.calls.includes(name));
  }
  async end(): Promise<SocketEnd> {
    await this.untilCall("closed");
    return this.ends[0]!;
  }

  #note(call: string): void {
    this.calls.push(call);
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }
}

const transport = new NetTransport();
const opened: { destroy(): void }[] = [];
const servers: net.Server[] = [];
let good: Certificate;

beforeAll(() => {
  good = selfSigned("localhost", "DNS:localhost,IP:127.0.0.1");
});

afterEach(() => {
  for (const one of opened.splice(0)) one.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function listen(onConnection: (raw: net.Socket) => void, host = "127.0.0.1"): Promise<number> {
  const server = net.createServer((raw) => {
    opened.push(raw);
    raw.on("error", () => undefined);
    onConnection(raw);
  });
  servers.push(server);
  server.listen(0, host);
  await once(server, "listening");
  return (server.address() as net.AddressInfo).port;
}

function connect(port: number, more: Partial<ConnectTarget> = {}): Witness {
  const witness = new Witness();
  const target: ConnectTarget = {
    host: "127.0.0.1",
    port,
    isImplicitTls: false,
    mustVerify: true,
    authorities: [],
    connectTimeout: 5000,
    handshakeTimeout: 5000,
    ...more,
  };
  witness.socket = transport.connect(target, witness);
  opened.push(witness.socket);
  return witness;
}

interface Pair {
  readonly client: Witness;
  readonly server: Witness;
  readonly raw: net.Socket;
}

const serverTls = (of: Certificate = good, handshakeTimeout = 5000): ServerTls => ({
  context: serverContext(of.certificate, of.key),
  handshakeTimeout,
});

/** Two of our sockets, connected; both sides may start TLS. */
async function pair(more: Partial<ConnectTarget> = {}, certificate: Certificate = good): Promise<Pair> {
  const server = new Witness();
  const tlsOfServer = serverTls(certificate);
  const accepted = Promise.withResolvers<net.Socket>();
  const port = await listen((raw) => {
    server.socket = acceptSocket(raw, server, tlsOfServer);
    accepted.resolve(raw);
  });
  const client = connect(port, more);
  await client.untilCall("connected");
  return { client, server, raw: await accepted.promise };
}

test("an IPv4 peer of a listener for both families is its IPv4 address; others are what they are", () => {
  expect(plainAddress("::ffff:192.0.2.1")).toBe("192.0.2.1");
  for (const address of ["192.0.2.1", "::1", "2001:db8::ffff:192.0.2.1", "::ffff:0:1"])
    expect(plainAddress(address)).toBe(address);
});

describe("plain", () => {
  test("what is sent arrives, text and octets in their order, both ways", async () => {
    const { client, server } = await pair();
    expect(client.tls).toBeUndefined();
    expect(client.socket!.send(["EHLO ", new Uint8Array([0xff, 0x00]), "é", "\r\n"])).toBe(true);
    await server.until((w) => w.octets === 11);
    expect(server.text).toBe("EHLO \xff\x00\xc3\xa9\r\n");
    server.socket!.send(["250 ", "ok\r\n"]);
    server.socket!.send([]);
    await client.until((w) => w.text === "250 ok\r\n");
    expect(client.socket!.remote).toEqual(server.socket!.local);
    expect(client.socket!.local).toEqual(server.socket!.remote);
  });

  test("large parts keep their order", async () => {
    const { client, server } = await pair();
    const parts = Array.from({ length: 50 }, (_, i) => new Uint8Array(1000).fill(0x41 + (i % 26)));
    client.socket!.send(parts);
    await server.until((w) => w.octets === 50_000);
    expect(server.text).toBe(Buffer.concat(parts).toString("latin1"));
  });

  test("above the bound `send` says false, and `drained` follows", async () => {
    const { client, server, raw } = await pair();
    raw.pause();
    const block = new Uint8Array(64 * 1024);
    let sent = 0;
    do sent += block.length;
    while (client.socket!.send([block]));
    expect(client.calls).not.toContain("drained");
    raw.resume();
    await client.untilCall("drained");
    await server.until((w) => w.octets === sent);
    expect(client.calls.filter((call) => call === "drained")).toHaveLength(1);
    expect(sent).toBeGreaterThan(INBOUND.pendingOutputMax);
  });

  test("while paused nothing is given, afterwards everything", async () => {
    const { client, server, raw } = await pair();
    server.socket!.pause();
    client.socket!.send(["NOOP\r\n"]);
    while (raw.bytesRead < 6) await new Promise((resolve) => setImmediate(resolve));
    expect(server.calls).toEqual([]);
    server.socket!.resume();
    await server.until((w) => w.text === "NOOP\r\n");
  });

  test("an IPv4 peer of an IPv6 listener is an IPv4 peer", async () => {
    const server = new Witness();
    const accepted = Promise.withResolvers<Socket>();
    const port = await listen((raw) => accepted.resolve(acceptSocket(raw, server, undefined)), "::ffff:127.0.0.1");
    connect(port);
    expect((await accepted.promise).remote.address).toBe("127.0.0.1");
  });
});

describe("the end", () => {
  test("nobody listens", async () => {
    const port = await listen(() => undefined);
    servers.pop()!.close();
    const client = connect(port);
    const end = await client.end();
    expect(end.kind).toBe("connect-failed");
    expect(end.text).toContain("ECONNREFUSED");
    expect(client.calls).toEqual(["closed"]);
  });

  test("a name without an address", async () => {
    const end = await connect(25, { host: "no-such-host.invalid" }).end();
    expect(end.kind).toBe("connect-failed");
    expect(end.text).toContain("no-such-host.invalid");
  });

  test("nobody answers", async () => {
    const witness = new Witness();
    const socket = new NetSocket(new net.Socket(), witness, undefined, () => undefined);
    socket.standsWithin(10);
    expect(await witness.end()).toEqual({ kind: "connect-failed", text: "the connection took too long" });
  });

  test("destroyed before it stood", async () => {
    const client = connect(await listen(() => undefined));
    client.socket!.destroy();
    expect(await client.end()).toEqual({ kind: "closed-here", text: "" });
    expect(client.calls).toEqual(["closed"]);
  });

  test("a reset", async () => {
    const { client, server, raw } = await pair();
    client.socket!.send(["x"]);
    await server.untilCall("received");
    raw.resetAndDestroy();
    expect((await client.end()).kind).toBe("reset");
    expect(client.socket!.send(["too late"])).toBe(true);
    client.socket!.close(10);
    client.socket!.destroy();
    client.socket!.startTls();
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.ends).toHaveLength(1);
    expect(server.ends).toHaveLength(1);
  });

  test("the peer closes its half: so do we, after what was sent", async () => {
    const server = new Witness();
    server.onReceived = () => void server.socket!.send(["221 bye\r\n"]);
    const port = await listen((raw) => void (server.socket = acceptSocket(raw, server, undefined)));
    const raw = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    opened.push(raw);
    raw.end("QUIT\r\n");
    const chunks: Buffer[] = [];
    raw.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(raw, "close");
    expect(Buffer.concat(chunks).toString()).toBe("221 bye\r\n");
    expect((await server.end()).kind).toBe("ended");
  });

  test("close sends what waits, gives nothing more, and ends once", async () => {
    const { client, server } = await pair();
    const whole = "x".repeat(200_000);
    server.socket!.send([whole]);
    server.socket!.close(5000);
    client.socket!.send(["too late\r\n"]);
    expect((await client.end()).kind).toBe("ended");
    expect(client.text.length).toBe(whole.length);
    expect(await server.end()).toEqual({ kind: "closed-here", text: "" });
    expect(server.calls).toEqual(["closed"]);
  });

  test("close does not wait for its linger where the peer is done, also after a pause", async () => {
    const { client, server, raw } = await pair();
    server.socket!.pause();
    client.socket!.send(["not looked at\r\n"]);
    while (raw.bytesRead === 0) await new Promise((resolve) => setImmediate(resolve));
    server.socket!.close(60_000);
    expect((await client.end()).kind).toBe("ended");
    expect(await server.end()).toEqual({ kind: "closed-here", text: "" });
    expect(server.calls).toEqual(["closed"]);
  });

  test("close does not wait for ever", async () => {
    const server = new Witness();
    const port = await listen((raw) => {
      server.socket = acceptSocket(raw, server, undefined);
      server.socket.close(10);
    });
    const peer = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    peer.on("error", () => undefined);
    opened.push(peer);
    expect((await server.end()).kind).toBe("closed-here");
  });
});

/** STARTTLS as both machines do it: a line, an answer, then TLS on both sides. */
function startTls({ client, server }: Pair): void {
  server.onReceived = (text) => {
    if (!text.startsWith("STARTTLS")) return;
    server.socket!.send(["220 go\r\n"]);
    server.socket!.startTls();
  };
  client.onReceived = (text) => {
    if (text.startsWith("220")) client.socket!.startTls();
  };
  client.socket!.send(["STARTTLS\r\n"]);
}

describe("STARTTLS", () => {
  test("to a verified peer", async () => {
    const both = await pair({ host: "localhost", authorities: [good.certificate] });
    startTls(both);
    await both.client.untilCall("secured");
    await both.server.untilCall("secured");
    expect(both.client.tls).toEqual({ version: "TLSv1.3", cipher: both.server.tls!.cipher, isVerified: true });
    expect(both.server.tls).toMatchObject({ version: "TLSv1.3", isVerified: false });
    expect(both.client.tls!.cipher).toMatch(/^TLS_/);
    both.client.socket!.send(["EHLO again\r\n"]);
    await both.server.until((w) => w.text.endsWith("EHLO again\r\n"));
    const large = new Uint8Array(1_000_000).fill(0x78);
    both.server.socket!.send([large]);
    await both.client.until((w) => w.octets === 8 + large.length);
    both.client.socket!.close(1000);
    expect((await both.server.end()).kind).toBe("ended");
    expect(await both.client.end()).toEqual({ kind: "closed-here", text: "" });
    expect(both.raw.destroyed).toBe(true);
  });

  test.each([
    ["localhost", "localhost"],
    ["127.0.0.1", false],
  ])("SNI for %s is %s", async (host, expected) => {
    const asked = Promise.withResolvers<string | false | null>();
    const server = tls.createServer({ cert: good.certificate, key: good.key }, (peer) => {
      asked.resolve(peer.servername);
      peer.on("error", () => undefined).destroy();
    });
    servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as net.AddressInfo;
    const client = connect(port, { host, isImplicitTls: true, authorities: [good.certificate] });
    await client.untilCall("connected");
    expect(client.tls?.isVerified).toBe(true);
    expect(await asked.promise).toBe(expected);
  });

  test.each([
    [
      "of an unknown authority",
      "localhost",
      "DNS:localhost",
      false,
      /no authority that is trusted here \(self.signed certificate\); smarthosts\.NAME\.tls_ca/,
    ],
    ["of another name", "localhost", "DNS:elsewhere.test", true, /not for localhost, but for DNS:elsewhere\.test$/],
    ["with a name in its CN only", "localhost", undefined, true, /subject alternative name/],
    ["without the address", "127.0.0.1", "DNS:localhost", true, /not for 127\.0\.0\.1, but for DNS:localhost$/],
  ])("a certificate %s is bad, and reported so where it need not be good", async (_, host, altNames, isKnown, why) => {
    const certificate = selfSigned("localhost", altNames);
    const authorities = isKnown ? [certificate.certificate] : [];
    const strict = await pair({ host, authorities }, certificate);
    startTls(strict);
    const end = await strict.client.end();
    expect(end.kind).toBe("tls-failed");
    expect(end.text).toMatch(why);
    expect(strict.client.calls).not.toContain("secured");

    const lenient = await pair({ host, authorities, mustVerify: false }, certificate);
    startTls(lenient);
    await lenient.client.untilCall("secured");
    expect(lenient.client.tls?.isVerified).toBe(false);
  });

  test("authorities that are no certificates end the attempt, not the process", async () => {
    const both = await pair({ authorities: ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] });
    startTls(both);
    expect((await both.client.end()).kind).toBe("tls-failed");
  });

  test("input in clear that was not looked at is dropped", async () => {
    const { client, server, raw } = await pair({ authorities: [good.certificate] });
    server.socket!.pause();
    client.socket!.send(["STARTTLS\r\nMAIL FROM:<evil@x.test>\r\n"]);
    while (raw.bytesRead < 30) await new Promise((resolve) => setImmediate(resolve));
    server.socket!.startTls();
    expect(raw.listenerCount("data")).toBe(0);
    server.socket!.resume();
    client.socket!.startTls();
    await server.untilCall("secured");
    client.socket!.send(["EHLO x\r\n"]);
    await server.untilCall("received");
    expect(server.text).toBe("EHLO x\r\n");
  });

  test("what comes in clear after it fails the handshake", async () => {
    const { client, server } = await pair();
    server.socket!.startTls();
    client.socket!.send(["MAIL FROM:<evil@x.test>\r\n"]);
    const end = await server.end();
    expect(end).toEqual({ kind: "tls-failed", text: "the peer does not speak TLS on this port" });
    expect(server.calls).toEqual(["closed"]);
  });

  test("a peer that answers TLS in clear is said to do so", async () => {
    const { client, server } = await pair();
    client.socket!.startTls();
    server.socket!.send(["220 relay.test ESMTP\r\n"]);
    expect(await client.end()).toEqual({ kind: "tls-failed", text: "the peer does not speak TLS on this port" });
  });

  test("the peer goes during the handshake", async () => {
    const { client, server } = await pair();
    client.socket!.startTls();
    server.socket!.destroy();
    expect((await client.end()).kind).toBe("tls-failed");
  });

  test("a handshake has a deadline", async () => {
    const { client } = await pair({ handshakeTimeout: 20 });
    client.socket!.startTls();
    expect(await client.end()).toEqual({ kind: "tls-failed", text: "the TLS handshake took too long" });
  });

  test("a pause before it holds after it", async () => {
    const both = await pair({ authorities: [good.certificate] });
    both.server.socket!.pause();
    both.server.socket!.startTls();
    both.client.socket!.startTls();
    await both.server.untilCall("secured");
    await both.client.untilCall("secured");
    both.client.socket!.send(["EHLO x\r\n"]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(both.server.calls).toEqual(["secured"]);
    both.server.socket!.resume();
    await both.server.until((w) => w.text === "EHLO x\r\n");
  });
});

describe("implicit TLS", () => {
  async function listenTls(witness: Witness, handshakeTimeout = 5000): Promise<number> {
    const server = serverTls(good, handshakeTimeout);
    return listen((raw) => void (witness.socket = acceptTlsSocket(raw, witness, server)));
  }

  test("`connected` comes after the handshake, and on the other side `secured` first", async () => {
    const server = new Witness();
    const port = await listenTls(server);
    const client = connect(port, { host: "localhost", isImplicitTls: true, authorities: [good.certificate] });
    await client.untilCall("connected");
    expect(client.tls?.isVerified).toBe(true);
    client.socket!.send(["EHLO x\r\n"]);
    await server.untilCall("received");
    expect(server.calls).toEqual(["secured", "received"]);
  });

  test("to a peer that speaks in clear", async () => {
    const port = await listen((raw) => raw.write("220 hello\r\n"));
    const client = connect(port, { isImplicitTls: true });
    expect((await client.end()).kind).toBe("tls-failed");
    expect(client.calls).toEqual(["closed"]);
  });

  test("from a peer that speaks in clear, or not at all", async () => {
    const server = new Witness();
    const port = await listenTls(server, 50);
    connect(port, { isImplicitTls: false }).socket!.send(["EHLO x\r\n"]);
    expect((await server.end()).kind).toBe("tls-failed");
    const silent = new Witness();
    connect(await listenTls(silent, 20));
    expect((await silent.end()).text).toBe("the TLS handshake took too long");
  });

  test("not with TLS 1.1", async () => {
    const server = new Witness();
    const port = await listenTls(server);
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    const peer = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...old });
    peer.on("error", () => undefined);
    opened.push(peer);
    expect((await server.end()).kind).toBe("tls-failed");
  });

  test("the handshake is not repeated", async () => {
    const server = new Witness();
    const port = await listenTls(server);
    const peer = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false, maxVersion: "TLSv1.2" });
    opened.push(peer);
    await once(peer, "secureConnect");
    const answered = Promise.withResolvers<Error | null>();
    peer.on("error", answered.resolve);
    peer.renegotiate({ rejectUnauthorized: false }, answered.resolve);
    expect(String(await answered.promise)).toContain("no renegotiation");
  });
});

test("a peer that sends as fast as it can has its turn and no more: others are read in between", async () => {
  const octets = 16 * 1024 * 1024;
  const port = await listen((raw) => void raw.write(Buffer.alloc(octets)));
  const witness = connect(port);
  let inTurn = 0;
  let most = 0;
  witness.onReceived = () => {
    if (inTurn++ === 0) setImmediate(() => (inTurn = 0));
    most = Math.max(most, inTurn);
  };
  await witness.until(() => witness.octets === octets);
  expect(most).toBeLessThanOrEqual(4); // two full ones, and what the stream had taken already
});
