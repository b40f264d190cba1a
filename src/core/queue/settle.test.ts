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
import { day, hour } from "../base/time.ts";
import { DELIVERY_RETRY, wait } from "./backoff.ts";
import { type DeliveryPolicy, settle } from "./settle.ts";

const NOW = 1_000_000;
const CHANCE = 0.25;
const POLICY: DeliveryPolicy = { ...DELIVERY_RETRY, expire: 5 * day, isSoftBounce: false };
const TRIED = { attempts: 3, expiresAt: NOW + day };

function reply(code: number, status?: string): ServerReply {
  return { kind: "reply", code, status, lines: ["text"] };
}

const RETRY = { kind: "retry", due: NOW + wait(DELIVERY_RETRY, 3, CHANCE) };

test("a time sooner than 30 s is one only where the schedule has such waits", () => {
  const outcome = refused("rcpt", "rcpt-refused", "recipient", { ...reply(450), lines: ["try again in 5 s"] }, false);
  const waitWith = (schedule: readonly number[]): unknown =>
    settle(outcome, TRIED, { ...POLICY, schedule, jitter: 0 }, NOW, CHANCE);
  expect(waitWith([hour])).toMatchObject({ due: NOW + 30_000, because: "next-hop-named-a-time" });
  expect(waitWith([1000])).toMatchObject({ due: NOW + 5000, because: "next-hop-named-a-time" });
  expect(waitWith([9000])).toMatchObject({ due: NOW + 9000, because: "next-hop-named-a-time" });
});

test.each<[string, Outcome, object]>([
  ["250: it is delivered", delivered(reply(250), false), { kind: "delivered" }],
  [
    "what a server refuses for good fails",
    refused("rcpt", "rcpt-refused", "recipient", reply(550), false),
    { kind: "failed" },
  ],
  ["what cannot go there at all fails", unsuited("too-big", "too big"), { kind: "failed" }],
  [
    "what a server puts off comes back by schedule",
    refused("rcpt", "rcpt-refused", "recipient", reply(450), false),
    { ...RETRY, because: "next-hop-refused" },
  ],
  [
    "what a server puts off until a time comes back then, or a little later",
    refused(
      "rcpt",
      "rcpt-refused",
      "recipient",
      { ...reply(450), lines: ["Greylisted, try again in 600 seconds"] },
      false,
    ),
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
    refusedRecipient(reply(452, "4.5.3"), false, false),
    { kind: "again" },
  ],
  [
    "trouble of the whole site is never final, and one message is not what a lane is tried with for ever",
    refusedSession("greeting", "greeting-refused", reply(554)),
    { ...RETRY, because: "next-hop-refused" },
  ],
  [
    "a wrong login is about us (promise P5)",
    refused("mail", "mail-refused", "message", reply(535), false),
    { ...RETRY, because: "next-hop-refused" },
  ],
  [
    "an address that is not ours is about us",
    loss("connect", "source-unusable", ""),
    { ...RETRY, because: "source-unusable" },
  ],
])("%s", (_, outcome, decision) => {
  expect(settle(outcome, TRIED, POLICY, NOW, CHANCE)).toEqual(decision);
});

test("the class of the code is the class of the status, whatever the server wrote", () => {
  for (let code = 400; code < 600; code++) {
    for (const status of [undefined, "5.7.1", "4.2.1", "2.0.0"]) {
      const outcome = refused("rcpt", "rcpt-refused", "recipient", reply(code, status), false);
      expect(outcome.status[0]).toBe(outcome.kind === "permanent" ? "5" : "4");
      if (code < 500) expect(outcome.kind).toBe("transient");
    }
  }
});

const DEFERRED = refused("rcpt", "rcpt-refused", "recipient", reply(450), false);
const UNREADABLE = loss("finalDot", "content-unreadable", "EIO");

test.each<[string, Outcome]>([
  ["a server puts it off", DEFERRED],
  ["a server names a time", { ...DEFERRED, reply: { ...reply(450), lines: ["try again in 4 hours"] } }],
  ["the connection is lost", loss("data", "connection-lost", "")],
  ["the site refuses us", refusedSession("greeting", "greeting-refused", reply(554))],
])("a retry is never planned beyond the end of the message's life, and then it is over: %s", (_, outcome) => {
  for (const left of [1, 1000, hour]) {
    const decision = settle(outcome, { attempts: 9, expiresAt: NOW + left }, POLICY, NOW, CHANCE);
    expect(decision).toMatchObject({ kind: "retry", due: NOW + left });
  }
  for (const over of [0, 1, 9 * day])
    expect(settle(outcome, { attempts: 9, expiresAt: NOW - over }, POLICY, NOW, CHANCE)).toEqual({ kind: "expired" });
});

test("what somebody may have is not tried again at once, also where its life ends before: it is tried once more, and then it is over", () => {
  const unknown = loss("finalDot", "connection-lost", "", true);
  const soonest = NOW + wait(POLICY, 1, CHANCE);
  for (const [left, due] of [
    [1, soonest],
    [hour, NOW + hour],
  ] as const) {
    const decision = settle(unknown, { attempts: 9, expiresAt: NOW + left }, POLICY, NOW, CHANCE);
    expect(decision).toEqual({ kind: "retry", due, because: "possible-duplicate" });
  }
  const over = settle(unknown, { attempts: 9, expiresAt: NOW }, POLICY, NOW, CHANCE);
  expect(over).toEqual({ kind: "expired" });
});

test("at the end of its life too, what is delivered is delivered, what is refused failed, and what was no attempt is made", () => {
  const late = { attempts: 9, expiresAt: NOW - 1 };
  expect(settle(delivered(reply(250), true), late, POLICY, NOW, CHANCE)).toEqual({ kind: "delivered" });
  expect(settle(unsuited("too-big", ""), late, POLICY, NOW, CHANCE)).toEqual({ kind: "failed" });
  expect(settle(refusedRecipient(reply(452, "4.5.3"), false, false), late, POLICY, NOW, CHANCE)).toEqual({
    kind: "again",
  });
});

test.each([UNREADABLE, loss("connect", "source-unusable", "")])(
  "this machine ends nobody's message, however long it takes (promise P5): $cause",
  (outcome) => {
    const late = { attempts: 9, expiresAt: NOW - 1 };
    expect(settle(outcome, late, POLICY, NOW, CHANCE)).toEqual({
      kind: "retry",
      due: NOW + wait(DELIVERY_RETRY, 9, CHANCE),
      because: outcome.cause,
    });
  },
);

test.each<[string, Outcome]>([
  ["550", refused("rcpt", "rcpt-refused", "recipient", reply(550), false)],
  ["too big", unsuited("too-big", "too big")],
])("with soft_bounce nothing is final but the end of the message's life: %s", (_, outcome) => {
  const soft = { ...POLICY, isSoftBounce: true };
  expect(settle(outcome, TRIED, soft, NOW, CHANCE)).toEqual({ ...RETRY, because: "soft-bounce" });
  expect(settle(outcome, { attempts: 3, expiresAt: NOW }, soft, NOW, CHANCE)).toEqual({ kind: "expired" });
});
