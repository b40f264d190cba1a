import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "../../test/support/free-port.ts";
import { selfSigned } from "../../test/support/certificates.ts";
import { sleep } from "../../test/support/sleep.ts";
import { temporaryFolder } from "../../test/support/undo.ts";
import { Domains } from "./domains.ts";
import { type LoadReport, bring, loadOf } from "./load.ts";
import { endedChildrenMs, processorMs, proportionalMiB } from "./processes.ts";
import { CountingSink } from "./sink.ts";
import type { Case } from "./cases.ts";
import type { Contender, Contestant, Scene } from "./contender.ts";

/** One load through one relay. */
export interface Round {
  readonly contender: string;
  readonly messages: number;
  /** Messages a second until the last was acknowledged, and until the last was at the sink. */
  readonly acceptedPerSecond: number;
  readonly relayedPerSecond: number;
  /** Processor time of the relay's processes for a message, and of source and sink. */
  readonly relayMs: number;
  readonly loadMs: number;
  readonly peakMiB: number;
  /** From the source's first octet, with the connection where each message has one, to the 250, where the source says it. */
  readonly acceptP50Ms: number | undefined;
  readonly acceptP99Ms: number | undefined;
}

export interface Terms {
  readonly messages: number;
  readonly sessions: number;
  /** The relay has the first core, and source and sink the second. */
  readonly isPinned: boolean;
  readonly watch?: Watch;
  /** How long the sink waits for what was accepted. */
  readonly arrivedWithinMs?: number;
}

/** Is told when what is measured begins, with everything warm, and when it has ended. */
export interface Watch {
  begin(relay: number): Promise<void>;
  end(relay: number): Promise<void>;
}

const WARM = 500;
const LOGIN = { username: "app1", password: "a password of the benchmark" };
const ARRIVED_WITHIN_MS = 120_000;
const MEMORY_EVERY_MS = 1000;

function pinned(core: number, isPinned: boolean): readonly string[] {
  return isPinned ? ["taskset", "-c", String(core)] : [];
}

/** Nothing of it is left behind. Throws where a message was not taken, or does not arrive. */
export async function round(subject: Case, contender: Contender, terms: Terms): Promise<Round> {
  if (terms.isPinned) spawnSync("taskset", ["-cp", "1", String(process.pid)]);
  const { folder, remove } = temporaryFolder("bench");
  chmodSync(folder, 0o755);
  const sinkPort = await freePort();
  const domains = subject.domains === 0 ? undefined : await Domains.start(contender.name !== "waypost");
  const sink = await CountingSink.start(sinkPort, pinned(1, terms.isPinned));
  let relay: Contestant | undefined;
  try {
    const scene: Scene = {
      subject,
      folder,
      sinkPort,
      ...certificateIn(folder),
      login: LOGIN,
      dnsPort: domains?.port ?? 0,
      under: pinned(0, terms.isPinned),
    };
    relay = await contender.start(scene);
    return { contender: contender.name, messages: terms.messages, ...(await measured(subject, relay, sink, terms)) };
  } finally {
    await relay?.stop();
    await sink.stop();
    domains?.close();
    remove();
  }
}

function certificateIn(folder: string): { readonly certificate: string; readonly key: string } {
  const made = selfSigned("localhost", "DNS:localhost");
  const place = (name: string, text: string, mode: number): string => {
    const file = path.join(folder, name);
    writeFileSync(file, text, { mode });
    return file;
  };
  return { certificate: place("cert.pem", made.certificate, 0o644), key: place("key.pem", made.key, 0o600) };
}

async function measured(
  subject: Case,
  relay: Contestant,
  sink: CountingSink,
  { messages, sessions, isPinned, watch, arrivedWithinMs = ARRIVED_WITHIN_MS }: Terms,
): Promise<Omit<Round, "contender" | "messages">> {
  const load = (count: number): Promise<LoadReport> =>
    bring(loadOf(subject, { port: relay.port, login: LOGIN }, count, sessions), pinned(1, isPinned));
  const warm = Math.min(WARM, messages);
  await load(warm);
  await arrived(sink, warm, arrivedWithinMs);
  let peakMiB = 0;
  const look = (): void => void (peakMiB = Math.max(peakMiB, relay.pid === undefined ? 0 : proportionalMiB(relay.pid)));
  const looking = setInterval(look, MEMORY_EVERY_MS);
  const costs = (): readonly [number, number] => [
    relay.pid === undefined ? 0 : processorMs(relay.pid),
    processorMs(sink.pid) + endedChildrenMs(),
  ];
  try {
    if (relay.pid !== undefined) await watch?.begin(relay.pid);
    const before = costs();
    const started = performance.now();
    const report = await load(messages);
    await arrived(sink, warm + messages, arrivedWithinMs);
    const seconds = (performance.now() - started) / 1000;
    const after = costs();
    if (relay.pid !== undefined) await watch?.end(relay.pid);
    look();
    return {
      acceptedPerSecond: messages / report.seconds,
      relayedPerSecond: messages / seconds,
      relayMs: (after[0] - before[0]) / messages,
      loadMs: (after[1] - before[1]) / messages,
      peakMiB,
      acceptP50Ms: report.p50Ms,
      acceptP99Ms: report.p99Ms,
    };
  } finally {
    clearInterval(looking);
  }
}

async function arrived(sink: CountingSink, wanted: number, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (sink.taken < wanted) {
    if (performance.now() > deadline) throw new Error(`${sink.taken} of ${wanted} messages arrived`);
    await sleep(5);
  }
}
