// The keys of the configuration file: types, defaults, single-value checks and the words of the reference page. What
// concerns several keys at once is in checks.ts.

import * as z from "zod";
import { DNS, DSN, INBOUND, GiB, KiB, MiB, OUTBOUND, QUEUE, RETRY, SESSIONS } from "../base/limits.ts";
import type { Duration } from "../base/time.ts";
import { isIpv4, isIpv6, parseDomain } from "../mail/domain.ts";
import { type Mailbox, parseMailbox } from "../mail/path.ts";
import { type AddressPattern, parseAddressPattern } from "../policy/address-pattern.ts";
import { parseNetwork } from "../policy/network.ts";
import { parsePasswordHash } from "../policy/password-hash.ts";
import { DELIVERY_RETRY } from "../queue/backoff.ts";
import { PRIORITIES } from "../queue/priority.ts";
import { passwordOf, usernameOf } from "../smtp/sasl.ts";
import { utf8 } from "../base/bytes.ts";
import {
  type Malformed,
  durationText,
  malformed,
  parseDnsServer,
  parseDuration,
  parseListen,
  parseSmartHostUrl,
} from "./values.ts";

/** What the reference page says of a key besides zod's own facts. */
export interface KeyWords {
  readonly description: string;
  /** The form of the value, where zod only knows that it is text. */
  readonly takes?: string;
  /** What holds without the key, where it is not a plain default. */
  readonly whenAbsent?: string;
}

export const OPEN_TO_EVERYONE = "I know what I am doing";

function isMalformed(value: unknown): value is Malformed {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "malformed";
}

function words(keyWords: KeyWords): Record<string, unknown> {
  return { ...keyWords };
}

/** Text that a parser of ours turns into what it means. */
function text<T>(parse: (text: string) => T | Malformed, keyWords: KeyWords) {
  return z
    .string()
    .transform((value, context): T => {
      const parsed = parse(value);
      if (!isMalformed(parsed)) return parsed;
      context.addIssue({ code: "custom", message: parsed.why });
      return z.NEVER;
    })
    .meta(words(keyWords));
}

function path(keyWords: KeyWords) {
  return text((value) => (value === "" || value.includes("\0") ? malformed("expected a path") : value), keyWords);
}

function hostname(value: string): string | Malformed {
  return parseDomain(value)?.ascii ?? malformed("expected a host name such as relay.example.com");
}

function listenerName(value: string): string | Malformed {
  return /^[A-Za-z0-9][\w.-]{0,62}$/.test(value)
    ? value
    : malformed("a name has letters, digits, dots, hyphens and underscores, 63 at most");
}

function username(value: string): string | Malformed {
  return usernameOf(utf8(value)) ?? malformed("a user name has 1 to 256 characters, all of them visible");
}

function password(value: string): string | Malformed {
  return passwordOf(utf8(value)) ?? malformed("a password has 1 to 1024 characters");
}

type PatternKind = AddressPattern["kind"];

function pattern(allowed: readonly PatternKind[], expected: string) {
  return (value: string): AddressPattern | Malformed => {
    const parsed = parseAddressPattern(value);
    return parsed !== undefined && allowed.includes(parsed.kind) ? parsed : malformed(`expected ${expected}`);
  };
}

const recipientPattern = pattern(
  ["address", "domain", "subdomains"],
  "user@example.com, @example.com or @*.example.com",
);
const senderPattern = pattern(
  ["address", "domain", "subdomains", "null"],
  "user@example.com, @example.com, @*.example.com or <>",
);
const credentialSender = pattern(
  ["address", "domain", "subdomains", "null", "any"],
  "user@example.com, @example.com, @*.example.com, * or <>",
);

function network(value: string) {
  const parsed = parseNetwork(value);
  return "kind" in parsed ? malformed(parsed.why) : parsed;
}

function passwordHash(value: string) {
  const parsed = parsePasswordHash(value);
  return "kind" in parsed ? malformed(parsed.why) : parsed;
}

const STEPS_MAX = 10;

