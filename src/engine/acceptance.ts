import { INBOUND } from "../core/base/limits.ts";
import { type Instant, dateTime } from "../core/base/time.ts";
import type { Transaction } from "../core/inbound/state.ts";
import { PAUSED, notKept } from "../core/inbound/trouble.ts";
import type { Envelope } from "../core/mail/envelope.ts";
import type { HeaderFacts } from "../core/mail/header.ts";
import type { MessageId } from "../core/mail/message-id.ts";
import { type Mailbox, addressed, pathKey, pathText } from "../core/mail/path.ts";
import { type StoredEnvelope, type StoredSession, storeOptions } from "../core/mail/stored.ts";
import { localReceivedField, protocolKeyword, receivedField } from "../core/mail/trace.ts";
import { matches, patternText, subjectOf } from "../core/policy/address-pattern.ts";
import { type Identity, identityText } from "../core/policy/identity.ts";
import { type Route, type Way, wayFor } from "../core/routing/route.ts";
import type { ContentFacts } from "../core/smtp/data-decoder.ts";
import { type Reply, permfail, tempfail } from "../core/smtp/reply.ts";
import type { Clock } from "../ports/clock.ts";
import { StorageError } from "../ports/content.ts";
import type { QueuePort } from "../ports/queue.ts";
import { type Arrival, KNOWN, KNOWN_OTHERWISE, type NewDelivery, deliveryRow } from "../ports/store.ts";
import type { TlsFacts } from "../ports/transport.ts";
import type { Dispatcher } from "./dispatcher.ts";

/** A whole message as reception hands it over. */
export interface Received {
  readonly id: MessageId;
  readonly receivedAt: Instant;
  readonly transaction: Transaction;
  readonly facts: ContentFacts;
  readonly header: HeaderFacts;
  /** Undefined: in the file of this id, on stable storage. */
  readonly content: Uint8Array | undefined;
  readonly identity: Identity;
  readonly clientAddress: string;
  /** Name of the listener that it connected to. */
  readonly listener: string;
  readonly tls: TlsFacts | undefined;
  /** What it is known by that was a file of the spool; undefined where it came from a client. */
  readonly spooled?: string;
}

export type Acceptance =
  | { readonly kind: "accepted" }
  /**
   * The file of the spool was taken before, by a relay that was killed before it removed it: there is nothing to keep. Then others
   * of its recipients may have been refused than now (`isOtherwise`).
   */
  | { readonly kind: "known"; readonly isOtherwise: boolean }
  | {
      readonly kind: "refused";
      readonly reason: "loop" | "header-too-long" | "storage-full" | "storage-failed" | "no-route" | "paused";
      readonly reply: Reply;
    };

export interface AcceptanceParts {
  readonly clock: Clock;
  readonly queue: QueuePort;
  readonly dispatcher: Pick<Dispatcher, "admits" | "take">;
  hostname(): string;
  /** Where mail for `<postmaster>` goes. */
  postmaster(): Mailbox | undefined;
  routes(): readonly Route[];
  /** An operator wants no mail to be taken, also none whose content came meanwhile: whoever exports the queue has all of it. */
  isPaused(): boolean;
}

/** A recipient with the lanes that its route names. */
interface Addressed extends Way {
  readonly recipient: string;
  readonly options: string;
}

type Refused = Extract<Acceptance, { kind: "refused" }>;

function refused(reason: Refused["reason"], reply: Reply): Refused {
  return { kind: "refused", reason, reply };
}

/** RFC 5321 section 6.3: permanent, because a retry would go round again. */
function headerRefusal(header: HeaderFacts): Refused | undefined {
  if (header.isTooLong)
    return refused("header-too-long", permfail(552, "5.3.4", `Header longer than ${INBOUND.headerOctetsMax} octets`));
  if (header.received >= INBOUND.receivedFieldsMax)
    return refused("loop", permfail(554, "5.4.6", "Too many hops: this message goes round in circles"));
  return undefined;
}

/** Submissions get what RFC 6409 section 8 lets us add; what is signed stays as it is. */
function addedFields(received: Received, hostname: string): string {
  const { header, id, receivedAt } = received;
  if (header.hasDkimSignature) return "";
  const date = header.hasDate ? "" : `Date: ${dateTime(receivedAt)}\r\n`;
  return header.hasMessageId ? date : `${date}Message-ID: <${id}@${hostname}>\r\n`;
}

/** What goes before the content: trace first, then what was missing, then an empty line where the content has no header. */
function prefixOf(received: Received, hostname: string): string {
  const { transaction, id, receivedAt, tls, identity, clientAddress, header } = received;
  const { hello, envelope, recipients } = transaction;
  const sole = recipients.length === 1 ? recipients[0] : undefined;
  const hop = { hostname, id, at: receivedAt, soleRecipient: sole === undefined ? undefined : pathText(sole.path) };
  const trace =
    identity.kind === "local"
      ? localReceivedField(hop, identity.uid)
      : receivedField({
          ...hop,
          hello: hello.client,
          isExtended: hello.isExtended,
          clientAddress,
          tls,
          isAuthenticated: identity.kind === "credential",
          isUtf8: envelope.smtpUtf8,
        });
  return `${trace}${addedFields(received, hostname)}${header.needsSeparator ? "\r\n" : ""}`;
}

