import { isAscii } from "../core/base/bytes.ts";
import { DSN } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";
import { Allowance } from "../core/dsn/allowance.ts";
import { type Notice, noticeOf, toldNote } from "../core/dsn/notice.ts";
import {
  type Action,
  type Origin,
  type Report,
  type ReportedRecipient,
  type Returned,
  octetsAbout,
  reportContent,
  reportSubject,
} from "../core/dsn/report.ts";
import { sevenBitObstacle } from "../core/dsn/returned.ts";
import { messageId } from "../core/mail/message-id.ts";
import { type Mailbox, parseMailbox } from "../core/mail/path.ts";
import {
  MAILER_DAEMON,
  type ReportedMessage,
  type StoredEnvelope,
  readOptions,
  storeOptions,
} from "../core/mail/stored.ts";
import { ownReceivedField } from "../core/mail/trace.ts";
import { type DelayNotice, delayPolicy } from "../core/queue/ageing.ts";
import { lastWord } from "../core/queue/reason.ts";
import { type Route, type Way, wayFor } from "../core/routing/route.ts";
import { faultIn } from "../core/smtp/content-fault.ts";
import type { Clock } from "../ports/clock.ts";
import type { ContentFiles } from "../ports/content.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { Arrival } from "../ports/store.ts";
import type { DeliveryInHand, MessageInHand } from "./load.ts";
import { headerOfMessage, wholeMessage } from "./returned-content.ts";

export interface NotifierParts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly recorder: Recorder;
  readonly files: Pick<ContentFiles, "open">;
  terms(): NotifierTerms;
  routes(): readonly Route[];
}

/** What the configuration says of reports. */
export interface NotifierTerms {
  readonly hostname: string;
  /** Who hears of messages without a sender that fail. */
  readonly postmaster: Mailbox | undefined;
  readonly delayNotice: DelayNotice;
}

/** How one recipient fared in an attempt. */
export interface Fared {
  readonly delivery: DeliveryInHand;
  /** RFC 3463. */
  readonly status: string;
  /** Of an expiry: the code of what was met last, or that an operator wanted it. */
  readonly means?: string | undefined;
  /** Name of the server that said `diagnostic`; empty where the words are ours or the system's. */
  readonly remoteHost: string;
  readonly diagnostic: string;
}

/** What came of telling: `note` is for history and log, `report` has to be recorded with the settlements that it is about. */
export interface Told {
  readonly note: string;
  readonly report: Arrival | undefined;
}

/** Whom a report goes to. */
interface Addressee {
  readonly audience: Report["audience"];
  readonly address: string;
}

/** What `notice` has to know of a delivery. */
interface Asking extends Pick<Fared, "delivery" | "status" | "remoteHost"> {
  readonly isPassedOn: boolean;
}

/** A report as it is sent; `lacks` says what of the message does not go back with it although it should. */
interface Written {
  readonly content: Uint8Array;
  readonly carries: string;
  readonly lacks: string;
}

/**
 * Writes reports of delivery status (RFC 3464): who is told, what goes back of the message, where the report is queued.
 * A report comes from the null sender and is never answered by another one.
 */
export class Notifier {
  readonly #parts: NotifierParts;
  readonly #bySender = allowance(DSN.perSenderMax, DSN.sendersCounted);
  readonly #ofSuccess = allowance(DSN.successesPerSenderMax, DSN.sendersCounted);
  readonly #toPostmaster = allowance(DSN.doubleBouncesMax, 1);

  constructor(parts: NotifierParts) {
    this.#parts = parts;
  }

  /** The age at which a delivery is late. */
  get delayAfter(): number {
    return this.#delays.after;
  }

  get #delays(): ReturnType<typeof delayPolicy> {
    return delayPolicy(this.#parts.terms().delayNotice);
  }

  /** Whether somebody is to be told of this, and where not, why. */
  notice({ envelope }: MessageInHand, action: Action, { delivery, status, remoteHost, isPassedOn }: Asking): Notice {
    const { notify } = readOptions(delivery.options);
    const tellsDelays = this.#delays.tellsAll;
    const notice = noticeOf({ action, reversePath: envelope.from, notify, isPassedOn, tellsDelays });
    if (notice !== "null-sender" || action !== "failed") return notice;
    if (envelope.isNotice === true) return "to-postmaster";
    const { postmaster } = this.#parts.terms();
    if (postmaster === undefined) return "null-sender";
    // Also where it was another relay's report: each notice would cause the next one.
    if (delivery.recipient.toLowerCase() === postmaster.text.toLowerCase()) return "postmasters-own";
    // A loop that was found here, before it began, is the operator's to know.
    return remoteHost !== "" && status.endsWith(".4.6") ? "went-in-circles" : "report";
  }