/** `mx`, a name, or a list of them. */
function deliver(value: unknown): readonly string[] | Malformed {
  if (value === undefined) return malformed("is required");
  const names: unknown[] = Array.isArray(value) ? value : [value];
  if (names.length === 0) return malformed("needs one entry at least");
  if (names.length > STEPS_MAX) return malformed(`has to be ${STEPS_MAX} entries at most`);
  if (!names.every((name): name is string => typeof name === "string" && name !== ""))
    return malformed("expected mx, the name of a smart host, or a list of them");
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  return twice === undefined ? names : malformed("names the same next hop twice");
}

const listener = z
  .strictObject({
    name: text(listenerName, {
      description: "What logs call this listener.",
      takes: "name",
      whenAbsent: "the value of `listen`",
    }).optional(),
    listen: text(parseListen, {
      description:
        "Where it listens. `0.0.0.0` is every IPv4 address of the machine, `[::]` every IPv6 address too. Port 0 takes a free one.",
      takes: "ADDRESS:PORT",
    }),
    tls: z
      .enum(["starttls", "implicit", "none"])
      .default("starttls")
      .meta(
        words({
          description:
            "`starttls` begins in clear and offers STARTTLS (ports 587 and 25), `implicit` begins with TLS (port 465), `none` has no TLS. The first two need `tls.certificate`.",
        }),
      ),
    bare_newlines: z
      .enum(["reject", "normalize"])
      .default("reject")
      .meta(
        words({
          description:
            "What becomes of content with line ends other than CR LF, which servers read differently (SMTP smuggling): refused, or repaired for old devices that can do no better.",
        }),
      ),
    require_tls: z
      .boolean()
      .default(false)
      .meta(words({ description: "Refuses mail in clear, also from `access.networks`." })),
    max_message_bytes: z
      .int()
      .min(1 * KiB)
      .max(1 * GiB)
      .default(INBOUND.messageOctetsMax)
      .meta(
        words({
          description: "Size of the largest message taken, in octets. Announced to clients (SIZE).",
          whenAbsent: `${INBOUND.messageOctetsMax} (${INBOUND.messageOctetsMax / MiB} MiB)`,
        }),
      ),
  })
  .meta(words({ description: "Where mail comes in. At least one." }));

const credential = z
  .strictObject({
    username: text(username, { description: "Name that the client gives with AUTH.", takes: "text" }),
    password: text(password, {
      description:
        "Its password. `${NAME}` takes it from the environment, `file:PATH` from a file that only its owner may read.",
      takes: "secret",
      whenAbsent: "`password_hash` has to be there",
    }).optional(),
    password_hash: text(passwordHash, {
      description: "Instead of the password its argon2id hash, so that the file holds no secret.",
      takes: "$argon2id$…",
      whenAbsent: "`password` has to be there",
    }).optional(),
    senders: z
      .array(text(credentialSender, { description: "", takes: "address pattern" }))
      .min(1)
      .meta(
        words({
          description:
            "Envelope senders that this client may use: `app@example.com`, `@example.com`, `@*.example.com`, `*` for every address, `<>` for the null reverse-path of bounces, which has to be named.",
          takes: "list of address patterns",
          whenAbsent: "every address, not the null reverse-path",
        }),
      )
      .optional(),
  })
  .meta(words({ description: "Clients that may relay with a password." }));

function rate(description: string, whenAbsent: string) {
  return z.int().min(1).max(QUEUE.ratePerMinuteMax).meta(words({ description, whenAbsent })).optional();
}

/** An address of this machine. */
function address(value: string): string | Malformed {
  return isIpv4(value) || isIpv6(value) ? value : malformed("expected an address of this machine, such as 192.0.2.1");
}

