import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ForwardPath, type Mailbox, parseMailbox, type ReversePath } from "../mail/path.ts";
import { renderReply } from "../smtp/reply.ts";
import { parseAddressPattern } from "./address-pattern.ts";
import type { Identity } from "./identity.ts";
import { recipientVerdict, senderVerdict, type SessionFacts, type Verdict } from "./relay.ts";

function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text);
  if (parsed.kind === "malformed") throw new Error(parsed.why);
  return parsed;
}

function credential(...senders: string[]): Identity {
  return { kind: "credential", username: "app1", senders: senders.map((text) => parseAddressPattern(text)!) };
}

function network(...senders: string[]): Identity {
  return { kind: "network", network: "10.0.0.0/8", senders: senders.map((text) => parseAddressPattern(text)!) };
}

const NULL: ReversePath = { kind: "null" };
const SENDER = mailbox("app@example.com");
const STRANGER: Identity = { kind: "none" };
const NETWORK = network("*", "<>");
const PLAIN: SessionFacts = { isTls: false, isTlsRequired: false, auth: "unavailable" };

function said(verdict: Verdict): string {
  return verdict.kind === "accept" ? "accept" : `${verdict.reason}: ${renderReply(verdict.reply).trimEnd()}`;
}

describe("senders", () => {
  test.each<[string, Identity, ReversePath, SessionFacts, string]>([
    ["a stranger where no password would help", STRANGER, SENDER, PLAIN, "accept"],
    [
      "a stranger who could authenticate",
      STRANGER,
      SENDER,
      { ...PLAIN, auth: "available" },
      "authentication-required: 530 5.7.0 Authentication required",
    ],
    [
      "a stranger who could authenticate after STARTTLS",
      STRANGER,
      NULL,
      { ...PLAIN, auth: "after-tls" },
      "authentication-required: 530 5.7.0 Must issue a STARTTLS command first",
    ],
    [
      "a trusted network without the TLS that the listener requires",
      NETWORK,
      SENDER,
      { ...PLAIN, isTlsRequired: true },
      "tls-required: 530 5.7.0 Must issue a STARTTLS command first",
    ],
    ["a trusted network with it", NETWORK, SENDER, { ...PLAIN, isTls: true, isTlsRequired: true }, "accept"],
    ["a trusted network, null reverse-path", NETWORK, NULL, PLAIN, "accept"],
    ["a trusted network with an address of access.senders", network("@example.com"), SENDER, PLAIN, "accept"],
    [
      "a trusted network with another's address",
      network("@example.org", "@*.example.com", "<>"),
      SENDER,
      PLAIN,
      "sender-not-permitted: 550 5.7.1 You may not use this sender address",
    ],
    [
      "a trusted network, null reverse-path that access.senders does not name",
      network("*"),
      NULL,
      PLAIN,
      "sender-not-permitted: 550 5.7.1 You may not use this sender address",
    ],
    ["a credential with its address", credential("@example.com"), SENDER, PLAIN, "accept"],
    [
      "a credential with another's address",
      credential("@example.org", "<>"),
      SENDER,
      PLAIN,
      "sender-not-permitted: 550 5.7.1 You may not use this sender address",
    ],
    [
      "a credential, null reverse-path that it was not given",
      credential("*"),
      NULL,
      PLAIN,
      "sender-not-permitted: 550 5.7.1 You may not use this sender address",
    ],
    ["a credential, null reverse-path that it was given", credential("*", "<>"), NULL, PLAIN, "accept"],
    [
      "a credential without senders",
      credential(),
      SENDER,
      PLAIN,
      "sender-not-permitted: 550 5.7.1 You may not use this sender address",
    ],
  ])("%s", (_, identity, reversePath, facts, expected) => {
    expect(said(senderVerdict(identity, reversePath, facts))).toBe(expected);
  });
});

describe("recipients", () => {
  const there = mailbox("u@elsewhere.example");

  test.each<[string, Identity, ForwardPath, boolean, string]>([
    ["a stranger", STRANGER, there, true, "relay-denied: 550 5.7.1 Relay access denied"],
    ["a stranger without a route", STRANGER, there, false, "relay-denied: 550 5.7.1 Relay access denied"],
    [
      "a stranger asking for the postmaster",
      STRANGER,
      { kind: "postmaster" },
      false,
      "relay-denied: 550 5.7.1 Relay access denied",
    ],
    ["a trusted network", NETWORK, there, true, "accept"],
    ["a credential", credential("*"), there, true, "accept"],
    ["no route", NETWORK, there, false, "no-route: 550 5.7.1 There is no route to this recipient"],
    [
      "an address literal",
      NETWORK,
      mailbox("u@[192.0.2.1]"),
      true,
      "address-literal: 550 5.1.2 Address literals are not routed",
    ],
    [
      "the postmaster",
      NETWORK,
      { kind: "postmaster" },
      true,
      "no-postmaster: 550 5.1.1 No mailboxes here; write to postmaster@ and the domain that you mean",
    ],
  ])("%s", (_, identity, forwardPath, hasRoute, expected) => {
    expect(said(recipientVerdict(identity, forwardPath, { hasRoute, permitsLiterals: false }))).toBe(expected);
  });

  test("address literals where they are permitted", () => {
    const literal = mailbox("u@[192.0.2.1]");
    expect(said(recipientVerdict(NETWORK, literal, { hasRoute: true, permitsLiterals: true }))).toBe("accept");
    expect(said(recipientVerdict(NETWORK, literal, { hasRoute: false, permitsLiterals: true }))).toMatch(/no-route/);
  });

  test("no identity, no relaying, whatever else is true (promise P4)", () => {
    const anyPath = fc.constantFrom<ForwardPath>(there, mailbox("u@[192.0.2.1]"), { kind: "postmaster" });
    fc.assert(
      fc.property(anyPath, fc.boolean(), fc.boolean(), (forwardPath, hasRoute, permitsLiterals) => {
        const verdict = recipientVerdict(STRANGER, forwardPath, { hasRoute, permitsLiterals });
        expect(verdict.kind === "refuse" && verdict.reply.code).toBe(550);
      }),
    );
  });
});