  /** Recipients that fared alike, in parts that each make a report of a bounded size. */
  parts<Each extends Fared>(message: MessageInHand, action: Action, fared: readonly Each[]): Each[][] {
    const { isUtf8 } = message.envelope;
    const parts: Each[][] = [];
    let octets = Number.POSITIVE_INFINITY;
    for (const one of fared) {
      const more = octetsAbout({ action, audience: "sender", isUtf8, triedUntil: 1 }, this.#recipient(one, 0));
      if (octets + more > DSN.aboutOctetsMax) {
        parts.push([]);
        octets = 0;
      }
      parts.at(-1)!.push(one);
      octets += more;
    }
    return parts;
  }

  /**
   * One report about recipients that fared alike, at least one and not more than `parts` says; all of them are to be told
   * of (`notice`). `triedUntil` is for delays.
   */
  async report(message: MessageInHand, action: Action, fared: readonly Fared[], triedUntil?: Instant): Promise<Told> {
    const addressee = this.#addressee(message.envelope);
    const { audience, address } = addressee;
    const path = parseMailbox(address);
    const way = path.kind === "mailbox" ? this.#way(path) : undefined;
    const lane = way?.lanes[0];
    const about = { about: message.id, action, to: address, recipients: fared.length };
    if (path.kind === "malformed" || way === undefined || lane === undefined) {
      this.#parts.recorder.record({ event: "dsn.unplaced", ...about });
      return { note: `${audience} not told: no route takes a report to <${address}>`, report: undefined };
    }
    if (!this.#mayTell(addressee, message, action, fared))
      return { note: `${audience} not told: too many reports went there in this hour`, report: undefined };
    const report = this.#compose(message, action, fared, triedUntil, addressee);
    const { content, carries, lacks } = await this.#write(message, report, path);
    const reported = { id: message.id, action, subject: report.subject, ...named(fared) };
    const arrival = this.#arrival(report, content, path, way, reported);
    this.#parts.recorder.record({ event: "dsn.queued", id: arrival.id, ...about, lane, returned: carries });
    return { note: toldNote(audience, arrival.id, lacks), report: arrival };
  }

  #addressee({ from }: StoredEnvelope): Addressee {
    if (from !== "") return { audience: "sender", address: from };
    return { audience: "postmaster", address: this.#parts.terms().postmaster?.text ?? "" };
  }

  /** Address literals are routed for nobody. */
  #way(path: Mailbox): Way | undefined {
    if (path.domain.kind === "literal") return undefined;
    return wayFor(this.#parts.routes(), { kind: "null" }, path);
  }

  /** A sender that was forged in a hundred thousand messages must not get as many reports. */
  #mayTell({ audience, address }: Addressee, { id }: MessageInHand, action: Action, fared: readonly Fared[]): boolean {
    const key = address.toLowerCase();
    const now = this.#parts.clock.monotonic();
    const [counts, limit, what] =
      audience === "postmaster"
        ? [this.#toPostmaster, DSN.doubleBouncesMax, id]
        : action === "relayed"
          ? [this.#ofSuccess, DSN.successesPerSenderMax, `${id} ${fared[0]!.delivery.row}`]
          : [this.#bySender, DSN.perSenderMax, id];
    const allowed = counts.take(key, what, now);
    if (allowed === "first-refusal")
      this.#parts.recorder.record({ event: "dsn.suppressed", about: id, to: address, limit });
    return allowed === "yes";
  }

  #compose(
    message: MessageInHand,
    action: Action,
    fared: readonly Fared[],
    triedUntil: Instant | undefined,
    { audience, address }: Addressee,
  ): Omit<Report, "returned"> {
    const { clock, entropy } = this.#parts;
    const now = clock.now();
    const { envelope, receivedAt } = message;
    return {
      action,
      id: messageId(now, entropy.octets(5)),
      now,
      hostname: this.#parts.terms().hostname,
      audience,
      to: address,
      envelopeId: envelope.envelopeId,
      subject: envelope.subject,
      arrivedAt: receivedAt,
      origin: audience === "postmaster" ? originOf(message, fared) : undefined,
      recipients: fared.map((one) => this.#recipient(one, now)),
      triedUntil,
      isUtf8: envelope.isUtf8,
    };
  }

  #recipient({ delivery, status, means, remoteHost, diagnostic }: Fared, lastAttempt: Instant): ReportedRecipient {
    const { originalRecipient } = readOptions(delivery.options);
    return { address: delivery.recipient, originalRecipient, status, means, remoteHost, diagnostic, lastAttempt };
  }

  /** What could keep the report from getting there stays here, and the header alone goes back. */
  async #write(message: MessageInHand, report: Omit<Report, "returned">, path: Mailbox): Promise<Written> {
    const written = (returned: Returned | undefined): Uint8Array => reportContent({ ...report, returned });
    const whole = wholeMessage(message, report.action);
    const asWhole = whole === undefined ? undefined : written(whole);
    const why = whole && asWhole && obstacle(whole, asWhole, path);
    if (asWhole !== undefined && why === undefined) return { content: asWhole, carries: "whole", lacks: "" };
    const header = await headerOfMessage(message, this.#parts.files);
    // Our disk: the sender is told all the same (promise P5).
    if (typeof header === "string")
      return { content: written(undefined), carries: `nothing: ${header}`, lacks: `, without its header: ${header}` };
    const content = written(header);
    const mended = header.mended === undefined ? "" : `, mended because it has ${header.mended}`;
    const carries = `header${mended}${header.isCut ? ", cut because it is too long" : ""}`;
    if (why === undefined) return { content, carries, lacks: "" };
    return { content, carries: `${carries}: ${why}`, lacks: `, with the header alone: ${why}` };
  }

  #arrival(
    report: Omit<Report, "returned">,
    content: Uint8Array,
    path: Mailbox,
    { lanes, priority }: Way,
    about: ReportedMessage,
  ): Arrival {
    const { id, now, hostname, audience } = report;
    const envelope: StoredEnvelope = {
      from: "",
      identity: MAILER_DAEMON,
      client: "",
      prefix: ownReceivedField({ hostname, id, at: now }),
      isEightBit: !isAscii(content),
      // Only the address stands in its own header; what else is beyond ASCII is in its parts.
      isUtf8: path.isInternational,
      subject: reportSubject(report),
      ...(audience === "postmaster" ? { isNotice: true } : { about }),
    };
    return {
      id,
      receivedAt: now,
      octets: content.length,
      envelope: JSON.stringify(envelope),
      content,
      deliveries: [
        {
          lane: lanes[0]!,
          priority,
          recipient: path.text,
          options: storeOptions({ notify: "never" }),
          due: now,
          last: lastWord("queued", "", now),
        },
      ],
    };
  }
}

/** Why a report with all of the message might be refused for it. The next hop to the sender may take 7 bits only. */
function obstacle(whole: Returned, report: Uint8Array, path: Mailbox): string | undefined {
  const fault = faultIn(whole.octets);
  if (fault !== undefined) return `the message has ${fault}, which mail may not have`;
  if (path.isInternational) return undefined; // such an address needs a server of 8 bits anyway
  const why = sevenBitObstacle(report);
  return why && `a server of 7 bits could not get all of the message: ${why}`;
}

/** Where a message without a sender came from, for postmaster. */
function originOf({ id, envelope }: MessageInHand, [first]: readonly Fared[]): Origin {
  const { about, client, identity } = envelope;
  // A report has one recipient.
  if (about !== undefined) return { kind: "report", id, about, reader: first!.delivery.recipient };
  return { kind: "client", id, client, identity };
}

/** What of them is kept with the report. */
function named(fared: readonly Fared[]): Pick<ReportedMessage, "recipients" | "count"> {
  const first = fared.slice(0, DSN.keptRecipientsMax);
  return { recipients: first.map(({ delivery }) => delivery.recipient), count: fared.length };
}

function allowance(most: number, addressesMax: number): Allowance {
  return new Allowance(most, DSN.allowedPer, addressesMax, DSN.reportedKept);
}
