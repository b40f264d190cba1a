import { NetTransport } from "../adapters/net/transport.ts";
import { SystemClock } from "../adapters/system/clock.ts";
import { SystemEntropy } from "../adapters/system/entropy.ts";
import { isAscii, utf8 } from "../core/base/bytes.ts";
import { InvariantError } from "../core/base/invariant.ts";
import { dateTime } from "../core/base/time.ts";
import type { Notify } from "../core/mail/envelope.ts";
import { messageId } from "../core/mail/message-id.ts";
import { type StoredEnvelope, storeOptions } from "../core/mail/stored.ts";
import { Doubts } from "../core/outbound/doubts.ts";
import type { Outcome } from "../core/outbound/outcome.ts";
import type { SmartHost } from "../core/routing/smart-host.ts";
import { BrokenTls } from "../engine/broken-tls.ts";
import { Courier } from "../engine/courier.ts";
import type { Load } from "../engine/load.ts";
import { smartHostTarget } from "../engine/target.ts";
import type { ContentFiles } from "../ports/content.ts";

export interface TestMessage {
  readonly hostname: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
}

/** One outcome a recipient. */
export type SendResult = readonly { readonly recipient: string; readonly outcome: Outcome }[];

/** A message that is in memory, with CR LF. */
export interface WholeMessage extends Pick<StoredEnvelope, "from" | "isEightBit" | "isUtf8" | "ret" | "envelopeId"> {
  readonly hostname: string;
  readonly to: readonly string[];
  /** Of every recipient. */
  readonly notify?: Notify | undefined;
  readonly subject: string;
  readonly content: Uint8Array;
}

/** A short message is in memory: a machine without a folder for temporary files can send one, too. */
const NO_FILES: ContentFiles = { create: noFile, open: noFile };

function noFile(): never {
  throw new InvariantError("a test message has no content file");
}

/** Sends a short message to a server the way the relay's couriers do. */
export function sendTestMessage(site: SmartHost, message: TestMessage): Promise<SendResult> {
  const now = new SystemClock().now();
  const id = messageId(now, new SystemEntropy().octets(5));
  const lines = [
    `From: <${message.from}>`,
    `To: ${message.to.map((to) => `<${to}>`).join(",\r\n\t")}`,
    `Subject: ${message.subject}`,
    `Date: ${dateTime(now)}`,
    `Message-ID: <${id}@${message.hostname}>`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "",
    "This is a test message by waypost.",
    "",
  ];
  const content = utf8(lines.join("\r\n"));
  const isUtf8 = !isAscii(content);
  return sendMessage(site, { ...message, content, isEightBit: isUtf8, isUtf8 }, "--tls-ca");
}

function loadOf(message: WholeMessage, clock: SystemClock): Load {
  const { from, to, notify, content, isEightBit, isUtf8, subject, ret, envelopeId } = message;
  const now = clock.now();
  return {
    message: {
      id: messageId(now, new SystemEntropy().octets(5)),
      receivedAt: now,
      octets: content.length,
      envelope: {
        from,
        identity: "",
        client: "",
        prefix: "",
        isEightBit,
        isUtf8,
        subject,
        ...(ret === undefined ? {} : { ret }),
        ...(envelopeId === undefined ? {} : { envelopeId }),
      },
      content,
      claimedFrom: undefined,
      left: to.length,
    },
    lane: "send",
    priority: "normal",
    deliveries: to.map((recipient, row) => ({
      row,
      recipient,
      options: storeOptions(notify === undefined ? {} : { notify }),
      priority: "normal" as const,
      attempts: 0,
      isTold: false,
      wish: "none" as const,
    })),
  };
}

/**
 * Sends a message to a server, in one transaction, the way the relay's couriers do. `authorityKey`: what names an authority
 * where the server's is not trusted.
 */
export function sendMessage(site: SmartHost, message: WholeMessage, authorityKey?: string): Promise<SendResult> {
  const clock = new SystemClock();
  return new Promise((resolve) => {
    let outcomes: readonly Outcome[] | undefined;
    const courier = new Courier(
      {
        transport: new NetTransport(authorityKey),
        clock,
        files: NO_FILES,
        ehloName: () => message.hostname,
        brokenTls: new BrokenTls(clock),
      },
      "send",
      smartHostTarget(site),
      new Doubts(),
      {
        idle: (idle) => idle.close(),
        mayConnect: () => true,
        mayBegin: () => true,
        hasNextStep: () => false,
        done: (_courier, _load, found) => (outcomes = found),
        gone: (_courier, failure) =>
          resolve(message.to.map((recipient, at) => ({ recipient, outcome: (outcomes?.[at] ?? failure)! }))),
      },
      loadOf(message, clock),
    );
    void courier;
  });
}
