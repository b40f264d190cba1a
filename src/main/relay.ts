import { randomBytes } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import { availableParallelism } from "node:os";
import { MessageChannel, Worker, type MessagePort } from "node:worker_threads";
import { lockFolder } from "../adapters/store-sqlite/folder-lock.ts";
import { makeFolder } from "../adapters/system/folder.ts";
import { networkFileSystem } from "../adapters/system/space.ts";
import { type Config, type ListenAddress, listenText } from "../core/config/config.ts";
import type { Recorder } from "../ports/recorder.ts";
import type {
  ControlThreadData,
  MailThreadData,
  QueueThreadData,
  RelayPlan,
  StoreThreadData,
  ThreadOrder,
  ThreadReport,
} from "./plan.ts";

/** The relay cannot start; the text says why and what to do. */
export class StartError extends Error {
  override readonly name: string = "StartError";
}

/** A port that is taken. */
export class PortTakenError extends StartError {
  override readonly name = "PortTakenError";
  readonly address: ListenAddress;
  constructor(address: ListenAddress, message: string) {
    super(message);
    this.address = address;
  }
}

export interface RelayOptions {
  readonly config: Config;
  readonly version: string;
  readonly isTerminal: boolean;
  readonly recorder: Recorder;
  /** Takes whole log lines. */
  readonly log: (lines: string) => void;
  /** A thread died: the process has to end. */
  readonly onDeath: (text: string) => void;
}

type ThreadName = "mail" | "queue" | "store" | "control";
type Ready = Extract<ThreadReport, { kind: "ready" }>;

// Messages live for a moment: with room for them in the young generation few are ever copied by the collector.
const YOUNG_MIB: Readonly<Record<ThreadName, number>> = { mail: 96, store: 48, queue: 16, control: 32 };
const CONTROL_RESTART_MS = 1000;
const STOP_MS = 35_000;

interface Thread {
  readonly name: ThreadName;
  readonly worker: Worker;
  readonly ready: Promise<Ready>;
  stop(): Promise<void>;
}

/** The relay: its threads, started in order and watched. The main thread does nothing else. */
export class Relay {
  readonly #options: RelayOptions;
  readonly #lock: { release(): void };
  readonly #threads: Thread[] = [];
  #control: Thread | undefined;
  #ports: readonly number[] = [];
  #isStopping = false;

  /** Rejects with `StartError` where the configuration asks for what the system does not give. */
  static async start(options: RelayOptions): Promise<Relay> {
    const { data } = options.config;
    try {
      makeFolder(data);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new StartError(`the data folder ${data} cannot be used: ${text}. Name another one in \`data\``);
    }
    const remote = networkFileSystem(data);
    if (remote !== undefined)
      throw new StartError(`${data} is on ${remote}: locks and fsync do not hold there. Put \`data\` on a local disk`);
    const lock = lockData(data);
    if (lock === undefined)
      throw new StartError(`another Waypost runs on ${data}; stop it, or choose another \`data\` folder`);
    const relay = new Relay(options, lock);
    try {
      await relay.#run();
      return relay;
    } catch (error) {
      await relay.#terminate();
      throw error;
    }
  }

  private constructor(options: RelayOptions, lock: { release(): void }) {
    this.#options = options;
    this.#lock = lock;
  }

  /** The ports of the listeners, in the order of the configuration. */
  get ports(): readonly number[] {
    return this.#ports;
  }

