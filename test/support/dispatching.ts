import { octetText, utf8 } from "../../src/core/base/bytes.ts";
import { type Duration, day } from "../../src/core/base/time.ts";
import type { Event } from "../../src/core/events.ts";
import { DELIVERY_RETRY } from "../../src/core/queue/backoff.ts";
import type { DeliveryPolicy } from "../../src/core/queue/settle.ts";
import { FREE_TERMS, type NamedEgress, type SiteTerms, termsThrough } from "../../src/core/routing/site-terms.ts";
import type { SmartHost } from "../../src/core/routing/smart-host.ts";
import { BrokenTls } from "../../src/engine/broken-tls.ts";
import type { Destination } from "../../src/engine/destination.ts";
import { Dispatcher, type Fresh } from "../../src/engine/dispatcher.ts";
import type { Entropy } from "../../src/ports/entropy.ts";
import type { Recorder } from "../../src/ports/recorder.ts";
import type { Block, QueuePort, SiteReport } from "../../src/ports/queue.ts";
import type { Arrival, Settlement } from "../../src/ports/store.ts";
import type { ConnectTarget, Socket, SocketHandler, Transport } from "../../src/ports/transport.ts";
import { ClockWatch } from "../../src/engine/clock-watch.ts";
import { Notifier, type NotifierParts, type NotifierTerms } from "../../src/engine/notifier.ts";
import { FakeClock, START } from "./fake-clock.ts";

// A dispatcher with a next hop in memory.

export const lane = "smarthost/a";

/** A next hop in memory: takes all, unless `answer` says otherwise; counts what it sees. */
export class NextHop implements Transport {
  connections = 0;
  /** Of each connection. */
  readonly targets: ConnectTarget[] = [];
  /** Whether an address refuses connections. */
  refusesAt: (address: string) => boolean = () => false;
  /** Commands, as they came. */
  readonly said: string[] = [];
  readonly contents: string[] = [];
  readonly recipients: number[] = [];
  readonly handlers: (SocketHandler & { connected(socket: Socket): void })[] = [];
  refuses = false;
  /** We cannot connect from the address that we are to connect from. */
  sourceIsForeign = false;
  /** When a connection that is closed on our side is gone. */
  whenClosed: (call: () => void) => void = queueMicrotask;
  /** When what it was sent is answered. */
  whenDone: (call: () => void) => void = (call) => call();
  greeting: (address: string) => string | undefined = () => "220 hello";
  /** It offers STARTTLS, and breaks in the handshake. */
  offersTls = false;
  /** What to say to a command; undefined for the usual, "" for closing the connection. */
  answer: (command: string, connection: number) => string | undefined = () => undefined;

  connect(target: ConnectTarget, handler: SocketHandler & { connected(socket: Socket): void }): Socket {
    const connection = ++this.connections;
    this.handlers.push(handler);
    this.targets.push(target);
    let isContent = false;
    let recipients = 0;
    const say = (text: string): void => queueMicrotask(() => handler.received(utf8(text)));
    const close = (): void => queueMicrotask(() => handler.closed({ kind: "ended", text: "" }));
    const closedHere = (): void => this.whenClosed(() => handler.closed({ kind: "closed-here", text: "" }));
    const command = (line: string): void => {
      this.said.push(line);
      const verb = line.slice(0, 4);
      const said = this.answer(verb, connection);
      if (said === "") return close();
      if (verb === "RCPT") recipients++;
      if (verb === "DATA" && said === undefined) isContent = true;
      const starts = this.offersTls ? "250-STARTTLS\r\n" : "";
      const usual =
        verb === "EHLO"
          ? `250-x\r\n${starts}250 PIPELINING`
          : verb === "STAR"
            ? "220 go"
            : verb === "DATA"
              ? "354 go"
              : "250 ok";
      return say(`${said ?? usual}\r\n`);
    };
    const socket: Socket = {
      local: { address: "", port: 0 },
      remote: { address: "192.0.2.1", port: 25 },
      send: (parts) => {
        const text = parts.map((part) => (typeof part === "string" ? part : octetText(part))).join("");
        if (isContent) {
          isContent = false;
          this.contents.push(text);
          this.recipients.push(recipients);
          recipients = 0;
          const said = this.answer("DOT", connection);
          if (said === "") close();
          else this.whenDone(() => say(`${said ?? "250 kept"}\r\n`));
        } else for (const line of text.trimEnd().split("\r\n")) command(line);
        return true;
      },
      pause: () => undefined,
      resume: () => undefined,
      startTls: () => queueMicrotask(() => handler.closed({ kind: "tls-failed", text: "no shared cipher" })),
      close: () => closedHere(),
      destroy: () => closedHere(),
    };
    queueMicrotask(() => {
      if (this.sourceIsForeign) return handler.closed({ kind: "source-unusable", text: "not ours" });
      if (this.refuses || this.refusesAt(target.address))
        return handler.closed({ kind: "connect-failed", text: "refused" });
      handler.connected(socket);
      const greeting = this.greeting(target.address);
      return greeting === undefined ? undefined : handler.received(utf8(`${greeting}\r\n`));
    });
    return socket;
  }
}

