import { readFileSync } from "node:fs";
import net from "node:net";
import { AccountingSink, type Copy } from "../../support/accounting-sink.ts";
import { testListener } from "../../support/listener.ts";
import { RelayHome, RelayProcess } from "../../support/relay.ts";
import type { Kept, Rules } from "../reference-codes.ts";
import { Due, ReferenceSession } from "../reference-session.ts";
import { type Target, Violation, holds, same, textOf } from "../target.ts";
import { aSession, codesIn, rulesOf, scriptOf, sessionSeeds, sessionTokens } from "./session.ts";

// The same sessions over a socket, to a relay that runs: whether it lives, in how much memory, and whether what it said 250 to
// comes to the next hop as it was sent.

const MiB = 1024 * 1024;
/** Of all threads together. An idle relay has 150 MiB; each mail thread may have 64 MiB of mail in hand. */
const RSS_MAX = 420 * MiB;
const HEAP_MAX_MIB = 96;
const LOOK_EVERY = 50;
/** Of which the relay is one that everybody here may use. */
const WORDS = "trusted size=52428800 recipients=1000";
/** Where more than this comes in one segment it may be read in two. */
const SEGMENT_MAX = 16_000;
const PATIENCE_MS = 10_000;

interface Running {
  readonly home: RelayHome;
  readonly relay: RelayProcess;
  readonly sink: AccountingSink;
  readonly port: number;
}

let running: Promise<Running> | undefined;
/** What the reference says was taken, and the next hop has not been looked at for. */
let awaited: Kept[] = [];
/** All that was taken before is known to have arrived. */
let wasSure = true;
let inputs = 0;
let arrived = 0;
let largest = 0;

