import type { Envelope, Notify, Recipient } from "../mail/envelope.ts";
import { hasHidden } from "../base/printable.ts";
import { parseMailbox } from "../mail/path.ts";
import { keyword } from "./command.ts";
import { type Reply, permfail } from "./reply.ts";
import { decodeXtext } from "./xtext.ts";

const PARAMETERS_MAX = 20;
const ENVID_OCTETS_MAX = 100; // RFC 3461 section 4.4
const ORCPT_OCTETS_MAX = 500; // RFC 3461 section 4.2
const SIZE_DIGITS_MAX = 15; // RFC 1870 permits 20; above 2^53 nothing is a size

type MailParameters = Omit<Envelope, "reversePath">;
type RcptParameters = Omit<Recipient, "path">;

export type Parameters<T> =
  { readonly kind: "parameters"; readonly value: T } | { readonly kind: "refused"; readonly reply: Reply };

type Draft<T> = { -readonly [K in keyof T]?: T[K] };
type Reader<T> = (value: string | undefined, draft: Draft<T>, isUtf8: boolean) => string | undefined;

const wrong = (what: string): string => what;

/** Undefined where it is no value of NOTIFY (RFC 3461 section 4.1). */
export function readNotify(value: string | undefined): Notify | undefined {
  const words = value?.toLowerCase().split(",") ?? [];
  if (words.length === 1 && words[0] === "never") return "never";
  const known = ["success", "failure", "delay"] as const;
  const chosen = known.filter((word) => words.includes(word));
  return words.length > 0 && chosen.length === words.length ? chosen : undefined;
}

/** The 7-bit form of an ORCPT (RFC 3461 section 4.2, RFC 6533 section 3), which every next hop takes. */
function originalRecipient(value: string, isUtf8: boolean): string | undefined {
  const semicolon = value.indexOf(";");
  const type = keyword(value.slice(0, Math.max(semicolon, 0)));
  const form = isUtf8 && type === "UTF-8" ? embeddedUnicode(value) : value;
  const address = decodeXtext(form.slice(semicolon + 1));
  const isAddress =
    /^[A-Z0-9-]+$/.test(type) &&
    address !== undefined &&
    address !== "" &&
    !hasHidden(address) &&
    (type !== "UTF-8" || isEmbeddedUnicode(address));
  return isAddress && form.length <= ORCPT_OCTETS_MAX ? form : undefined;
}

/** What is not ASCII as `\x{NNNN}`. */
function embeddedUnicode(text: string): string {
  return text.replace(/[^\0-\x7f]/gu, (c) => `\\x{${c.codePointAt(0)!.toString(16).toUpperCase()}}`);
}

/** RFC 6533 section 3: what is not ASCII stands as `\x{NNNN}`, which may not hide what could not stand there openly. */
function isEmbeddedUnicode(address: string): boolean {
  const decoded = address.replace(/\\x\{([0-9A-F]{2,6})\}/g, (_, digits: string) => {
    const point = Number.parseInt(digits, 16);
    return point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? "\0" : String.fromCodePoint(point);
  });
  return !hasHidden(decoded) && !address.replace(/\\x\{[0-9A-F]{2,6}\}/g, "").includes("\\x{");
}

// One row a parameter: a reader answers with what is wrong, or nothing.
const MAIL_READERS: ReadonlyMap<string, Reader<MailParameters>> = new Map<string, Reader<MailParameters>>([
  [
    "SIZE",
    (value, draft) => {
      if (value === undefined || !/^[0-9]+$/.test(value) || value.length > SIZE_DIGITS_MAX)
        return wrong("SIZE takes a number of octets");
      draft.declaredOctets = Number(value);
      return undefined;
    },
  ],
  [
    "BODY",
    (value, draft) => {
      const body = value?.toLowerCase();
      if (body !== "7bit" && body !== "8bitmime") return wrong("BODY takes 7BIT or 8BITMIME");
      draft.body = body;
      return undefined;
    },
  ],
  [
    "SMTPUTF8",
    (value, draft) => {
      if (value !== undefined) return wrong("SMTPUTF8 takes no value");
      draft.smtpUtf8 = true;
      return undefined;
    },
  ],
  [
    "RET",
    (value, draft) => {
      const ret = value?.toLowerCase();
      if (ret !== "full" && ret !== "hdrs") return wrong("RET takes FULL or HDRS");
      draft.ret = ret;
      return undefined;
    },
  ],
  [
    "ENVID",
    (value, draft) => {
      const decoded = value === undefined || value.length > ENVID_OCTETS_MAX ? undefined : decodeXtext(value);
      if (value === undefined || decoded === undefined || decoded === "" || hasHidden(decoded))
        return wrong("ENVID takes up to 100 characters of xtext");
      draft.envelopeId = value;
      return undefined;
    },
  ],
  [
    "AUTH",
    (value) => {
      // RFC 4954 section 5: who first sent it. Checked, and not believed: the identity is the one of this session.
      const decoded = value === undefined ? undefined : decodeXtext(value);
      const isMailbox = decoded !== undefined && (decoded === "<>" || parseMailbox(decoded).kind === "mailbox");
      return isMailbox ? undefined : wrong("AUTH takes a mailbox in xtext, or <>");
    },
  ],
]);

const RCPT_READERS: ReadonlyMap<string, Reader<RcptParameters>> = new Map<string, Reader<RcptParameters>>([
  [
    "NOTIFY",
    (value, draft) => {
      const notify = readNotify(value);
      if (notify === undefined) return wrong("NOTIFY takes NEVER, or a list of SUCCESS, FAILURE, DELAY");
      draft.notify = notify;
      return undefined;
    },
  ],
  [
    "ORCPT",
    (value, draft, isUtf8) => {
      const recipient = originalRecipient(value ?? "", isUtf8);
      if (recipient === undefined) return wrong("ORCPT takes type;address in xtext");
      draft.originalRecipient = recipient;
      return undefined;
    },
  ],
]);

function read<T>(
  text: string,
  readers: ReadonlyMap<string, Reader<T>>,
  draft: Draft<T>,
  isUtf8: boolean,
): Reply | undefined {
  if (text === "") return undefined;
  const seen = new Set<string>();
  const parts = text.split(/[ \t]+/, PARAMETERS_MAX + 1);
  if (parts.length > PARAMETERS_MAX) return permfail(501, "5.5.4", "Too many parameters");
  for (const part of parts) {
    const equals = part.indexOf("=");
    const name = keyword(equals === -1 ? part : part.slice(0, equals));
    const reader = readers.get(name);
    if (reader === undefined) return permfail(555, "5.5.4", "Parameter not recognized");
    if (seen.has(name)) return permfail(501, "5.5.4", `${name} given twice`);
    seen.add(name);
    const error = reader(equals === -1 ? undefined : part.slice(equals + 1), draft, isUtf8);
    if (error !== undefined) return permfail(501, "5.5.4", error);
  }
  return undefined;
}

export function parseMailParameters(text: string): Parameters<MailParameters> {
  const draft: Draft<MailParameters> = { smtpUtf8: false };
  const reply = read(text, MAIL_READERS, draft, false);
  return reply === undefined ? { kind: "parameters", value: draft as MailParameters } : { kind: "refused", reply };
}

/** `isUtf8`: SMTPUTF8 was given at MAIL. */
export function parseRcptParameters(text: string, isUtf8: boolean): Parameters<RcptParameters> {
  const draft: Draft<RcptParameters> = {};
  const reply = read(text, RCPT_READERS, draft, isUtf8);
  return reply === undefined ? { kind: "parameters", value: draft } : { kind: "refused", reply };
}
