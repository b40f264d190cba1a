import { once } from "node:events";
import net from "node:net";
import { compiledTree } from "../support/compiled.ts";
import { selfSigned } from "../support/certificates.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { type Greeted, foreignAddress, greet, idleSession, inParallel, nextText, percentile } from "./crowd.ts";
import { residentMiB } from "./process-facts.ts";
import { sleep } from "../support/sleep.ts";

// Thousands of sessions that say nothing: what they cost, and what is left for the next one.

export interface IdleReport {
  readonly plain: number;
  readonly tls: number;
  readonly emptyMiB: number;
  readonly idleMiB: number;
  readonly greetedP99Ms: number;
  /** Of a sample of the idle sessions, those that do not answer any more. */
  readonly dead: number;
  /** When all of them are gone at once, at most. */
  readonly goneMiB: number;
  /** Clients that connect to the port for TLS and say nothing, so many at once and all gone at once, time and again: at most. */
  readonly silent: number;
  readonly silentMiB: number;
}

/** Two listeners share the plain ones: from 80 % of its bound on a listener gives its sessions less time. */
const PLAIN_LISTENERS = 2;
const AT_A_TIME = 100;
const PER_ADDRESS = 100;
const GREETINGS = 500;
const SAMPLE = 200;
const GREETED_MS = 10_000;
const WAVES = 3;
const WAVE_MS = 1500;

export async function idleSessions(plain: number, tls: number): Promise<IdleReport> {
  const { tree, remove } = compiledTree();
  const home = new RelayHome();
  const { certificate, key } = selfSigned("relay.test", "DNS:relay.test");
  home.write("cert.pem", certificate);
  home.write("key.pem", key);
  home.configure({
    listeners: [
      ...Array.from({ length: PLAIN_LISTENERS }, (_, n) => ({ name: `plain${n}`, listen: "127.0.0.1:0", tls: "none" })),
      { name: "tls", listen: "127.0.0.1:0", tls: "implicit" },
    ],
    tls: { certificate: "./cert.pem", key: "./key.pem" },
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { nowhere: { url: "smtp://127.0.0.1:9", tls: "none" } },
    routes: [{ deliver: "nowhere" }],
  });
  const relay = new RelayProcess(home, { tree });
  const sockets: net.Socket[] = [];
  try {
    const ports = await relay.ports();
    const emptyMiB = residentMiB(relay.pid);
    const tlsPort = ports[PLAIN_LISTENERS]!;
    const wanted = Array.from({ length: plain + tls }, (_, n) => n);
    await inParallel(wanted, AT_A_TIME, async (n) => {
      const isTls = n >= plain;
      const port = isTls ? tlsPort : ports[n % PLAIN_LISTENERS]!;
      sockets.push(await idleSession(port, foreignAddress(Math.floor(n / PER_ADDRESS)), isTls));
    });
    const greetings: Greeted[] = [];
    for (let n = 0; n < GREETINGS; n++) {
      const found = await greet(ports[n % PLAIN_LISTENERS]!, "127.0.0.1", GREETED_MS);
      if (found === undefined) throw new Error("a new session was not greeted");
      found.socket.destroy();
      greetings.push(found);
    }
    const idleMiB = residentMiB(relay.pid);
    const dead = await deadOf(sockets.filter((_, n) => n % Math.ceil(sockets.length / SAMPLE) === 0));
    const greetedP99Ms = percentile(
      greetings.map(({ greetedMs }) => greetedMs),
      0.99,
    );
    for (const socket of sockets) socket.destroy();
    const goneMiB = await most(relay.pid, WAVE_MS);
    const silentMiB = await silentWaves(relay.pid, tlsPort, plain / 2);
    return { plain, tls, emptyMiB, idleMiB, greetedP99Ms, dead, goneMiB, silent: plain / 2, silentMiB };
  } finally {
    for (const socket of sockets) socket.destroy();
    relay.kill("SIGKILL");
    await relay.exited;
    home.remove();
    remove();
  }
}

async function silentWaves(pid: number, port: number, count: number): Promise<number> {
  let mostMiB = 0;
  for (let wave = 0; wave < WAVES; wave++) {
    const sockets: net.Socket[] = [];
    await inParallel(
      Array.from({ length: count }, (_, n) => n),
      AT_A_TIME,
      async (n) => void sockets.push(await silent(port, foreignAddress(Math.floor(n / PER_ADDRESS)))),
    );
    mostMiB = Math.max(mostMiB, await most(pid, WAVE_MS));
    for (const socket of sockets) socket.destroy();
    mostMiB = Math.max(mostMiB, await most(pid, WAVE_MS));
  }
  return mostMiB;
}

async function silent(port: number, localAddress: string): Promise<net.Socket> {
  const socket = net.connect({ host: "127.0.0.1", port, localAddress });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** Memory at most, while so many ms pass. */
async function most(pid: number, ms: number): Promise<number> {
  let mostMiB = 0;
  for (const end = performance.now() + ms; performance.now() < end; await sleep(50))
    mostMiB = Math.max(mostMiB, residentMiB(pid));
  return mostMiB;
}

async function deadOf(sockets: readonly net.Socket[]): Promise<number> {
  let dead = 0;
  for (const socket of sockets) {
    if (!socket.destroyed) socket.write("NOOP\r\n");
    const text = socket.destroyed ? undefined : await nextText(socket);
    if (text?.startsWith("250") !== true) dead++;
  }
  return dead;
}
