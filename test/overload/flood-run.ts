import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import path from "node:path";
import { AccountingSink } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { compiledTree } from "../support/compiled.ts";
import type { Progress } from "../support/progress.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { USER, configure } from "../support/scene.ts";
import { MessageFactory, SourceSession } from "../support/source.ts";
import { percentile } from "./crowd.ts";
import { whileWatched } from "./process-facts.ts";

// Strangers flood the port on which clients with a password send: those have to get through.

export interface FloodReport {
  readonly connects: number;
  readonly established: number;
  readonly slow: number;
  readonly seconds: number;
  /** Messages of clients with a password, each over a connection of its own. */
  readonly tried: number;
  readonly acknowledged: number;
  readonly successPercent: number;
  readonly p99Ms: number;
  readonly mostMiB: number;
}

const CLIENTS = 10;
const EVERY_MS = 250;
const GIVEN_UP_MS = 20_000;
const AUTH = { mechanism: "PLAIN", ...USER } as const;
/** Of `configure`. */
const STARTTLS = 1;

/** What it is at is told to `progress`. */
export async function flood(
  perSecond: number,
  seconds: number,
  slow: number,
  progress?: Progress,
): Promise<FloodReport> {
  progress?.begin("the relay is compiled and started");
  const { tree, remove } = compiledTree();
  const home = new RelayHome();
  const sink = await AccountingSink.start();
  configure(home, sink.port, { access: { networks: [] } });
  const relay = new RelayProcess(home, { tree });
  const state = { tried: 0, isOver: false };
  let crowd: Crowd | undefined;
  try {
    const port = (await relay.ports())[STARTTLS]!;
    progress?.begin(`${slow} slow clients connect`);
    crowd = crowdAt(port, perSecond, seconds, slow);
    const { ready, over } = crowd;
    await ready;
    const times: number[] = [];
    const told = (): string => `${times.length} of ${state.tried} messages acknowledged`;
    progress?.begin(`${perSecond} connects a second for ${seconds} s`, told);
    const { result, mostMiB } = await whileWatched(relay.pid, async () => {
      const clients = Array.from({ length: CLIENTS }, (_, n) => client(port, n, state, times));
      const facts = await over;
      state.isOver = true;
      progress?.begin("the last messages", told);
      await Promise.all(clients);
      return facts;
    });
    return {
      ...result,
      seconds,
      tried: state.tried,
      acknowledged: times.length,
      successPercent: (100 * times.length) / Math.max(1, state.tried),
      p99Ms: percentile(times, 0.99),
      mostMiB,
    };
  } finally {
    state.isOver = true; // also where the flood broke off
    crowd?.end();
    relay.kill("SIGKILL");
    await relay.exited;
    await sink.close();
    home.remove();
    remove();
  }
}

interface CrowdFacts {
  readonly connects: number;
  readonly established: number;
  readonly slow: number;
}

interface Crowd {
  readonly ready: Promise<void>;
  readonly over: Promise<CrowdFacts>;
  end(): void;
}

function crowdAt(port: number, perSecond: number, seconds: number, slow: number): Crowd {
  const program = path.join(import.meta.dirname, "flood-source.ts");
  const args = [program, String(port), String(perSecond), String(seconds), String(slow)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ready = Promise.withResolvers<void>();
  const over = Promise.withResolvers<CrowdFacts>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.includes("ready")) ready.resolve();
    else over.resolve(JSON.parse(line) as CrowdFacts);
  });
  child.once("exit", (code) => {
    const ended = new Error(`the flood ended with ${code}`);
    ready.reject(ended);
    over.reject(ended);
  });
  over.promise.catch(() => undefined); // who waits for it is told; before that, who waits for `ready` is
  return { ready: ready.promise, over: over.promise, end: () => void child.kill() };
}

/** A message every now and then, over a connection of its own, from an address that no stranger has. */
async function client(
  port: number,
  n: number,
  state: { tried: number; readonly isOver: boolean },
  times: number[],
): Promise<void> {
  const factory = new MessageFactory(`f${n}x`, seeded(n), 4096);
  while (!state.isOver) {
    const started = performance.now();
    state.tried++;
    if (await hasSent(port, factory)) times.push(performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

async function hasSent(port: number, factory: MessageFactory): Promise<boolean> {
  let session: SourceSession | undefined;
  const work = async (): Promise<boolean> => {
    const route = { host: "127.0.0.1", localAddress: "127.0.0.2" };
    session = await SourceSession.connect({ port, tls: "starttls", auth: AUTH, route });
    const result = await session.send(factory.make(2000, 1));
    await session.quit();
    return result.kind === "acknowledged";
  };
  const late = new Promise<boolean>((resolve) => setTimeout(resolve, GIVEN_UP_MS, false));
  // A refusal, a connection that breaks: the client did not get through, whatever the reason.
  const sent = await Promise.race([work().catch(() => false), late]);
  session?.destroy();
  return sent;
}
