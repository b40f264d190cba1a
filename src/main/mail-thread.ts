import { listenTo, outletTo, plain } from "../adapters/threads/outlet.ts";
import { COMMIT, answers } from "../adapters/threads/parcels.ts";
import { unreachable } from "../core/base/invariant.ts";
import type { Duration } from "../core/base/time.ts";
import { LOGS, STOP } from "../core/base/limits.ts";
import type { Config } from "../core/config/config.ts";
import { NO_SPACE, NOT_STORED, PAUSED, SHUTTING_DOWN, TOO_MANY_SESSIONS } from "../core/inbound/trouble.ts";
import { DELIVERY_RETRY } from "../core/queue/backoff.ts";
import type { Event } from "../core/events.ts";
import type { Reply } from "../core/smtp/reply.ts";
import { Acceptor } from "../engine/acceptance.ts";
import { BrokenTls } from "../engine/broken-tls.ts";
import { ClockWatch } from "../engine/clock-watch.ts";
import { Dispatcher } from "../engine/dispatcher.ts";
import type { MailToQueue, QueueToMail, StoreToMail } from "../engine/messages.ts";
import { LongWork } from "../engine/long-work.ts";
import { Notifier } from "../engine/notifier.ts";
import { Pickup } from "../engine/pickup.ts";
import { QueueClient } from "../engine/queue-client.ts";
import { Reception, type ReceptionParts } from "../engine/reception.ts";
import { StrangerLog } from "../engine/stranger-log.ts";
import type { SpaceReport } from "../ports/store.ts";
import type { ContentFiles } from "../ports/content.ts";
import type { CredentialVerdict, CredentialVerifier } from "../ports/credentials.ts";
import type { Clock } from "../ports/clock.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { Spool } from "../ports/spool.ts";
import type { Transport } from "../ports/transport.ts";
import {
  type IncomingConnection,
  type ListenerTerms,
  type Listeners,
  type ListenersParts,
  spoolRules,
} from "./listeners.ts";
import type { ListeningPlace, MailThreadData, RelayPlan } from "./plan.ts";
import { MailSettings, type SettingsParts } from "./threads/mail-settings.ts";
import { lanesOf } from "./threads/next-hops.ts";

const DRAIN_LOOK: Duration = 50;

/** What a mail thread reaches the world with: sockets, disk, clock. */
export interface MailAdapters extends Pick<SettingsParts, "resolverFor" | "verifierFor"> {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly recorder: Recorder;
  readonly files: ContentFiles;
  readonly transport: Transport & { prepare(authorities: readonly string[]): void };
  spool(folder: string): Spool;
  listeners(parts: ListenersParts): Listeners;
}

/** A mail thread: sessions of clients, and couriers to next hops. Holds nothing that must survive. */
export class MailThread {
  readonly #adapters: MailAdapters;
  readonly #clock: Clock;
  readonly #entropy: Entropy;
  readonly #recorder: Recorder;
  readonly #files: ContentFiles;
  readonly #client: QueueClient;
  readonly #transport: MailAdapters["transport"];
  readonly #dispatcher: Dispatcher;
  readonly #ages: ClockWatch;
  readonly #strangers: StrangerLog;
  readonly #parts: Omit<ReceptionParts, "isUnderStress">;
  readonly #listeners: Listeners;
  readonly #notifier: Notifier;
  /** One thread takes from the spool, from the first plan on. */
  readonly #pickup: Pickup | undefined;
  #isPickingUp = false;
  readonly #sessions = new Map<Reception, string>(); // with their clients' addresses
  #settings: MailSettings;
  #prepared: MailSettings | undefined;
  readonly #toldAt = new Map<string, number>(); // of trouble with listeners
  #space: SpaceReport | undefined;
  #isPaused = false; // by an operator
  #isStopping = false;

