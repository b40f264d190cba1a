import { DSN } from "../core/base/limits.ts";
import { type Instant, hour } from "../core/base/time.ts";
import { SILENCE } from "../core/dsn/notice.ts";
import type { Action } from "../core/dsn/report.ts";
import { MAILER_DAEMON } from "../core/mail/stored.ts";
import type { Delivered, Failure, Outcome } from "../core/outbound/outcome.ts";
import { expiresAt } from "../core/queue/ageing.ts";
import { REASONS, type Reason, lastWord } from "../core/queue/reason.ts";
import { type Decision, type DeliveryPolicy, settle } from "../core/queue/settle.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Clock } from "../ports/clock.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { HistoryEntry } from "../ports/history.ts";
import type { QueuePort } from "../ports/queue.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { Settlement } from "../ports/store.ts";
import type { ClockWatch } from "./clock-watch.ts";
import type { TlsFacts } from "../ports/transport.ts";
import type { DeliveryInHand, Load, MessageInHand } from "./load.ts";
import type { Fared, Notifier } from "./notifier.ts";
import { tlsText } from "./tls-text.ts";
import { Turns } from "./turns.ts";

export interface SettlerParts {
  readonly queue: Pick<QueuePort, "settle" | "settleWithReports">;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly recorder: Recorder;
  readonly notifier: Pick<Notifier, "notice" | "report" | "delayAfter">;
  readonly ages: Pick<ClockWatch, "receivedByNow">;
  readonly policy: DeliveryPolicy;
  /** What the routes say now: the lanes in the order of the route's steps, none where no route takes it. */
  lanesOf(from: string, recipient: string): readonly Lane[];
}

/** One attempt of a load. */
export interface Attempt {
  /** Address and port of the next hop. */
  readonly host: string;
  /** Its name, or its address where it has none. */
  readonly hostName: string;
  readonly tls: TlsFacts | undefined;
  readonly elapsedMs: number;
  /** What was said, line by line. */
  readonly transcript: string;
}

/** There was nobody to connect to. */
export const NO_ATTEMPT: Attempt = { host: "", hostName: "", tls: undefined, elapsedMs: 0, transcript: "" };

/** What an attempt brought a delivery, and what follows from it. */
export interface Fate {
  readonly delivery: DeliveryInHand;
  readonly outcome: Outcome;
  readonly decision: Exclude<Decision, { readonly kind: "again" }>;
  /** Where it waits, if it does: in the lane of its route's first step. */
  readonly lane: Lane;
}

/** A delivery that has to wait without an attempt. */
export interface Wait {
  readonly delivery: DeliveryInHand;
  readonly lane: Lane;
  readonly due: Instant;
}

/** A delivery whose sender may have to be told of something. */
interface Telling extends Fared {
  readonly isPassedOn: boolean;
  /** What is recorded once that is decided; `note` says what was. */
  settle(note: string): Settlement;
}

/** A delivery that waits on. */
interface Waiting extends Wait {
  readonly because: Reason;
  /** What was said, for the reason; with the cause. */
  readonly text: string;
  /** What history gets; undefined where nothing was tried. */
  readonly end: End | undefined;
  readonly status: string;
  readonly remoteHost: string;
  readonly diagnostic: string;
}

interface End {
  /** Of the attempt that it ended; with the first of a load's recipients, for all of them. */
  readonly transcript?: string;
  readonly outcome: string;
  readonly reply: string;
  readonly host: string;
  readonly note: string;
}

const EXPIRED = "4.4.7";
const DELIVERED: Decision = { kind: "delivered" };

/**
 * Says durably what became of deliveries, with its reason (promise P9), has senders told, and tells log and history.
 * What ends with a report is recorded together with it; until then the delivery stays in hand, and a promise tells the
 * caller of the end.
 */
export class Settler {
  readonly #parts: SettlerParts;
  readonly #turns = new Turns(DSN.underWayMax);

  constructor(parts: SettlerParts) {
    this.#parts = parts;
  }