/** Keys of a smart host, and of delivery by MX for all sites. */
function siteKeys(absent: { readonly connectionsPerMinute: string; readonly messagesPerConnection: string }) {
  return {
    connections: z
      .int()
      .min(1)
      .max(QUEUE.connectionsPerSiteMax)
      .default(QUEUE.windowMax)
      .meta(
        words({
          description: `Connections at a time. It begins with ${QUEUE.windowStart}, has more while mail is taken, and fewer where a connection fails.`,
        }),
      ),
    connections_per_minute: rate("New connections within any minute.", absent.connectionsPerMinute),
    messages_per_minute: rate("Messages within any minute, each transaction counted.", "no bound"),
    messages_per_connection: rate("Messages over one connection.", absent.messagesPerConnection),
    source: text(address, {
      description: "Address of this machine that connections come from; only servers of its family are tried then.",
      takes: "address",
      whenAbsent: "the system chooses",
    }).optional(),
    ehlo: text(hostname, {
      description: "Name that is said in EHLO. Should resolve to `source`.",
      takes: "host name",
      whenAbsent: "`hostname`",
    }).optional(),
    family: z
      .enum(["any", "ipv4", "ipv6"])
      .default("any")
      .meta(words({ description: "Addresses that are connected to." })),
  };
}

const smartHost = z
  .strictObject({
    url: text(parseSmartHostUrl, {
      description:
        "Where it is: `smtp://USER:PASSWORD@HOST:PORT` for STARTTLS, `smtps://…` for TLS from the start. Without a port it is 25, 587 with a password, 465 for `smtps`. `${NAME}` is inserted percent-encoded; other special characters in user name and password have to be percent-encoded.",
      takes: "URL",
    }),
    tls_ca: path({
      description: "PEM file with an authority to trust besides the system's.",
      takes: "path",
      whenAbsent: "the system's authorities",
    }).optional(),
    tls: z
      .enum(["verify", "opportunistic", "none"])
      .optional()
      .meta(
        words({
          description:
            "`verify` sends nothing without TLS and a good certificate, `opportunistic` uses TLS where it is offered and takes any certificate, `none` stays in clear. A password is only ever sent with `verify`.",
          whenAbsent: "`verify` with a password, `smtps` or `tls_ca`; else `opportunistic`",
        }),
      ),
    ...siteKeys({ connectionsPerMinute: "no bound", messagesPerConnection: "no bound" }),
  })
  .meta(words({ description: "Relays that take our mail further, by name." }));

const smartHostName = z
  .string()
  .regex(/^[A-Za-z0-9][\w-]{0,62}$/, "is no name: letters, digits, hyphens and underscores, 63 at most")
  .refine((name) => name !== "mx", "means delivery by MX; give the smart host another name");

const route = z
  .strictObject({
    when: z
      .strictObject({
        recipient: text(recipientPattern, {
          description: "Recipients: `user@example.com`, `@example.com`, or `@*.example.com` for all below a domain.",
          takes: "address pattern",
          whenAbsent: "every recipient",
        }).optional(),
        sender: text(senderPattern, {
          description: "Envelope senders, in the same forms; `<>` is the null reverse-path.",
          takes: "address pattern",
          whenAbsent: "every sender",
        }).optional(),
      })
      .meta(words({ description: "Conditions that all have to hold.", whenAbsent: "matches everything" }))
      .optional(),
    deliver: z
      .unknown()
      .transform((value, context): readonly string[] => {
        const parsed = deliver(value);
        if (!isMalformed(parsed)) return parsed;
        context.addIssue({ code: "custom", message: parsed.why });
        return z.NEVER;
      })
      .meta(
        words({
          description:
            "Who takes it: `mx` is the servers of the recipient's domain, as its DNS records say; else the name of a smart host. In a list the next one is for when the one before it cannot be reached or does not take mail for now (docs/operating/routing.md).",
          takes: "`mx`, name, or list of them",
        }),
      ),
    priority: z
      .enum(PRIORITIES)
      .default("normal")
      .meta(
        words({
          description:
            "Which mail goes first where mail has to wait for the same servers: of ten turns `high` has seven, `normal` two, `low` one.",
        }),
      ),
  })
  .meta(
    words({
      description: "Where mail goes: the first that matches wins. A recipient without a match is refused at RCPT.",
    }),
  );

function limit(value: number, most: number, description: string) {
  return z.int().min(1).max(most).default(value).meta(words({ description }));
}

