// The keys about where mail goes: smart hosts, sites, routes, retries.

import * as z from "zod";
import { DSN, QUEUE, RETRY } from "../base/limits.ts";
import { isIpv4, isIpv6 } from "../mail/domain.ts";
import { DELIVERY_RETRY } from "../queue/backoff.ts";
import { PRIORITIES } from "../queue/priority.ts";
import { NEXT_HOP_NAME } from "../routing/lane.ts";
import { duration, hostname, isMalformed, path, pattern, text, words } from "./fields.ts";
import { type Malformed, durationText, malformed, parseSmartHostUrl } from "./values.ts";

const recipientPattern = pattern(
  ["address", "domain", "subdomains"],
  "user@example.com, @example.com or @*.example.com",
);
const senderPattern = pattern(
  ["address", "domain", "subdomains", "null"],
  "user@example.com, @example.com, @*.example.com or <>",
);
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

function rate(description: string, whenAbsent: string) {
  return z.int().min(1).max(QUEUE.ratePerMinuteMax).meta(words({ description, whenAbsent })).optional();
}

/** An address of this machine. */
function address(value: string): string | Malformed {
  return isIpv4(value) || isIpv6(value) ? value : malformed("expected an address of this machine, such as 192.0.2.1");
}

function source(whenAbsent: string) {
  return text(address, {
    description: "Address of this machine that connections come from; only servers of its family are tried then.",
    takes: "address",
    whenAbsent,
  }).optional();
}

function ehlo(whenAbsent: string) {
  return text(hostname, {
    description: "Name that is said in EHLO. Should resolve to `source`.",
    takes: "host name",
    whenAbsent,
  }).optional();
}

const family = z.enum(["any", "ipv4", "ipv6"]);
const FAMILY = "Addresses that are connected to.";

/** Keys of a smart host, and of delivery by MX for all sites. */
export function siteKeys(absent: { readonly connectionsPerMinute: string; readonly messagesPerConnection: string }) {
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
    source: source("the system chooses"),
    ehlo: ehlo("`hostname`"),
    family: family.default("any").meta(words({ description: FAMILY })),
  };
}

const AS_NEXT_HOP = "as the smart host or `delivery` has it";

export const egress = z
  .strictObject({
    source: source(AS_NEXT_HOP),
    ehlo: ehlo(AS_NEXT_HOP),
    family: family.meta(words({ description: FAMILY, whenAbsent: AS_NEXT_HOP })).optional(),
  })
  .meta(
    words({
      description:
        "How the mail of some routes is sent, by name. Each has queues and limits of its own (docs/operating/routing.md).",
    }),
  );

export const smartHost = z
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

export const NO_NAME = "is no name: letters, digits, hyphens and underscores, 63 at most";
const name = z.string().regex(NEXT_HOP_NAME, NO_NAME);

export const egressName = name;
export const smartHostName = name.refine(
  (name) => name !== "mx",
  "means delivery by MX; give the smart host another name",
);

export const route = z
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
    egress: z
      .string()
      .meta(
        words({
          description: "Name of the `egress` that its mail is sent through, in every step.",
          takes: "name",
          whenAbsent: AS_NEXT_HOP,
        }),
      )
      .optional(),
  })
  .meta(
    words({
      description: "Where mail goes: the first that matches wins. A recipient without a match is refused at RCPT.",
    }),
  );

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

export const retry = z
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