  /** 421 to new sessions; what is under way is finished, for 30 s at most; all that ended is recorded. */
  async stop(because: string): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    const started = performance.now();
    const { recorder } = this.#options;
    recorder.record({ event: "relay.stopping", because });
    const inOrder = (name: ThreadName): Thread[] => this.#threads.filter((thread) => thread.name === name);
    await Promise.all(inOrder("mail").map((thread) => thread.stop()));
    await this.#control?.stop();
    for (const name of ["queue", "store"] as const) for (const thread of inOrder(name)) await thread.stop();
    await this.#terminate();
    recorder.record({ event: "relay.stopped", elapsedMs: Math.round(performance.now() - started) });
  }

  async #run(): Promise<void> {
    const { config, version, isTerminal } = this.#options;
    const mailThreads =
      config.threads === "auto" ? Math.min(Math.max(availableParallelism() - 1, 1), 4) : config.threads;
    const plan: RelayPlan = {
      version,
      startedAt: Date.now(),
      config,
      mailThreads,
      tls: config.tls === undefined ? undefined : readTls(config.tls),
      authorities: readAuthorities(config),
      ticketSecret: randomBytes(32),
      isTerminal,
    };
    const mailStore = channels(mailThreads);
    const mailQueue = channels(mailThreads);
    const queueStore = new MessageChannel();
    const controlStore = new MessageChannel();
    const store = this.#thread("store", {
      plan,
      mails: mailStore.map(({ port2 }) => port2),
      queue: queueStore.port2,
      control: controlStore.port2,
    } satisfies StoreThreadData);
    const { recovered = 0 } = await store.ready;
    const queue = this.#thread("queue", {
      plan,
      mails: mailQueue.map(({ port2 }) => port2),
      store: queueStore.port1,
    } satisfies QueueThreadData);
    await queue.ready;
    if (mailThreads > 1) for (const { listen } of config.listeners) await checkFree(listen);
    let addresses = config.listeners.map((listener) => listener.listen);
    for (let index = 0; index < mailThreads; index++) {
      const data: MailThreadData = {
        plan,
        index,
        addresses,
        store: mailStore[index]!.port1,
        queue: mailQueue[index]!.port1,
      };
      const { ports = [] } = await this.#thread("mail", data).ready;
      addresses = addresses.map(({ host }, at) => ({ host, port: ports[at]! }));
      this.#ports = ports;
    }
    const listeners = config.listeners.map((listener, at) => ({ ...listener, listen: addresses[at]! }));
    this.#startControl({ ...plan, config: { ...config, listeners } }, controlStore.port1);
    this.#options.recorder.record({
      event: "relay.started",
      version,
      hostname: config.hostname,
      data: config.data,
      listeners: listeners.map(({ name, listen }) => `${name} ${listenText(listen)}`),
      mailThreads,
      recovered,
    });
  }

  /** The one thread that mail can do without: started again when it dies. */
  #startControl(plan: RelayPlan, store: MessagePort): void {
    // Its messages to the store go through here, so that the channel outlives it.
    const channel = new MessageChannel();
    channel.port2.on("message", (message: unknown) => store.postMessage(message));
    channel.port2.unref();
    const control = this.#thread("control", { plan, store: channel.port1 } satisfies ControlThreadData);
    this.#control = control;
    control.worker.once("exit", () => {
      if (!this.#isStopping) setTimeout(() => this.#startControl(plan, store), CONTROL_RESTART_MS);
    });
  }

  #thread(name: ThreadName, data: object): Thread {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const ports = Object.values(data)
      .flat()
      .filter((value): value is MessagePort => isPort(value));
    const worker = new Worker(new URL(`./threads/${name}.${extension}`, import.meta.url), {
      workerData: data,
      transferList: ports,
      name,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB[name] },
    });
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    let stopped: (() => void) | undefined;
    let isReady = false;
    const ready = new Promise<Ready>((resolve, reject) => {
      worker.on("message", (message: ThreadReport) => {
        if (message.kind === "log") this.#options.log(message.lines);
        else if (message.kind === "ready") {
          isReady = true;
          resolve(message);
        } else if (message.kind === "failed") reject(startError(message.text, this.#options.config));
        else stopped?.();
      });
      worker.once("error", (error: unknown) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        reject(
          new StartError(`the ${name} thread cannot start on ${this.#options.config.data}: ${text.split("\n", 1)[0]}`),
        );
        if (isReady && !this.#isStopping) this.#died(name, text);
      });
    });
    ready.catch(() => undefined); // whoever needs it awaits it; an unready thread that dies is told by #died
    const stop = (): Promise<void> => {
      const quiet = new Promise<void>((resolve) => (stopped = resolve));
      worker.postMessage({ kind: "stop" } satisfies ThreadOrder);
      return Promise.race([quiet, exited, new Promise<void>((resolve) => setTimeout(resolve, STOP_MS).unref())]);
    };
    const thread: Thread = { name, worker, ready, stop };
    if (name !== "control") this.#threads.push(thread);
    return thread;
  }

  #died(name: ThreadName, text: string): void {
    if (name === "control") this.#options.recorder.record({ event: "control.failed", text });
    else this.#options.onDeath(`the ${name} thread died: ${text}`);
  }

  async #terminate(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(
      [...this.#threads, ...(this.#control === undefined ? [] : [this.#control])].map(({ worker }) =>
        worker.terminate(),
      ),
    );
    this.#lock.release();
  }
}

function lockData(data: string): { release(): void } | undefined {
  try {
    return lockFolder(data);
  } catch (error) {
    throw new StartError(
      `the data folder ${data} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function isPort(value: unknown): boolean {
  return typeof value === "object" && value !== null && "postMessage" in value;
}

function channels(count: number): MessageChannel[] {
  return Array.from({ length: count }, () => new MessageChannel());
}

function readPem(file: string, what: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    throw new StartError(`${what} ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readTls(files: { readonly certificate: string; readonly key: string }): {
  readonly certificate: string;
  readonly key: string;
} {
  return { certificate: readPem(files.certificate, "the certificate"), key: readPem(files.key, "the key") };
}

function readAuthorities(config: Config): Record<string, readonly string[]> {
  return Object.fromEntries(
    config.smartHosts.flatMap(({ name, authorityFile }) =>
      authorityFile === undefined ? [] : [[name, [readPem(authorityFile, "the authority")]]],
    ),
  );
}

/** With several listening threads a port that somebody has would be shared silently: try it alone first. */
async function checkFree({ host, port }: ListenAddress): Promise<void> {
  if (port === 0) return;
  const server = net.createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port }, resolve);
    });
  } catch (error) {
    throw listenError(error instanceof Error ? error.message : String(error), { host, port });
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function startError(text: string, config: Config): StartError {
  const taken = config.listeners.find(({ listen }) => text.endsWith(`${listen.host}:${listen.port}`));
  return taken === undefined ? new StartError(text) : listenError(text, taken.listen);
}

function listenError(text: string, address: ListenAddress): StartError {
  const where = `${address.host}:${address.port}`;
  if (text.includes("EADDRINUSE")) return new PortTakenError(address, `${where} is taken by another program`);
  if (text.includes("EACCES"))
    return new StartError(
      `${where} may not be listened on: ports below 1024 take root, or the right CAP_NET_BIND_SERVICE`,
    );
  if (text.includes("EADDRNOTAVAIL"))
    return new StartError(
      `${address.host} is no address of this machine; name one that is, or 0.0.0.0 for all, in \`listeners[].listen\``,
    );
  return new StartError(`${where} cannot be listened on: ${text}`);
}
