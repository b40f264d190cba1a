import * as fc from "fast-check";
import { expect, test } from "vitest";
import { OUTBOUND, OUTBOUND_TIME, QUEUE } from "../core/base/limits.ts";
import type { Event } from "../core/events.ts";
import type { Step } from "../core/routing/route.ts";
import { FREE_TERMS, type SiteLimits } from "../core/routing/site-terms.ts";
import type { ClaimedLane, MailToQueue, QueueToControl, QueueToMail, QueueToStore, StoreToQueue } from "./messages.ts";
import { Scheduler } from "./scheduler.ts";

/** A scheduler whose clock, mail threads and store are lists. */
function scene(
  mailThreads = 1,
  fallbacksOf: (name: string) => readonly Step[] = () => [],
  limits: Partial<SiteLimits> = {},
): {
  now: number;
  /** The wall clock was. */
  setBack: number;
  mails: QueueToMail[][];
  store: QueueToStore[];
  events: Event[];
  timers: { at: number; call: () => void }[];
  fromMail(message: MailToQueue, thread?: number): void;
  fromStore(message: StoreToQueue): void;
  standings(lanes: readonly string[], busiest?: number, hasActive?: boolean): QueueToControl;
  /** After a change of the limits that it was made with. */
  limitsChanged(renewed?: readonly string[]): void;
  pass(ms: number): void;
} {
  const mails = Array.from({ length: mailThreads }, (): QueueToMail[] => []);
  const store: QueueToStore[] = [];
  const events: Event[] = [];
  const timers: { at: number; call: () => void }[] = [];
  const s = { now: 1_000_000, setBack: 0 };
  let looks = 0;
  const scheduler = new Scheduler({
    clock: {
      now: () => s.now - s.setBack,
      monotonic: () => s.now + (looks += 1e-6), // it counts fractions of a millisecond
      soon: (call) => call(),
      after: (delay, call) => {
        const timer = { at: s.now + delay, call };
        timers.push(timer);
        return { cancel: () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1)) };
      },
    },
    entropy: { octets: (n) => new Uint8Array(n), fraction: () => 0.5 },
    recorder: { record: (event) => events.push(event) },
    mails: mails.map((list) => ({ say: (message: QueueToMail) => void list.push(message) })),
    store: { say: (message) => void store.push(message) },
    fallbacksOf,
    limitsOf: () => ({ ...FREE_TERMS.limits, ...limits }),
  });
  scheduler.fromStore({ kind: "space", report: { freeOctets: 1, mayAccept: true, mayDeliver: true } });
  return Object.assign(s, {
    mails,
    store,
    events,
    timers,
    fromMail: (message: MailToQueue, thread = 0) => scheduler.fromMail(thread, message),
    fromStore: (message: StoreToQueue) => scheduler.fromStore(message),
    standings: (lanes: readonly string[], busiest = 0, hasActive = false) =>
      scheduler.fromControl({ kind: "standings", number: 7, lanes, busiest, hasActive }),
    limitsChanged: (renewed = []) => scheduler.limitsChanged(renewed),
    pass(ms: number) {
      s.now += ms;
      const due = timers.filter(({ at }) => at <= s.now);
      for (const timer of due) timers.splice(timers.indexOf(timer), 1);
      for (const timer of due) timer.call();
    },
  });
}

const granted = (messages: readonly QueueToMail[]): number =>
  messages.reduce((sum, message) => sum + (message.kind === "granted" ? message.slots : 0), 0);
const lane = "smarthost/a";
const released = (failure: string | undefined, deliveries = 0): MailToQueue => ({
  kind: "release",
  site: lane,
  report: { deliveries, failure },
});

test("slots stay within the window over all mail threads, and are shared", () => {
  const s = scene(2);
  s.fromMail({ kind: "demand", site: lane, connections: 20 }, 0);
  s.fromMail({ kind: "demand", site: lane, connections: 20 }, 1);
  expect(granted(s.mails[0]!)).toBe(QUEUE.windowStart);
  expect(granted(s.mails[1]!)).toBe(0);
  s.fromMail(released(undefined), 0);
  expect(granted(s.mails[0]!) + granted(s.mails[1]!)).toBe(QUEUE.windowStart + 1);
});

test.each([{ connectionsMax: 1 }, { messagesPerMinute: 2 }])("mail threads have slots in turns where %j", (limits) => {
  const s = scene(2, undefined, limits);
  const served: number[] = [];
  const heard = (): void => {
    for (const [thread, said] of s.mails.entries())
      for (const message of said.splice(0))
        if (message.kind === "granted") served.push(...Array.from({ length: message.slots }, () => thread));
  };
  for (const thread of [0, 1]) s.fromMail({ kind: "demand", site: lane, connections: 20 }, thread);
  heard();
  for (let n = 0; n < 8; n++) {
    const thread = served[n]!;
    s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: true }, thread);
    s.fromMail(released(undefined, 1), thread);
    s.pass(60_000 + OUTBOUND.rateSlack + 1);
    heard();
  }
  for (const thread of [0, 1]) expect(served.slice(2, 8).filter((of) => of === thread)).toHaveLength(3);
});

const kept = (said: readonly QueueToMail[]): number[] =>
  said.flatMap((message) => (message.kind === "keep" ? [message.slots] : []));

test("a mail thread without a slot has one of another's, when that gives one up; and so on", () => {
  const s = scene(2, undefined, { connectionsMax: 1 });
  const told = (): number[][] => s.mails.map((said) => kept(said.splice(0)));
  s.fromMail({ kind: "demand", site: lane, connections: 20 }, 0);
  expect(told()).toEqual([[], []]);
  s.fromMail({ kind: "demand", site: lane, connections: 20 }, 1);
  s.fromMail({ kind: "demand", site: lane, connections: 10 }, 1);
  expect(told()).toEqual([[0], []]); // once
  s.fromMail({ kind: "demand", site: lane, connections: 0 }, 1);
  expect(told()).toEqual([[Infinity], []]); // nobody wants it any more
  s.fromMail({ kind: "demand", site: lane, connections: 10 }, 1);
  s.fromMail(released(undefined, 5), 0); // it went, or ended by itself
  expect(granted(s.mails[1]!)).toBe(1);
  expect(told()).toEqual([[0, Infinity], [0]]);
  s.fromMail({ kind: "demand", site: lane, connections: 0 }, 0);
  s.fromMail({ kind: "demand", site: lane, connections: 0 }, 1);
  s.fromMail(released(undefined, 5), 1);
  expect(told()).toEqual([[], [Infinity]]); // nothing is left of it
});

