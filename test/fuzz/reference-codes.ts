// Which codes may answer a command, by the RFCs and the limits, as far as that can be said without the grammar of addresses: where
// it would take that, the answer is left open, but never who may relay. Regular expressions for codes: `250|4..`.

export interface Rules {
  readonly isTrusted: boolean;
  readonly tls: "none" | "starttls" | "implicit";
  readonly needsTls: boolean;
  readonly hasLogin: boolean;
  readonly isNormalizing: boolean;
  readonly octetsMax: number;
  readonly recipientsMax: number;
  readonly messagesMax: number;
  /** Every recipient has a route, and nothing of ours is in the way. */
  readonly isOpen: boolean;
}

/** What a session is by now. */
export interface Standing {
  phase: string;
  isSecure: boolean;
  isLoggedIn: boolean;
  recipients: string[];
}

export interface Kept {
  readonly from: string;
  readonly recipients: readonly string[];
  readonly content: string;
}

export interface Chunk {
  readonly octets: number;
  /** It is no part of a message. */
  readonly isIdle: boolean;
  readonly whenRead: () => void;
}

export const FOREIGN = /^(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT|DELETE|PATCH|TRACE|PRI)$/;
export const KNOWN = /^(?:EHLO|HELO|STARTTLS|AUTH|MAIL|RCPT|DATA|BDAT|RSET|NOOP|VRFY|EXPN|HELP|QUIT)$/;
export const LAST = /^(?:EHLO|HELO|STARTTLS|AUTH|DATA)$/;
export const JUNK = /^(?:NOOP|RSET|HELP|VRFY|EHLO|HELO)$/;
export const FLOOD = 1024 * 1024;

/** What `states` may have. */
const PHASES = "ready plain mail rcpt chunks chunk swallow data closed";
export const STATES = [
  ..."greeted handshake"
    .split(" ")
    .concat(PHASES.split(" "))
    .map((phase) => `clear ${phase}`),
  ..."greeted auth-plain auth-user auth-password"
    .split(" ")
    .concat(PHASES.split(" "))
    .map((phase) => `tls ${phase}`),
  ...PHASES.split(" ").map((phase) => `login ${phase}`),
];

/** An address that every grammar takes. */
const SIMPLE = /^[ \t]*<([a-z0-9]{1,60}@(?:[a-z0-9]{1,60}\.){1,3}(?:test|com|net|org))>$/i;
const SECRETS = ["\0app1\0secret", "app1\0app1\0secret"];
const ALWAYS: Readonly<Record<string, string>> = { NOOP: "250", VRFY: "252", EXPN: "502", HELP: "214", QUIT: "221" };

export const isReady = (phase: string): boolean => phase === "ready" || phase === "plain";
export const isDeaf = (phase: string): boolean => phase === "closed" || phase === "handshake";
export const isTransaction = (phase: string): boolean => /^(?:mail|rcpt|chunks)$/.test(phase);

export function isStranger({ isLoggedIn }: Standing, { isTrusted }: Rules): boolean {
  return !isTrusted && !isLoggedIn;
}

/** What waits for a client's line in an exchange of AUTH (RFC 4954 section 4). */
export function authPhase(argument: string): string {
  const [mechanism = "", initial] = argument.split(/[ \t]+/);
  if (!/^login$/i.test(mechanism)) return "auth-plain";
  return initial === undefined ? "auth-user" : "auth-password";
}

/** For a verb that there is, but for BDAT. */
export function codesFor(verb: string, argument: string, standing: Standing, rules: Rules): string {
  const { phase } = standing;
  const orNotNow = rules.isOpen ? "" : "|4..";
  switch (verb) {
    case "EHLO":
    case "HELO":
      if (/^[a-z0-9.-]{1,255}$/i.test(argument)) return "250";
      return argument === "" || argument.length > 255 || /[ <>]/.test(argument) ? "501" : "250|501";
    case "STARTTLS":
      if (rules.tls !== "starttls" && !standing.isSecure) return "502";
      return !isReady(phase) || standing.isSecure ? "503" : argument === "" ? "220" : "501";
    case "AUTH":
      return authCodes(argument, standing, rules);
    case "MAIL":
      return mailCodes(argument, standing, rules);
    case "RCPT":
      return rcptCodes(argument, standing, rules);
    case "DATA":
      if (!isTransaction(phase)) return "503";
      return argument !== "" ? "501" : ({ chunks: "503", mail: "554" }[phase] ?? `354${orNotNow}`);
    case "RSET":
      return argument === "" ? "250" : "501";
    default:
      return ALWAYS[verb]!;
  }
}

