import { once } from "node:events";
import type * as net from "node:net";
import * as tls from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { selfSigned } from "../../../test/support/certificates.ts";
import {
  type Pair,
  Witness,
  closeAll,
  connect,
  good,
  listen,
  pair,
  serverTls,
  toClose,
} from "../../../test/support/connections.ts";
import { acceptTlsSocket } from "./socket.ts";

afterEach(closeAll);

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
    toClose({ destroy: () => server.close() });
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
    server.socket!.resume();
    client.socket!.startTls();
    await server.untilCall("secured");
    client.socket!.send(["EHLO x\r\n"]);
    await server.untilCall("received");
    expect(server.text).toBe("EHLO x\r\n");
  });

  test("a client that says nothing costs no handshake, and has its time", async () => {
    const { client, server, raw } = await pair();
    server.socket!.startTls();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(raw.listenerCount("data")).toBe(1); // it is the connection itself that is read, and no TLS over it
    client.socket!.destroy();
    expect(await server.end()).toMatchObject({ kind: "tls-failed" });
    expect(server.calls).toEqual(["closed"]);
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
    toClose(peer);
    expect((await server.end()).kind).toBe("tls-failed");
  });

  test("the handshake is not repeated", async () => {
    const server = new Witness();
    const port = await listenTls(server);
    const peer = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false, maxVersion: "TLSv1.2" });
    toClose(peer);
    await once(peer, "secureConnect");
    const answered = Promise.withResolvers<Error | null>();
    peer.on("error", answered.resolve);
    peer.renegotiate({ rejectUnauthorized: false }, answered.resolve);
    expect(String(await answered.promise)).toContain("no renegotiation");
  });
});
