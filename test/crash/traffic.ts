import { type Chance, between, seeded } from "../support/chance.ts";
import type { Copy } from "../support/accounting-sink.ts";
import { sleep } from "../support/sleep.ts";
import { ConnectionLostError, MessageFactory, ReplyError, SourceSession } from "../support/source.ts";
import type { Arrived, Ended, Sent } from "./account.ts";
import { type ReportCopy, reportOf } from "./reports.ts";

// The load of the crash suites and its books: what clients were told, and what next hops took.

export interface TrafficOptions {
  readonly seed: number;
  readonly connections: number;
  /** Domain of a recipient. */
  readonly domain: (chance: Chance) => string;
  /** Sources wait while this many recipients are acknowledged and on their way, so that a drain has an end. */
  readonly backlogMax?: number;
  /** What the relay takes: some of the traffic may be larger, and is refused for it. */
  readonly octetsMax?: number;
}

/** The reply to what is larger than a message may be. */
const TOO_LARGE = "552 5.3.4";
const LARGEST_OCTETS = 5 * 1024 * 1024;
const BACKLOG_MAX = 3000;
const SIGN_APART_MS = 1;

export class Traffic {
  readonly acknowledged: Sent[] = [];
  readonly unknown: Sent[] = [];
  readonly arrived: Arrived[] = [];
  /** Recipients that a next hop answered with 5yz. */
  readonly refused = new Set<string>();
  /** Each 5yz of a next hop, when its transaction was over. */
  readonly refusals: Ended[] = [];
  /** Recipients that a next hop answered with 4yz. */
  readonly deferred = new Set<string>();
  /** Recipients that a next hop was told of, and the connection ended before its answer. */
  readonly unanswered = new Set<string>();
  /** Reports to senders, each as often as it came. */
  readonly reports: ReportCopy[] = [];
  /** Recipients that are acknowledged, and neither taken nor refused by a next hop. */
  readonly pending = new Set<string>();
  /** Replies of the relay that refused a message or a recipient, by code and status; `too large` where it was. */
  readonly rejections = new Map<string, number>();
  /** When each of the messages was acknowledged. */
  readonly acknowledgedAt: number[] = [];
  /** Moments, in order, at which the relay was seen to work: it acknowledged a message, or told a next hop something. */
  readonly signs: number[] = [];
  /** Of `pending`, what a next hop put off: it waits for minutes, and holds nobody up. */
  readonly #deferred = new Set<string>();
  readonly #settled = new Set<string>();
  readonly #options: TrafficOptions;
  readonly #factory: MessageFactory;
  readonly #sessions = new Set<SourceSession>();
  readonly #backlogMax: number;
  #sources: readonly Promise<void>[] = [];
  #port: number | undefined;
  #isOver = false;
  #wake: (() => void)[] = [];

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#backlogMax = options.backlogMax ?? BACKLOG_MAX;
    this.#factory = new MessageFactory(`s${options.seed}m`, seeded(options.seed), LARGEST_OCTETS);
  }

  /** Opens the connections; they wait for `announce`. */
  start(): void {
    this.#sources = Array.from({ length: this.#options.connections }, (_, at) => this.#source(at));
  }

  /** Where the relay listens now; undefined while there is none. */
  announce(port: number | undefined): void {
    this.#port = port;
    if (port === undefined && !this.#isOver) return;
    for (const wake of this.#wake.splice(0)) wake();
  }

  get isAnnounced(): boolean {
    return this.#port !== undefined;
  }

  /** A message is between its final dot and the 250. */
  get isAnyOpen(): boolean {
    return [...this.#sessions].some((session) => session.isOpen);
  }

  /** No message begins from here on; resolves when those under way ended. */
  async finish(): Promise<void> {
    this.#isOver = true;
    this.announce(undefined);
    await Promise.all(this.#sources);
  }

  abandon(): void {
    this.#isOver = true;
    this.announce(undefined);
    for (const session of this.#sessions) session.destroy();
  }

  /** A next hop has it in its log. */
  take(copy: Copy): void {
    const { from, recipients, hash, loggedAt, epoch, wasClosed } = copy;
    if (from === "") return this.#report(reportOf(copy));
    for (const recipient of recipients) {
      this.arrived.push({ from, recipient, hash, loggedAt, epoch, wasClosed });
      this.#settle(recipient);
    }
  }

  /** The relay is at work. Of what comes together one is enough. */
  see(): void {
    const now = performance.now();
    if (now - (this.signs.at(-1) ?? Number.NEGATIVE_INFINITY) >= SIGN_APART_MS) this.signs.push(now);
  }

  refuse(recipient: string): void {
    this.refused.add(recipient);
    this.#settle(recipient);
  }

  refusalEnded(recipient: string, epoch: number): void {
    this.refusals.push({ recipient, loggedAt: performance.now(), epoch });
  }

  defer(recipient: string): void {
    this.deferred.add(recipient);
    this.#deferred.add(recipient);
  }

  #report(report: ReportCopy): void {
    this.reports.push(report);
    for (const recipient of report.about) this.#settle(recipient);
  }

  #settle(recipient: string): void {
    this.#settled.add(recipient);
    this.pending.delete(recipient);
    this.#deferred.delete(recipient);
  }

  /** Sends over one connection after the other. */
  async #source(at: number): Promise<void> {
    const chance = seeded(this.#options.seed * 1000 + at);
    while (!this.#isOver) {
      const port = await this.#nextPort();
      if (port === undefined) continue;
      let session: SourceSession | undefined;
      try {
        session = await SourceSession.connect({ port });
        this.#sessions.add(session);
        for (let left = between(chance, 1, 50); left > 0 && !session.isLost && !this.#isOver; left--) {
          await this.#room(session);
          await this.#send(session, chance);
        }
        await session.quit();
      } catch (error) {
        if (!isRelayGone(error)) throw error;
        await sleep(10);
      } finally {
        if (session !== undefined) {
          session.destroy();
          this.#sessions.delete(session);
        }
      }
    }
  }

  async #room(session: SourceSession): Promise<void> {
    while (this.pending.size - this.#deferred.size > this.#backlogMax && !session.isLost && !this.#isOver)
      await sleep(20);
  }

  async #send(session: SourceSession, chance: Chance): Promise<void> {
    const recipients = chance() < 0.9 ? between(chance, 1, 2) : between(chance, 3, 50);
    const message = this.#factory.make(sizeOf(chance), recipients, () => this.#options.domain(chance));
    const sentAt = performance.now();
    const result = await session.send(message);
    const { from, hash } = message;
    if (result.kind === "unknown") this.unknown.push({ from, recipients: result.recipients, hash, sentAt });
    const octets = message.content.length;
    if (result.kind === "refused") this.#refusedWith(result.reply, octets, session);
    if (result.kind !== "acknowledged") return;
    for (const reply of result.refusals) this.#refusedWith(reply, octets, session);
    this.acknowledgedAt.push(performance.now());
    this.see();
    this.acknowledged.push({ from, recipients: result.recipients, hash, sentAt });
    for (const recipient of result.recipients) if (!this.#settled.has(recipient)) this.pending.add(recipient);
  }

  #refusedWith(reply: string, octets: number, session: SourceSession): void {
    const isTooLarge = reply.startsWith(TOO_LARGE) && octets > (this.#options.octetsMax ?? Number.POSITIVE_INFINITY);
    const kind = isTooLarge ? "too large" : reply.slice(0, 9);
    this.rejections.set(kind, (this.rejections.get(kind) ?? 0) + 1);
    if (kind.startsWith("421")) session.destroy();
  }

  async #nextPort(): Promise<number | undefined> {
    if (this.#port === undefined && !this.#isOver) await new Promise<void>((resolve) => this.#wake.push(resolve));
    return this.#port;
  }
}

/** The connection is gone, or a relay that stops says so instead of its greeting. */
function isRelayGone(error: unknown): boolean {
  return error instanceof ConnectionLostError || (error instanceof ReplyError && error.reply.startsWith("421"));
}

/** Mostly small, so that a round has many; one in some hundred is large enough to be a content file of megabytes. */
function sizeOf(chance: Chance): number {
  const kind = chance();
  if (kind < 0.85) return between(chance, 1024, 8 * 1024);
  if (kind < 0.97) return between(chance, 8 * 1024, 64 * 1024);
  if (kind < 0.995) return between(chance, 64 * 1024, 512 * 1024);
  return between(chance, 512 * 1024, LARGEST_OCTETS);
}
