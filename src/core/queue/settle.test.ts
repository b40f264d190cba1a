import { expect, test } from "vitest";
import {
  type Outcome,
  closing,
  delivered,
  loss,
  refused,
  refusedRecipient,
  refusedSession,
  unsuited,
} from "../outbound/outcome.ts";
import type { ServerReply } from "../smtp/reply-decoder.ts";
import { DELIVERY_RETRY, wait } from "./backoff.ts";
import { settle } from "./settle.ts";

const NOW = 1_000_000;
const CHANCE = 0.25;

function reply(code: number, status?: string): ServerReply {
  return { kind: "reply", code, status, lines: ["text"] };
}

const RETRY = { kind: "retry", due: NOW + wait(DELIVERY_RETRY, 3, CHANCE) };

test.each<[string, Outcome, object]>([
  ["250: it is delivered", delivered(reply(250)), { kind: "delivered" }],
  [
    "what a server refuses for good fails",
    refused("rcpt", "rcpt-refused", "recipient", reply(550)),
    { kind: "failed" },
  ],
  ["what cannot go there at all fails", unsuited("too-big", "too big"), { kind: "failed" }],
  [
    "what a server puts off comes back by schedule",
    refused("rcpt", "rcpt-refused", "recipient", reply(450)),
    { ...RETRY, because: "next-hop-refused" },
  ],
  [
    "what a server puts off until a time comes back then, or a little later",
    refused("rcpt", "rcpt-refused", "recipient", { ...reply(450), lines: ["Greylisted, try again in 600 seconds"] }),
    { kind: "retry", due: NOW + 600_000 * (1 + 0.15 * CHANCE), because: "next-hop-named-a-time" },
  ],
  [
    "whatever it says of a time, what may be there already waits for the normal retry",
    { ...loss("finalDot", "connection-lost", "", true), reply: { ...reply(421), lines: ["retry in 30 s"] } },
    { ...RETRY, because: "possible-duplicate" },
  ],
  ["421 comes back by schedule", closing("mail", reply(421)), { ...RETRY, because: "next-hop-refused" }],
  [
    "a lost connection comes back by schedule",
    loss("data", "connection-lost", ""),
    { ...RETRY, because: "connection-lost" },
  ],
  [
    "after the final dot only the normal retry (promise P3)",
    loss("finalDot", "connection-lost", "", true),
    { ...RETRY, because: "possible-duplicate" },
  ],
  [
    "too many recipients: at once, in another transaction",
    refusedRecipient(reply(452, "4.5.3"), false),
    { kind: "again" },
  ],
  [
    "trouble of the whole site is never final, and one message is not what a lane is tried with for ever",
    refusedSession("greeting", "greeting-refused", reply(554)),
    { ...RETRY, because: "next-hop-refused" },
  ],
  [
    "a wrong login is about us (promise P5)",
    refused("mail", "mail-refused", "message", reply(535)),
    { ...RETRY, because: "next-hop-refused" },
  ],
  [
    "an address that is not ours is about us",
    loss("connect", "source-unusable", ""),
    { ...RETRY, because: "next-hop-refused" },
  ],
])("%s", (_, outcome, decision) => {
  expect(settle(outcome, 3, DELIVERY_RETRY, NOW, CHANCE)).toEqual(decision);
});

test("the class of the code is the class of the status, whatever the server wrote", () => {
  for (let code = 400; code < 600; code++) {
    for (const status of [undefined, "5.7.1", "4.2.1", "2.0.0"]) {
      const outcome = refused("rcpt", "rcpt-refused", "recipient", reply(code, status));
      expect(outcome.status[0]).toBe(outcome.kind === "permanent" ? "5" : "4");
      if (code < 500) expect(outcome.kind).toBe("transient");
    }
  }
});
