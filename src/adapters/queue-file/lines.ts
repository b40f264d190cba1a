import * as z from "zod";
import { QUEUE } from "../../core/base/limits.ts";
import { isMessageId } from "../../core/mail/message-id.ts";
import type { ExportEnd, ExportHead, ExportedMessage } from "../../core/queue/exported.ts";
import { PRIORITIES } from "../../core/queue/priority.ts";
import { REASONS } from "../../core/queue/reason.ts";
import { parseLane } from "../../core/routing/lane.ts";

// The file of `waypost queue export`: a line of JSON for the file, one for each message with its content behind it, octet
// for octet and a line feed, and one for the end, by which a file that was cut or changed is told from a whole one.

const EXPORT_VERSION = 1;
const FORMAT = "queue export";

/** Goes into SMTP commands and into lines: nothing of it may end one. */
// oxlint-disable-next-line no-control-regex
const text = z
  .string()
  .max(4096)
  .regex(/^[^\u0000-\u001f\u007f]*$/u);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const id = z.string().refine(isMessageId);

function jsonOf(shape: z.ZodType): z.ZodType<string, string> {
  return z.string().refine((value) => {
    try {
      return shape.safeParse(JSON.parse(value)).success;
    } catch {
      return false;
    }
  });
}

const notify = z.union([z.literal("never"), z.array(z.enum(["success", "failure", "delay"]))]);
const options = z.object({ notify: notify.optional(), originalRecipient: text.optional() });
const lastWord = z.object({
  because: z.enum(Object.keys(REASONS) as [keyof typeof REASONS]),
  text: z.string(),
  at: z.number(),
});
const envelope = z.object({
  from: text,
  identity: text,
  client: text,
  prefix: z.string().regex(/^(?:[^\r\n]*\r\n)*$/), // the last line is empty where the content has no header
  isEightBit: z.boolean(),
  isUtf8: z.boolean(),
  subject: z.string(),
  ret: z.enum(["full", "hdrs"]).optional(),
  envelopeId: text.optional(),
  isNotice: z.literal(true).optional(),
  about: z
    .object({
      id,
      action: z.enum(["failed", "delayed", "relayed"]),
      subject: z.string(),
      recipients: z.array(text),
      count,
    })
    .optional(),
  session: z
    .object({ listener: text, hello: z.string(), protocol: text, tls: text, senderRule: z.string() })
    .optional(),
  wasId: id.optional(),
});

const delivery = z.strictObject({
  recipient: text.min(1),
  options: z.union([z.literal(""), jsonOf(options)]),
  lane: text.refine((lane) => parseLane(lane) !== undefined),
  attempts: count,
  priority: z.enum(PRIORITIES),
  isHeld: z.boolean(),
  isExpiring: z.boolean(),
  isTold: z.boolean(),
  last: z.union([z.literal(""), jsonOf(lastWord)]),
});

const message = z.strictObject({
  id,
  receivedAt: count,
  octets: count,
  envelope: jsonOf(envelope),
  deliveries: z.array(delivery).min(1).max(QUEUE.deliveriesPerMessageMax),
});

const head = z.object({
  waypost: z.literal(FORMAT),
  version: z.number().int(),
  hostname: text,
  exportedAt: count,
});

const end = z.strictObject({ messages: count, deliveries: count, sha256: z.string().regex(/^[0-9a-f]{64}$/) });

export function headLine({ hostname, exportedAt }: ExportHead): string {
  return JSON.stringify({ waypost: FORMAT, version: EXPORT_VERSION, hostname, exportedAt });
}

/** What is wrong with a line. */
export interface WrongLine {
  readonly wrong: string;
}

export function readHead(line: string): ExportHead | WrongLine {
  const found = head.safeParse(parsed(line));
  if (!found.success) return { wrong: "this is no file of `waypost queue export`" };
  const { version, hostname, exportedAt } = found.data;
  if (version !== EXPORT_VERSION)
    return {
      wrong: `it has version ${version} of the format, this Waypost reads ${EXPORT_VERSION}: use a newer Waypost`,
    };
  return { hostname, exportedAt };
}

export function readMessage(line: string): ExportedMessage | WrongLine {
  const found = message.safeParse(parsed(line));
  return found.success ? found.data : { wrong: wrongAt(found.error, "message") };
}

/** A line behind a message: another message, or the end. */
export function readNext(line: string): ExportedMessage | ExportEnd | WrongLine {
  const found = end.safeParse(parsed(line));
  return found.success ? found.data : readMessage(line);
}

function wrongAt(error: z.ZodError, what: string): string {
  const place = error.issues[0]?.path.join(".") ?? "";
  return place === "" ? `this is no ${what}` : `this is no ${what}: ${place} is not what it should be`;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