test("of several mail threads the one with most slots gives up, one for each that has none", () => {
  const s = scene(4, undefined, { connectionsMax: 3 });
  s.fromMail({ kind: "demand", site: lane, connections: 2 }, 0);
  s.fromMail({ kind: "demand", site: lane, connections: 1 }, 1);
  for (const thread of [2, 3]) s.fromMail({ kind: "demand", site: lane, connections: 9 }, thread);
  expect(s.mails.map((said) => kept(said).at(-1))).toEqual([0, undefined, undefined, undefined]);
  s.fromMail(released(undefined), 0);
  expect(s.mails.map((said) => kept(said).at(-1))).toEqual([0, undefined, undefined, undefined]);
  s.fromMail({ kind: "demand", site: lane, connections: 0 }, 0);
  s.fromMail(released(undefined), 0);
  expect(s.mails.map(granted)).toEqual([2, 1, 1, 1]);
  expect(s.mails.map((said) => kept(said).at(-1))).toEqual([Infinity, undefined, undefined, undefined]);
});

test("whatever crosses on its way: all loads go, the bound holds, and at the end nobody is told to keep fewer", () => {
  const choices = fc.array(fc.nat(999), { minLength: 50, maxLength: 400 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), choices, (connectionsMax, picks) => {
      const s = scene(3, undefined, { connectionsMax });
      const threads = s.mails.map((inbox) => ({ inbox, outbox: [] as MailToQueue[], up: 0, kept: Infinity, loads: 9 }));
      type Thread = (typeof threads)[number];
      const wants = (at: Thread): MailToQueue => ({ kind: "demand", site: lane, connections: at.up + at.loads });
      const ends = (at: Thread): void => {
        at.up--;
        at.outbox.push(wants(at), released(undefined, 1));
      };
      const steps: ((at: Thread) => boolean)[] = [
        (at) => {
          const said = at.outbox.shift();
          if (said !== undefined) s.fromMail(said, threads.indexOf(at));
          return said !== undefined;
        },
        (at) => {
          const said = at.inbox.shift();
          if (said?.kind === "keep") at.kept = said.slots;
          if (said?.kind === "granted") at.up += said.slots;
          return said !== undefined;
        },
        (at) => {
          if (at.up === 0) return false;
          const isIdle = at.loads === 0;
          if (!isIdle) at.loads--; // a turn is one load
          if (isIdle || at.up > at.kept) ends(at);
          return true;
        },
      ];
      for (const at of threads) at.outbox.push(wants(at));
      for (const pick of picks) {
        const at = threads[pick % 3]!;
        if (pick > 990 && at.up > 0)
          ends(at); // by itself
        else steps[Math.floor(pick / 3) % 3]!(at);
        expect(threads.reduce((total, { up }) => total + up, 0)).toBeLessThanOrEqual(connectionsMax);
      }
      while (threads.some((at) => steps.some((step) => step(at))));
      expect(threads).toMatchObject(threads.map(() => ({ up: 0, kept: Infinity, loads: 0 })));
    }),
  );
});

test("no connection is given up for one that could not be made, nor where nothing goes", () => {
  const s = scene(2, undefined, { connectionsMax: 1, connectionsPerMinute: 1 });
  for (const thread of [0, 1]) s.fromMail({ kind: "demand", site: lane, connections: 20 }, thread);
  expect(kept(s.mails[0]!)).toEqual([]);
  s.pass(60_000 + OUTBOUND.rateSlack + 1);
  expect(kept(s.mails[0]!)).toEqual([0]);
  s.fromStore({ kind: "pauses", inbound: false, outbound: true, lanes: [] });
  expect(kept(s.mails[0]!)).toEqual([0, Infinity]);
});

test("the window grows with deliveries, to its limit and not beyond", () => {
  const s = scene();
  s.fromMail({ kind: "demand", site: lane, connections: 100 });
  for (let n = 0; n < 100; n++) s.fromMail({ kind: "progress", site: lane, deliveries: 20 });
  expect(granted(s.mails[0]!)).toBe(QUEUE.windowMax);
});

test("a site that fails blocks its lane, one connection tries again, and success opens it", () => {
  const s = scene();
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  s.fromMail(released("connect-failed: refused"));
  const blocked = s.mails[0]!.find((message) => message.kind === "blocked");
  expect(blocked).toMatchObject({ site: lane, block: { until: s.now + 5000, text: "connect-failed: refused" } });
  expect(s.store).toContainEqual({ kind: "rest", lane, blockedUntil: s.now + 5000 });
  s.mails[0]!.length = 0;
  s.fromMail({ kind: "demand", site: lane, connections: 20 });
  expect(s.mails[0]).toMatchObject([{ kind: "blocked", site: lane }]); // who asks is told, and does not wait for an answer
  s.fromMail({ kind: "demand", site: lane, connections: 0 });
  s.pass(5001);
  s.fromMail({ kind: "demand", site: lane, connections: 20 });
  expect(granted(s.mails[0]!)).toBe(1); // one finds out
  s.fromMail({ kind: "progress", site: lane, deliveries: 20 });
  expect(granted(s.mails[0]!)).toBeGreaterThan(2);
  expect(s.events.map(({ event }) => event)).toEqual(["site.blocked", "site.unblocked"]);
});

