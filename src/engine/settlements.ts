import { MAILER_DAEMON, storeArrival } from "../core/mail/stored.ts";
import type { Delivered, Failure, Outcome } from "../core/outbound/outcome.ts";
import { type Reason, lastWord } from "../core/queue/reason.ts";
import type { Lane } from "../core/routing/lane.ts";
import type { Instant } from "../core/base/time.ts";
import type { Clock } from "../ports/clock.ts";
import type { HistoryEntry } from "../ports/history.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { Settlement } from "../ports/store.ts";
import type { TlsFacts } from "../ports/transport.ts";
import type { DeliveryInHand, Load } from "./load.ts";
import type { Fared } from "./notifier.ts";
import type { Telling } from "./teller.ts";
import { tlsText } from "./tls-text.ts";

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

/** What was said of a delivery that failed, by whom, with its code. */
export type Said = Pick<Fared, "status" | "means" | "remoteHost" | "diagnostic">;

/** A delivery that waits on. */
export interface Waiting extends Said {
  readonly delivery: DeliveryInHand;
  readonly lane: Lane;
  readonly due: Instant;
  readonly because: Reason;
  /** What was said, for the reason; with the cause. */
  readonly text: string;
  /** What history gets; undefined where nothing was tried. */
  readonly end: End | undefined;
}

/** What history says of an attempt. */
interface End {
  /** Of the attempt that it ended; with the first of a load's recipients, for all of them. */
  readonly transcript?: string;
  readonly outcome: string;
  readonly reply: string;
  readonly host: string;
  readonly note: string;
}

type Park = Extract<Settlement, { readonly kind: "park" }>;

/** What is recorded of a delivery: its settlement in the store, the entry in history, the event in the log. */
export class Settlements {
  readonly #clock: Clock;
  readonly #recorder: Recorder;

  constructor({ clock, recorder }: { readonly clock: Clock; readonly recorder: Recorder }) {
    this.#clock = clock;
    this.#recorder = recorder;
  }

