import * as z from "zod";
import { QUEUE } from "../../core/base/limits.ts";
import { faultInFields } from "../../core/mail/added-fields.ts";
import { isMessageId } from "../../core/mail/message-id.ts";
import { parseForwardPath, parseMailbox, pathKey, pathText } from "../../core/mail/path.ts";
import type { ExportEnd, ExportHead, ExportedMessage } from "../../core/queue/exported.ts";
import { PRIORITIES } from "../../core/queue/priority.ts";
import { REASONS } from "../../core/queue/reason.ts";
import { parseLane } from "../../core/routing/lane.ts";

// The file of `waypost queue export`: a line of JSON for the file, one for each message with its content behind it, octet
// for octet and a line feed, and one for the end, by which a file that was cut or changed is told from a whole one.

const ADDRESS_SHOWN = 100;
/** What Zod says where nobody said why. */
const CUSTOM = "Invalid input";
const EXPORT_VERSION = 1;
const FORMAT = "queue export";

/** Goes into SMTP commands and into lines: nothing of it may end one. */
// oxlint-disable-next-line no-control-regex
const text = z
  .string()
  .max(4096)
  .regex(/^[^\u0000-\u001f\u007f]*$/u);
/** A recipient as reception keeps it: an address, or `postmaster` of the relay. */
const recipient = text.transform((address, context) => {
  const found = parseForwardPath(`<${address}>`);
  if (found.kind === "path" && found.rest === "") return pathText(found.path);
  const why = found.kind === "malformed" ? found.why : "something stands behind it";
  context.addIssue({ code: "custom", message: `${shown(address)} is no address: ${why}` });
  return z.NEVER;
});
const sender = text.refine((address) => address === "" || parseMailbox(address).kind === "mailbox");
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const id = z.string().refine(isMessageId);

function jsonOf(shape: z.ZodType): z.ZodType<string, string> {
  return z.string().superRefine((value, context) => {
    const found = shape.safeParse(parsed(value));
    const { path, code, message = CUSTOM } = found.error?.issues[0] ?? {};
    if (path !== undefined)
      context.addIssue({ code: "custom", path: [...path], message: code === "custom" ? message : CUSTOM });
  });
}

/** What the relay put before the content. */
const prefix = z.string().superRefine((fields, context) => {
  const fault = faultInFields(fields);
  if (fault !== undefined) context.addIssue({ code: "custom", message: `it ${fault}` });
});

const notify = z.union([z.literal("never"), z.array(z.enum(["success", "failure", "delay"]))]);
const options = z.object({ notify: notify.optional(), originalRecipient: text.optional() });
const lastWord = z.object({
  because: z.enum(Object.keys(REASONS) as [keyof typeof REASONS]),
  text: z.string(),
  at: z.number(),
});
const envelope = z.object({
  from: sender,
  identity: text,
  client: text,
  prefix,
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
  recipient,
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
  deliveries: z.array(delivery).min(1).max(QUEUE.deliveriesPerMessageMax).superRefine(eachOnce),
});

/** Of two spellings of one address reception keeps the first: whoever is there twice would get it twice. */
function eachOnce(deliveries: readonly { readonly recipient: string }[], context: z.RefinementCtx): void {
  const found = new Map<string, number>();
  for (const [at, { recipient: address }] of deliveries.entries()) {
    const path = parseForwardPath(`<${address}>`);
    const key = path.kind === "path" ? pathKey(path.path) : address;
    const first = found.get(key);
    if (first !== undefined) {
      const message = `${shown(address)} is the same as deliveries.${first}.recipient, and would get it twice`;
      context.addIssue({ code: "custom", path: [at, "recipient"], message });
      return;
    }
    found.set(key, at);
  }
}

function shown(address: string): string {
  return JSON.stringify(address.slice(0, ADDRESS_SHOWN));
}

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
  const { path = [], code, message } = error.issues[0] ?? {};
  const place = path.join(".");
  if (place === "") return `this is no ${what}`;
  const why = code === "custom" && message !== CUSTOM ? `: ${message}` : " is not what it should be";
  return `this is no ${what}: ${place}${why}`;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
