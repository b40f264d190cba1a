import { randomBytes } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { CONTROL } from "../core/base/limits.ts";
import { type Config, type ListenAddress, listenText } from "../core/config/config.ts";
import { CONTROL_RETRY, wait } from "../core/queue/backoff.ts";
import type { Recorder } from "../ports/recorder.ts";
import { takeDataFolder } from "./data-folder.ts";
import type { ControlThreadData, MailThreadData, QueueThreadData, RelayPlan, StoreThreadData } from "./plan.ts";
import { sharedSessions } from "./session-count.ts";
import { DiskFullError, PortTakenError, StartError } from "./start-error.ts";
import { tellSurroundings } from "./surroundings.ts";
import { type Ready, type ThreadName, type WatchedThread, watchedThread } from "./watched-thread.ts";

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

/** The relay: its threads, started in order and watched. The main thread does nothing else. */
export class Relay {
  readonly #options: RelayOptions;
  readonly #lock: { release(): void };
  readonly #threads: WatchedThread[] = [];
  #control: WatchedThread | undefined;
  #ports: readonly number[] = [];
  #isStopping = false;

  /** Rejects with `StartError` where the configuration asks for what the system does not give. */
  static async start(options: RelayOptions): Promise<Relay> {
    const lock = takeDataFolder(options.config.data);
    tellSurroundings(options.config, options.recorder);
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
    const inOrder = (name: ThreadName): WatchedThread[] => this.#threads.filter((thread) => thread.name === name);
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
    const controlQueue = new MessageChannel();
    const { recovered = 0 } = await this.#thread("store", {
      plan,
      mails: mailStore.map(({ port2 }) => port2),
      queue: queueStore.port2,
      control: controlStore.port2,
    } satisfies StoreThreadData);
    await this.#thread("queue", {
      plan,
      mails: mailQueue.map(({ port2 }) => port2),
      store: queueStore.port1,
      control: controlQueue.port2,
    } satisfies QueueThreadData);
    if (mailThreads > 1) for (const { listen } of config.listeners) await checkFree(listen);
    const sessions = sharedSessions(config.listeners.length);
    let addresses = config.listeners.map((listener) => listener.listen);
    for (let index = 0; index < mailThreads; index++) {
      const data: MailThreadData = {
        plan,
        sessions,
        index,
        addresses,
        store: mailStore[index]!.port1,
        queue: mailQueue[index]!.port1,
      };
      const { ports = [] } = await this.#thread("mail", data);
      addresses = addresses.map(({ host }, at) => ({ host, port: ports[at]! }));
      this.#ports = ports;
    }
    const listeners = config.listeners.map((listener, at) => ({ ...listener, listen: addresses[at]! }));
    this.#startControl(
      { ...plan, config: { ...config, listeners } },
      { store: controlStore.port1, queue: controlQueue.port1 },
    );
    // Mail flows by now; who reads that the relay started may give it a command at once.
    await Promise.race([this.#control?.started, sleep(CONTROL.startPatience, undefined, { ref: false })]);
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

  /** The one thread that mail can do without: started again whenever it ends, later and later. */
  #startControl(plan: RelayPlan, others: ControlPorts, failures = 0): void {
    const startedAt = performance.now();
    const data: ControlThreadData = { plan, store: lead(others.store), queue: lead(others.queue) };
    this.#control = watchedThread("control", data, {
      log: this.#options.log,
      ended: (text) => {
        if (this.#isStopping) return;
        const isSteady = performance.now() - startedAt > CONTROL.steadyAfter;
        this.#restartControl(plan, others, text, isSteady ? 1 : failures + 1);
      },
    });
  }

  #restartControl(plan: RelayPlan, others: ControlPorts, text: string, failures: number): void {
    const retryMs = wait(CONTROL_RETRY, failures, 0);
    this.#options.recorder.record({ event: "control.failed", text, retryMs });
    setTimeout(() => {
      if (!this.#isStopping) this.#startControl(plan, others, failures);
    }, retryMs).unref();
  }

  /** Starts a thread that mail needs. What it says when it is ready. */
  async #thread(name: ThreadName, data: object): Promise<Ready> {
    const { config, log, onDeath } = this.#options;
    const thread = watchedThread(name, data, {
      log,
      ended: (text, wasReady) => {
        if (wasReady && !this.#isStopping) onDeath(`the ${name} thread died: ${text}`);
      },
    });
    this.#threads.push(thread);
    const started = await thread.started;
    if (started.kind === "ready") return started;
    if (started.kind === "failed" && started.isDiskFull === true) throw new DiskFullError(config.data);
    if (started.kind === "failed") throw startError(started.text, config);
    throw new StartError(`the ${name} thread cannot start on ${config.data}: ${started.text.split("\n", 1)[0]}`);
  }

  async #terminate(): Promise<void> {
    this.#isStopping = true;
    const control = this.#control === undefined ? [] : [this.#control];
    await Promise.all([...this.#threads, ...control].map((thread) => thread.terminate()));
    this.#lock.release();
  }
}

/** What the control thread talks to. */
interface ControlPorts {
  readonly store: MessagePort;
  readonly queue: MessagePort;
}

/** Messages to and from `other` go through here, so that its channel outlives the thread that has the end answered here. */
function lead(other: MessagePort): MessagePort {
  const channel = new MessageChannel();
  channel.port2.on("message", (message: unknown) => other.postMessage(message));
  other.removeAllListeners("message");
  other.on("message", (message: unknown) => channel.port2.postMessage(message));
  for (const port of [channel.port2, other]) port.unref();
  return channel.port1;
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