  delivered(load: Load, delivery: DeliveryInHand, outcome: Delivered, attempt: Attempt): Telling {
    const { message, lane } = load;
    const { recipient, attempts, row } = delivery;
    const { host, hostName, tls, elapsedMs, transcript } = attempt;
    const reply = replyText(outcome);
    return {
      delivery,
      status: outcome.reply.status ?? "2.0.0",
      remoteHost: hostName,
      diagnostic: reply,
      isPassedOn: outcome.isDsnPassedOn,
      settle: (told) => {
        this.#recorder.record({
          event: "delivery.delivered",
          id: message.id,
          recipient,
          lane,
          attempts,
          reply,
          host: `${hostName} ${host}`,
          tls: tlsText(tls),
          sessionMs: elapsedMs,
          queuedMs: this.#clock.now() - message.receivedAt,
        });
        const note = [told, noteOn(tls)].filter((text) => text !== "").join("; ");
        const end = { outcome: "delivered", reply, host, note, transcript };
        return { kind: "finish", row, entry: this.#entry(load, delivery, end) };
      },
    };
  }

  /** `reply` is for the operator; what may be about another sender's mail is not in `said`. */
  failed(
    load: Load,
    delivery: DeliveryInHand,
    said: Said,
    cause: string,
    attempt: Attempt,
    reply = said.diagnostic,
  ): Telling {
    const { message, lane } = load;
    const { recipient, attempts, row } = delivery;
    const { host, transcript } = attempt;
    return {
      delivery,
      ...said,
      isPassedOn: false,
      settle: (told) => {
        const about = { id: message.id, recipient, lane, cause, reply, dsn: told };
        this.#recorder.record({ event: "delivery.failed", ...about, attempts });
        if (message.envelope.identity === MAILER_DAEMON) this.#recorder.record({ event: "dsn.refused", ...about });
        const note = cause === "expired" ? `expired; ${told}` : told;
        const end = { outcome: "failed", reply, host, note, transcript };
        return { kind: "finish", row, entry: this.#entry(load, delivery, end) };
      },
    };
  }

  /** It waits on, and its sender may have to hear of that. */
  delayed(load: Load, waiting: Waiting): Telling {
    const { delivery, status, remoteHost, diagnostic, text, because } = waiting;
    const end = waiting.end ?? { outcome: "delayed", reply: text, host: "", note: because };
    return {
      delivery,
      status,
      remoteHost,
      diagnostic,
      isPassedOn: false,
      settle: (told) => {
        if (told === "") return this.parked(load, waiting);
        const entry = this.#entry(load, delivery, { ...end, note: `${end.note}; delay: ${told}` });
        return { ...this.#park(waiting), isTold: true, entry };
      },
    };
  }

  /** It waits on, and nobody has to hear of that. */
  parked(load: Load, waiting: Waiting): Park {
    const { delivery, end } = waiting;
    return { ...this.#park(waiting), entry: end === undefined ? "" : this.#entry(load, delivery, end) };
  }

  /** It waits without having been tried, and that is all there is to say. */
  set(delivery: DeliveryInHand, lane: Lane, due: Instant, because: Reason): Park {
    return { ...this.#park({ delivery, lane, due, because, text: "" }), entry: "" };
  }

  /** An attempt failed, and that is no end of the delivery: `note` says what follows. */
  noted(load: Load, delivery: DeliveryInHand, failure: Failure, attempt: Attempt, note: string): Settlement {
    return { kind: "note", entry: this.#entry(load, delivery, deferral(failure, attempt, note)) };
  }

  /** An attempt failed, and `lane` takes it at once. */
  moved(load: Load, delivery: DeliveryInHand, failure: Failure, attempt: Attempt, lane: Lane): Settlement {
    const entry = this.#entry(load, delivery, deferral(failure, attempt, `next-step ${lane}`));
    return { kind: "move", row: delivery.row, lane, entry };
  }

  /** An attempt failed for now: it waits until `due`. */
  retried(
    load: Load,
    { delivery, lane, due, because }: Pick<Waiting, "delivery" | "lane" | "due" | "because">,
    failure: Failure,
    attempt: Attempt,
  ): Waiting {
    this.deferred(load, delivery, failure, due, because);
    const end = deferral(failure, attempt, because);
    const status = `4${failure.status.slice(1)}`; // a report of a delay speaks of now, also with `soft_bounce`
    return { delivery, lane, due, because, text: failureText(failure), end, status, ...whoSaid(failure, attempt) };
  }

  /** For the log; `due` is when it is tried again, undefined where something else follows at once. */
  deferred(load: Load, delivery: DeliveryInHand, failure: Failure, due: Instant | undefined, reason: Reason): void {
    this.#recorder.record({
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

  #park({ delivery, lane, due, because, text }: Omit<Waiting, "end" | keyof Said>): Omit<Park, "entry"> {
    const { row, attempts, isTold, wish } = delivery;
    return {
      kind: "park",
      row,
      lane,
      due,
      attempts,
      isTold,
      last: lastWord(because, text, this.#clock.now()),
      ...(because === "no-route" && wish === "route" && { isUnrouted: true }),
    };
  }

  /** What history keeps of an attempt or an end. */
  #entry(load: Load, delivery: DeliveryInHand, end: End): string {
    const { message } = load;
    const { from, identity, subject } = message.envelope;
    const { transcript = "" } = end;
    const isFirst = delivery === load.deliveries[0];
    const entry: HistoryEntry = {
      at: this.#clock.now(),
      id: message.id,
      row: delivery.row,
      ...end,
      transcript: isFirst ? transcript : "",
      arrival: isFirst ? storeArrival(message.envelope) : "",
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

function deferral(failure: Failure, { host, transcript }: Attempt, note: string): End {
  return { outcome: "deferred", reply: failureText(failure), host, note, transcript };
}

/** Who said it, and what; the words are ours or the system's where nobody did. */
export function whoSaid(failure: Failure, { hostName }: Attempt): Pick<Said, "remoteHost" | "diagnostic"> {
  // Which of our name servers said what is not for the sender; history has it with each attempt.
  const said = failure.cause === "unresolved" ? "the DNS gave no usable answer about the domain" : replyText(failure);
  return { remoteHost: failure.reply === undefined ? "" : hostName, diagnostic: said || failure.cause };
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