test("one failure among connections that stand narrows the window and blocks nothing", () => {
  const s = scene();
  s.fromMail({ kind: "demand", site: lane, connections: 5 });
  s.fromMail(released("connection-lost"));
  expect(s.mails[0]!.some((message) => message.kind === "blocked")).toBe(false);
  s.fromMail({ kind: "demand", site: lane, connections: 5 });
  expect(granted(s.mails[0]!)).toBe(5);
});

test("blocks grow from 5 s to 5 min while the site stays away", () => {
  const s = scene();
  const waits: number[] = [];
  for (let n = 0; n < 9; n++) {
    s.fromMail({ kind: "demand", site: lane, connections: 1 });
    s.fromMail(released("connect-failed"));
    const blocked = s.mails[0]!.findLast((message) => message.kind === "blocked");
    waits.push(blocked!.kind === "blocked" ? blocked!.block.until - s.now : 0);
    s.pass(waits.at(-1)! + 1);
  }
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300].map((seconds) => seconds * 1000));
});

test("of sites not in use the newest are remembered: a crowd of dead ones makes the oldest start anew, and nothing grows", () => {
  const s = scene();
  const fail = (name: string): number => {
    s.fromMail({ kind: "demand", site: name, connections: 1 });
    s.fromMail({ kind: "release", site: name, report: { deliveries: 0, failure: "connect-failed" } });
    s.fromMail({ kind: "demand", site: name, connections: 0 });
    const blocked = s.mails[0]!.findLast((message) => message.kind === "blocked")!;
    return blocked.kind === "blocked" ? blocked.block.until - s.now : 0;
  };
  expect(fail("mx/first.example")).toBe(5000);
  for (let n = 0; n < QUEUE.restingSitesMax - 1; n++) fail(`mx/${n}.example`);
  s.pass(5001);
  expect(fail("mx/first.example")).toBe(10_000);
  for (let n = 0; n < QUEUE.restingSitesMax; n++) fail(`mx/x${n}.example`);
  s.pass(10_001);
  expect(fail("mx/first.example")).toBe(5000);
});

test("what is due is claimed when its time comes, and more of a lane as the mail thread gets through", () => {
  const s = scene();
  s.fromStore({ kind: "wake", at: s.now + 1000 });
  expect(s.store).toEqual([]);
  s.pass(1001);
  expect(s.store).toMatchObject([{ kind: "claim-due", lanesMax: QUEUE.lanesPerClaim }]);
  s.fromStore({ kind: "wake", at: undefined });
  s.fromStore({ kind: "claimed", isDue: true, lanes: [{ lane, count: 100, octets: 0, hasMore: true }] });
  s.store.length = 0;
  s.fromMail({ kind: "consumed", lane, deliveries: 40, octets: 0 });
  expect(s.store).toEqual([]);
  s.fromMail({ kind: "consumed", lane, deliveries: 20, octets: 0 });
  expect(s.store).toMatchObject([{ kind: "claim-lane", lane }]);
});

/** The answer to the claim of what is due that is under way; nothing more is due then. */
function answerDue(s: ReturnType<typeof scene>, lanes: readonly ClaimedLane[]): void {
  s.fromStore({ kind: "wake", at: s.now - 1 });
  s.fromStore({ kind: "wake", at: undefined });
  s.fromStore({ kind: "claimed", isDue: true, lanes });
  s.store.splice(0, 1); // the claim
}

test("one claim of what is due at a time, and none while enough content is out", () => {
  const s = scene();
  const dueClaims = (): number => s.store.filter(({ kind }) => kind === "claim-due").length;
  answerDue(s, [{ lane, count: 100, octets: 0, hasMore: true }]);
  s.fromStore({ kind: "wake", at: s.now - 1 });
  s.fromMail({ kind: "consumed", lane, deliveries: 60, octets: 0 });
  expect(s.store).toMatchObject([{ kind: "claim-due" }, { kind: "claim-lane" }]);
  s.fromStore({ kind: "claimed", isDue: false, lanes: [{ lane, count: 100, octets: 0, hasMore: false }] });
  expect(dueClaims()).toBe(1);
  const much = { lane, count: 1, octets: QUEUE.claimedOctetsMax, hasMore: false };
  s.fromStore({ kind: "claimed", isDue: true, lanes: [much] });
  expect(dueClaims()).toBe(1);
  s.fromMail({ kind: "consumed", lane, deliveries: 1, octets: QUEUE.claimedOctetsMax });
  expect(dueClaims()).toBe(2);
});

test("what was consumed before its claim was counted leaves no lane served for ever", () => {
  const s = scene();
  s.fromMail({ kind: "consumed", lane, deliveries: 100, octets: 0 });
  answerDue(s, [{ lane, count: 100, octets: 0, hasMore: true }]);
  expect(s.store).toMatchObject([{ kind: "claim-lane", lane }]);
});

test("claims under way count: many lanes that want more do not ask for more than the bound together", () => {
  const s = scene();
  const names = Array.from({ length: 100 }, (_, n) => `smarthost/${n}`);
  const lanes = names.map((name) => ({ lane: name, count: 1, octets: 0, hasMore: true }));
  answerDue(s, lanes);
  const asked = (): number => s.store.filter(({ kind }) => kind === "claim-lane").length;
  expect(asked()).toBe(QUEUE.claimedOctetsMax / QUEUE.claimOctetsMax);
  s.fromStore({ kind: "claimed", isDue: false, lanes: [{ lane: names[0]!, count: 0, octets: 0, hasMore: false }] });
  expect(asked()).toBe(QUEUE.claimedOctetsMax / QUEUE.claimOctetsMax + 1);
});

test("what a site taught is known after a pause", () => {
  const s = scene();
  s.fromMail({ kind: "demand", site: lane, connections: 5 });
  for (let n = 0; n < 3; n++) s.fromMail(released("greeting-refused: 421 too many connections"));
  s.fromMail({ kind: "demand", site: lane, connections: 0 });
  for (let n = 0; n < 2; n++) s.fromMail(released(undefined));
  s.mails[0]!.length = 0;
  s.fromMail({ kind: "demand", site: lane, connections: 5 });
  expect(granted(s.mails[0]!)).toBe(2);
});