function storedSession(received: Received): StoredSession {
  const { listener, transaction, tls, identity } = received;
  const { hello, envelope } = transaction;
  return {
    listener,
    hello: hello.client.slice(0, HELLO_CHARACTERS_KEPT),
    protocol: protocolKeyword({
      isExtended: hello.isExtended,
      tls,
      isAuthenticated: identity.kind === "credential",
      isUtf8: envelope.smtpUtf8,
    }),
    tls: tls === undefined ? "" : `${tls.version} ${tls.cipher}`,
    senderRule: senderRule(identity, envelope),
  };
}

/** Who is let in by its network may use any sender unless `access.senders` says which. */
function senderRule(identity: Identity, { reversePath }: Envelope): string {
  if (identity.kind === "none") return "";
  if (identity.kind !== "credential" && identity.senders.some(({ kind }) => kind === "any")) return "";
  const sender = subjectOf(reversePath);
  const rule = identity.senders.find((pattern) => matches(pattern, sender));
  return rule === undefined ? "" : patternText(rule);
}

/** No name is longer (RFC 5321 section 4.5.3.1.2). */
const HELLO_CHARACTERS_KEPT = 255;

function storedEnvelope(received: Received, hostname: string): StoredEnvelope {
  const { transaction, facts, header, identity, clientAddress } = received;
  const { envelope, recipients } = transaction;
  const isAddressUtf8 = [envelope.reversePath, ...recipients.map((recipient) => recipient.path)].some(
    (path) => path.kind === "mailbox" && path.isInternational,
  );
  return {
    from: pathText(envelope.reversePath),
    identity: identityText(identity),
    client: clientAddress,
    prefix: prefixOf(received, hostname),
    isEightBit: facts.eightBit,
    // A raw 8-bit header from a client that knows nothing of SMTPUTF8 goes on as it came (promise P6).
    isUtf8: isAddressUtf8 || (envelope.smtpUtf8 && header.isInternational),
    subject: header.subject,
    session: storedSession(received),
    ...(envelope.ret === undefined ? {} : { ret: envelope.ret }),
    ...(envelope.envelopeId === undefined ? {} : { envelopeId: envelope.envelopeId }),
  };
}

/** Makes a received message durable, and keeps it in hand for delivery at once where there is room. */
export class Acceptor {
  readonly #parts: AcceptanceParts;

  constructor(parts: AcceptanceParts) {
    this.#parts = parts;
  }

  async accept(received: Received): Promise<Acceptance> {
    const refusal = headerRefusal(received.header);
    if (refusal !== undefined) return refusal;
    if (this.#parts.isPaused()) return refused("paused", PAUSED);
    const entries = this.#addressed(received);
    if (entries === undefined)
      return refused("no-route", tempfail(451, "4.3.5", "The routes changed while the message came; try again"));
    const { dispatcher, queue } = this.#parts;
    const { id, receivedAt, content, facts, spooled } = received;
    const { isInHand, places } = dispatcher.admits(
      content?.length ?? 0,
      entries.map(({ lanes }) => lanes),
      spooled === undefined, // it may be in the store already
    );
    const envelope = storedEnvelope(received, this.#parts.hostname());
    const deliveries: NewDelivery[] = entries.map(({ recipient, options, priority }, at) => ({
      ...places[at]!,
      recipient,
      options,
      priority,
    }));
    const arrival: Arrival = {
      id,
      receivedAt,
      octets: facts.octets,
      envelope: JSON.stringify(envelope),
      content,
      deliveries,
      ...(spooled === undefined ? {} : { spooled }),
    };
    try {
      const row = await queue.submit(arrival, isInHand);
      if (row === KNOWN || row === KNOWN_OTHERWISE) return { kind: "known", isOtherwise: row === KNOWN_OTHERWISE };
      if (isInHand) {
        dispatcher.take({
          row,
          id,
          receivedAt,
          octets: facts.octets,
          envelope,
          content,
          deliveries: deliveries.map((delivery, at) => ({ ...delivery, row: deliveryRow(row, at) })),
        });
      }
      return { kind: "accepted" };
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return refused(`storage-${error.reason}`, notKept(error.reason));
    }
  }

  /** One delivery for each address, however often it was named; undefined where a recipient has no route any more. */
  #addressed(received: Received): Addressed[] | undefined {
    const postmaster = this.#parts.postmaster();
    const routes = this.#parts.routes();
    const { envelope, recipients } = received.transaction;
    const found = new Map<string, Addressed>();
    for (const recipient of recipients) {
      const path = addressed(recipient.path, postmaster);
      const key = pathKey(path);
      if (found.has(key)) continue;
      const way = wayFor(routes, envelope.reversePath, path);
      if (way === undefined) return undefined;
      const { notify, originalRecipient } = recipient;
      const options = storeOptions({
        ...(notify === undefined ? {} : { notify }),
        ...(originalRecipient === undefined ? {} : { originalRecipient }),
      });
      found.set(key, { ...way, recipient: pathText(path), options });
    }
    return [...found.values()];
  }
}
