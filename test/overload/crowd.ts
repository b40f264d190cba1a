import net from "node:net";
import tls from "node:tls";
import { once } from "node:events";

// Many clients of one relay, each from an address of its own choice in 127.0.0.0/8.

/** 127.1.x.y, another one for each `n` below 60,000. */
export function foreignAddress(n: number): string {
  return `127.1.${1 + (Math.floor(n / 250) % 240)}.${1 + (n % 250)}`;
}

/** A connection that was greeted; how long that took. */
export interface Greeted {
  readonly socket: net.Socket;
  readonly greetedMs: number;
}

/** Connects and waits for the greeting. Undefined where the relay refuses, is gone, or is silent for `withinMs`. */
export async function greet(port: number, localAddress: string, withinMs: number): Promise<Greeted | undefined> {
  const started = performance.now();
  const socket = net.connect({ host: "127.0.0.1", port, localAddress });
  socket.on("error", () => undefined); // `close` follows
  socket.setTimeout(withinMs, () => socket.destroy());
  const text = await nextText(socket);
  if (text?.startsWith("220") !== true) {
    socket.destroy();
    return undefined;
  }
  socket.setTimeout(0);
  return { socket, greetedMs: performance.now() - started };
}

/** What comes next; undefined where the connection ends before. */
export function nextText(socket: net.Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    const over = (text: string | undefined): void => {
      socket.off("data", onData);
      socket.off("close", onClose);
      resolve(text);
    };
    const onData = (octets: Buffer): void => over(octets.toString("latin1"));
    const onClose = (): void => over(undefined);
    socket.on("data", onData);
    socket.on("close", onClose);
  });
}

/** Says EHLO; the same over TLS where the listener begins with that. */
export async function idleSession(port: number, localAddress: string, isTls: boolean): Promise<net.Socket> {
  const socket = isTls
    ? tls.connect({ host: "127.0.0.1", port, localAddress, rejectUnauthorized: false } as tls.ConnectionOptions)
    : net.connect({ host: "127.0.0.1", port, localAddress });
  socket.on("error", () => undefined);
  await once(socket, isTls ? "secureConnect" : "connect");
  if ((await nextText(socket))?.startsWith("220") !== true) throw new Error("an idle session was not greeted");
  socket.write("EHLO idle.test\r\n");
  if ((await nextText(socket))?.startsWith("250") !== true) throw new Error("an idle session was not taken");
  return socket;
}

/** Does all of it, so many at a time. */
export async function inParallel<Item>(
  items: readonly Item[],
  atATime: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}

/** The share-th value of them, sorted. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
