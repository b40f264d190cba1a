// The keys of the configuration file: types, defaults, single-value checks and the words of the reference page. What
// concerns several keys at once is in checks.ts.

import * as z from "zod";
import { DNS, HISTORY, INBOUND, GiB, KiB, MiB, OUTBOUND, QUEUE, SESSIONS } from "../base/limits.ts";
import { day } from "../base/time.ts";
import {
  duration,
  hostname,
  limit,
  listenerName,
  mailbox,
  network,
  password,
  passwordHash,
  path,
  pattern,
  processUser,
  text,
  username,
  words,
} from "./fields.ts";
import { egress, egressName, retry, route, siteKeys, smartHost, smartHostName } from "./schema-outbound.ts";
import { durationText, parseDnsServer, parseListen } from "./values.ts";

export const OPEN_TO_EVERYONE = "I know what I am doing";

const senderPattern = pattern(
  ["address", "domain", "subdomains", "null", "any"],
  "user@example.com, @example.com, @*.example.com, * or <>",
);

const tlsFiles = z.strictObject({
  certificate: path({ description: "PEM file of the certificate, with its chain.", takes: "path" }),
  key: path({ description: "PEM file of its private key.", takes: "path" }),
});

export const listener = z
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
    tls_certificates: z
      .array(tlsFiles)
      .min(1)
      .max(INBOUND.certificatesMax)
      .meta(
        words({
          description:
            "Certificates of this listener, each with its key, instead of `tls`. A client that names a host (SNI) gets the one for it, others the first one; of two for the same names, RSA and ECDSA, each client gets the one that it can do.",
          takes: "list of certificates",
          whenAbsent: "the one in `tls`",
        }),
      )
      .optional(),
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
    append_domain: text(hostname, {
      description:
        "Domain of addresses at MAIL and RCPT that have none, for programs that say `root`. `<postmaster>` and `<>` stay as they are, and so do header fields. `waypost sendmail` goes by it too.",
      takes: "domain",
      whenAbsent: "such addresses are refused",
    }).optional(),
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
      .array(text(senderPattern, { description: "", takes: "address pattern" }))
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

export const accessNetwork = text(network, { description: "", takes: "network" });

export const configSchema = z.strictObject({
  hostname: text(hostname, {
    description: "Name of this relay in its greeting, in EHLO and in Received fields. Should resolve to its address.",
    takes: "host name",
  }),
  data: path({
    description: "Folder of the queue. On a local disk; one relay per folder. Made at the first start.",
    takes: "path",
  }),
  listeners: z.array(listener).min(1).max(INBOUND.listenersMax),
  tls: tlsFiles
    .meta(words({ description: "The certificate that listeners show.", whenAbsent: "no listener can have TLS" }))
    .optional(),
  access: z
    .strictObject({
      networks: z
        .array(accessNetwork)
        .default([])
        .meta(
          words({
            description: "Clients that may relay without a password: `10.1.0.0/16`, `2001:db8:1::/48`, `192.0.2.7`.",
            takes: "list of networks",
          }),
        ),
      senders: z
        .array(text(senderPattern, { description: "", takes: "address pattern" }))
        .min(1)
        .meta(
          words({
            description:
              "Envelope senders that clients of `networks` may use, in the forms of `credentials[].senders`; `<>` has to be named. Other senders get 550 5.7.1. Who gives a password is bound by its own `senders` instead.",
            takes: "list of address patterns",
            whenAbsent: "every address, and the null reverse-path",
          }),
        )
        .optional(),
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
  egress: z.record(egressName, egress).default({}),
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
  user: text(processUser, {
    description:
      "User that the relay becomes once it listens, where it is started as root for the sake of ports below 1024: `waypost`, `waypost:mail`, or numbers, `10001:10001`. The data folder is this user's.",
    takes: "user, or user:group",
    whenAbsent: "the one that starts it",
  }).optional(),
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
  sendmail: z
    .strictObject({
      spool: path({
        description:
          "Folder where `waypost sendmail` leaves mail while the relay is not there: for users other than the relay's own a folder that they can get to, such as `/var/spool/waypost`. The relay makes it, for everybody to put files into and nobody to look; it takes in what is there as coming from 127.0.0.1.",
        takes: "path",
        whenAbsent: "`spool` in the data folder, where only root and the relay's own user get to",
      }).optional(),
    })
    .prefault({})
    .meta(words({ description: "Mail of programs on this machine." })),
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
  history: z
    .strictObject({
      keep: duration(1 * day, HISTORY.keptForMax, {
        description:
          "How long is known what became of a message. History has a file for each day (UTC); it goes once its day began longer ago than this.",
        whenAbsent: durationText(HISTORY.keptFor),
      }).default(HISTORY.keptFor),
      bytes: z
        .int()
        .min(1 * MiB)
        .max(HISTORY.octetsMaxMax)
        .default(HISTORY.octetsMax)
        .meta(
          words({
            description:
              "Octets of all days together; above it the oldest days go, so that a flood of attempts does not take the disk from the queue. Today stays, whatever it has.",
            whenAbsent: `${HISTORY.octetsMax} (${HISTORY.octetsMax / GiB} GiB)`,
          }),
        ),
    })
    .prefault({})
    .meta(words({ description: "What became of messages: `waypost queue show ID` of one that is done." })),
  logs: z
    .strictObject({
      level: z
        .enum(["debug", "info", "warn", "error"])
        .default("info")
        .meta(words({ description: "The least grave events that are written." })),
      addresses: z
        .enum(["full", "hashed"])
        .default("full")
        .meta(
          words({
            description:
              "How mail addresses stand in the log. `hashed`: as `h:1a2b3c4d5e6f7a8b@example.org`, a keyed hash (HMAC-SHA-256) of the whole address in place of its local part, wherever it stands, also in what servers answer; the domain stays, so that trouble with it can be seen. One address has one hash, however it is written. The key is `log.key` in the data folder, made at the first need; whoever removes it has other hashes from then on. Queue and history have whole addresses: `waypost queue show ID` for the id of a line, `waypost queue list --recipient` for an address.",
          }),
        ),
    })
    .prefault({})
    .meta(words({ description: "The log, on standard output: one JSON object a line, words on a terminal." })),
});

/** What the file says, with single values parsed and defaults in place. */
export type ConfigSections = z.output<typeof configSchema>;