test("a lane that wanted more while enough was out gets it when others are done", () => {
  const s = scene();
  const other = "smarthost/b";
  const all = { lane: other, count: 10, octets: QUEUE.claimedOctetsMax, hasMore: false };
  answerDue(s, [all, { lane, count: 10, octets: 0, hasMore: true }]);
  s.fromMail({ kind: "consumed", lane, deliveries: 10, octets: 0 });
  expect(s.store).toEqual([]);
  s.fromMail({ kind: "consumed", lane: other, deliveries: 10, octets: QUEUE.claimedOctetsMax });
  expect(s.store).toMatchObject([{ kind: "claim-lane", lane }]);
});

test("a site that allows two connections is not blocked for refusing the third", () => {
  const s = scene();
  s.fromMail({ kind: "demand", site: lane, connections: 5 });
  for (let n = 0; n < 3; n++) s.fromMail(released("greeting-refused: 421 too many connections"));
  s.fromMail({ kind: "demand", site: lane, connections: 5 });
  expect(s.events).toEqual([]);
  expect(granted(s.mails[0]!)).toBe(5); // three are gone, and two stand
  s.fromMail({ kind: "progress", site: lane, deliveries: 15 });
  expect(granted(s.mails[0]!)).toBe(5);
  s.fromMail({ kind: "progress", site: lane, deliveries: 1 });
  expect(granted(s.mails[0]!)).toBe(6); // after eight rounds of two one more is tried
});

test("without room to record an end nothing is begun; with room again everything goes on", () => {
  const s = scene();
  const report = { freeOctets: 0, mayAccept: false, mayDeliver: false };
  s.fromStore({ kind: "space", report });
  s.fromMail({ kind: "demand", site: lane, connections: 3 });
  s.fromStore({ kind: "wake", at: s.now - 1 });
  expect(granted(s.mails[0]!)).toBe(0);
  expect(s.store).toEqual([]);
  s.fromStore({ kind: "space", report: { ...report, mayDeliver: true } });
  expect(granted(s.mails[0]!)).toBe(3);
  expect(s.store).toMatchObject([{ kind: "claim-due" }]);
});

test("the limits are the site's, however many lanes go there; a block is told for each lane that has more", () => {
  const s = scene();
  const lanes = ["mx/a.example", "mx/b.example"];
  answerDue(
    s,
    lanes.map((name) => ({ lane: name, count: 100, octets: 0, hasMore: true })),
  );
  for (const name of lanes) s.fromMail({ kind: "sited", lane: name, site: "mx1.host" });
  s.fromMail({ kind: "demand", site: "mx1.host", connections: 1 });
  s.fromMail({ kind: "release", site: "mx1.host", report: { deliveries: 0, failure: "connect-failed" } });
  const until = s.now + 5000;
  expect(s.store).toEqual(lanes.map((name) => ({ kind: "rest", lane: name, blockedUntil: until })));
  s.store.length = 0;
  // Consumed because they were parked: no more of a lane at rest is claimed.
  for (const name of lanes) s.fromMail({ kind: "consumed", lane: name, deliveries: 100, octets: 0 });
  expect(s.store).toEqual([]);
  // One that is found to go there while it is blocked rests too.
  s.fromStore({
    kind: "claimed",
    isDue: false,
    lanes: [{ lane: "mx/c.example", count: 100, octets: 0, hasMore: true }],
  });
  s.fromMail({ kind: "sited", lane: "mx/c.example", site: "mx1.host" });
  expect(s.store).toEqual([{ kind: "rest", lane: "mx/c.example", blockedUntil: until }]);
});

test("a lane with another step is claimed while its site is blocked: its mail may go on", () => {
  const s = scene(1, (name) => (name === lane ? [{ kind: "smarthost", name: "b" }] : []));
  answerDue(s, [{ lane, count: 100, octets: 0, hasMore: true }]);
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  s.fromMail(released("connect-failed"));
  expect(s.store).toEqual([]);
  s.fromMail({ kind: "consumed", lane, deliveries: 100, octets: 0 });
  expect(s.store).toMatchObject([{ kind: "claim-lane", lane }]);
  // Once the other step is blocked too there is nowhere to go: it rests until the first of them is free.
  s.fromStore({ kind: "claimed", isDue: false, lanes: [{ lane, count: 100, octets: 0, hasMore: true }] });
  s.store.length = 0;
  s.fromMail({ kind: "demand", site: "smarthost/b", connections: 1 });
  s.fromMail({ kind: "release", site: "smarthost/b", report: { deliveries: 0, failure: "connect-failed" } });
  expect(s.store).toEqual([
    { kind: "rest", lane: "smarthost/b", blockedUntil: s.now + 5000 },
    { kind: "rest", lane, blockedUntil: s.now + 5000 },
  ]);
});

test("the other step of a lane with an egress is the one that is seen through it", () => {
  const s = scene(1, (name) => (name === "mx/b.example@bulk" ? [{ kind: "smarthost", name: "backup" }] : []));
  const fails = (site: string): void => {
    s.fromMail({ kind: "demand", site, connections: 1 });
    s.fromMail({ kind: "release", site, report: { deliveries: 0, failure: "refused" } });
  };
  s.fromStore({ kind: "wake", at: s.now });
  const claimed: ClaimedLane = { lane: "mx/b.example@bulk", count: 5, octets: 5, hasMore: true };
  s.fromStore({ kind: "claimed", isDue: true, lanes: [claimed] });
  s.fromMail({ kind: "sited", lane: "mx/b.example@bulk", site: "mx.b.example@bulk" });
  const rests = () => s.store.filter(({ kind }) => kind === "rest");
  fails("smarthost/backup"); // another site
  fails("mx.b.example@bulk");
  expect(rests().filter((message) => "lane" in message && message.lane === "mx/b.example@bulk")).toEqual([]);
  fails("smarthost/backup@bulk");
  expect(rests().at(-1)).toMatchObject({ lane: "mx/b.example@bulk" });
});

