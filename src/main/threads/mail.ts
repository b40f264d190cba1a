// A mail thread: sessions of clients, and couriers to next hops. Holds nothing that must survive.
import { hkdfSync } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import type tls from "node:tls";
import { workerData } from "node:worker_threads";
import { FolderOfContents } from "../../adapters/content-files/content-files.ts";
import { PasswordVerifier, runningShare } from "../../adapters/crypto/passwords.ts";
import { Networks, plainAddress } from "../../adapters/net/networks.ts";
import { acceptSocket, acceptTlsSocket } from "../../adapters/net/socket.ts";
import { serverContext } from "../../adapters/net/tls-context.ts";
import { NetTransport } from "../../adapters/net/transport.ts";
import { SystemClock } from "../../adapters/system/clock.ts";
import { SystemEntropy } from "../../adapters/system/entropy.ts";
import { listenTo, outletTo, plain } from "../../adapters/threads/outlet.ts";
import { COMMIT, answers } from "../../adapters/threads/parcels.ts";
import { unreachable } from "../../core/base/invariant.ts";
import type { Duration } from "../../core/base/time.ts";
import { INBOUND_TIME, LOGS, SESSIONS, STOP } from "../../core/base/limits.ts";
import type { Listener } from "../../core/config/config.ts";
import { NO_SPACE, NOT_STORED, PAUSED, SHUTTING_DOWN, TOO_MANY_SESSIONS } from "../../core/inbound/trouble.ts";
import type { Identity } from "../../core/policy/identity.ts";
import { DELIVERY_RETRY } from "../../core/queue/backoff.ts";
import type { Reply } from "../../core/smtp/reply.ts";
import { Acceptor } from "../../engine/acceptance.ts";
import { BrokenTls } from "../../engine/broken-tls.ts";
import { ClockWatch } from "../../engine/clock-watch.ts";
import { Dispatcher } from "../../engine/dispatcher.ts";
import type { MailToQueue, QueueToMail, StoreToMail } from "../../engine/messages.ts";
import { Notifier } from "../../engine/notifier.ts";
import { QueueClient } from "../../engine/queue-client.ts";
import { Reception, type ReceptionParts } from "../../engine/reception.ts";
import type { SpaceReport } from "../../ports/store.ts";
import { type MailThreadData, dataPaths } from "../plan.ts";
import { SessionCount } from "../session-count.ts";
import { destinationFinder, lanesOf, nextHopTerms } from "./next-hops.ts";
import { onOrder, report, reportStopped, threadRecorder } from "./thread.ts";

const DRAIN_LOOK_MS = 50;

class MailThread {
  readonly #data: MailThreadData;
  readonly #clock = new SystemClock();
  readonly #client: QueueClient;
  readonly #dispatcher: Dispatcher;
  readonly #ages: ClockWatch;
  readonly #parts: Omit<ReceptionParts, "isUnderStress">;
  readonly #networks: Networks;
  readonly #sessions = new Set<Reception>();
  readonly #servers: net.Server[] = [];
  #space: SpaceReport | undefined;
  #isPaused = false; // by an operator
  #isStopping = false;

