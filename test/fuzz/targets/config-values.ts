import { isIP } from "node:net";
import { day, second } from "../../../src/core/base/time.ts";
import {
  durationText,
  parseDnsServer,
  parseDuration,
  parseListen,
  parseServer,
  parseSmartHostUrl,
} from "../../../src/core/config/values.ts";
import { type Target, holds, holdsNoHidden, oneOf, same } from "../target.ts";

// What stands in a configuration for servers, places to listen, and lengths of time.

const URLS = [
  "smtp://h.test",
  "smtps://h.test:465",
  "smtp://u:p@h.test:587",
  "smtp://u%40x:p%3A@h.test",
  "smtp://[::1]:25",
  "smtp://127.0.0.1",
  "SMTP://h",
  "smtp://u@h",
  "smtp://:p@h",
  "smtp://u:p:q@h",
  "smtp://h/x",
  "smtp://u:%zz@h",
  "smtp://u:%c3%a4@h",
  "smtp://u:%ff@h",
  "smtp://u:%0d@h",
  "h.test:465",
  "u:p@h",
  "smtp://h:0",
  "smtp://h:65536",
  "smtp://a_b",
];
const LISTENS = [
  "0.0.0.0:587",
  "[::]:25",
  "127.0.0.1:0",
  "h:25",
  "[::1]",
  "1.2.3.4:65536",
  "1.2.3.4:025",
  "::1:25",
  "[::1]:25:1",
  "192.0.2.53",
  "[2001:db8::53]:53",
  "2001:db8::53",
];
const SPANS = ["30s", "5m", "2h", "5d", "0s", "999999999d", "1000000000s", "5", "s", "-1s", "1.5h", "5 m"];

const configValues: Target = {
  name: "config-values",
  files: ["core/config/values.ts"],
  lengthMax: 2500,
  seeds: [...URLS, ...LISTENS, ...SPANS],
  tokens: [
    ...URLS,
    ...LISTENS,
    ...SPANS,
    "://",
    ":",
    "@",
    "/",
    "%40",
    "%",
    "[",
    "]",
    "u",
    "p",
    "?",
    "#",
    "x".repeat(1024),
  ],
  generate: (chance) =>
    `smtp${oneOf(chance, ["", "s"])}://${oneOf(chance, ["", "u:p@", "u%40:p@", "u:p@p@", `u:${"x".repeat(1025)}@`])}${oneOf(chance, ["h.test", "[::1]", "1.2.3.4", "[::1"])}${oneOf(chance, ["", ":25", ":0", ":65535", ":65536"])}`,
  check(text) {
    for (const [least, most] of [
      [0, 3650 * day],
      [5 * second, 60 * second],
    ] as const)
      checkDuration(text, least, most);
    for (const listen of [parseListen(text), parseDnsServer(text)]) {
      if ("kind" in listen) continue;
      holds(isIP(listen.host) !== 0, "it listens on an address", listen);
      holds(Number.isInteger(listen.port) && listen.port >= 0 && listen.port <= 65_535, "and a port", listen);
      const printed = `${isIP(listen.host) === 6 ? `[${listen.host}]` : listen.host}:${listen.port}`;
      same(parseListen(printed), listen, "printed and parsed");
    }
    for (const server of [parseSmartHostUrl(text), parseServer(text)]) checkServer(text, server);
  },
};

function checkDuration(text: string, least: number, most: number): void {
  const span = parseDuration(text, least, most);
  const [, digits = "", unit = ""] = /^([0-9]{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = digits === "" ? undefined : Number(digits) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as "s"];
  const isIn = seconds !== undefined && seconds * 1000 >= least && seconds * 1000 <= most;
  same(
    typeof span === "number" ? span : undefined,
    isIn ? seconds * 1000 : undefined,
    "a length of time is what it says",
  );
  if (typeof span === "number") same(parseDuration(durationText(span), 0, 1e18), span, "printed and parsed");
  else holds(span.why.length < 80, "it is said why");
}

function checkServer(text: string, server: ReturnType<typeof parseSmartHostUrl>): void {
  if ("kind" in server) {
    const password = /:([^:@/]{12,})@/.exec(text)?.[1];
    holds(
      password === undefined || !server.why.includes(password),
      "what is wrong is said without the password",
      server.why,
    );
    return;
  }
  const { host, port, credentials } = server;
  holds(isIP(host) !== 0 || /^[a-z0-9.-]+$/.test(host), "a host is one", host);
  holds(Number.isInteger(port) && port >= 1 && port <= 65_535, "a port is one", port);
  holds(text.includes("@") === (credentials !== undefined), "a login is said or not", text);
  if (credentials === undefined) return;
  for (const part of [credentials.username, credentials.password]) {
    holdsNoHidden(part, "a login");
    holds(part !== "" && part.length <= 1024, "a login is bounded", part.length);
  }
  const printed = `smtp${server.isImplicitTls ? "s" : ""}://${encodeURIComponent(credentials.username)}:${encodeURIComponent(credentials.password)}@${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  same(parseSmartHostUrl(printed), server, "printed and parsed");
}

export const targets: readonly Target[] = [configValues];