  /** What follows from the outcome of an attempt; `attempts` has it included. */
  decide(message: MessageInHand, attempts: number, outcome: Outcome): Decision {
    if (outcome.kind === "delivered") return DELIVERED;
    const { policy, clock, entropy } = this.#parts;
    const tried = { attempts, expiresAt: this.#expiresAt(message) };
    return settle(outcome, tried, policy, clock.now(), entropy.fraction());
  }

  /** What one attempt of a load brought. Who fails in it is told of in one report. */
  settle(load: Load, fates: readonly Fate[], attempt: Attempt): Promise<void> | undefined {
    const waits: Waiting[] = [];
    const failed: Telling[] = [];
    const relayed: Telling[] = [];
    for (const fate of fates) {
      const { delivery, outcome, decision } = fate;
      if (outcome.kind === "delivered") relayed.push(this.#delivered(load, delivery, outcome, attempt));
      else if (decision.kind === "retry") waits.push(this.#retry(load, fate, outcome, decision, attempt));
      else {
        const isExpired = decision.kind === "expired";
        const fared = { status: isExpired ? EXPIRED : outcome.status, ...whoSaid(outcome, attempt) };
        const cause = isExpired ? "expired" : outcome.cause;
        failed.push(this.#failed(load, delivery, fared, cause, attempt));
      }
    }
    return all([this.#wait(load, waits), this.#tell(load, "failed", failed), this.#tell(load, "relayed", relayed)]);
  }

  /** The site failed before the load could begin. History gets an entry for each delivery, the log one line for all. */
  notTried(load: Load, failure: Failure, { host, transcript }: Attempt): void {
    const end = { outcome: "deferred", reply: failureText(failure), host, note: "no-connection", transcript };
    for (const delivery of load.deliveries)
      this.#parts.queue.settle({ kind: "note", entry: this.#entry(load, delivery, end) });
    this.#recordDeferred(load, load.deliveries[0]!, failure, undefined, "no-connection");
  }

  /** An attempt failed in a way that the route's next step may do better: `lane` takes it at once. */
  movedOn(load: Load, delivery: DeliveryInHand, failure: Failure, { host, transcript }: Attempt, lane: Lane): void {
    const end = { outcome: "deferred", reply: failureText(failure), host, note: `next-step ${lane}`, transcript };
    this.#parts.queue.settle({ kind: "move", row: delivery.row, lane, entry: this.#entry(load, delivery, end) });
    this.#recordDeferred(load, delivery, failure, undefined, "next-step");
  }

  /** Its site is blocked: `lane` takes it meanwhile, without an attempt. */
  goesRound(delivery: DeliveryInHand, lane: Lane): void {
    this.#parts.queue.settle({ kind: "move", row: delivery.row, lane, entry: "" });
  }

  /** Their site is blocked: they wait for it; what is too old ends. `text` is what the last attempt there met. */
  waitForSite(load: Load, text: string, waits: readonly Wait[]): Promise<void> | undefined {
    return this.#waitOrExpire(load, "lane-blocked", text, waits);
  }

  /** They wait for an operator, or for the store to do what one wants. `lanes`: where each waits. */
  putBack(load: Load, lanes: readonly Lane[], because: Reason): void {
    const now = this.#parts.clock.now();
    for (const [at, delivery] of load.deliveries.entries())
      this.#parts.queue.settle({
        ...this.#parked(lanes[at]!, delivery, now, because, "", delivery.isTold),
        entry: "",
      });
  }

  /** An operator wants an end of them. */
  expire(load: Load): Promise<void> | undefined {
    const fared = { status: EXPIRED, remoteHost: "", diagnostic: "its end was asked for by the relay's operator" };
    const ended = load.deliveries.map((delivery) => this.#failed(load, delivery, fared, "expired", NO_ATTEMPT));
    return this.#tell(load, "failed", ended);
  }

  /**
   * Its next hop is gone from the configuration, or an operator wants it: the routes decide anew; without one it waits
   * where it is.
   */
  reroute(load: Load, delivery: DeliveryInHand): Promise<void> | undefined {
    const { id, envelope } = load.message;
    const { recipient } = delivery;
    const [found] = this.#parts.lanesOf(envelope.from, recipient);
    const now = this.#parts.clock.now();
    if (found !== undefined && (found !== load.lane || delivery.wish === "reroute")) {
      this.#parts.queue.settle({ ...this.#parked(found, delivery, now, "rerouted", "", delivery.isTold), entry: "" });
      this.#parts.recorder.record({ event: "delivery.rerouted", id, recipient, lane: found, reason: "rerouted" });
      return undefined;
    }
    this.#parts.recorder.record({ event: "delivery.rerouted", id, recipient, lane: load.lane, reason: "no-route" });
    return this.#waitOrExpire(load, "no-route", "", [{ delivery, lane: load.lane, due: now + hour }]);
  }

  #expiresAt({ receivedAt, envelope }: MessageInHand): Instant {
    const { ages, policy } = this.#parts;
    return expiresAt(ages.receivedByNow(receivedAt), policy.expire, envelope.from);
  }

  #waitOrExpire(load: Load, because: Reason, text: string, waits: readonly Wait[]): Promise<void> | undefined {
    const end = this.#expiresAt(load.message);
    const fared = { status: EXPIRED, remoteHost: "", diagnostic: text === "" ? REASONS[because] : text };
    if (this.#parts.clock.now() >= end) {
      const ended = waits.map(({ delivery }) => this.#failed(load, delivery, fared, "expired", NO_ATTEMPT));
      return this.#tell(load, "failed", ended);
    }
    const waiting = waits.map(({ delivery, lane, due }): Waiting => {
      return { delivery, lane, due: Math.min(due, end), because, text, end: undefined, ...fared };
    });
    return this.#wait(load, waiting);
  }

  #delivered(
    load: Load,
    delivery: DeliveryInHand,
    outcome: Delivered,
    { host, hostName, tls, elapsedMs, transcript }: Attempt,
  ): Telling {
    const { message, lane } = load;
    const { recipient, attempts, row } = delivery;
    const reply = replyText(outcome);
    return {
      delivery,
      status: outcome.reply.status ?? "2.0.0",
      remoteHost: hostName,
      diagnostic: reply,
      isPassedOn: outcome.isDsnPassedOn,
      settle: (note) => {
        const { clock, recorder } = this.#parts;
        const queuedMs = clock.now() - message.receivedAt;
        const about = { id: message.id, recipient, lane, attempts, reply };
        recorder.record({
          event: "delivery.delivered",
          ...about,
          host: `${hostName} ${host}`,
          tls: tlsText(tls),
          sessionMs: elapsedMs,
          queuedMs,
        });
        const notes = [note, noteOn(tls)].filter((text) => text !== "").join("; ");
        const entry = this.#entry(load, delivery, {
          outcome: "delivered",
          reply,
          host,
          note: notes,
          transcript,
        });
        return { kind: "finish", row, entry };
      },
    };
  }

  #failed(
    load: Load,
    delivery: DeliveryInHand,
    fared: Pick<Fared, "status" | "remoteHost" | "diagnostic">,
    cause: string,
    { host, transcript }: Pick<Attempt, "host" | "transcript">,
  ): Telling {
    const { message, lane } = load;
    const { recipient, attempts, row } = delivery;
    const reply = fared.diagnostic;
    return {
      delivery,
      ...fared,
      isPassedOn: false,
      settle: (note) => {
        const { recorder } = this.#parts;
        const about = { id: message.id, recipient, lane, cause, reply };
        recorder.record({ event: "delivery.failed", ...about, attempts, dsn: note });
        if (message.envelope.identity === MAILER_DAEMON) recorder.record({ event: "dsn.refused", ...about });
        const end = {
          outcome: "failed",
          reply,
          host,
          note: cause === "expired" ? `expired; ${note}` : note,
          transcript,
        };
        return { kind: "finish", row, entry: this.#entry(load, delivery, end) };
      },
    };
  }

  /** An attempt failed for now. */
  #retry(
    load: Load,
    { delivery, lane }: Fate,
    failure: Failure,
    { due, because }: Extract<Decision, { kind: "retry" }>,
    attempt: Attempt,
  ): Waiting {
    const text = failureText(failure);
    this.#recordDeferred(load, delivery, failure, due, because);
    const { host, transcript } = attempt;
    const end = { outcome: "deferred", reply: text, host, note: because, transcript };
    const status = `4${failure.status.slice(1)}`; // a report of a delay speaks of now, also with `soft_bounce`
    return { delivery, lane, due, because, text, end, status, ...whoSaid(failure, attempt) };
  }