function duration(least: Duration, most: Duration, keyWords: KeyWords) {
  return text((value) => parseDuration(value, least, most), { takes: "length of time", ...keyWords });
}

function mailbox(value: string): Mailbox | Malformed {
  const parsed = parseMailbox(value);
  if (parsed.kind === "malformed") return malformed("expected an address such as admin@example.com");
  return parsed.domain.kind === "literal" ? malformed("address literals are not routed; name a domain") : parsed;
}

const delayNotice = z
  .union([z.literal("never"), duration(RETRY.delayNoticeMin, RETRY.expireMax, { description: "" })], {
    error: `expected never, or a length of time such as 4h, ${durationText(RETRY.delayNoticeMin)} to ${durationText(RETRY.expireMax)}`,
  })
  .meta(
    words({
      description:
        "When senders hear that their message still waits: after this time, but for those that asked for other reports only (NOTIFY). `never`: nobody hears of it.",
      takes: "length of time, or `never`",
      whenAbsent: `after ${durationText(DSN.delayNoticeAfter)}, and only senders that asked for it (NOTIFY=DELAY)`,
    }),
  );

const retry = z
  .strictObject({
    schedule: z
      .array(duration(RETRY.waitMin, RETRY.waitMax, { description: "" }))
      .min(1)
      .max(RETRY.scheduleMax)
      .default([...DELIVERY_RETRY.schedule])
      .meta(
        words({
          description:
            "Waits between the attempts for a recipient: `30s`, `5m`, `2h`, `1d`. The last one repeats. Each is up to 15 % shorter or longer, so that what failed together does not come back together.",
          takes: "list of lengths of time",
          whenAbsent: `\`[${DELIVERY_RETRY.schedule.map(durationText).join(", ")}]\``,
        }),
      ),
    expire: duration(RETRY.expireMin, RETRY.expireMax, {
      description: `How long a message is tried; then its sender is told. A message without a sender is tried for ${durationText(DSN.lifeMax)} at most. Less than a minute is for tests.`,
    })
      .default(RETRY.expire)
      .meta({ whenAbsent: `\`${durationText(RETRY.expire)}\`` }),
    delay_notice: delayNotice.optional(),
  })
  .prefault({})
  .meta(words({ description: "What becomes of mail that a next hop does not take yet." }));