test("dead sites leave room to new ones, and both to those that take mail", () => {
  const s = scene();
  const { failingConnectionsMax, provenReserve, connectionsMax } = OUTBOUND;
  const fail = (site: string): void => {
    s.fromMail({ kind: "demand", site, connections: 1 });
    s.fromMail({ kind: "release", site, report: { deliveries: 0, failure: "connect-failed" } });
  };
  const grantedTo = (name: string): number =>
    s.mails[0]!.reduce(
      (sum, said) => sum + (said.kind === "granted" && said.site.startsWith(name) ? said.slots : 0),
      0,
    );
  s.fromMail({ kind: "demand", site: "healthy", connections: 1 });
  s.fromMail({ kind: "progress", site: "healthy", deliveries: 1 });
  for (let n = 0; n < 2 * failingConnectionsMax; n++) fail(`dead${n}`);
  s.mails[0]!.length = 0;
  s.pass(6000);
  for (let n = 0; n < 2 * failingConnectionsMax; n++) s.fromMail({ kind: "demand", site: `dead${n}`, connections: 1 });
  expect(grantedTo("dead")).toBe(failingConnectionsMax);
  for (let n = 0; n < connectionsMax; n++) s.fromMail({ kind: "demand", site: `new${n}`, connections: 1 });
  expect(grantedTo("new")).toBe(connectionsMax - provenReserve - failingConnectionsMax - 1);
  s.fromMail({ kind: "demand", site: "healthy", connections: 5 });
  expect(grantedTo("healthy")).toBe(4);
  // A connection that is gone makes room for the one that has waited longest.
  s.mails[0]!.length = 0;
  for (let n = 0; n < 10; n++) {
    s.fromMail({ kind: "demand", site: `dead${n}`, connections: 0 });
    s.fromMail({ kind: "release", site: `dead${n}`, report: { deliveries: 0, failure: "connect-failed" } });
  }
  expect(s.mails[0]!.find(({ kind }) => kind === "granted")).toMatchObject({ site: `dead${failingConnectionsMax}` });
});

test("all sites together never have more connections than the bound", () => {
  const s = scene();
  const sites = Math.ceil(OUTBOUND.connectionsMax / QUEUE.windowStart) + 10;
  for (let n = 0; n < sites; n++) {
    s.fromMail({ kind: "demand", site: `site${n}`, connections: 1 });
    s.fromMail({ kind: "progress", site: `site${n}`, deliveries: 1 });
    s.fromMail({ kind: "demand", site: `site${n}`, connections: QUEUE.windowMax });
  }
  expect(granted(s.mails[0]!)).toBe(OUTBOUND.connectionsMax);
});

const pauses = (outbound: boolean, lanes: readonly string[] = []): StoreToQueue => ({
  kind: "pauses",
  inbound: false,
  outbound,
  lanes,
});

test("all deliveries paused: no slot is given and nothing is claimed until they are resumed", () => {
  const s = scene();
  s.fromStore(pauses(true));
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  s.fromStore({ kind: "wake", at: s.now });
  s.pass(60_000);
  expect([granted(s.mails[0]!), s.store]).toEqual([0, []]);
  s.fromStore(pauses(false));
  expect(granted(s.mails[0]!)).toBe(1);
  expect(s.store).toMatchObject([{ kind: "claim-due" }]);
});

test("one lane paused: it gets no slot and no more of it is claimed; others do", () => {
  const s = scene();
  s.fromStore({ kind: "wake", at: s.now });
  s.fromStore(pauses(false, [lane]));
  s.fromStore({
    kind: "claimed",
    isDue: true,
    lanes: [
      { lane, count: 1, octets: 0, hasMore: true },
      { lane: "smarthost/b", count: 1, octets: 0, hasMore: true },
    ],
  });
  const claimed = (): string[] => s.store.flatMap((said) => (said.kind === "claim-lane" ? [said.lane] : []));
  expect(claimed()).toEqual(["smarthost/b"]);
  for (const name of [lane, "smarthost/b"]) s.fromMail({ kind: "demand", site: name, connections: 1 });
  expect(s.mails[0]).toEqual([{ kind: "granted", site: "smarthost/b", slots: 1 }]);
  s.fromStore(pauses(false));
  expect(claimed()).toEqual(["smarthost/b", lane]);
  expect(granted(s.mails[0]!)).toBe(2);
});

test("an operator wants a blocked lane tried now: it is open, and what it met is not forgotten", () => {
  const s = scene();
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  s.fromMail(released("connect-failed"));
  s.fromMail({ kind: "demand", site: lane, connections: 0 });
  s.fromStore({ kind: "unblock", lane });
  s.fromMail({ kind: "demand", site: lane, connections: 20 });
  expect(granted(s.mails[0]!)).toBe(2); // the first one, and one that finds out
  s.fromMail(released("connect-failed"));
  expect(s.events.at(-1)).toMatchObject({ event: "site.blocked", failures: 2 });
});

test("new connections within a minute are bounded, over all mail threads; the next ones come as the first get old", () => {
  const s = scene(2, undefined, { connectionsPerMinute: 4 });
  const all = (): number => granted(s.mails[0]!) + granted(s.mails[1]!);
  for (const thread of [0, 1]) s.fromMail({ kind: "demand", site: lane, connections: 3 }, thread);
  expect(all()).toBe(4);
  // Connections that are gone are no new ones.
  for (let n = 0; n < 3; n++) s.fromMail(released(undefined), 0);
  expect(all()).toBe(4);
  s.pass(60_000);
  expect(all()).toBe(4);
  s.pass(OUTBOUND.rateSlack);
  expect(all()).toBe(8); // four more
});

test("a rate holds also after a site was not in use", () => {
  const s = scene(1, undefined, { connectionsPerMinute: 1 });
  for (let n = 0; n < 3; n++) {
    s.fromMail({ kind: "demand", site: lane, connections: 1 });
    s.fromMail({ kind: "demand", site: lane, connections: 0 });
    if (n === 0) s.fromMail(released(undefined));
  }
  expect(granted(s.mails[0]!)).toBe(1);
});

