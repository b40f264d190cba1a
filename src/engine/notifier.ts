import { concatBytes, isAscii, utf8 } from "../core/base/bytes.ts";
import { DSN } from "../core/base/limits.ts";
import type { Instant } from "../core/base/time.ts";
import { Allowance } from "../core/dsn/allowance.ts";
import { type Notice, noticeOf } from "../core/dsn/notice.ts";
import { type Action, type Report, type Returned, reportContent, reportSubject } from "../core/dsn/report.ts";
import { hasWholeHeader, headerOf } from "../core/dsn/returned.ts";
import { messageId } from "../core/mail/message-id.ts";
import { type Mailbox, parseMailbox } from "../core/mail/path.ts";
import { MAILER_DAEMON, type StoredEnvelope, readOptions, storeOptions } from "../core/mail/stored.ts";
import { ownReceivedField } from "../core/mail/trace.ts";
import { isTrusted } from "../core/policy/identity.ts";
import { type DelayNotice, delayPolicy } from "../core/queue/ageing.ts";
import { lastWord } from "../core/queue/reason.ts";
import { type Route, type Way, wayFor } from "../core/routing/route.ts";
import type { Clock } from "../ports/clock.ts";
import type { ContentFiles } from "../ports/content.ts";
import type { Entropy } from "../ports/entropy.ts";
import type { Recorder } from "../ports/recorder.ts";
import type { Arrival } from "../ports/store.ts";
import type { DeliveryInHand, MessageInHand } from "./load.ts";

export interface NotifierParts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly recorder: Recorder;
  readonly files: Pick<ContentFiles, "open">;
  readonly hostname: string;
  /** Who hears of messages without a sender that fail. */
  readonly postmaster: Mailbox | undefined;
  readonly delayNotice: DelayNotice;
  routes(): readonly Route[];
}

/** How one recipient fared in an attempt. */
export interface Fared {
  readonly delivery: DeliveryInHand;
  /** RFC 3463. */
  readonly status: string;
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

type Content = { readonly returned: Returned | undefined; readonly why: string };

/**
 * Writes reports of delivery status (RFC 3464): who is told, what goes back of the message, where the report is queued.
 * A report comes from the null sender and is never answered by another one.
 */
export class Notifier {
  readonly #parts: NotifierParts;
  readonly #bySender = new Allowance(DSN.perSenderMax, DSN.allowedPer, DSN.sendersCounted);
  readonly #toPostmaster = new Allowance(DSN.doubleBouncesMax, DSN.allowedPer, 1);
  readonly #delays: ReturnType<typeof delayPolicy>;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
    this.#delays = delayPolicy(parts.delayNotice);
  }

  /** The age at which a delivery is late. */
  get delayAfter(): number {
    return this.#delays.after;
  }

