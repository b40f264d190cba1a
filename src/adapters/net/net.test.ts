import { once } from "node:events";
import * as net from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { Witness, closeAll, connect, listen, pair, toClose } from "../../../test/support/connections.ts";
import { freePort } from "../../../test/support/free-port.ts";
import { INBOUND } from "../../core/base/limits.ts";
import type { Socket } from "../../ports/transport.ts";
import { plainAddress } from "./networks.ts";
import { NetSocket, acceptSocket } from "./socket.ts";

afterEach(closeAll);

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
    const client = connect(await freePort());
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

  test.each([
    // TEST-NET-3 (RFC 5737) is nobody's; ours cannot be left for the rest of the world; the family is another one.
    ["203.0.113.7", "127.0.0.1", "is no address of this machine (bind EADDRNOTAVAIL 203.0.113.7)"],
    ["2001:db8::7", "::1", "is no address of this machine (bind EADDRNOTAVAIL 2001:db8::7)"],
    ["127.0.0.1", "203.0.113.7", "does not lead to 203.0.113.7 (connect EINVAL 203.0.113.7:"],
    ["127.0.0.1", "::1", "does not lead to ::1 (bind EINVAL 127.0.0.1)"],
  ])("from %s to %s the source is at fault", async (source, address, text) => {
    const witness = connect(await listen(() => undefined), { address, source });
    const end = await witness.end();
    expect(end.kind).toBe("source-unusable");
    expect(end.text).toContain(`the source address ${source} ${text}`);
    expect(end.text).toContain("smarthosts.NAME.source or delivery.source");
    expect(witness.calls).toEqual(["closed"]);
  });

  test("where nobody listens the source is not at fault", async () => {
    const end = await connect(await freePort(), { source: "127.0.0.2" }).end();
    expect(end.kind).toBe("connect-failed");
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
    toClose(raw);
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
    toClose(peer);
    expect((await server.end()).kind).toBe("closed-here");
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
