import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import { CONTROL, RELOAD, STOP } from "../core/base/limits.ts";
import { span } from "../core/base/span.ts";
import { type Config, listenText } from "../core/config/config.ts";
import type { ReloadAnswer, ReloadRequest } from "../engine/operator.ts";
import type { HandedSocket } from "../adapters/system/handed-sockets.ts";
import { Privileges, type ProcessUser, findUser, isRoot, isUser } from "../adapters/system/process-user.ts";
import { damageOf } from "../adapters/store-sqlite/damage.ts";
import { descriptorsMax } from "../adapters/system/descriptors.ts";
import type { Recorder } from "../ports/recorder.ts";
import { ControlSupervisor, type ControlSupervisorParts } from "./control-supervisor.ts";
import { type TakenFolder, makeDataFolder, makeSpoolFolder, makeSpoolFor, takeDataFolder } from "./data-folder.ts";
import {
  type ListeningPlace,
  type MailThreadData,
  type QueueThreadData,
  type RelayPlan,
  type StoreThreadData,
  type ThreadOrder,
  dataPaths,
} from "./plan.ts";
import {
  type Places,
  checkHanded,
  placesBy,
  placesFor,
  planFor,
  renewedPairs,
  withLogKey,
  withNewTickets,
} from "./plan-of.ts";
import { sharedSessions } from "./session-count.ts";
import { checkFree, listenFault } from "./ports.ts";
import { DiskFullError, StartError } from "./start-error.ts";
import { tellSurroundings } from "./surroundings.ts";
import { type Ready, type ThreadName, type WatchedThread, watchedThread } from "./watched-thread.ts";

export interface RelayOptions {
  readonly config: Config;
  readonly version: string;
  readonly isTerminal: boolean;
  readonly recorder: Recorder;
  /** Called before the first session begins: from then on there is something to finish. */
  readonly flows: (relay: Relay) => void;
  /** Takes whole log lines. */
  readonly log: (lines: string) => void;
  /** What the log of the main thread goes by from now on. */
  readonly logBy: (plan: RelayPlan) => void;
  /** A thread died: the process has to end. */
  readonly onDeath: (text: string, exit: "software" | "config") => void;
  /** A command asks for a reload. */
  readonly reload: (request: ReloadRequest) => Promise<ReloadAnswer>;
  /** Sockets that the service manager opened. */
  readonly handed: readonly HandedSocket[];
}

/** The relay: its threads, started in order and watched. The main thread does nothing else. */
export class Relay {
  readonly #options: RelayOptions;
  readonly #folder: TakenFolder;
  readonly #privileges: Privileges | undefined;
  readonly #threads: WatchedThread[] = [];
  #control: ControlSupervisor | undefined;
  /** What the threads go by. */
  #plan: RelayPlan;
  #places: Places = new Map();
  #ports: readonly number[] = [];
  #isStopping = false;
  /** Threads that end now end because they were told to, or because one of them died. */
  #isOver = false;

