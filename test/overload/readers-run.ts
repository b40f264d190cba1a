import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { AccountingSink } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { compiledTree } from "../support/compiled.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { MessageFactory, SourceSession } from "../support/source.ts";
import { percentile } from "./crowd.ts";
import { residentMiB, whileWatched } from "./process-facts.ts";

// Clients that ask and ask, and read none of the answers: each has to stop at a bound, and all others go on.

export interface ReadersReport {
  readonly readers: number;
  /** Of those, clients of which the relay takes no more octets, and those that it let go. */
  readonly held: number;
  readonly dropped: number;
  /** Octets of commands that the relay took of one of them, at most. */
  readonly takenKiB: number;
  readonly emptyMiB: number;
  readonly mostMiB: number;
  /** Memory that one of them takes. */
  readonly eachKiB: number;
  /** Messages of others meanwhile. */
  readonly tried: number;
  readonly acknowledged: number;
  readonly p99Ms: number;
}

const CLIENTS = 5;
const EVERY_MS = 50;

export async function slowReaders(count: number, seconds: number): Promise<ReadersReport> {
  const { tree, remove } = compiledTree();
  const home = new RelayHome();
  const sink = await AccountingSink.start();
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { sink: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
    routes: [{ deliver: "sink" }],
  });
  const relay = new RelayProcess(home, { tree });
  let crowd: Crowd | undefined;
  try {
    const [port = 0] = await relay.ports();
    const emptyMiB = residentMiB(relay.pid);
    crowd = await crowdAt(port, count);
    const end = performance.now() + seconds * 1000;
    const times: number[] = [];
    const { result: tried, mostMiB } = await whileWatched(relay.pid, () =>
      Promise.all(Array.from({ length: CLIENTS }, (_, n) => client(port, n, end, times))),
    );
    return {
      readers: count,
      ...(await crowd.over()),
      emptyMiB,
      mostMiB,
      eachKiB: Math.round(((mostMiB - emptyMiB) * 1024) / count),
      tried: tried.reduce((sum, one) => sum + one, 0),
      acknowledged: times.length,
      p99Ms: percentile(times, 0.99),
    };
  } finally {
    crowd?.end();
    relay.kill("SIGKILL");
    await relay.exited;
    await sink.close();
    home.remove();
    remove();
  }
}

interface Crowd {
  over(): Promise<Pick<ReadersReport, "held" | "dropped" | "takenKiB">>;
  end(): void;
}

async function crowdAt(port: number, count: number): Promise<Crowd> {
  const program = path.join(import.meta.dirname, "readers-source.ts");
  const child = spawn(process.execPath, [program, String(port), String(count)], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done === true) throw new Error("the readers ended by themselves");
    return line.value;
  };
  await next();
  return {
    over: async () => {
      child.stdin.write("\n");
      return JSON.parse(await next()) as Pick<ReadersReport, "held" | "dropped" | "takenKiB">;
    },
    end: () => void child.kill(),
  };
}

async function client(port: number, n: number, end: number, times: number[]): Promise<number> {
  const factory = new MessageFactory(`r${n}x`, seeded(n), 4096);
  let tried = 0;
  while (performance.now() < end) {
    const started = performance.now();
    tried++;
    const session = await SourceSession.connect({ port });
    if ((await session.send(factory.make(2000, 1))).kind === "acknowledged") times.push(performance.now() - started);
    await session.quit();
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  return tried;
}