test("transactions get their permits as the rate has room, first come, first served over all mail threads", () => {
  const s = scene(2, undefined, { messagesPerMinute: 2 });
  const permitted = (): number[] => s.mails.map((said) => said.filter(({ kind }) => kind === "permitted").length);
  s.fromMail({ kind: "demand", site: lane, connections: 1 }, 0);
  for (const thread of [0, 0, 1, 0])
    s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: false }, thread);
  expect(permitted()).toEqual([2, 0]);
  s.pass(59_000);
  expect(permitted()).toEqual([2, 0]);
  s.pass(1000 + OUTBOUND.rateSlack);
  expect(permitted()).toEqual([3, 1]);
});

test("who asked for a permit and is gone leaves its turn to the others", () => {
  const s = scene(2, undefined, { messagesPerMinute: 1 });
  s.fromMail({ kind: "demand", site: lane, connections: 1 }, 0);
  for (const thread of [1, 0, 1]) s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: false }, thread);
  s.fromMail({ kind: "withdraw", site: lane, what: "message" }, 0);
  s.pass(60_000 + OUTBOUND.rateSlack);
  expect(s.mails.map((said) => said.filter(({ kind }) => kind === "permitted").length)).toEqual([0, 2]);
});

test("a wait for connections does not make a transaction wait that could begin sooner", () => {
  const s = scene(1, undefined, { connectionsPerMinute: 1, messagesPerMinute: 2 });
  const permitted = (): number => s.mails[0]!.filter(({ kind }) => kind === "permitted").length;
  for (let n = 0; n < 2; n++) s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: false });
  s.pass(30_000);
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  s.pass(OUTBOUND.rateSlack + 27_000); // close to the first of the next minute: a connection is begun
  expect(granted(s.mails[0]!)).toBe(1);
  s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: false });
  s.fromMail({ kind: "demand", site: lane, connections: 2 }); // has to wait for almost a minute
  s.pass(3000);
  expect(permitted()).toBe(3);
});

test("no connection is begun long before its first message may go", () => {
  const s = scene(1, undefined, { messagesPerMinute: 1 });
  s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: false });
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  expect(granted(s.mails[0]!)).toBe(0);
  s.pass(60_000 + OUTBOUND.rateSlack);
  expect(granted(s.mails[0]!)).toBe(1);
});

test("a site's own bound of connections holds whatever it takes", () => {
  const s = scene(1, undefined, { connectionsMax: 2 });
  s.fromMail({ kind: "demand", site: lane, connections: 50 });
  for (let n = 0; n < 100; n++) s.fromMail({ kind: "progress", site: lane, deliveries: 20 });
  expect(granted(s.mails[0]!)).toBe(2);
});

test("a block that is this machine's doing says so, at once and whoever asks", () => {
  const s = scene();
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  s.fromMail({ kind: "release", site: lane, report: { deliveries: 0, failure: "source-unusable", isOurs: true } });
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  const blocks = s.mails[0]!.flatMap((message) => (message.kind === "blocked" ? [message.block.isOurs] : []));
  expect(blocks).toEqual([true, true]);
  for (const message of s.mails[0]!)
    if (message.kind === "blocked") expect(Number.isInteger(message.block.until)).toBe(true); // as the store wants it
});

test("a wall clock that is set back keeps nothing blocked", () => {
  const s = scene();
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  s.fromMail(released("connect-failed: refused"));
  s.setBack = 86_400_000;
  s.pass(5001);
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  expect(granted(s.mails[0]!)).toBe(2);
});

test("a connection to another address takes of the same rate as a new one, and goes before it", () => {
  const s = scene(1, () => [], { connectionsPerMinute: 2 });
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  s.fromMail({ kind: "permit", site: lane, what: "connection", isFirst: false });
  s.fromMail({ kind: "permit", site: lane, what: "connection", isFirst: false });
  s.fromMail({ kind: "demand", site: lane, connections: 2 });
  const said = (): string[] => s.mails[0]!.map(({ kind }) => kind);
  expect(said()).toEqual(["granted", "permitted"]);
  s.pass(60_000 + OUTBOUND.rateSlack);
  expect(said()).toEqual(["granted", "permitted", "permitted", "granted"]);
});

test("of sites at rest only those are remembered that have something to be remembered for", () => {
  const s = scene(1, () => [], { messagesPerMinute: 1 });
  for (let n = 0; n <= QUEUE.restingSitesMax; n++) {
    const site = `mx${n}.example`;
    s.fromMail({ kind: "demand", site, connections: 1 });
    if (n === 0) s.fromMail({ kind: "permit", site, what: "message", isFirst: false });
    s.fromMail({ kind: "demand", site, connections: 0 });
    s.fromMail({ kind: "release", site, report: { deliveries: 0, failure: undefined } });
  }
  s.mails[0]!.length = 0;
  s.fromMail({ kind: "demand", site: "mx0.example", connections: 1 });
  s.fromMail({ kind: "permit", site: "mx0.example", what: "message", isFirst: false });
  expect(s.mails[0]!.map(({ kind }) => kind)).not.toContain("permitted");
});

test("no more connections than messages that may go soon", () => {
  const s = scene(1, () => [], { messagesPerMinute: 1 });
  s.fromMail({ kind: "demand", site: lane, connections: 20 });
  expect(granted(s.mails[0]!)).toBe(1);
  s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: true });
  s.fromMail({ kind: "release", site: lane, report: { deliveries: 1, failure: undefined } });
  s.pass(60_000 + OUTBOUND.rateSlack - OUTBOUND_TIME.ahead - 2);
  expect(granted(s.mails[0]!)).toBe(1);
  s.pass(3);
  expect(granted(s.mails[0]!)).toBe(2);
});