export const configSchema = z.strictObject({
  hostname: text(hostname, {
    description: "Name of this relay in its greeting, in EHLO and in Received fields. Should resolve to its address.",
    takes: "host name",
  }),
  data: path({
    description: "Folder of the queue. On a local disk; one relay per folder. Made at the first start.",
    takes: "path",
  }),
  listeners: z.array(listener).min(1),
  tls: z
    .strictObject({
      certificate: path({ description: "PEM file of the certificate, with its chain.", takes: "path" }),
      key: path({ description: "PEM file of its private key.", takes: "path" }),
    })
    .meta(words({ description: "The certificate that listeners show.", whenAbsent: "no listener can have TLS" }))
    .optional(),
  access: z
    .strictObject({
      networks: z
        .array(text(network, { description: "", takes: "network" }))
        .default([])
        .meta(
          words({
            description: "Clients that may relay without a password: `10.1.0.0/16`, `2001:db8:1::/48`, `192.0.2.7`.",
            takes: "list of networks",
          }),
        ),
      open_to_everyone: z
        .literal(OPEN_TO_EVERYONE)
        .meta(
          words({
            description:
              "Permits `networks` that hold strangers, such as `0.0.0.0/0`. Only for a relay that nobody else can reach: an open relay is found and abused within hours.",
            takes: `"${OPEN_TO_EVERYONE}"`,
            whenAbsent: "such networks are refused",
          }),
        )
        .optional(),
    })
    .prefault({})
    .meta(words({ description: "Who may relay without a password." })),
  credentials: z.array(credential).default([]),
  smarthosts: z.record(smartHostName, smartHost).default({}),
  routes: z.array(route).default([]),
  dns: z
    .strictObject({
      servers: z
        .array(text(parseDnsServer, { description: "", takes: "ADDRESS, or ADDRESS:PORT" }))
        .min(1)
        .max(DNS.serversMax)
        .meta(
          words({
            description: "Servers that are asked, in this order: `192.0.2.53`, `[2001:db8::53]:53`.",
            takes: "list of addresses",
            whenAbsent: "the system's (`/etc/resolv.conf`)",
          }),
        )
        .optional(),
    })
    .prefault({})
    .meta(words({ description: "Lookups for delivery by MX." })),
  delivery: z
    .strictObject({
      private_networks: z
        .array(text(network, { description: "", takes: "network" }))
        .default([])
        .meta(
          words({
            description:
              "Networks that delivery by MX may go to although they are private, loopback or otherwise special. Whoever controls a domain's records could else have us talk to machines that are not theirs. Smart hosts may be anywhere.",
            takes: "list of networks",
            whenAbsent: "public addresses only",
          }),
        ),
      address_literals: z
        .boolean()
        .default(false)
        .meta(words({ description: "Takes recipients such as `user@[192.0.2.1]`." })),
      port: z
        .int()
        .min(1)
        .max(65_535)
        .default(25)
        .meta(words({ description: "Port of the servers that MX records name. Another one is for tests." })),
      ...siteKeys({
        connectionsPerMinute: `${OUTBOUND.strangerConnectionsPerMinute}`,
        messagesPerConnection: `${OUTBOUND.messagesPerStrangerConnectionMax}`,
      }),
    })
    .prefault({})
    .meta(words({ description: "Delivery by MX; limits are for each set of servers that domains share." })),
  threads: z
    .union([z.literal("auto"), z.int().min(1).max(16)], { error: "expected auto or a whole number from 1 to 16" })
    .default("auto")
    .meta(
      words({
        description: "Threads that take and send mail. `auto` is one fewer than there are cores, 1 to 4.",
        takes: "auto, or 1 to 16",
      }),
    ),
  retry,
  soft_bounce: z
    .boolean()
    .default(false)
    .meta(
      words({
        description:
          "What a next hop refuses for good is tried again all the same, until it expires: for the days of a migration, when refusals may be mistakes.",
      }),
    ),
  postmaster: text(mailbox, {
    description:
      "Address of the person who looks after this relay. Gets mail for `<postmaster>` without a domain, and hears of reports and other messages without a sender that cannot be delivered.",
    takes: "address",
    whenAbsent: "mail for `<postmaster>` is refused, and such failures are in the log and in history only",
  }).optional(),
  limits: z
    .strictObject({
      sessions_per_listener: limit(
        SESSIONS.perListenerMax,
        1_000_000,
        "Sessions that a listener has at a time; further ones get 421.",
      ),
      sessions_per_address: limit(
        SESSIONS.perStrangerAddressMax,
        1_000_000,
        `Sessions that one address (IPv6: one /64) has at a time, on all listeners together. Clients of \`access.networks\` and those that gave a password may have ${SESSIONS.perTrustedAddressMax}, or this if it is more.`,
      ),
      recipients_per_message: limit(
        INBOUND.recipientsMax,
        QUEUE.deliveriesPerMessageMax,
        "Recipients of one message; further ones get 452, and clients send them in a new message.",
      ),
      messages_per_connection: limit(
        SESSIONS.messagesPerStrangerConnectionMax,
        1_000_000,
        "Messages that a stranger sends over one connection. Clients of `access.networks` and those that gave a password have no such limit.",
      ),
    })
    .prefault({})
    .meta(words({ description: "Bounds." })),
  logs: z
    .strictObject({
      level: z
        .enum(["debug", "info", "warn", "error"])
        .default("info")
        .meta(words({ description: "The least grave events that are written." })),
    })
    .prefault({})
    .meta(words({ description: "The log, on standard output: one JSON object a line, words on a terminal." })),
});

/** What the file says, with single values parsed and defaults in place. */
export type ConfigSections = z.output<typeof configSchema>;
