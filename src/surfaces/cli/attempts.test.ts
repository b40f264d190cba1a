import { expect, test } from "vitest";
import type { DeliveryReport } from "../../engine/operator.ts";
import { attemptText, triesText } from "./attempts.ts";

function delivery(about: Partial<DeliveryReport>): DeliveryReport {
  return {
    id: "0VbfQUpNXUfJly",
    recipient: "r@b.test",
    from: "a@b.test",
    lane: "smarthost/a",
    state: "deferred",
    attempts: 0,
    at: 0,
    receivedAt: 0,
    octets: 1,
    reason: "",
    text: "",
    transcript: "",
    ...about,
  };
}

test.each<[about: Partial<DeliveryReport>, text: string]>([
  [{ reason: "queued: it was accepted" }, "no attempt yet"],
  [
    { reason: "lane-blocked: the next hop cannot be reached or refuses us" },
    "no attempt yet (that its next hop takes no mail at all counts as none)",
  ],
  [{ reason: "lane-blocked: the next hop cannot be reached or refuses us", lane: "mx/b.test" }, "no attempt yet"],
  [{ reason: "lane-blocked: the next hop cannot be reached or refuses us", attempts: 1 }, "1 attempt"],
  [{ reason: "next-hop-refused: x", attempts: 2 }, "2 attempts"],
])("what waits says how often it was tried: %j", (about, text) => {
  expect(triesText(delivery({ state: "waiting", ...about }))).toBe(text);
});

test.each<[about: Partial<DeliveryReport>, text: string]>([
  [{ reason: "no-connection" }, "no connection, which counts as no attempt"],
  [{ reason: "no-connection", attempts: 2 }, "no connection, which counts as no attempt"],
  [{ reason: "no-connection", lane: "mx/b.test", attempts: 2 }, "attempt 2"],
  [{ reason: "next-step smarthost/b" }, "attempt 1"],
  [{ reason: "next-hop-refused", attempts: 1 }, "attempt 1"],
  [{ reason: "next-hop-refused; delay: sender told", attempts: 1 }, "attempt 1"],
  [{ reason: "lane-blocked; delay: sender told" }, "waits after no attempt"],
  [{ reason: "expired; sender told", state: "failed" }, "after no attempt"],
  [{ reason: "", state: "delivered", attempts: 1 }, "attempt 1"],
])("an entry of history says which attempt it is about: %j", (about, text) => {
  expect(attemptText(delivery(about))).toBe(text);
});