test("a rate that is free again is used, however long a message stays at its final dot", () => {
  const s = scene(1, () => [], { messagesPerMinute: 1 });
  const slow = { kind: "permit", site: lane, what: "message", isFirst: true } as const;
  s.fromMail({ kind: "demand", site: lane, connections: 20 });
  for (let minutes = 1; minutes < 4; minutes++) {
    s.fromMail(slow);
    expect(granted(s.mails[0]!)).toBe(minutes);
    s.pass(60_000 + OUTBOUND.rateSlack + 1);
    expect(granted(s.mails[0]!)).toBe(minutes + 1);
  }
  expect(s.mails[0]!.filter(({ kind }) => kind === "permitted")).toHaveLength(3); // one a minute, as before
});

test("also after a message that waited for its permit", () => {
  const s = scene(1, () => [], { messagesPerMinute: 1 });
  s.fromMail({ kind: "demand", site: lane, connections: 20 });
  for (const isFirst of [true, false]) s.fromMail({ kind: "permit", site: lane, what: "message", isFirst });
  s.pass(60_000 + OUTBOUND.rateSlack + 1);
  expect(s.mails[0]!.map(({ kind }) => kind)).toEqual(["granted", "permitted", "permitted"]);
  s.pass(60_000 + OUTBOUND.rateSlack + 1);
  expect(granted(s.mails[0]!)).toBe(2);
});

test("what has still to begin, or waits to, has its messages; further connections come when the rate has more", () => {
  const s = scene(1, () => [], { messagesPerMinute: 3 });
  const permit = (isFirst: boolean): MailToQueue => ({ kind: "permit", site: lane, what: "message", isFirst });
  s.fromMail({ kind: "demand", site: lane, connections: 20 });
  expect(granted(s.mails[0]!)).toBe(3);
  s.fromMail(permit(true));
  s.pass(1000);
  s.fromMail(permit(true)); // the third one is being made, and these two stay at their final dots
  s.pass(60_000 + OUTBOUND.rateSlack - OUTBOUND_TIME.ahead - 1002);
  expect(granted(s.mails[0]!)).toBe(3);
  s.pass(3);
  expect(granted(s.mails[0]!)).toBe(4);
  s.pass(1000);
  expect(granted(s.mails[0]!)).toBe(5);
});

test("a connection that ended before it came to a message leaves that to another", () => {
  const s = scene(1, () => [], { messagesPerMinute: 1 });
  s.fromMail({ kind: "demand", site: lane, connections: 20 });
  s.fromMail({ kind: "release", site: lane, report: { deliveries: 0, failure: undefined, isUnused: true } });
  expect(granted(s.mails[0]!)).toBe(2);
  s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: true });
  s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: false });
  s.fromMail({ kind: "withdraw", site: lane, what: "message" });
  s.fromMail(released(undefined));
  s.pass(60_000 + OUTBOUND.rateSlack);
  expect(granted(s.mails[0]!)).toBe(3);
});

test("nothing is permitted while its end could not be recorded, or an operator paused it", () => {
  const s = scene(1, () => [], { messagesPerMinute: 9 });
  const permitted = (): number => s.mails[0]!.filter(({ kind }) => kind === "permitted").length;
  const space = (mayDeliver: boolean): void =>
    s.fromStore({ kind: "space", report: { freeOctets: 0, mayAccept: mayDeliver, mayDeliver } });
  space(false);
  s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: false });
  expect(permitted()).toBe(0);
  space(true);
  expect(permitted()).toBe(1);
  s.fromStore({ kind: "pauses", inbound: false, outbound: false, lanes: [lane] });
  s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: false });
  expect(permitted()).toBe(1);
  s.fromStore({ kind: "pauses", inbound: false, outbound: false, lanes: [] });
  expect(permitted()).toBe(2);
});

test("an operator hears what limits a site: its connections, its rates, its block; where nothing does, nothing", () => {
  const s = scene(2, () => [], { connectionsMax: 2, messagesPerMinute: 2, connectionsPerMinute: 3 });
  expect(s.standings([lane, "mx/b.test"], 20)).toEqual({
    kind: "standings",
    number: 7,
    lanes: [],
    busiest: [],
    leftOut: 0,
  });
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  const used = { begun: 1, limit: 3, nextAt: undefined };
  const standing = { site: lane, connections: 1, window: 2, connectionsMax: 2, wanted: 1, newConnections: used };
  expect(s.standings([lane]).lanes).toMatchObject([{ lane, site: { ...standing, block: undefined } }]);
  expect(s.standings([], 20).busiest).toEqual([]);

  s.fromMail({ kind: "demand", site: lane, connections: 2 }, 1);
  for (let n = 0; n < 2; n++) s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: false });
  const messages = { begun: 2, limit: 2, nextAt: 1_000_000 + 60_000 + OUTBOUND.rateSlack };
  expect(s.standings([], 20).busiest).toMatchObject([{ site: lane, connections: 2, wanted: 3, messages }]);
  s.pass(60_000 + OUTBOUND.rateSlack);
  expect(s.standings([lane]).lanes).toMatchObject([{ site: { messages: { begun: 0, limit: 2, nextAt: undefined } } }]);

  for (const thread of [0, 1]) s.fromMail({ kind: "demand", site: lane, connections: 0 }, thread);
  s.fromMail(released("connect: refused"));
  s.fromMail(released("connect: refused"), 1);
  // It rests, and is still known.
  const block = { until: expect.any(Number), text: "connect: refused" };
  expect(s.standings([lane]).lanes).toMatchObject([{ lane, site: { connections: 0, wanted: 0, block } }]);
});

test("of many sites the busiest are told, and how many are not", () => {
  const s = scene(1, () => [], { connectionsMax: 1 });
  for (let n = 1; n <= 30; n++) s.fromMail({ kind: "demand", site: `smarthost/${n}`, connections: n });
  const { busiest, leftOut } = s.standings([], 20);
  expect([busiest[0], busiest.at(-1)]).toMatchObject([{ site: "smarthost/30" }, { site: "smarthost/11" }]);
  expect([busiest.length, leftOut]).toEqual([20, 10]);
});

