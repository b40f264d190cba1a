import { expect, test } from "vitest";
import { minute, second } from "../../core/base/time.ts";
import type { DeliveryReport, MessageReport } from "../../engine/operator.ts";
import { messageTraceLines } from "./message-trace-page.ts";
import type { Paint } from "./trace-page.ts";

const AT = Date.UTC(2026, 10, 21, 23, 5, 39);
const ID = "0UzvMQ2k000001";
const plain: Paint = (_, text) => text;

function delivery(about: Partial<DeliveryReport>): DeliveryReport {
  return {
    id: ID,
    recipient: "b@x.test",
    from: "a@b.test",
    lane: "smarthost/main",
    state: "deferred",
    attempts: 1,
    at: AT,
    receivedAt: AT,
    octets: 2048,
    reason: "",
    text: "",
    transcript: "",
    ...about,
  };
}

const MESSAGE: MessageReport = {
  id: ID,
  from: "a@b.test",
  identity: "user app1",
  client: "192.0.2.7",
  subject: "Invoice\u001b[31m 42",
  octets: 2048,
  receivedAt: AT,
  session: {
    listener: "submission",
    hello: "app.test",
    protocol: "ESMTPSA",
    tls: "TLSv1.3 TLS_AES_256_GCM_SHA384",
    senderRule: "@b.test",
  },
  deliveries: [
    delivery({ state: "delivered", at: AT + 2 * minute, attempts: 2, text: "250 ok" }),
    delivery({ recipient: "c@x.test", state: "failed", at: AT + 3 * second, text: "550 5.1.1 no such user" }),
  ],
  history: [
    delivery({
      at: AT + 3 * second,
      text: "rcpt-refused: 450 later",
      reason: "next-hop-refused",
      transcript:
        "+0 *: connecting to mx at 192.0.2.1:25\n+5 S: 220 mx\n+6 C: MAIL FROM:<a@b.test>\n+2906 S: 450 later",
    }),
    delivery({
      recipient: "c@x.test",
      state: "failed",
      at: AT + 3 * second,
      text: "550 5.1.1 no such user",
      reason: "sender told in report 0UzvMQ2k000002",
      transcriptOf: "b@x.test",
    }),
    delivery({ state: "delivered", at: AT + 2 * minute, attempts: 2, text: "250 ok" }),
  ],
};

const { session: _, ...WITHOUT_SESSION } = MESSAGE;

const REPORT: MessageReport = {
  ...WITHOUT_SESSION,
  id: "0UzvMQ2k000002",
  from: "",
  identity: "mailer-daemon",
  client: "",
  subject: "Undelivered: your message did not reach c@x.test",
  about: ID,
  deliveries: [
    delivery({ id: "0UzvMQ2k000002", recipient: "a@b.test", state: "waiting", reason: "no-host", attempts: 0 }),
  ],
  history: [],
};

