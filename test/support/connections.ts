import { once } from "node:events";
import * as net from "node:net";
import { type ServerTls, acceptSocket } from "../../src/adapters/net/socket.ts";
import { serverContexts } from "../../src/adapters/net/tls-context.ts";
import { NetTransport } from "../../src/adapters/net/transport.ts";
import type { ConnectTarget, Socket, SocketEnd, SocketHandler, TlsFacts } from "../../src/ports/transport.ts";
import { type Certificate, selfSigned } from "./certificates.ts";

// Real connections on loopback between two of our sockets, or one of ours and one of the system's.

/** Notes what a handler is told, and lets a test wait for it. */
export class Witness implements SocketHandler {
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
/** Of the server that `pair` and `serverTls` make. */
export const good = selfSigned("localhost", "DNS:localhost,IP:127.0.0.1");

/** Ends `one` with the rest. */
export function toClose<Closable extends { destroy(): void }>(one: Closable): Closable {
  opened.push(one);
  return one;
}

/** For after each test. */
export function closeAll(): void {
  for (const one of opened.splice(0)) one.destroy();
}

export async function listen(onConnection: (raw: net.Socket) => void, host = "127.0.0.1"): Promise<number> {
  const server = net.createServer((raw) => {
    opened.push(raw);
    raw.on("error", () => undefined);
    onConnection(raw);
  });
  toClose({ destroy: () => server.close() });
  server.listen(0, host);
  await once(server, "listening");
  return (server.address() as net.AddressInfo).port;
}

export function connect(port: number, more: Partial<ConnectTarget> = {}): Witness {
  const witness = new Witness();
  const target: ConnectTarget = {
    address: more.host ?? "127.0.0.1",
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

export interface Pair {
  readonly client: Witness;
  readonly server: Witness;
  readonly raw: net.Socket;
}

export const serverTls = (of: Certificate = good, handshakeTimeout = 5000): ServerTls => ({
  ...serverContexts([of]),
  handshakeTimeout,
});

/** Two of our sockets, connected; both sides may start TLS. */
export async function pair(more: Partial<ConnectTarget> = {}, certificate: Certificate = good): Promise<Pair> {
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