export interface Scene {
  readonly dispatcher: Dispatcher;
  readonly hop: NextHop;
  readonly settlements: Settlement[];
  /** Reports that were settled with them. */
  readonly arrived: Arrival[];
  readonly demands: number[];
  readonly reports: SiteReport[];
  readonly events: Event[];
  readonly clock: FakeClock;
  /** Smart hosts by name. */
  hosts: Map<string, SmartHost>;
  /** Egresses by name. */
  egresses: Map<string, NamedEgress>;
  /** Lanes of every recipient's route. */
  route: readonly string[];
  /** What the DNS says of domains; unknown where it is not here. */
  destinations: Map<string, Destination>;
  /** Of the addresses that were looked for. */
  readonly families: string[];
  /** Of strangers' servers. */
  terms: SiteTerms;
  /** Sites that a permit was asked for. */
  readonly asked: string[];
  /** Of each permit that was asked for: whether it was for the first transaction of a connection. */
  readonly firsts: boolean[];
  /** Lanes that were told to go to a site. */
  readonly sited: (readonly [lane: string, site: string])[];
}

export const site: SmartHost = {
  name: "a",
  host: "a.example",
  port: 25,
  isImplicitTls: false,
  tls: "none",
  credentials: undefined,
  authorities: [],
  ...FREE_TERMS,
};
const scenes: Scene[] = [];

/** Where the reports of a scene go. */
export const REPORT_LANE = "smarthost/reports";

export interface SceneOptions {
  readonly policy?: Partial<DeliveryPolicy>;
  readonly reports?: Partial<NotifierParts & NotifierTerms>;
  /** Of the queue, instead of lists. */
  readonly queue?: Partial<QueuePort>;
}