test("the life of a message: recipients of one attempt stand together, and what its sender was told", () => {
  const routes = [
    { recipient: "b@x.test", route: 2, when: "recipient @x.test", lanes: ["mx/x.test", "smarthost/main"] },
    { recipient: "c@x.test", route: undefined, when: "for all mail", lanes: [] },
  ];
  expect(messageTraceLines({ message: MESSAGE, routes, reports: [REPORT] }, plain)).toEqual([
    "0UzvMQ2k000001: delivered to 1, failed for 1, after 2 min",
    "",
    "Accepted",
    "  when      2026-11-21 23:05:39 UTC",
    "  client    192.0.2.7, called itself app.test",
    "  session   listener submission, ESMTPSA, TLSv1.3 TLS_AES_256_GCM_SHA384",
    "  sender    <a@b.test>",
    "  subject   Invoice\\x1b[31m 42",
    "  size      2.0 KiB",
    "",
    "Let in",
    "  identity  it gave the password of app1 (credentials)",
    "  sender    may be used: it is like @b.test (credentials[].senders)",
    "",
    "Route, by the configuration as it is now",
    "  <b@x.test> routes[1] (recipient @x.test): mx/x.test, then smarthost/main",
    "  <c@x.test> no route takes it now",
    "",
    "Attempts",
    "  2026-11-21 23:05:42 UTC  smarthost/main, attempt 1",
    "    <b@x.test> deferred: rcpt-refused: 450 later; next-hop-refused",
    "    <c@x.test> failed: 550 5.1.1 no such user; sender told in report 0UzvMQ2k000002",
    "    connect 5 ms, session 1 ms, envelope 2 s",
    '    waited longest (2 s) between "MAIL FROM:<a@b.test>" and "450 later"',
    "      +0 *: connecting to mx at 192.0.2.1:25",
    "      +5 S: 220 mx",
    "      +6 C: MAIL FROM:<a@b.test>",
    "      +2906 S: 450 later",
    "  2026-11-21 23:07:39 UTC  smarthost/main, attempt 2",
    "    <b@x.test> delivered: 250 ok",
    "",
    "Recipients",
    "  <b@x.test> delivered in smarthost/main, 2 attempts, 2026-11-21 23:07:39 UTC",
    "  <c@x.test> failed in smarthost/main, 1 attempt, 2026-11-21 23:05:42 UTC",
    "",
    "Reports",
    "  0UzvMQ2k000002  2026-11-21 23:05:39 UTC  Undelivered: your message did not reach c@x.test",
    "    to <a@b.test>: waiting",
  ]);
});

test("a report of ours, without a session and without a configuration", () => {
  expect(messageTraceLines({ message: REPORT, routes: undefined, reports: [] }, plain)).toEqual([
    "0UzvMQ2k000002: waiting for 1",
    "",
    "Accepted",
    "  when      2026-11-21 23:05:39 UTC",
    "  from      written here: a report about 0UzvMQ2k000001",
    "  sender    none (<>)",
    "  subject   Undelivered: your message did not reach c@x.test",
    "  size      2.0 KiB",
    "",
    "Let in",
    "  identity  we wrote it",
    "",
    "Recipients",
    "  <a@b.test> waiting in smarthost/main, no attempt yet, next try 2026-11-21 23:05:39 UTC, no-host",
  ]);
});

test("mail of a user of this machine has no client, and whoever is let in by network has a rule for its sender too", () => {
  const session = { ...MESSAGE.session!, listener: "spool", hello: "relay.test", protocol: "ESMTP", tls: "" };
  const page = (change: Partial<MessageReport>): string[] =>
    messageTraceLines({ message: { ...MESSAGE, ...change }, routes: undefined, reports: [] }, plain).slice(2);
  expect(page({ identity: "local app", client: "", session }).slice(0, 10)).toEqual([
    "Accepted",
    "  when      2026-11-21 23:05:39 UTC",
    "  user      app left it in the spool",
    "  sender    <a@b.test>",
    "  subject   Invoice\\x1b[31m 42",
    "  size      2.0 KiB",
    "",
    "Let in",
    "  identity  it was the file of app, and may what 127.0.0.1 may (access.networks)",
    "  sender    may be used: it is like @b.test (access.senders)",
  ]);
  expect(page({ identity: "network 10.0.0.0/8" })).toContain(
    "  sender    may be used: it is like @b.test (access.senders)",
  );
  const open = page({ identity: "network 10.0.0.0/8", session: { ...session, senderRule: "" } });
  expect(open.join()).not.toContain("may be used");
});

test("colours are the painter's alone, and nothing of a peer reaches the terminal as it is", () => {
  const loud: MessageReport = {
    ...MESSAGE,
    session: { ...MESSAGE.session!, hello: "a\u0007b" },
    history: [delivery({ text: "550 \u001b[2J", transcript: "+0 S: 550 \u001b[2J" })],
  };
  const lines = messageTraceLines({ message: loud, routes: [], reports: [] }, (style, text) => `{${style}}${text}`);
  expect(lines).toContain("{bold}Accepted");
  expect(lines.join("\n")).not.toMatch(/[\u0007\u001b]/);
});
