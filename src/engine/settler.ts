import { type Instant, hour } from "../core/base/time.ts";
import type { Delivered, Failure, Outcome, Permanent } from "../core/outbound/outcome.ts";
import { type Reason, lastWord } from "../core/queue/reason.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Clock } from "../ports/clock.ts";
import type { HistoryEntry } from "../ports/history.ts";
import type { QueuePort } from "../ports/queue.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { TlsFacts } from "../ports/transport.ts";
import type { DeliveryInHand, Load } from "./load.ts";

export interface SettlerParts {
  readonly queue: Pick<QueuePort, "settle">;
  readonly clock: Clock;
  readonly recorder: Recorder;
  /** What the routes say now: the lanes in the order of the route's steps, none where no route takes it. */
  lanesOf(from: string, recipient: string): readonly Lane[];
}

/** The attempt that ended a delivery. */
export interface Attempt {
  /** Address and port of the next hop. */
  readonly host: string;
  /** Its name, as far as known. */
  readonly name: string;
  readonly tls: TlsFacts | undefined;
  readonly elapsedMs: number;
}

/** There was nobody to connect to. */
export const NO_ATTEMPT: Attempt = { host: "", name: "", tls: undefined, elapsedMs: 0 };

/** When and where it is tried again. */
export interface Retry {
  readonly due: Instant;
  readonly because: Reason;
  readonly lane: Lane;
}

const NO_DSN = "no DSN: not built yet";

/** Says durably what became of deliveries, with its reason (promise P9), and tells log and history. */
export class Settler {
  readonly #parts: SettlerParts;

  constructor(parts: SettlerParts) {
    this.#parts = parts;
  }

  /** The next hop answered for good. A refusal gets no DSN yet, which is the recorded decision of promise P2. */
  finish(
    load: Load,
    delivery: DeliveryInHand,
    outcome: Delivered | Permanent,
    { host, name, tls, elapsedMs }: Attempt,
  ): void {
    const { message, lane } = load;
    const { recipient, attempts, row } = delivery;
    const reply = replyText(outcome);
    const isDelivered = outcome.kind === "delivered";
    const note = isDelivered ? noteOn(tls) : NO_DSN;
    const entry = this.#entry(load, delivery, { outcome: isDelivered ? "delivered" : "failed", reply, host, note });
    this.#parts.queue.settle({ kind: "finish", row, entry });
    const about = { id: message.id, recipient, lane, attempts, reply };
    if (outcome.kind === "delivered") {
      const queuedMs = this.#parts.clock.now() - message.receivedAt;
      this.#parts.recorder.record({
        event: "delivery.delivered",
        ...about,
        host: name === "" ? host : `${name} ${host}`,
        tls: tlsText(tls),
        sessionMs: elapsedMs,
        queuedMs,
      });
    } else this.#parts.recorder.record({ event: "delivery.failed", ...about, cause: outcome.cause, dsn: NO_DSN });
  }

  /** An attempt failed for now: it waits until `due`. */
  retry(load: Load, delivery: DeliveryInHand, failure: Failure, { due, because, lane }: Retry): void {
    const text = failureText(failure);
    const entry = this.#entry(load, delivery, { outcome: "deferred", reply: text, host: "", note: because });
    this.#park(lane, delivery, due, because, text, entry);
    this.#deferred(load, delivery, failure, due, because);
  }

  /** An attempt failed in a way that the route's next step may do better: `lane` takes it at once. */
  movedOn(load: Load, delivery: DeliveryInHand, failure: Failure, lane: Lane): void {
    const end = { outcome: "deferred", reply: failureText(failure), host: "", note: `next-step ${lane}` };
    this.#parts.queue.settle({ kind: "note", entry: this.#entry(load, delivery, end) });
    this.#deferred(load, delivery, failure, undefined, "next-step");
  }

  /** The site failed before the load could begin. History gets an entry for each delivery, the log one line for all. */
  notTried(load: Load, failure: Failure): void {
    const end = { outcome: "deferred", reply: failureText(failure), host: "", note: "no-connection" };
    for (const delivery of load.deliveries)
      this.#parts.queue.settle({ kind: "note", entry: this.#entry(load, delivery, end) });
    this.#deferred(load, load.deliveries[0]!, failure, undefined, "no-connection");
  }

  /** Its site is blocked: it waits in `lane`. `text` is what the last attempt there met. */
  waitForLane(delivery: DeliveryInHand, text: string, lane: Lane, due: Instant): void {
    this.#park(lane, delivery, due, "lane-blocked", text, "");
  }

  /** An operator paused its lane, or all deliveries: it goes as soon as they are resumed. */
  waitForResume(load: Load, delivery: DeliveryInHand): void {
    this.#park(load.lane, delivery, this.#parts.clock.now(), "paused", "", "");
  }

  #deferred(load: Load, delivery: DeliveryInHand, failure: Failure, due: Instant | undefined, reason: Reason): void {
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

  /**
   * Its next hop is gone from the configuration, or an operator wants it: the routes decide anew; without one it waits where
   * it is.
   */
  reroute(load: Load, delivery: DeliveryInHand): void {
    const { id, envelope } = load.message;
    const { recipient } = delivery;
    const [found] = this.#parts.lanesOf(envelope.from, recipient);
    const isGone = delivery.wish === "none" && found === load.lane;
    const reason = found === undefined || isGone ? "no-route" : "rerouted";
    const lane = found ?? load.lane;
    const due = this.#parts.clock.now() + (reason === "rerouted" ? 0 : hour);
    this.#park(lane, delivery, due, reason, "", "");
    this.#parts.recorder.record({ event: "delivery.rerouted", id, recipient, lane, reason });
  }

  #park(
    lane: Lane,
    { row, attempts, isTold }: DeliveryInHand,
    due: Instant,
    because: Reason,
    text: string,
    entry: string,
  ): void {
    const last = lastWord(because, text, this.#parts.clock.now());
    this.#parts.queue.settle({ kind: "park", row, lane, due, attempts, last, entry, isTold });
  }

  /** What history keeps of an attempt or an end. */
  #entry(
    load: Load,
    delivery: DeliveryInHand,
    end: { readonly outcome: string; readonly reply: string; readonly host: string; readonly note: string },
  ): string {
    const { message } = load;
    const { from, identity, subject } = message.envelope;
    const entry: HistoryEntry = {
      at: this.#parts.clock.now(),
      id: message.id,
      row: delivery.row,
      ...end,
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

function replyText(outcome: Outcome): string {
  if (outcome.reply === undefined) return outcome.kind === "delivered" ? "" : outcome.detail;
  return `${outcome.reply.code} ${outcome.reply.lines.join(" / ")}`;
}

/** The cause and what was said, for the log and for people; may quote the peer, so it is escaped where it is shown. */
export function failureText(failure: Failure): string {
  const text = replyText(failure);
  return text === "" ? failure.cause : `${failure.cause}: ${text}`;
}

function tlsText(tls: TlsFacts | undefined): string {
  return tls === undefined ? "none" : `${tls.version} ${tls.isVerified ? "verified" : "unverified"}`;
}

/** A certificate that is not good does not stop mail to strangers; whoever looks later should know. */
function noteOn(tls: TlsFacts | undefined): string {
  return tls === undefined || tls.isVerified ? "" : "the certificate was not verified";
}