  /** Rejects with `StartError` where the configuration asks for what the system does not give. */
  static async start(options: RelayOptions): Promise<Relay> {
    const { config, version, isTerminal, recorder } = options;
    const user = userToBecome(config);
    const plan = planFor(config, { version, isTerminal, startedAt: Date.now() }); // as root, who may read the keys
    const privileges = user && new Privileges(user);
    makeDataFolder(config.data, user, privileges);
    if (user !== undefined) makeSpoolFor(user, config.sendmail.spool, config.data);
    privileges?.asUser(); // what stands in the user's folders is the user's to make: root could be led astray there
    if (user !== undefined) checkProgram(config.user!);
    makeSpoolFolder(config.sendmail.spool, config.data);
    const folder = takeDataFolder(config.data, config.sendmail.spool);
    const relay = new Relay(options, withLogKey(plan), folder, privileges);
    options.logBy(relay.#plan);
    tellSurroundings(config, recorder);
    try {
      await relay.#run();
      return relay;
    } catch (error) {
      await relay.#terminate();
      throw error;
    }
  }

  private constructor(options: RelayOptions, plan: RelayPlan, folder: TakenFolder, privileges: Privileges | undefined) {
    this.#options = options;
    this.#privileges = privileges;
    this.#plan = plan;
    this.#folder = folder;
  }

  /** The ports of the listeners, in the order of the configuration. */
  get ports(): readonly number[] {
    return this.#ports;
  }

  /**
   * Goes by another configuration: first all threads get ready, then each goes by it. Sessions, queue and deliveries go on.
   * Rejects with `StartError` where it asks for what is not to be had, and nothing is changed. One at a time. Answers the files of
   * certificates that hold others than before.
   */
  async adopt(config: Config, changedHosts: readonly string[]): Promise<readonly string[]> {
    const before = this.#plan;
    await this.#adopt(withLogKey(planFor(config, before, before)), changedHosts);
    return renewedPairs(before, this.#plan);
  }

  /** New keys for TLS tickets, which every plan brings. No file is read. */
  async rotateTickets(): Promise<void> {
    await this.#adopt(withNewTickets(this.#plan), []);
  }

  async #adopt(plan: RelayPlan, changedHosts: readonly string[]): Promise<void> {
    if (this.#isStopping) throw new StartError("the relay is stopping: it goes by its file when it is started again");
    const { config } = plan;
    const places = placesFor(config, this.#places);
    checkHanded(this.#places, places);
    if (plan.mailThreads > 1) await this.#checkNew(places);
    const ready = await this.#prepare(plan, places);
    this.#plan = plan;
    this.#places = placesBy(config, ready);
    this.#ports = ready.map(({ address }) => address.port);
    const order: ThreadOrder = { kind: "adopt", plan: this.#planShown(), changedHosts };
    // The queue knows of new bounds before mail asks by them; the store wakes lanes when mail goes by their new servers.
    for (const name of ["queue", "mail", "store"] as const) await this.#tellAll(name, order);
    await this.#control?.order(order);
    this.#options.logBy(plan);
  }

  /** 421 to new sessions; what is under way is finished, for 30 s at most; all that ended is recorded. */
  async stop(because: string): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    const started = performance.now();
    const { recorder } = this.#options;
    recorder.record({ event: "relay.stopping", because });
    this.#control?.stopping();
    await Promise.all(this.#named("mail").map((thread) => thread.stop()));
    await this.#control?.stop();
    for (const name of ["queue", "store"] as const) for (const thread of this.#named(name)) await thread.stop();
    if (this.#isOver) return; // one died: that is no stop in order
    await this.#terminate();
    recorder.record({ event: "relay.stopped", elapsedMs: Math.round(performance.now() - started) });
  }

  /** Ends all threads at once, and waits no longer than `STOP.death` for one that does not end. */
  async abandon(): Promise<void> {
    await Promise.race([this.#terminate(), sleep(STOP.death)]);
  }

  #named(name: ThreadName): WatchedThread[] {
    return this.#threads.filter((thread) => thread.name === name);
  }

  async #checkNew(places: readonly ListeningPlace[]): Promise<void> {
    const known = new Set([...this.#places.values()].map(({ place }) => place));
    for (const { address, place, descriptor } of places)
      if (!known.has(place) && descriptor === undefined) await checkFree(address);
  }

  /** Answers the places with their ports. Where one thread cannot, none does. */
  async #prepare(plan: RelayPlan, places: readonly ListeningPlace[]): Promise<readonly ListeningPlace[]> {
    const mails = this.#named("mail");
    let listening = places;
    for (const thread of mails) {
      const answer = await thread.order({ kind: "prepare", plan, listening });
      if (answer?.kind === "prepared") {
        listening = withPorts(listening, answer.ports);
        continue;
      }
      for (const other of mails) other.tell({ kind: "abandon" });
      const text = answer?.kind === "not-prepared" ? answer.text : `a mail thread did not answer within ${PATIENCE}`;
      throw listenFault(text, plan.config);
    }
    return listening;
  }

  async #tellAll(name: ThreadName, order: ThreadOrder): Promise<void> {
    const answers = await Promise.all(this.#named(name).map((thread) => thread.order(order)));
    if (answers.every((answer) => answer?.kind === "adopted") || this.#isStopping) return;
    // It may go by the old plan or by the new one: nobody knows, so that only a new start is certain.
    this.#options.onDeath(`the ${name} thread did not go by the new configuration within ${PATIENCE}`, "software");
  }

  /** With the addresses as they are. */
  #planShown(): RelayPlan {
    const { config } = this.#plan;
    const listeners = config.listeners.map((listener, at) => ({
      ...listener,
      listen: { host: listener.listen.host, port: this.#ports[at]! },
    }));
    return { ...this.#plan, config: { ...config, listeners } };
  }

  async #run(): Promise<void> {
    const plan = this.#plan;
    const { config, mailThreads, version } = plan;
    // All load side by side; each begins in its turn.
    const store = this.#load("store");
    const queue = this.#load("queue");
    const mails = Array.from({ length: mailThreads }, () => this.#load("mail"));
    const sessions = sharedSessions(descriptorsMax());
    const mailStore = channels(mailThreads);
    const mailQueue = channels(mailThreads);
    const queueStore = new MessageChannel();
    const controlStore = new MessageChannel();
    const controlQueue = new MessageChannel();
    const control = this.#superviseControl({ sessions, store: controlStore.port1, queue: controlQueue.port1 });
    const { recovered = 0 } = await this.#begin(store, {
      plan,
      mails: mailStore.map(({ port2 }) => port2),
      queue: queueStore.port2,
      control: controlStore.port2,
      wasKilled: this.#folder.wasKilled,
    } satisfies StoreThreadData);
    this.#folder.storeOpened();
    await this.#begin(queue, {
      plan,
      mails: mailQueue.map(({ port2 }) => port2),
      store: queueStore.port1,
      control: controlQueue.port2,
    } satisfies QueueThreadData);
    const places = placesFor(config, undefined, this.#options.handed);
    for (const [index, mail] of mails.entries()) {
      const data: MailThreadData = {
        plan,
        sessions,
        index,
        listening: places,
        store: mailStore[index]!.port1,
        queue: mailQueue[index]!.port1,
      };
      await this.#begin(mail, data);
    }
    await control.loaded; // the others have begun
    const listening = await this.#listenFirst(plan, places);
    this.#places = placesBy(config, listening);
    this.#ports = listening.map(({ address }) => address.port);
    this.#options.flows(this);
    await this.#tellAll("mail", { kind: "adopt", plan: this.#planShown(), changedHosts: [] });
    if (this.#isStopping) return;
    // Mail flows by now; who reads that the relay started may give it a command at once.
    await Promise.race([control.begin(), sleep(CONTROL.startPatience, undefined, { ref: false })]);
    if (this.#isStopping) return;
    this.#options.recorder.record({
      event: "relay.started",
      version,
      hostname: config.hostname,
      data: config.data,
      listeners: this.#planShown().config.listeners.map(({ name, listen }) => `${name} ${listenText(listen)}`),
      mailThreads,
      recovered,
    });
  }

  /** Ports below 1024 are root's. All threads are loaded, and no session begins: nothing is written meanwhile. */
  async #listenFirst(plan: RelayPlan, places: readonly ListeningPlace[]): Promise<readonly ListeningPlace[]> {
    this.#privileges?.asRoot();
    if (plan.mailThreads > 1) await this.#checkNew(places);
    const listening = await this.#prepare(plan, places);
    this.#privileges?.drop();
    return listening;
  }

  #superviseControl(others: Pick<ControlSupervisorParts, "sessions" | "store" | "queue">): ControlSupervisor {
    const { recorder, log, reload } = this.#options;
    this.#control = new ControlSupervisor({ recorder, log, reload, plan: () => this.#planShown(), ...others });
    return this.#control;
  }

  /** A thread that mail needs. */
  #load(name: ThreadName): WatchedThread {
    const { config, log, onDeath } = this.#options;
    const thread = watchedThread(name, {
      log,
      ended: (text, wasAtWork, error) => {
        if (!wasAtWork || this.#isOver) return;
        const damage = damageOf(dataPaths(config.data).queue, error);
        if (damage === undefined) onDeath(`the ${name} thread died: ${text}`, "software");
        else onDeath(damage, "config"); // to be started again at once is no help
      },
    });
    this.#threads.push(thread);
    return thread;
  }

  /** What it says when it is ready. */
  async #begin(thread: WatchedThread, data: object): Promise<Ready> {
    const { config } = this.#options;
    thread.begin(data);
    const started = await thread.started;
    if (started.kind === "ready") return started;
    if (started.kind === "failed" && started.isDiskFull === true) throw new DiskFullError(config.data);
    if (started.kind === "failed") throw listenFault(started.text, config);
    throw new StartError(`the ${thread.name} thread cannot start on ${config.data}: ${started.text.split("\n", 1)[0]}`);
  }

  async #terminate(): Promise<void> {
    this.#isStopping = true;
    this.#isOver = true;
    const control = this.#control === undefined ? [] : [this.#control];
    await Promise.all([...this.#threads, ...control].map((thread) => thread.terminate()));
    this.#folder.release();
  }
}

function channels(count: number): MessageChannel[] {
  return Array.from({ length: count }, () => new MessageChannel());
}

/** Whom the process is to become; undefined where it stays who it is. */
function userToBecome({ user: text }: Config): ProcessUser | undefined {
  if (text === undefined) return undefined;
  const user = findUser(text);
  if (user === undefined)
    throw new StartError(`\`user\`: there is no user or group ${text} here; numbers are uid:gid, such as 10001:10001`);
  if (isUser(user)) return undefined;
  if (!isRoot())
    throw new StartError(
      `\`user\`: only root can become ${text}; start it as root or as ${text}, or leave \`user\` out`,
    );
  return user;
}

/** Each thread loads its part of the program, and does so as the user. */
function checkProgram(user: string): void {
  try {
    fs.closeSync(fs.openSync(import.meta.filename, "r"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
    throw new StartError(
      `\`user\`: ${user} may not read the program in ${import.meta.dirname}: give others read and search permission for that folder and for all above it, or install Waypost elsewhere`,
    );
  }
}

const PATIENCE = span(RELOAD.patience);

function withPorts(places: readonly ListeningPlace[], ports: readonly number[]): readonly ListeningPlace[] {
  return places.map((place, at) => ({ ...place, address: { host: place.address.host, port: ports[at]! } }));
}