  constructor(data: MailThreadData) {
    this.#data = data;
    const { plan } = data;
    const { config } = plan;
    const clock = this.#clock;
    const entropy = new SystemEntropy();
    const recorder = threadRecorder(plan);
    const files = new FolderOfContents(dataPaths(config.data).content);
    const transport = new NetTransport();
    for (const host of config.smartHosts)
      if (host.isImplicitTls || host.tls !== "none") transport.prepare(plan.authorities[host.name] ?? []);
    if (config.routes.some(({ steps }) => steps.some((step) => step.kind === "mx"))) transport.prepare([]);
    const routes = (): typeof config.routes => config.routes;
    this.#ages = new ClockWatch(clock, data.index === 0 ? recorder : undefined);
    this.#ages.start();
    this.#client = new QueueClient(clock, outletTo(data.store, COMMIT), outletTo(data.queue, plain<MailToQueue>()));
    this.#dispatcher = new Dispatcher({
      queue: this.#client,
      clock,
      entropy,
      recorder,
      files,
      transport,
      ehloName: config.hostname,
      ownName: config.hostname,
      brokenTls: new BrokenTls(clock),
      finder: destinationFinder(config, data.addresses, { clock, entropy }),
      exchangerPort: config.delivery.port,
      ...nextHopTerms(plan),
      lanesOf: (from, recipient) => lanesOf(config.routes, from, recipient),
      notifier: new Notifier({
        clock,
        entropy,
        recorder,
        files,
        hostname: config.hostname,
        postmaster: config.postmaster,
        delayNotice: config.retry.delayNotice,
        routes,
      }),
      ages: this.#ages,
      policy: {
        schedule: config.retry.schedule,
        jitter: DELIVERY_RETRY.jitter,
        expire: config.retry.expire,
        isSoftBounce: config.isSoftBounce,
      },
    });
    const acceptor = new Acceptor({
      clock,
      queue: this.#client,
      dispatcher: this.#dispatcher,
      hostname: config.hostname,
      postmaster: config.postmaster,
      routes,
    });
    const senders = new Map(config.credentials.map((credential) => [credential.username, credential.senders]));
    this.#networks = new Networks(config.access.networks);
    this.#parts = {
      clock,
      entropy,
      recorder,
      files,
      acceptor,
      postmaster: config.postmaster,
      routes,
      permitsLiterals: config.delivery.permitsLiterals,
      credentials: new PasswordVerifier({
        credentials: config.credentials,
        clock,
        runningMax: runningShare(plan.mailThreads),
      }),
      sendersOf: (username) => senders.get(username) ?? [],
      obstacle: () => this.#obstacle(),
    };
    listenTo(data.store, answers<StoreToMail>(), (message) => this.#fromStore(message));
    listenTo(data.queue, plain<QueueToMail>(), (message) => {
      if (message.kind === "granted") this.#dispatcher.granted(message.site, message.slots);
      else if (message.kind === "keep") this.#dispatcher.keep(message.site, message.slots);
      else if (message.kind === "permitted") this.#dispatcher.permitted(message.site, message.what);
      else this.#dispatcher.blocked(message.site, message.block);
    });
  }

  /** Listens; answers the ports. */
  async listen(): Promise<number[]> {
    const { plan, addresses } = this.#data;
    const ports: number[] = [];
    for (const [at, listener] of plan.config.listeners.entries()) {
      const server = this.#server(listener, at);
      this.#servers.push(server);
      const { host, port } = addresses[at]!;
      server.listen({ host, port, backlog: 1024, reusePort: plan.mailThreads > 1 });
      await once(server, "listening");
      server.on("error", this.#teller(listener.name));
      ports.push((server.address() as net.AddressInfo).port);
    }
    return ports;
  }

  /** 421 to new sessions and idle ones; what is under way is finished, for 30 s at most. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const deadline = this.#clock.monotonic() + STOP.drain;
    for (const server of this.#servers) server.close();
    const quiet = this.#dispatcher.stop();
    const hurry = this.#clock.after(STOP.hurry, () => this.#dispatcher.hurry());
    while (this.#sessions.size > 0 && this.#clock.monotonic() < deadline) {
      for (const session of this.#sessions) session.shutDown(SHUTTING_DOWN);
      await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS));
    }
    await within(quiet, deadline - this.#clock.monotonic());
    hurry.cancel();
    this.#dispatcher.abandon();
    await within(quiet, STOP.abandon); // what ended has its reports written
    await this.#client.settled();
    this.#ages.stop();
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
      case "not-committed":
        this.#parts.recorder.record({ event: "store.failed", reason: message.reason, text: message.text });
        return this.#client.fromStore(message);
      case "committed":
        return this.#client.fromStore(message);
      default:
        return unreachable(message);
    }
  }

  #obstacle(): Reply | undefined {
    if (this.#isStopping) return SHUTTING_DOWN;
    if (this.#isPaused) return PAUSED;
    if (this.#space === undefined) return NOT_STORED;
    return this.#space.mayAccept ? undefined : NO_SPACE;
  }

  /** Tells what goes wrong with a listening socket, now and then. */
  #teller(listener: string): (error: Error) => void {
    let toldAt = Number.NEGATIVE_INFINITY;
    return (error) => {
      const now = this.#clock.monotonic();
      if (now - toldAt < LOGS.listenerErrorEvery) return;
      toldAt = now;
      this.#parts.recorder.record({ event: "listener.failed", listener, text: error.message });
    };
  }

  #server(listener: Listener, at: number): net.Server {
    const { plan } = this.#data;
    const { config } = plan;
    const context = plan.tls === undefined || listener.tls === "none" ? undefined : this.#context(listener, plan.tls);
    const rules = {
      name: listener.name,
      hostname: config.hostname,
      tls: listener.tls,
      isTlsRequired: listener.isTlsRequired,
      bareNewlines: listener.bareNewlines,
      messageOctetsMax: listener.messageOctetsMax,
      recipientsMax: config.limits.recipientsPerMessage,
      messagesPerConnectionMax: config.limits.messagesPerConnection,
      hasCredentials: config.credentials.length > 0,
    };
    const { sessionsPerListener, sessionsPerAddress } = config.limits;
    const count = new SessionCount(this.#data.sessions, at, {
      sessionsMax: sessionsPerListener,
      perStrangerMax: sessionsPerAddress,
      perTrustedMax: Math.max(SESSIONS.perTrustedAddressMax, sessionsPerAddress),
    });
    const parts: ReceptionParts = {
      ...this.#parts,
      isUnderStress: () => count.sessions > sessionsPerListener * SESSIONS.stressShare,
    };
    return net.createServer({ noDelay: true, pauseOnConnect: false }, (raw) => {
      const address = plainAddress(raw.remoteAddress ?? "");
      const network = this.#networks.find(address);
      const identity: Identity =
        network === undefined ? { kind: "none" } : { kind: "network", network, senders: config.access.senders };
      const seat = count.enter(address, network !== undefined);
      const whenOver = (): void => {
        this.#sessions.delete(reception);
        seat?.leave();
      };
      const reception: Reception = new Reception(parts, rules, address, identity, whenOver, () => seat?.trust());
      this.#sessions.add(reception);
      const server = context === undefined ? undefined : { context, handshakeTimeout: INBOUND_TIME.tlsHandshake };
      const refusal = this.#isStopping ? SHUTTING_DOWN : seat !== undefined ? undefined : TOO_MANY_SESSIONS;
      const isTlsFirst = server !== undefined && listener.tls === "implicit" && refusal === undefined;
      reception.start(
        isTlsFirst ? acceptTlsSocket(raw, reception, server) : acceptSocket(raw, reception, server),
        refusal,
      );
    });
  }

  /** A ticket of one listener is good on all mail threads, but on no other listener: their rules differ. */
  #context(listener: Listener, files: { readonly certificate: string; readonly key: string }): tls.SecureContext {
    const ticketKeys = Buffer.from(
      hkdfSync("sha256", this.#data.plan.ticketSecret, "", `tickets of ${listener.name}`, 48),
    );
    return serverContext(files.certificate, files.key, ticketKeys);
  }
}

function within(work: Promise<void>, most: Duration): Promise<void> {
  return Promise.race([work, new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, most)))]);
}

async function main(data: MailThreadData): Promise<void> {
  const thread = new MailThread(data);
  onOrder(() => void thread.stop().then(() => reportStopped()));
  try {
    report({ kind: "ready", ports: await thread.listen() });
  } catch (error) {
    report({ kind: "failed", text: error instanceof Error ? error.message : String(error) });
  }
}

await main(workerData as MailThreadData);
