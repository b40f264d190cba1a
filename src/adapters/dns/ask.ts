import { createSocket } from "node:dgram";
import * as net from "node:net";
import type { Duration } from "../../core/base/time.ts";

/** A recursive server. */
export interface DnsServer {
  /** IPv4 or IPv6, without brackets. */
  readonly address: string;
  readonly port: number;
}

export function serverText({ address, port }: DnsServer): string {
  return net.isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

/** How long an answer is waited for. */
export interface Patience {
  readonly timeout: Duration;
  /** Ends it sooner, with a reason. */
  readonly ended: AbortSignal;
}

/** Takes what came; undefined where it is not the answer that is waited for. */
type Reader<Found> = (octets: Uint8Array) => Found | undefined;

/**
 * One question over UDP, from a port of its own (RFC 5452 section 4.5). What is not its answer is waited past, so that a
 * stranger who guesses cannot end it. Rejects with the system's word, or when nothing came in time.
 */
export function askByUdp<Found>(
  server: DnsServer,
  query: Uint8Array,
  { timeout, ended }: Patience,
  read: Reader<Found>,
): Promise<Found> {
  ended.throwIfAborted();
  const socket = createSocket(net.isIPv6(server.address) ? "udp6" : "udp4");
  const { promise, resolve, reject } = Promise.withResolvers<Found>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeout} ms`)), timeout);
  const end = (): void => reject(ended.reason as Error);
  ended.addEventListener("abort", end);
  socket.on("error", reject);
  socket.on("message", (octets) => {
    const found = read(octets);
    if (found !== undefined) resolve(found);
  });
  // Connected, the socket hears that server only, and at once where nobody listens there. Without a callback of its own,
  // what fails here comes as an error.
  socket.once("connect", () => socket.send(query));
  socket.connect(server.port, server.address);
  return promise.finally(() => {
    clearTimeout(timer);
    ended.removeEventListener("abort", end);
    socket.close();
  });
}

const LENGTH_OCTETS = 2; // RFC 1035 section 4.2.2

/** One question over TCP. */
export function askByTcp<Found>(
  server: DnsServer,
  query: Uint8Array,
  { timeout, ended }: Patience,
  read: Reader<Found>,
): Promise<Found> {
  ended.throwIfAborted();
  const socket = net.connect({ host: server.address, port: server.port, noDelay: true });
  const { promise, resolve, reject } = Promise.withResolvers<Found>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeout} ms over TCP`)), timeout);
  const end = (): void => reject(ended.reason as Error);
  ended.addEventListener("abort", end);
  let came = Buffer.alloc(0);
  const length = Buffer.alloc(LENGTH_OCTETS);
  length.writeUInt16BE(query.length);
  socket.write(Buffer.concat([length, query]));
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the server closed the connection without an answer")));
  socket.on("data", (octets: Buffer) => {
    came = Buffer.concat([came, octets]);
    if (came.length < LENGTH_OCTETS) return;
    const end = LENGTH_OCTETS + came.readUInt16BE(0);
    if (came.length < end) return;
    const found = read(came.subarray(LENGTH_OCTETS, end));
    if (found === undefined) reject(new Error("not an answer to what was asked, over TCP"));
    else resolve(found);
  });
  return promise.finally(() => {
    clearTimeout(timer);
    ended.removeEventListener("abort", end);
    socket.destroy();
  });
}
