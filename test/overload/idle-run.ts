import type net from "node:net";
import { compiledTree } from "../support/compiled.ts";
import { selfSigned } from "../support/certificates.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { type Greeted, foreignAddress, greet, idleSession, inParallel, nextText, percentile } from "./crowd.ts";
import { residentMiB } from "./process-facts.ts";

// Thousands of sessions that say nothing: what they cost, and what is left for the next one.

export interface IdleReport {
  readonly plain: number;
  readonly tls: number;
  readonly emptyMiB: number;
  readonly idleMiB: number;
  readonly greetedP99Ms: number;
  /** Of a sample of the idle sessions, those that do not answer any more. */
  readonly dead: number;
}

/** Two listeners share the plain ones: from 80 % of its bound on a listener gives its sessions less time. */
const PLAIN_LISTENERS = 2;
const AT_A_TIME = 100;
const PER_ADDRESS = 100;
const GREETINGS = 500;
const SAMPLE = 200;
const GREETED_MS = 10_000;

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
    return { plain, tls, emptyMiB, idleMiB, greetedP99Ms, dead };
  } finally {
    for (const socket of sockets) socket.destroy();
    relay.kill("SIGKILL");
    await relay.exited;
    home.remove();
    remove();
  }
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
