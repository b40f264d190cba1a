import { expect, test } from "vitest";
import {
  type Outcome,
  closing,
  loss,
  refused,
  refusedRecipient,
  refusedSession,
  trouble,
  unsuited,
} from "../outbound/outcome.ts";
import type { ServerReply } from "../smtp/reply-decoder.ts";
import { movesOn } from "./fallback.ts";

const reply = (code: number): ServerReply => ({ kind: "reply", code, status: undefined, lines: ["text"] });

// What fails, how, and whether the next step is tried.
test.each<[string, Exclude<Outcome, { kind: "delivered" }>, boolean]>([
  ["no connection", loss("connect", "connect-failed", ""), true],
  ["no address", loss("connect", "unresolved", ""), true],
  ["no TLS", trouble("startTls", "tls-unavailable", "site", ""), true],
  ["a handshake that fails", loss("startTls", "tls-failed", ""), true],
  ["4yz greeting", refusedSession("greeting", "greeting-refused", reply(421)), true],
  ["5yz greeting", refusedSession("greeting", "greeting-refused", reply(554)), true],
  ["ourselves", trouble("ehlo", "ourselves", "site", ""), true],
  ["4yz to EHLO", refusedSession("ehlo", "ehlo-refused", reply(450)), true],
  ["5yz to AUTH", refusedSession("auth", "auth-refused", reply(535)), true],
  ["4yz to MAIL", refused("mail", "mail-refused", "message", reply(451), false), true],
  ["5yz to MAIL", refused("mail", "mail-refused", "message", reply(550), false), false],
  ["530 to MAIL: our login", refused("mail", "mail-refused", "message", reply(530), false), true],
  ["4yz to RCPT", refusedRecipient(reply(450), true, false), false],
  ["5yz to RCPT", refusedRecipient(reply(550), true, false), false],
  ["4yz to DATA", refused("data", "data-refused", "message", reply(451), false), false],
  ["5yz to DATA", refused("data", "data-refused", "message", reply(554), false), false],
  ["4yz after the final dot", refused("finalDot", "content-refused", "message", reply(451), false), false],
  ["5yz after the final dot", refused("finalDot", "content-refused", "message", reply(554), false), false],
  ["421 before the final dot", closing("rcpt", reply(421)), true],
  ["the connection ends before the final dot", loss("rcpt", "connection-lost", ""), true],
  ["no answer after the final dot", loss("finalDot", "connection-lost", "", true), false],
  ["it takes no message so large", unsuited("too-big", ""), true],
  ["our disk does not give the content", loss("data", "content-unreadable", ""), false],
])("%s: %s", (_, failure, expected) => {
  expect(movesOn(failure)).toBe(expected);
});