  /** Whether somebody is to be told of this, and where not, why. */
  notice({ envelope }: MessageInHand, action: Action, { options }: DeliveryInHand, isPassedOn: boolean): Notice {
    const { notify } = readOptions(options);
    const tellsDelays = this.#delays.tellsAll;
    const notice = noticeOf({ action, reversePath: envelope.from, notify, isPassedOn, tellsDelays });
    if (notice !== "null-sender" || action !== "failed" || this.#parts.postmaster === undefined) return notice;
    return envelope.isNotice === true ? "null-sender" : "report";
  }

  /**
   * One report about recipients that fared alike in one attempt, at least one; all of them are to be told of
   * (`notice`). `triedUntil` is for delays.
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
    if (!this.#mayTell(addressee, message.id))
      return { note: `${audience} not told: too many reports went there in this hour`, report: undefined };
    const content = await this.#content(message, action);
    const { returned } = content;
    const report = this.#compose(message, action, fared, triedUntil, addressee, returned);
    const arrival = this.#arrival(report, path, way, audience === "postmaster");
    const carries = returned === undefined ? `nothing: ${content.why}` : returned.kind;
    this.#parts.recorder.record({ event: "dsn.queued", id: arrival.id, ...about, lane, returned: carries });
    const lacks = returned === undefined ? `, without its header: ${content.why}` : "";
    return { note: `${audience} told in report ${arrival.id}${lacks}`, report: arrival };
  }

  #addressee({ from }: StoredEnvelope): Addressee {
    if (from !== "") return { audience: "sender", address: from };
    return { audience: "postmaster", address: this.#parts.postmaster?.text ?? "" };
  }

  /** Address literals are routed for nobody. */
  #way(path: Mailbox): Way | undefined {
    if (path.domain.kind === "literal") return undefined;
    return wayFor(this.#parts.routes(), { kind: "null" }, path);
  }

  /** A sender that was forged in a hundred thousand messages must not get as many reports. */
  #mayTell({ audience, address }: Addressee, about: string): boolean {
    const allowance = audience === "sender" ? this.#bySender : this.#toPostmaster;
    const allowed = allowance.take(address.toLowerCase(), this.#parts.clock.monotonic());
    if (allowed === "first-refusal") {
      const limit = audience === "sender" ? DSN.perSenderMax : DSN.doubleBouncesMax;
      this.#parts.recorder.record({ event: "dsn.suppressed", about, to: address, limit });
    }
    return allowed === "yes";
  }

  #compose(
    message: MessageInHand,
    action: Action,
    fared: readonly Fared[],
    triedUntil: Instant | undefined,
    { audience, address }: Addressee,
    returned: Returned | undefined,
  ): Report {
    const { clock, entropy, hostname } = this.#parts;
    const now = clock.now();
    const { envelope, receivedAt } = message;
    return {
      action,
      id: messageId(now, entropy.octets(5)),
      now,
      hostname,
      audience,
      to: address,
      envelopeId: envelope.envelopeId,
      subject: envelope.subject,
      arrivedAt: receivedAt,
      recipients: fared.map(({ delivery, status, remoteHost, diagnostic }) => ({
        address: delivery.recipient,
        originalRecipient: readOptions(delivery.options).originalRecipient,
        status,
        remoteHost,
        diagnostic,
        lastAttempt: now,
      })),
      triedUntil,
      isUtf8: envelope.isUtf8,
      returned,
    };
  }

  #arrival(report: Report, path: Mailbox, { lanes, priority }: Way, isNotice: boolean): Arrival {
    const { id, now, hostname } = report;
    const content = reportContent(report);
    const envelope: StoredEnvelope = {
      from: "",
      identity: MAILER_DAEMON,
      client: "",
      prefix: ownReceivedField({ hostname, id, at: now }),
      isEightBit: !isAscii(content),
      // Only the address stands in its own header; what else is beyond ASCII is in its parts.
      isUtf8: path.isInternational,
      subject: reportSubject(report),
      ...(isNotice ? { isNotice } : {}),
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

  /** RFC 3461 section 4.3: all of it only with a failure, to who asked for it, and where it is small. */
  async #content(message: MessageInHand, action: Action): Promise<Content> {
    const { envelope, content } = message;
    const prefix = utf8(envelope.prefix);
    const isAsked = action === "failed" && envelope.ret === "full" && isTrusted(envelope.identity);
    if (isAsked && content !== undefined && prefix.length + content.length <= DSN.returnedOctetsMax)
      return { returned: { kind: "whole", octets: concatBytes([prefix, content]) }, why: "" };
    try {
      const start = content ?? (await this.#start(message.id));
      const octets = headerOf(concatBytes([prefix, start]), DSN.returnedOctetsMax);
      return { returned: { kind: "header", octets }, why: "" };
    } catch (error) {
      // Our disk: the sender is told all the same (promise P5).
      return { returned: undefined, why: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Content in a file: as much of it as has the header. */
  async #start(id: string): Promise<Uint8Array> {
    const reader = this.#parts.files.open(id);
    try {
      let start: Uint8Array = new Uint8Array(0);
      while (start.length < DSN.returnedOctetsMax && !hasWholeHeader(start)) {
        const piece = await reader.read();
        if (piece === undefined) break;
        start = concatBytes([start, piece]);
      }
      return start;
    } finally {
      reader.close();
    }
  }
}
