import { NetTransport } from "../adapters/net/transport.ts";
import { SystemClock } from "../adapters/system/clock.ts";
import { SystemEntropy } from "../adapters/system/entropy.ts";
import { utf8 } from "../core/base/bytes.ts";
import { InvariantError } from "../core/base/invariant.ts";
import { dateTime } from "../core/base/time.ts";
import { messageId } from "../core/mail/message-id.ts";
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

/** A short message is in memory: a machine without a folder for temporary files can send one, too. */
const NO_FILES: ContentFiles = { create: noFile, open: noFile };

function noFile(): never {
  throw new InvariantError("a test message has no content file");
}

/** Sends a short message to a server the way the relay's couriers do. */
export function sendTestMessage(site: SmartHost, message: TestMessage): Promise<SendResult> {
  const clock = new SystemClock();
  const entropy = new SystemEntropy();
  const now = clock.now();
  const id = messageId(now, entropy.octets(5));
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
  const isUtf8 = content.some((octet) => octet > 0x7f);
  const envelope = {
    from: message.from,
    identity: "",
    client: "",
    prefix: "",
    isEightBit: isUtf8,
    isUtf8,
    subject: message.subject,
  };
  const load: Load = {
    message: {
      id,
      receivedAt: now,
      octets: content.length,
      envelope,
      content,
      claimedFrom: undefined,
      left: message.to.length,
    },
    lane: "send",
    priority: "normal",
    deliveries: message.to.map((recipient, row) => ({
      row,
      recipient,
      options: "",
      priority: "normal" as const,
      attempts: 0,
      isTold: false,
      wish: "none" as const,
    })),
  };
  return new Promise((resolve) => {
    let outcomes: readonly Outcome[] | undefined;
    const courier = new Courier(
      {
        transport: new NetTransport(),
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
      load,
    );
    void courier;
  });
}