test("what is claimed of a domain says that its servers are looked up, and then where they stand", () => {
  const s = scene(1, () => [], { connectionsMax: 1 });
  s.fromStore({ kind: "wake", at: s.now });
  s.fromStore({
    kind: "claimed",
    isDue: true,
    lanes: [{ lane: "mx/b.test", count: 2, octets: 0, hasMore: false }],
  });
  expect(s.standings(["mx/b.test", "mx/c.test"]).lanes).toEqual([{ lane: "mx/b.test", site: undefined }]);
  s.fromMail({ kind: "sited", lane: "mx/b.test", site: "mail.b.test" });
  s.fromMail({ kind: "demand", site: "mail.b.test", connections: 1 });
  expect(s.standings(["mx/b.test"]).lanes).toMatchObject([{ lane: "mx/b.test", site: { site: "mail.b.test" } }]);
  s.fromMail({ kind: "consumed", lane: "mx/b.test", deliveries: 2, octets: 0 });
  expect(s.standings(["mx/b.test"]).lanes).toEqual([]);
});

test("a disk without room, and the bound of all connections, are what a site waits for", () => {
  const s = scene();
  const full = { freeOctets: 0, mayAccept: false, mayDeliver: false };
  s.fromStore({ kind: "space", report: full });
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  expect(s.standings([], 20).busiest).toMatchObject([{ site: lane, isDiskFull: true, isCrowdedOut: false }]);
  s.fromStore({ kind: "space", report: { ...full, mayDeliver: true } });
  expect(s.standings([], 20).busiest).toEqual([]);
  // What nobody proved leaves a part of all connections to others.
  const open = OUTBOUND.connectionsMax - OUTBOUND.provenReserve;
  for (let n = 0; n < open; n++) s.fromMail({ kind: "demand", site: `smarthost/${n}`, connections: 1 });
  expect(s.standings([], 20).busiest).toMatchObject([
    { site: `smarthost/${open - 1}`, connections: 0, wanted: 1, isCrowdedOut: true },
  ]);
});

test("bounds of a site that are lowered while it is in use hold from then on, and what was begun counts", () => {
  const limits: { connectionsMax: number; messagesPerMinute?: number } = { connectionsMax: 10, messagesPerMinute: 30 };
  const s = scene(1, () => [], limits);
  s.fromMail({ kind: "demand", site: lane, connections: 10 });
  expect(granted(s.mails[0]!)).toBe(QUEUE.windowStart);
  const permitted = (): number => s.mails[0]!.filter(({ kind }) => kind === "permitted").length;
  for (let n = 0; n < 4; n++) s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: false });
  expect(permitted()).toBe(4);
  Object.assign(limits, { connectionsMax: 2, messagesPerMinute: 5 });
  s.limitsChanged();
  for (let n = 0; n < 4; n++) s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: false });
  expect(permitted()).toBe(5); // four of this minute are gone already
  for (let n = 0; n < 3; n++) s.fromMail(released(undefined));
  s.fromMail({ kind: "demand", site: lane, connections: 10 });
  expect(s.standings([lane]).lanes[0]!.site).toMatchObject({ connections: 2, connectionsMax: 2 });
});

test("bounds that are raised, or fall away, let more begin at once", () => {
  const limits: { messagesPerMinute: number | undefined } = { messagesPerMinute: 1 };
  const s = scene(1, () => [], limits);
  s.fromMail({ kind: "demand", site: lane, connections: 1 });
  const permitted = (): number => s.mails[0]!.filter(({ kind }) => kind === "permitted").length;
  for (let n = 0; n < 5; n++) s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: n === 0 });
  expect(permitted()).toBe(1);
  limits.messagesPerMinute = 3;
  s.limitsChanged();
  expect(permitted()).toBe(3);
  limits.messagesPerMinute = undefined;
  s.limitsChanged();
  expect(permitted()).toBe(5);
});

test("where other servers stand, what was begun at a site that is at rest still counts", () => {
  const s = scene(1, () => [], { messagesPerMinute: 2 });
  const ask = (): void => {
    s.fromMail({ kind: "demand", site: lane, connections: 1 });
    for (let n = 0; n < 2; n++) s.fromMail({ kind: "permit", site: lane, what: "message", isFirst: n === 0 });
  };
  const permitted = (): number => s.mails[0]!.filter(({ kind }) => kind === "permitted").length;
  ask();
  s.fromMail({ kind: "demand", site: lane, connections: 0 });
  s.fromMail({ kind: "release", site: lane, report: { deliveries: 2, failure: undefined } });
  expect(permitted()).toBe(2);
  s.limitsChanged([lane]);
  ask();
  expect(permitted()).toBe(2);
  s.pass(70_000);
  expect(permitted()).toBe(4);
});

test("where other servers stand, the failures of those before them count no more, in use or at rest", () => {
  const blockedFor = (s: ReturnType<typeof scene>): number => {
    const { block } = s.mails[0]!.findLast((message) => message.kind === "blocked")!;
    return block.left;
  };
  const fail = (s: ReturnType<typeof scene>): void => {
    s.fromMail({ kind: "demand", site: lane, connections: 1 });
    s.fromMail(released("refused"));
    s.fromMail({ kind: "demand", site: lane, connections: 0 });
  };
  for (const isInUse of [true, false]) {
    const s = scene();
    fail(s);
    const first = blockedFor(s);
    for (let n = 0; n < 3; n++) {
      s.pass(blockedFor(s) + 1);
      fail(s);
    }
    expect(blockedFor(s)).toBeGreaterThan(first);
    if (isInUse) s.fromMail({ kind: "demand", site: lane, connections: 1 });
    s.limitsChanged([lane]);
    if (isInUse) expect(granted(s.mails[0]!)).toBeGreaterThan(4);
    else s.fromMail({ kind: "demand", site: lane, connections: 1 });
    s.fromMail(released("refused"));
    expect(blockedFor(s)).toBe(first);
  }
});