function authCodes(argument: string, { phase, isSecure, isLoggedIn }: Standing, { tls, hasLogin }: Rules): string {
  if (!isReady(phase) || !hasLogin || tls === "none") return "503";
  if (!isSecure) return "538";
  if (isLoggedIn) return "503";
  const [mechanism = "", initial, more] = argument.split(/[ \t]+/);
  if (mechanism === "" || more !== undefined) return "501";
  if (!/^(?:plain|login)$/i.test(mechanism) || /[^\0-\x7f]/.test(mechanism)) return "504";
  if (initial === undefined) return "334";
  if (mechanism.toUpperCase() === "LOGIN") return initial === "=" || decoded(initial) !== undefined ? "334" : "501";
  return loginCodes(SECRETS.includes(decoded(initial) ?? ""));
}

/** To a line that answers a challenge; `username`: what was said before, where it is the password's turn. */
export function responseCodes(phase: string, text: string, username: string | undefined): string {
  const said = text === "*" ? undefined : decoded(text);
  if (said === undefined) return "501";
  if (phase === "auth-user") return "334";
  return loginCodes(phase === "auth-plain" ? SECRETS.includes(said) : username === "app1" && said === "secret");
}

function loginCodes(isRight: boolean): string {
  return isRight ? "235" : "535|501|454";
}

function mailCodes(argument: string, standing: Standing, rules: Rules): string {
  const { phase, isSecure, isLoggedIn } = standing;
  const isTrusted = rules.isTrusted || isLoggedIn;
  const isRefused = (rules.needsTls && !isSecure) || (!isTrusted && rules.hasLogin && rules.tls !== "none");
  if (!isReady(phase)) return "503";
  if (!/^FROM:[ \t]*</i.test(argument)) return "501";
  const simple = SIMPLE.exec(argument.slice(5).replace(/ SIZE=[0-9]{1,6}$/i, ""))?.[1];
  if (simple === undefined) return isRefused ? "5..|4.." : "250|5..|4..";
  if (Number(/ SIZE=([0-9]+)$/i.exec(argument)?.[1] ?? 0) > rules.octetsMax) return "552";
  if (isRefused) return "530";
  if (!rules.isOpen) return "250|4..";
  if (!isLoggedIn) return "250";
  const maySend = rules.isTrusted || /@example\.com$/i.test(simple);
  return maySend ? "250|550" : "550"; // whom a login may send as is its listener's to say
}

function rcptCodes(argument: string, { phase, isLoggedIn, recipients }: Standing, rules: Rules): string {
  if (phase !== "mail" && phase !== "rcpt") return "503";
  if (!(rules.isTrusted || isLoggedIn) || !/^TO:[ \t]*</i.test(argument)) return "5.."; // never an open relay
  const taken = recipients.length >= rules.recipientsMax ? "452" : "250";
  return SIMPLE.test(argument.slice(3)) && (rules.isOpen || taken === "452") ? taken : `${taken}|5..`;
}

export function contentCodes(content: string, { isNormalizing, octetsMax, isOpen }: Rules): string {
  if (content.length > octetsMax) return "552";
  if (!isNormalizing && content.includes("\0")) return "554";
  if (!isNormalizing && /\r(?!\n)|(?<!\r)\n/.test(content)) return "550";
  return content.split(/[\r\n]/).some((line) => line.length > 998) ? "554" : isOpen ? "250" : "250|4..";
}

/** Base64 as RFC 4648 has it, else undefined. */
export function decoded(text: string): string | undefined {
  const octets = Buffer.from(text, "base64");
  return octets.toString("base64") === text ? octets.toString("latin1") : undefined;
}