  #recordDeferred(
    load: Load,
    delivery: DeliveryInHand,
    failure: Failure,
    due: Instant | undefined,
    reason: Reason,
  ): void {
    this.#parts.recorder.record({
      event: "delivery.deferred",
      id: load.message.id,
      recipient: delivery.recipient,
      lane: load.lane,
      attempts: delivery.attempts,
      reason,
      cause: failure.cause,
      due: due === undefined ? undefined : new Date(due).toISOString(),
      reply: failureText(failure),
    });
  }

  /** Parks them; who asked to hear of delays is told of the first that is one. */
  #wait(load: Load, waits: readonly Waiting[]): Promise<void> | undefined {
    if (waits.length === 0) return undefined;
    const { message } = load;
    const { notifier, ages, clock } = this.#parts;
    const isLate = clock.now() - ages.receivedByNow(message.receivedAt) >= notifier.delayAfter;
    const late: Telling[] = [];
    for (const { delivery, lane, due, because, text, end, status, remoteHost, diagnostic } of waits) {
      const settlement = (isTold: boolean, told: End | undefined): Settlement => ({
        ...this.#parked(lane, delivery, due, because, text, isTold),
        entry: told === undefined ? "" : this.#entry(load, delivery, told),
      });
      if (!isLate || delivery.isTold || notifier.notice(message, "delayed", delivery, false) !== "report") {
        this.#parts.queue.settle(settlement(delivery.isTold, end));
        continue;
      }
      late.push({
        delivery,
        status,
        remoteHost,
        diagnostic,
        isPassedOn: false,
        settle: (note) => {
          const noted = end ?? { outcome: "delayed", reply: text, host: "", note: because };
          return settlement(true, { ...noted, note: `${noted.note}; delay: ${note}` });
        },
      });
    }
    return this.#tell(load, "delayed", late);
  }

  #parked(
    lane: Lane,
    { row, attempts }: DeliveryInHand,
    due: Instant,
    because: Reason,
    text: string,
    isTold: boolean,
  ): Omit<Extract<Settlement, { kind: "park" }>, "entry"> {
    const last = lastWord(because, text, this.#parts.clock.now());
    return { kind: "park", row, lane, due, attempts, isTold, last };
  }

  /** Settles them, with one report to those who are to be told. */
  #tell(load: Load, action: Action, tellings: readonly Telling[]): Promise<void> | undefined {
    const { queue, notifier } = this.#parts;
    const { message } = load;
    const asked: Telling[] = [];
    for (const telling of tellings) {
      const notice = notifier.notice(message, action, telling.delivery, telling.isPassedOn);
      if (notice === "report") asked.push(telling);
      // Who is not told of a success did not ask, as a rule: that needs no note.
      else queue.settle(telling.settle(action === "relayed" && notice !== "passed-on" ? "" : SILENCE[notice]));
    }
    if (asked.length === 0) return undefined;
    return this.#turns.take(async () => {
      const triedUntil = action === "delayed" ? this.#expiresAt(message) : undefined;
      const { note, report } = await notifier.report(message, action, asked, triedUntil);
      const settlements = asked.map((telling) => telling.settle(note));
      await queue.settleWithReports(settlements, report === undefined ? [] : [report]);
    });
  }

  /** What history keeps of an attempt or an end. */
  #entry(load: Load, delivery: DeliveryInHand, end: End): string {
    const { message } = load;
    const { from, identity, subject } = message.envelope;
    const { transcript = "" } = end;
    const entry: HistoryEntry = {
      at: this.#parts.clock.now(),
      id: message.id,
      row: delivery.row,
      ...end,
      transcript: delivery === load.deliveries[0] ? transcript : "",
      recipient: delivery.recipient,
      lane: load.lane,
      attempts: delivery.attempts,
      from,
      identity,
      subject,
      octets: message.octets,
      receivedAt: message.receivedAt,
    };
    return JSON.stringify(entry);
  }
}

/** Undefined where all of it is done already. */
function all(settling: readonly (Promise<void> | undefined)[]): Promise<void> | undefined {
  const open = settling.filter((one) => one !== undefined);
  return open.length === 0 ? undefined : Promise.all(open).then(() => undefined);
}

function whoSaid(failure: Failure, { hostName }: Attempt): Pick<Fared, "remoteHost" | "diagnostic"> {
  return { remoteHost: failure.reply === undefined ? "" : hostName, diagnostic: replyText(failure) || failure.cause };
}

function replyText(outcome: Outcome): string {
  if (outcome.reply === undefined) return outcome.kind === "delivered" ? "" : outcome.detail;
  return `${outcome.reply.code} ${outcome.reply.lines.join(" / ")}`;
}

/** The cause and what was said, for the log and for people; may quote the peer, so it is escaped where it is shown. */
export function failureText(failure: Failure): string {
  const text = replyText(failure);
  return text === "" ? failure.cause : `${failure.cause}: ${text}`;
}

/** A certificate that is not good does not stop mail to strangers; whoever looks later should know. */
function noteOn(tls: TlsFacts | undefined): string {
  return tls === undefined || tls.isVerified ? "" : "the certificate was not verified";
}
