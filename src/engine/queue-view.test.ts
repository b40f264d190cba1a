import { expect, test } from "vitest";
import { CONTROL } from "../core/base/limits.ts";
import type { SiteStanding } from "../core/queue/site-standing.ts";
import type { ControlToQueue } from "./messages.ts";
import type { DeliveryReport, Operator, StatusReport } from "./operator.ts";
import { QueueView } from "./queue-view.ts";

const USED: SiteStanding = {
  site: "smarthost/slow",
  connections: 1,
  window: 1,
  connectionsMax: 1,
  wanted: 1,
  newConnections: undefined,
  messages: undefined,
  block: undefined,
  isCrowdedOut: false,
  isDiskFull: false,
};
const FREE = { ...USED, site: "smarthost/free", connections: 0 };

function delivery(lane: string, state: DeliveryReport["state"] = "in hand"): DeliveryReport {
  const rest = { id: "", recipient: "", from: "", attempts: 0, at: 0, receivedAt: 0, octets: 0, text: "" };
  return { ...rest, lane, state, reason: "in-hand: x", transcript: "" };
}

/** A view whose stores have these deliveries; the queue thread hears the questions, and time passes as told. */
function scene(deliveries: readonly DeliveryReport[] = []): {
  view: QueueView;
  asked: ControlToQueue[];
  timers: { delay: number; call: () => void }[];
} {
  const asked: ControlToQueue[] = [];
  const timers: { delay: number; call: () => void }[] = [];
  const blocked = { lane: "smarthost/dead", waiting: 1, wakeAt: undefined, blockedUntil: 1 };
  const stores: Operator = {
    status: () => ({ lanes: [blocked, { ...blocked, lane: "x", blockedUntil: undefined }] }) as unknown as StatusReport,
    list: () => ({ deliveries, after: undefined }),
    count: () => ({ kind: "wrong", refused: "" }),
    show: () => undefined,
  };
  const clock = {
    now: () => 1000,
    after(delay: number, call: () => void) {
      const timer = { delay, call };
      timers.push(timer);
      return { cancel: () => void timers.splice(timers.indexOf(timer), 1) };
    },
  };
  return {
    view: new QueueView(stores, { say: (message) => void asked.push(message) }, clock, () => ({ sessions: 3 })),
    asked,
    timers,
  };
}

const QUERY = { limit: 50, after: undefined, filter: {} };

test("what is in hand says what its site waits for, what is not says nothing of it; each lane is asked about once", async () => {
  const { view, asked, timers } = scene([
    delivery("smarthost/slow"),
    delivery("smarthost/slow"),
    delivery("smarthost/free"),
    delivery("mx/sought.test"),
    delivery("mx/unknown.test"),
    delivery("smarthost/slow", "waiting"),
  ]);
  const page = view.list(QUERY);
  const lanes = ["smarthost/slow", "smarthost/free", "mx/sought.test", "mx/unknown.test"];
  expect(asked).toEqual([{ kind: "standings", number: 1000, lanes, busiest: 0, hasActive: false }]);
  const answers = [USED, FREE, undefined].map((site, at) => ({ lane: lanes[at]!, site }));
  view.fromQueue({ kind: "standings", number: 1000, lanes: answers, busiest: [], leftOut: 0 });
  const found = await page;
  if ("refused" in found) throw new Error(found.refused);
  const slow = "in-hand: x; smarthost/slow: 1 of 1 connections";
  expect(found.deliveries.map(({ reason }) => reason)).toEqual([
    slow,
    slow,
    "in-hand: x",
    "in-hand: x; the servers of its domain are being looked up",
    "in-hand: x",
    "in-hand: x",
  ]);
  expect(timers).toEqual([]);
});

test("status has the busiest sites, and those of its lanes that are blocked", async () => {
  const { view, asked } = scene();
  const report = view.status(true);
  expect(asked).toMatchObject([{ lanes: ["smarthost/dead"], busiest: CONTROL.lanesShown, hasActive: true }]);
  const dead = { ...USED, site: "smarthost/dead" };
  const lanes = [{ lane: dead.site, site: dead }];
  view.fromQueue({ kind: "standings", number: 1000, lanes, busiest: [USED], leftOut: 3 });
  expect(await report).toMatchObject({ sites: [USED, dead], sitesLeftOut: 3, sessions: 3 });
});

test("a queue thread that does not answer in time is not waited for, and what it says later is not taken for another answer", async () => {
  const { view, asked, timers } = scene([delivery("smarthost/slow")]);
  const first = view.list(QUERY);
  const late = asked[0]!.number;
  expect(timers.map(({ delay }) => delay)).toEqual([CONTROL.queuePatience]);
  timers.shift()!.call();
  expect(await first).toMatchObject({ deliveries: [{ reason: "in-hand: x" }] });
  const status = view.status(false);
  view.fromQueue({ kind: "standings", number: late, lanes: [], busiest: [USED], leftOut: 0 });
  timers.shift()!.call();
  expect((await status).sites).toBeUndefined();
});

test("a page without anything in hand asks nobody", async () => {
  const { view, asked } = scene([delivery("smarthost/slow", "held")]);
  expect(await view.list(QUERY)).toMatchObject({ deliveries: [{ reason: "in-hand: x" }] });
  expect(asked).toEqual([]);
});

test("a page of many lanes asks about some", async () => {
  const { view, asked, timers } = scene(Array.from({ length: 150 }, (_, n) => delivery(`smarthost/${n}`)));
  const page = view.list(QUERY);
  expect(asked[0]!.lanes).toHaveLength(CONTROL.lanesAsked);
  timers[0]!.call();
  expect(await page).toMatchObject({ deliveries: { length: 150 } });
});