let ids = 0;
export function scene(options: SceneOptions = {}): Scene {
  const settlements: Settlement[] = [];
  const arrived: Arrival[] = [];
  const demands: number[] = [];
  const reports: SiteReport[] = [];
  const events: Event[] = [];
  const hop = new NextHop();
  const clock = new FakeClock();
  const queue: QueuePort = {
    submit: () => Promise.reject(new Error("not here")),
    markOf: () => Promise.resolve(undefined),
    settle: (settlement) => void settlements.push(settlement),
    settleWithReports: (some, arrivals) => {
      settlements.push(...some);
      arrived.push(...arrivals);
      return Promise.resolve();
    },
    settled: () => Promise.resolve(),
    demand: (_lane, connections) => void demands.push(connections),
    release: (_lane, report) => void reports.push(report),
    progress: () => undefined,
    unblock: () => undefined,
    permit: (to, _what, isFirst) => {
      made.asked.push(to);
      made.firsts.push(isFirst);
    },
    withdraw: (to) => void made.asked.splice(made.asked.indexOf(to), 1),
    sited: (name, to) => void made.sited.push([name, to]),
    consumed: () => undefined,
    ...options.queue,
  };
  const made: Omit<Scene, "dispatcher"> = {
    hop,
    settlements,
    arrived,
    demands,
    reports,
    events,
    clock,
    hosts: new Map([["a", site]]),
    egresses: new Map(),
    route: [lane],
    destinations: new Map(),
    families: [],
    terms: FREE_TERMS,
    asked: [],
    firsts: [],
    sited: [],
  };
  const entropy: Entropy = { octets: (n) => new Uint8Array(n).fill(++ids), fraction: () => 0.5 };
  const recorder: Recorder = { record: (event) => void events.push(event) };
  const dispatcher = new Dispatcher({
    queue,
    clock,
    transport: hop,
    ehloName: () => "us.example",
    entropy,
    recorder,
    files: { create: () => unused(), open: () => unused() },
    brokenTls: new BrokenTls(clock),
    finder: {
      find: (domain, family) => {
        made.families.push(family);
        return Promise.resolve(made.destinations.get(domain) ?? { kind: "unknown", detail: "SERVFAIL" });
      },
    },
    exchangerPort: () => 25,
    exchangerTerms: (egress) => termsThrough((name) => made.egresses.get(name), egress, made.terms),
    smartHost: (name, egress) => termsThrough((named) => made.egresses.get(named), egress, made.hosts.get(name)),
    lanesOf: () => made.route,
    notifier: new Notifier({
      clock,
      entropy,
      recorder,
      files: { open: () => unused() },
      terms: () => ({
        hostname: "relay.example",
        postmaster: undefined,
        delayNotice: undefined,
        ...options.reports,
      }),
      routes: () => [
        {
          recipient: undefined,
          sender: undefined,
          priority: "normal",
          steps: [{ kind: "smarthost", name: "reports" }],
          egress: undefined,
        },
      ],
      ...options.reports,
    }),
    ages: new ClockWatch(clock, recorder),
    policy: () => ({ ...DELIVERY_RETRY, expire: 5 * day, isSoftBounce: false, ...options.policy }),
  });
  const found = Object.assign(made, { dispatcher });
  scenes.push(found);
  return found;
}

function unused(): never {
  throw new Error("no content is in a file here");
}

/** A domain whose servers `destinations` has. */
export const mx = "mx/b.example";
export const backup = "smarthost/backup";

/** The servers of `mx`, one an address, in this order. */
export function hosts(...addresses: readonly string[]): Destination {
  return {
    kind: "hosts",
    site: "mx.b.example",
    order: addresses.map((_, at) => `h${at}`).join(">"),
    hosts: addresses.map((address, preference) => ({ preference, exchange: `h${preference}`, addresses: [address] })),
  };
}

/** A scene whose only route is these lanes. */
export function routed(...lanes: readonly string[]): Scene {
  const s = scene();
  s.route = lanes;
  s.hosts.set("backup", { ...site, name: "backup", host: "backup.example" });
  return s;
}

/** A site is blocked for so long. */
export function blockFor(clock: FakeClock, left: Duration, text: string): Block {
  return { until: clock.now() + left, left, text };
}

let row = 0;
export function fresh(recipients = 1, name = lane): Fresh {
  row++;
  const envelope = {
    from: "s@a.example",
    identity: "user x",
    client: "192.0.2.9",
    prefix: "Received: x\r\n",
    isEightBit: false,
    isUtf8: false,
    subject: "",
  };
  const deliveries = Array.from({ length: recipients }, (_, n) => ({
    row: row * 4096 + n,
    lane: name,
    recipient: `r${n}@b.example`,
    options: "",
    priority: "normal" as const,
  }));
  return {
    row,
    id: String(row).padStart(14, "0"),
    receivedAt: START,
    octets: 5,
    envelope,
    content: utf8(`m${row}\r\n.x`),
    deliveries,
  };
}

/** Ends what the scenes of a test still have on its way. */
export function abandonScenes(): void {
  for (const { dispatcher } of scenes.splice(0)) dispatcher.abandon();
}

/** Everything that microtasks bring about, in so many transactions one after the other. */
export async function settle(transactions = 1): Promise<void> {
  for (let n = 0; n < 50 * transactions; n++) await Promise.resolve();
}