async function start(): Promise<Running> {
  const sink = await AccountingSink.start({ keepsRaw: true, hasEightBitMime: true });
  const home = new RelayHome();
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { sink: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
    routes: [{ deliver: "sink" }],
    threads: 1,
  });
  // Of heap no thread has more: what goes beyond ends it. (By RLIMIT_DATA or RLIMIT_AS V8 does not start: it sets aside a lot.)
  const relay = new RelayProcess(home, { environment: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MAX_MIB}` } });
  const [port = 0] = await relay.ports();
  return { home, relay, sink, port };
}

/** A client that waits for so many replies. */
class Client {
  readonly #socket: net.Socket;
  output = "";
  isClosed = false;
  #wake: () => void = () => undefined;

  constructor(port: number) {
    this.#socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.setEncoding("latin1").on("data", (text: string) => {
      this.output += text;
      this.#wake();
    });
    this.#socket.on("error", () => undefined);
    this.#socket.on("close", () => {
      this.isClosed = true;
      this.#wake();
    });
    this.#socket.on("end", () => this.#wake());
  }

  send(octets: Uint8Array): void {
    this.#socket.write(octets);
  }

  /** Nothing more comes from here. */
  end(): void {
    this.#socket.end();
  }

  /** Waits until `isEnough`, which is asked whenever something has come. */
  async until(isEnough: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!isEnough()) {
      const left = deadline - performance.now();
      holds(left > 0 && !this.isClosed, "an answer comes", this.output.slice(-500));
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The whole lines that have come since it was asked last. */
  taken(): string {
    const taken = wholeLines(this.output);
    this.output = this.output.slice(taken.length);
    return taken;
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

const wholeLines = (text: string): string => text.slice(0, text.lastIndexOf("\n") + 1);

function residentOctets(pid: number): number {
  const line = /^VmRSS:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return Number(line?.[1] ?? 0) * 1024;
}

type Heard = Parameters<ReferenceSession["take"]>;

/** What a client said and heard, one exchange after the other, as the reference has it. */
class Exchanges {
  readonly #rules: Rules;
  readonly #past: Heard[] = [];
  reference: ReferenceSession;

  constructor(rules: Rules) {
    this.#rules = rules;
    this.reference = new ReferenceSession(rules);
  }

  /** False where more is due to what was said; then it may be asked again. */
  isWhole(...heard: Heard): boolean {
    this.reference = new ReferenceSession(this.#rules);
    try {
      for (const exchange of [...this.#past, heard]) this.reference.take(...exchange);
    } catch (error) {
      if (error instanceof Due) return false;
      throw new Violation((error as Error).message);
    }
    this.#past.push(heard);
    return true;
  }
}

/** One client's session, to whoever listens there. */
export async function play(port: number, segments: readonly Uint8Array[]): Promise<void> {
  const exchanges = new Exchanges(rulesOf(testListener(WORDS)));
  const client = new Client(port);
  const hasHelo = segments.some((segment) => /^helo/im.test(textOf(segment)));
  const isGreeted = (): boolean => wholeLines(client.output) !== "";
  try {
    await client.until(isGreeted);
    same(codesIn(client.taken()), [220], "the greeting");
    for (const segment of segments) {
      if (segment.length === 0 || segment.length > SEGMENT_MAX || client.isClosed) break;
      client.send(segment);
      if (!(await isAnswered(client, exchanges, textOf(segment)))) return;
      const isSilent = client.taken() === "";
      if (isSilent && hasHelo) return; // nothing says that it came alone (RFC 2920), and by HELO that counts
    }
    await judgeEnd(client);
  } finally {
    awaited.push(...exchanges.reference.kept);
    client.destroy();
  }
}

/** Waits for as many replies as the reference wants. False where some may be late on purpose: that is for the pure target. */
async function isAnswered(client: Client, exchanges: Exchanges, said: string): Promise<boolean> {
  let isWhole = false;
  const mayDawdle = (): boolean => exchanges.reference.mayDawdle;
  await client.until(() => {
    isWhole = exchanges.isWhole(said, codesIn(wholeLines(client.output)), client.isClosed);
    return isWhole || mayDawdle();
  });
  return isWhole && !mayDawdle();
}

/** All was answered, and nothing more is said: nothing more comes. */
async function judgeEnd(client: Client): Promise<void> {
  client.end();
  await client.until(() => client.isClosed);
  same(codesIn(client.taken()), [], "there is no reply without a question");
}

/** Addresses that no grammar reads in two ways. */
function isPlain({ from, recipients }: Kept): boolean {
  return [from, ...recipients].every((path) => /^(?:[a-z0-9]+@[a-z0-9.]+[a-z])?$/.test(path));
}

function endsWith(octets: Buffer, end: Buffer): boolean {
  return octets.length >= end.length && octets.subarray(octets.length - end.length).equals(end);
}

/** Each of what was taken is at the next hop, once for each recipient, with its own octets at its end, and nothing else is. */
async function judgeArrivals(sink: AccountingSink): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  const batch = awaited.splice(0);
  // The longest first: the end of one may be all of another.
  const longestFirst = batch.filter(isPlain).toSorted((a, b) => b.content.length - a.content.length);
  for (const { from, recipients, content } of longestFirst) {
    // DATA ends every line: what a chunk left open is closed on the way to a next hop without chunks.
    const end = Buffer.from(content === "" || content.endsWith("\r\n") ? content : `${content}\r\n`, "latin1");
    const isThis = (copy: Copy): boolean => copy.from === from && endsWith(copy.raw!, end);
    for (const recipient of new Set(recipients)) {
      const find = (): Copy | undefined =>
        sink.copies.find((copy) => isThis(copy) && copy.recipients.includes(recipient));
      let copy = find();
      while (copy === undefined) {
        holds(performance.now() < deadline, "what was taken comes to the next hop", { from, recipient, content });
        await new Promise((resolve) => setTimeout(resolve, 5));
        copy = find();
      }
      const others = copy.recipients.filter((one) => one !== recipient);
      sink.copies.splice(
        sink.copies.indexOf(copy),
        1,
        ...(others.length === 0 ? [] : [{ ...copy, recipients: others }]),
      );
      arrived++;
    }
  }
  // Of addresses that can be read in two ways it is not known what came of them, nor when.
  const isSure = batch.every(isPlain);
  if (isSure && wasSure) holds(sink.copies.length === 0, "nothing else comes", sink.copies[0]);
  wasSure = isSure;
  sink.copies.splice(0);
}

const loopback: Target = {
  name: "session-loopback",
  files: [],
  lengthMax: 6000,
  share: 0.01,
  seeds: sessionSeeds,
  tokens: sessionTokens,
  generate: aSession,
  async check(input) {
    const { relay, sink, port } = await (running ??= start());
    await play(port, scriptOf(input).segments);
    if (++inputs % LOOK_EVERY !== 0) return;
    holds(relay.isRunning, "the relay lives", relay.told());
    await judgeArrivals(sink);
    holds(relay.events("session.crashed").length === 0, "no session crashes", relay.events("session.crashed"));
    const octets = residentOctets(relay.pid);
    largest = Math.max(largest, octets);
    holds(octets < RSS_MAX, "memory is bounded", Math.round(octets / MiB));
  },
  summary: () => ({ arrived, largestRssMiB: Math.round(largest / MiB) }),
  async close() {
    const was = await running;
    running = undefined;
    if (was === undefined) return;
    await judgeArrivals(was.sink);
    await was.relay.stop();
    await was.sink.close();
    was.home.remove();
  },
};

export const targets: readonly Target[] = [loopback];
