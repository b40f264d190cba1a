import { expect, test } from "vitest";
import type { ServerReply } from "../smtp/reply-decoder.ts";
import type { Phase } from "./outcome.ts";
import { standingOf } from "./standing.ts";

function reply(text: string): ServerReply {
  const [code = "", status = "", ...words] = text.split(" ");
  const isEnhanced = /^[245]\.\d+\.\d+$/.test(status);
  const lines = [isEnhanced ? words.join(" ") : `${status} ${words.join(" ")}`];
  return { kind: "reply", code: Number(code), status: isEnhanced ? status : undefined, lines };
}

// As providers and servers say it; addresses are examples.
test.each<[string, Phase, string | undefined]>([
  [
    "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits go to",
    "rcpt",
    "quota-exceeded",
  ],
  ["454 4.7.0 Throttling failure: Maximum sending rate exceeded.", "finalDot", "quota-exceeded"],
  ["454 Throttling failure: Daily message quota exceeded.", "finalDot", "quota-exceeded"],
  ["554 Sending paused for this account. For more information, please check the inbox", "finalDot", "account-paused"],
  ["550 5.7.1 Your account has been suspended", "mail", "account-paused"],
  ["554 5.7.1 <b@example.net>: Relay access denied", "rcpt", "relay-denied"],
  ["550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", "rcpt", "relay-denied"],
  ["550 relay not permitted", "rcpt", "relay-denied"],
  ["550 5.1.1 <b@example.net>: Recipient address rejected: User unknown", "rcpt", undefined],
  ["550 5.2.1 The email account that you tried to reach is disabled", "rcpt", undefined],
  ["552 5.2.2 The email account that you tried to reach is over quota", "rcpt", undefined],
  ["550 5.7.1 Message refused by policy", "finalDot", undefined],
  ["554 5.7.1 Service unavailable; client host blocked using a block list", "rcpt", undefined],
])("%s (%s): %s", (text, phase, standing) => {
  expect(standingOf(reply(text), phase)).toBe(standing);
});