  constructor(data: MailThreadData, adapters: MailAdapters) {
    const { plan } = data;
    this.#adapters = adapters;
    this.#clock = adapters.clock;
    this.#entropy = adapters.entropy;
    this.#recorder = adapters.recorder;
    this.#files = adapters.files;
    this.#transport = adapters.transport;
    this.#settings = this.#settingsFor(plan, data.listening);
    this.#strangers = new StrangerLog(this.#clock, this.#recorder);
    this.#ages = new ClockWatch(this.#clock, data.index === 0 ? this.#recorder : undefined);
    this.#ages.start();
    this.#client = new QueueClient(
      this.#clock,
      outletTo(data.store, COMMIT),
      outletTo(data.queue, plain<MailToQueue>()),
    );
    this.#notifier = this.#newNotifier();
    this.#dispatcher = this.#newDispatcher();
    this.#parts = this.#receptionParts();
    this.#pickup = data.index === 0 ? this.#newPickup(plan) : undefined;
    this.#listeners = adapters.listeners({
      isFirst: data.index === 0,
      sessions: data.sessions,
      connected: (connection, terms) => this.#connected(connection, terms),
      failed: (listener, error) => this.#tellFailed(listener, error),
    });
    listenTo(data.store, answers<StoreToMail>(), (message) => this.#fromStore(message));
    listenTo(data.queue, plain<QueueToMail>(), (message) => {
      if (message.kind === "granted") this.#dispatcher.granted(message.site, message.slots);
      else if (message.kind === "keep") this.#dispatcher.keep(message.site, message.slots);
      else if (message.kind === "permitted") this.#dispatcher.permitted(message.site, message.what);
      else this.#dispatcher.blocked(message.site, message.block);
    });
  }

  /** Gets ready to go by another plan: all that may fail is done here. Answers the ports. */
  async prepare(plan: RelayPlan, listening: readonly ListeningPlace[]): Promise<number[]> {
    const ports = await this.#listeners.prepare(plan, listening);
    this.#prepared = this.#settingsFor(plan, listening);
    return ports;
  }

  /** Goes by what was prepared: what begins now, and the next MAIL of the sessions that stand. */
  adopt(): void {
    const before = this.#settings;
    const settings = this.#prepared ?? before;
    this.#prepared = undefined;
    this.#settings = settings;
    this.#listeners.adopt();
    for (const [session, address] of this.#sessions)
      session.review((identity) => settings.review(identity, address, before));
    this.#dispatcher.renew();
    if (!this.#isPickingUp) this.#pickup?.start();
    this.#isPickingUp = true;
  }

  abandon(): void {
    this.#prepared = undefined;
    this.#listeners.abandon();
  }

  /** 421 to new sessions and idle ones; what is under way is finished, for 30 s at most. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const deadline = this.#clock.monotonic() + STOP.drain;
    const begun = [...this.#sessions.keys()]; // others come, hear 421 and go
    const quiet = Promise.all([this.#pickup?.stop(), this.#dispatcher.stop()]).then(() => undefined);
    const hurry = this.#clock.after(STOP.hurry, () => this.#dispatcher.hurry());
    while (begun.some((session) => this.#sessions.has(session)) && this.#clock.monotonic() < deadline) {
      for (const session of this.#sessions.keys()) session.shutDown(SHUTTING_DOWN);
      await this.#passed(DRAIN_LOOK);
    }
    await this.#within(quiet, deadline - this.#clock.monotonic());
    hurry.cancel();
    this.#listeners.close();
    this.#dispatcher.abandon();
    await this.#within(quiet, STOP.abandon); // what ended has its reports written
    await this.#client.settled();
    this.#ages.stop();
    this.#strangers.finish();
  }

  #fromStore(message: StoreToMail): void {
    switch (message.kind) {
      case "claimed":
        return this.#dispatcher.claimed(message.claimed);
      case "space":
        this.#space = message.report;
        return this.#dispatcher.space(message.report);
      case "unblock":
        return this.#dispatcher.unblocked(message.lane);
      case "wanted":
        return this.#dispatcher.wanted(message.rows);
      case "pauses":
        this.#isPaused = message.inbound;
        return this.#dispatcher.pauses(message);
      case "hear":
        return this.#client.hear(message.number);
      case "spooled":
        return this.#client.spooled(message);
      case "not-committed":
        this.#recorder.record({ event: "store.failed", reason: message.reason, text: message.text });
        return this.#client.fromStore(message);
      case "committed":
        return this.#client.fromStore(message);
      default:
        return unreachable(message);
    }
  }

  #obstacle(): Reply | undefined {
    if (this.#space?.isStoreReplaced === true) return NOT_STORED; // also to content that is coming, whatever else is in the way
    if (this.#isStopping) return SHUTTING_DOWN;
    if (this.#isPaused) return PAUSED;
    if (this.#space === undefined) return NOT_STORED;
    return this.#space.mayAccept ? undefined : NO_SPACE;
  }

  #tellFailed(listener: string, error: Error): void {
    this.#tellNowAndThen(listener, { event: "listener.failed", listener, text: error.message });
  }

  /** Tells what may come with each connection to a listener, now and then; `about` says whether it is the same again. */
  #tellNowAndThen(about: string, event: Event): void {
    const now = this.#clock.monotonic();
    const key = `${event.event} ${about}`;
    if (now - (this.#toldAt.get(key) ?? Number.NEGATIVE_INFINITY) < LOGS.listenerErrorEvery) return;
    this.#toldAt.set(key, now);
    this.#recorder.record(event);
  }

  #connected({ address, accept }: IncomingConnection, { rules, count, isUnderStress }: ListenerTerms): void {
    const identity = this.#settings.identityAt(address);
    const entered = count.enter(address, identity.kind === "network");
    const seat = typeof entered === "string" ? undefined : entered;
    const whenOver = (): void => {
      this.#sessions.delete(reception);
      seat?.leave();
    };
    const reception: Reception = new Reception(
      { ...this.#parts, isUnderStress },
      rules,
      address,
      identity,
      whenOver,
      () => seat?.trust(),
    );
    this.#sessions.set(reception, address);
    const refusal = this.#isStopping ? SHUTTING_DOWN : seat !== undefined ? undefined : TOO_MANY_SESSIONS;
    const isTlsFirst = rules.tls === "implicit" && refusal === undefined;
    const socket = accept(reception, isTlsFirst);
    reception.start(socket, refusal);
    if (typeof entered !== "string") return;
    if (entered === "file-descriptors") socket.destroy(); // it is wanted: there is no waiting until the reply is read
    this.#tellNowAndThen(`${rules.name} ${entered}`, {
      event: "sessions.full",
      listener: rules.name,
      limit: entered,
      client: address,
    });
  }

  /** Certificates of authorities are read now, which takes some 60 ms, and not when the first connection wants them. */
  #settingsFor(plan: RelayPlan, listening: readonly ListeningPlace[]): MailSettings {
    const { smartHosts, routes } = plan.config;
    for (const host of smartHosts)
      if (host.isImplicitTls || host.tls !== "none") this.#transport.prepare(plan.authorities[host.name] ?? []);
    if (routes.some(({ steps }) => steps.some((step) => step.kind === "mx"))) this.#transport.prepare([]);
    const addresses = listening.map(({ address }) => address);
    return new MailSettings(plan, addresses, this.#adapters, this.#settings);
  }

  get #config(): Config {
    return this.#settings.plan.config;
  }

  #newDispatcher(): Dispatcher {
    return new Dispatcher({
      queue: this.#client,
      clock: this.#clock,
      entropy: this.#entropy,
      recorder: this.#recorder,
      files: this.#files,
      transport: this.#transport,
      ehloName: () => this.#config.hostname,
      ownName: () => this.#config.hostname,
      brokenTls: new BrokenTls(this.#clock),
      finder: { find: (domain, family) => this.#settings.finder.find(domain, family) },
      exchangerPort: () => this.#config.delivery.port,
      smartHost: (name, egress) => this.#settings.nextHops.smartHost(name, egress),
      exchangerTerms: (egress) => this.#settings.nextHops.exchangerTerms(egress),
      lanesOf: (from, recipient) => lanesOf(this.#config.routes, from, recipient),
      notifier: this.#notifier,
      ages: this.#ages,
      policy: () => {
        const { retry, isSoftBounce } = this.#config;
        return { schedule: retry.schedule, jitter: DELIVERY_RETRY.jitter, expire: retry.expire, isSoftBounce };
      },
    });
  }

  #newNotifier(): Notifier {
    return new Notifier({
      clock: this.#clock,
      entropy: this.#entropy,
      recorder: this.#recorder,
      files: this.#files,
      terms: () => {
        const { hostname, postmaster, retry } = this.#config;
        return { hostname, postmaster, delayNotice: retry.delayNotice };
      },
      routes: () => this.#config.routes,
    });
  }

  #newPickup({ config }: RelayPlan): Pickup {
    return new Pickup({
      spool: this.#adapters.spool(config.sendmail.spool),
      queue: this.#client,
      recorder: this.#recorder,
      notifier: this.#notifier,
      reception: { ...this.#parts, isUnderStress: () => false },
      rules: () => spoolRules(this.#config),
      expire: () => this.#config.retry.expire,
      identityOf: (user, uid) => this.#settings.localIdentity(user, uid),
    });
  }

  #receptionParts(): Omit<ReceptionParts, "isUnderStress"> {
    const postmaster = (): Config["postmaster"] => this.#config.postmaster;
    const routes = (): Config["routes"] => this.#config.routes;
    return {
      clock: this.#clock,
      longWork: new LongWork(this.#clock),
      entropy: this.#entropy,
      recorder: this.#recorder,
      strangers: this.#strangers,
      files: this.#files,
      acceptor: new Acceptor({
        clock: this.#clock,
        queue: this.#client,
        dispatcher: this.#dispatcher,
        hostname: () => this.#config.hostname,
        postmaster,
        routes,
        isPaused: () => this.#isPaused,
      }),
      postmaster,
      routes,
      permitsLiterals: () => this.#config.delivery.permitsLiterals,
      credentials: { verify: (...claim) => this.#verify(...claim) },
      sendersOf: (username) => this.#settings.sendersOf(username),
      obstacle: () => this.#obstacle(),
    };
  }

  /** By the credentials that hold when it is answered: a check takes a while. */
  async #verify(...claim: Parameters<CredentialVerifier["verify"]>): Promise<CredentialVerdict> {
    const { verifier } = this.#settings;
    const verdict = await verifier.verify(...claim);
    return verifier === this.#settings.verifier ? verdict : this.#verify(...claim);
  }

  #passed(delay: Duration): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(delay, resolve));
  }

  #within(work: Promise<void>, most: Duration): Promise<void> {
    return Promise.race([work, this.#passed(Math.max(0, most))]);
  }
}
