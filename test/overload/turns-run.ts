import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { AccountingSink } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { compiledTree } from "../support/compiled.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { ConnectionLostError, MessageFactory, SourceSession } from "../support/source.ts";

// How long one turn of a relay's event loops takes under load.

export interface Turns {
  /** 99.9 % of its timers were late by no more. */
  readonly lateP999Ms: number;
  readonly latestMs: number;
  /** Processor time of its longest turn, at most. */
  readonly cpuMs: number;
  /** What the thread did in that turn: functions, and how long each had. */
  readonly cause: readonly string[];
}

export interface TurnsReport {
  readonly messages: number;
  readonly mail: Turns;
  readonly queue: Turns;
  /** A thread that does nothing, in the same run on the same machine. */
  readonly idle: Turns;
}

const SESSIONS = 20;
/** Of test/programs/turn-watch.ts. */
const WATCH_EVERY_MS = 5;
const WATCH = path.resolve(import.meta.dirname, "../programs/turn-watch.ts");
/** A start is over by then, and what it compiles is warm. */
const AFTER_MS = 4000;
/** Of the watches, which look through their profiles at the end. */
const LAST_WORD_MS = 3000;
const OCTETS_MAX = 256 * 1024;

export async function turns(seconds: number): Promise<TurnsReport> {
  const { tree, remove } = compiledTree();
  const home = new RelayHome();
  const sink = await AccountingSink.start();
  const folder = path.join(home.folder, "turns");
  mkdirSync(folder);
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { sink: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
    routes: [{ deliver: "sink" }],
  });
  const environment = {
    NODE_OPTIONS: `--import=${WATCH}`,
    TURN_WATCH: folder,
    TURN_WATCH_AFTER_MS: String(AFTER_MS),
    TURN_WATCH_UNTIL_MS: String(AFTER_MS + seconds * 1000),
  };
  const idle = idleThread(environment);
  const relay = new RelayProcess(home, { tree, environment });
  try {
    const [port = 0] = await relay.ports();
    const messages = await load(port, AFTER_MS + seconds * 1000);
    await new Promise((resolve) => setTimeout(resolve, LAST_WORD_MS));
    const of = (thread: string): Turns => turnsOf(folder, thread, seconds);
    return { messages, mail: of("mail"), queue: of("queue"), idle: of("idle") };
  } finally {
    await idle.terminate();
    relay.kill("SIGKILL");
    await relay.exited;
    await sink.close();
    home.remove();
    remove();
  }
}

function idleThread(env: Readonly<Record<string, string>>): Worker {
  return new Worker(`import(${JSON.stringify(WATCH)}).then(() => setInterval(() => undefined, 1000))`, {
    eval: true,
    name: "idle",
    env: { ...process.env, ...env, NODE_OPTIONS: "" },
  });
}

async function load(port: number, ms: number): Promise<number> {
  const factory = new MessageFactory("t", seeded(1), OCTETS_MAX);
  const end = performance.now() + ms;
  let messages = 0;
  const source = async (n: number): Promise<void> => {
    const chance = seeded(n);
    const session = await SourceSession.connect({ port });
    while (performance.now() < end) {
      const octets = chance() < 0.95 ? 4096 : 200 * 1024;
      const result = await session.send(factory.make(octets, chance() < 0.9 ? 1 : 20));
      if (result.kind !== "acknowledged") throw new ConnectionLostError(JSON.stringify(result));
      messages++;
    }
    await session.quit();
  };
  await Promise.all(Array.from({ length: SESSIONS }, (_, n) => source(n)));
  return messages;
}

/** Of all threads of this name the worst. Throws where a watch saw less than half of the time. */
function turnsOf(folder: string, thread: string, seconds: number): Turns {
  const files = readdirSync(folder).filter((name) => name.startsWith(`${thread}-`));
  if (files.length === 0) throw new Error(`no watch of a thread ${thread}`);
  const all = files.map((name) => read(path.join(folder, name), (seconds * 1000) / WATCH_EVERY_MS / 2));
  const worst = (of: (one: Turns) => number): number => Math.max(...all.map(of));
  const cpuMs = worst((one) => one.cpuMs);
  return {
    lateP999Ms: worst(({ lateP999Ms }) => lateP999Ms),
    latestMs: worst(({ latestMs }) => latestMs),
    cpuMs,
    cause: all.find((one) => one.cpuMs === cpuMs)!.cause,
  };
}

function read(file: string, looksMin: number): Turns {
  const { late, latestMs, longestCpuMs, cause } = JSON.parse(readFileSync(file, "utf8")) as {
    readonly late: readonly number[];
    readonly latestMs: number;
    readonly longestCpuMs: number;
    readonly cause: readonly string[];
  };
  const total = late.reduce((sum, count) => sum + count, 0);
  if (total < looksMin) throw new Error(`${path.basename(file)}: ${total} looks, which is less than ${looksMin}`);
  let seen = 0;
  const at = late.findIndex((count) => (seen += count) >= total * 0.999);
  return { lateP999Ms: at + 1, latestMs, cpuMs: longestCpuMs, cause };
}
