import { utf8 } from "../../src/core/base/bytes.ts";
import type { SessionSettings } from "../../src/core/inbound/state.ts";
import { NO_SPACE, SHUTTING_DOWN } from "../../src/core/inbound/trouble.ts";
import { type Mailbox, parseMailbox } from "../../src/core/mail/path.ts";
import { ANY_SENDER, parseAddressPattern } from "../../src/core/policy/address-pattern.ts";
import type { Identity } from "../../src/core/policy/identity.ts";
import type { Route } from "../../src/core/routing/route.ts";
import type { BareNewlines } from "../../src/core/smtp/data-decoder.ts";
import type { Reply } from "../../src/core/smtp/reply.ts";
import { type ListenerRules, settingsOf } from "../../src/engine/reception.ts";

// A listener for tests, described in a few words: `starttls auth size=1000`.

export interface TestListener {
  readonly rules: ListenerRules;
  readonly identity: Identity;
  readonly routes: readonly Route[];
  readonly postmaster: Mailbox | undefined;
  readonly obstacle: Reply | undefined;
}

/** The one login that test listeners know; it may send as anybody at example.com. */
export const LOGIN = { username: "app1", password: "secret", senders: ["@example.com"] } as const;
/** A user name that is answered as if too many were waiting. */
export const BUSY_USERNAME = "busy";

export const HOSTNAME = "relay.test";

interface Draft {
  tls: ListenerRules["tls"];
  isTlsRequired: boolean;
  hasCredentials: boolean;
  isTrusted: boolean;
  bareNewlines: BareNewlines;
  size: number;
  appendDomain: string | undefined;
  recipients: number;
  messages: number;
  routes: string | undefined;
  postmaster: Mailbox | undefined;
  obstacle: Reply | undefined;
}

function fresh(): Draft {
  return {
    tls: "none",
    isTlsRequired: false,
    hasCredentials: false,
    isTrusted: false,
    bareNewlines: "reject",
    size: 1_000_000,
    appendDomain: undefined,
    recipients: 100,
    messages: 100,
    routes: undefined,
    postmaster: undefined,
    obstacle: undefined,
  };
}

/** One row a word: `trusted` puts the client into `access.networks`, `secure` is TLS from the first octet on. */
const WORDS: ReadonlyMap<string, (draft: Draft, value: string) => void> = new Map([
  ["starttls", (draft) => void (draft.tls = "starttls")],
  ["secure", (draft) => void (draft.tls = "implicit")],
  ["require_tls", (draft) => void (draft.isTlsRequired = true)],
  ["auth", (draft) => void (draft.hasCredentials = true)],
  ["trusted", (draft) => void (draft.isTrusted = true)],
  ["bare_newlines", (draft, value) => void (draft.bareNewlines = value as BareNewlines)],
  ["size", (draft, value) => void (draft.size = Number(value))],
  ["append_domain", (draft, value) => void (draft.appendDomain = value)],
  ["recipients", (draft, value) => void (draft.recipients = Number(value))],
  ["messages", (draft, value) => void (draft.messages = Number(value))],
  ["routes", (draft, value) => void (draft.routes = value)],
  ["postmaster", (draft, value) => void (draft.postmaster = mailbox(value))],
  ["stopping", (draft) => void (draft.obstacle = SHUTTING_DOWN)],
  ["full", (draft) => void (draft.obstacle = NO_SPACE)],
] satisfies [string, (draft: Draft, value: string) => void][]);

export function testListener(words: string): TestListener {
  const draft = fresh();
  for (const word of words.split(/\s+/).filter((w) => w !== "")) {
    const [name = "", value = ""] = word.split("=");
    const set = WORDS.get(name);
    if (set === undefined) throw new Error(`no such word for a listener: ${name}`);
    set(draft, value);
  }
  return {
    rules: {
      name: "test",
      hostname: HOSTNAME,
      tls: draft.tls,
      isTlsRequired: draft.isTlsRequired,
      bareNewlines: draft.bareNewlines,
      messageOctetsMax: draft.size,
      appendDomain: draft.appendDomain,
      recipientsMax: draft.recipients,
      messagesPerConnectionMax: draft.messages,
      hasCredentials: draft.hasCredentials,
    },
    identity: draft.isTrusted ? { kind: "network", network: "192.0.2.0/24", senders: ANY_SENDER } : { kind: "none" },
    routes: [
      {
        recipient: pattern(draft.routes),
        sender: undefined,
        priority: "normal",
        steps: [{ kind: "smarthost", name: "a" }],
        egress: undefined,
      },
    ],
    postmaster: draft.postmaster,
    obstacle: draft.obstacle,
  };
}

function mailbox(address: string): Mailbox {
  const parsed = parseMailbox(address);
  if (parsed.kind === "malformed") throw new Error(`no address: ${address}`);
  return parsed;
}

function pattern(domain: string | undefined): Route["recipient"] {
  return domain === undefined ? undefined : parseAddressPattern(`@${domain}`);
}

export function loggedIn(): Identity {
  return { kind: "credential", username: LOGIN.username, senders: LOGIN.senders.map((s) => parseAddressPattern(s)!) };
}

/** What the engine makes of the rules for the pure machine. */
export function settingsFor({ rules, identity }: TestListener): SessionSettings {
  return settingsOf(rules, identity);
}

/** Octets for text in which each character up to U+00FF is one octet. */
export function octets(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

export { utf8 };
