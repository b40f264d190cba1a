import { afterEach, expect, test } from "vitest";
import { abandonScenes, blockFor, fresh, lane, scene, settle, site } from "../../test/support/dispatching.ts";
import { QUEUE } from "../core/base/limits.ts";

afterEach(abandonScenes);

/** Once, when the first transaction has begun. */
function whenBegun(s: ReturnType<typeof scene>, call: () => void): void {
  let isCalled = false;
  s.hop.answer = (command) => {
    if (command === "MAIL" && !isCalled) {
      isCalled = true;
      call();
    }
    return undefined;
  };
}

test("a message goes when a slot is granted, and over the same connection the next one", async () => {
  const s = scene();
  s.dispatcher.take(fresh());
  expect(s.demands).toEqual([1]);
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "finish" }]);
  s.dispatcher.take(fresh());
  await settle();
  expect(s.settlements).toHaveLength(2);
  expect(s.hop.connections).toBe(1);
  expect(s.hop.contents[0]).toBe("Received: x\r\nm1\r\n..x\r\n.\r\n");
});

test("never more connections than slots", async () => {
  const s = scene();
  for (let n = 0; n < 30; n++) s.dispatcher.take(fresh());
  expect(Math.max(...s.demands)).toBe(QUEUE.windowMax);
  s.dispatcher.granted(lane, 3);
  await settle();
  await settle();
  expect(s.hop.connections).toBe(3);
});

test("250 recipients of one message go in three transactions of at most 100", async () => {
  const s = scene();
  s.dispatcher.take(fresh(250));
  s.dispatcher.granted(lane, 1);
  for (let n = 0; n < 20; n++) await settle();
  expect(s.hop.recipients).toEqual([100, 100, 50]);
  expect(s.settlements).toHaveLength(250);
});

test("without room to record an end nothing is begun over a connection that stands; with room it goes on", async () => {
  const s = scene();
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  s.dispatcher.space({ freeOctets: 0, mayAccept: false, mayDeliver: false });
  s.dispatcher.take(fresh());
  await settle();
  expect(s.settlements).toHaveLength(1);
  s.dispatcher.space({ freeOctets: 1e9, mayAccept: true, mayDeliver: true });
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "finish" }, { kind: "finish" }]);
  expect(s.hop.connections).toBe(1);
});

test("ten thousand messages that the next hop cannot take end one after the other, not inside one another", async () => {
  const s = scene();
  const utf8 = fresh();
  for (let n = 0; n < 10_000; n++) s.dispatcher.take({ ...utf8, envelope: { ...utf8.envelope, isUtf8: true } });
  s.dispatcher.granted(lane, 1);
  for (let n = 0; n < 1000 && s.settlements.length < 10_000; n++) await settle();
  expect(s.settlements).toHaveLength(10_000);
});

test("a next hop that does not answer keeps the message in hand until the lane is blocked; then it is parked, and no attempt is held against it", async () => {
  const s = scene();
  s.hop.refuses = true;
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.reports).toMatchObject([{ failure: "connect-failed: refused" }]);
  expect(s.settlements).toMatchObject([{ kind: "note" }]); // history has the attempt
  const until = s.clock.now() + 5000;
  s.dispatcher.blocked(lane, blockFor(s.clock, 5000, "connect-failed: refused"));
  expect(s.settlements.slice(1)).toMatchObject([{ kind: "park", due: until, lane, attempts: 0 }]);
  const admission = s.dispatcher.admits(1, [["smarthost/b"], [lane]]);
  // The one that is blocked keeps the message out of hand, and holds the other up no longer than that.
  expect(admission).toMatchObject({ isInHand: false, places: [{ due: s.clock.now() }, { due: until }] });
  expect(admission.places.map(({ last }) => JSON.parse(last) as object)).toMatchObject([
    { because: "queued", text: "" },
    { because: "lane-blocked", text: "connect-failed: refused" },
  ]);
  s.clock.advance(5001);
  expect(s.dispatcher.admits(1, [[lane]])).toMatchObject({ isInHand: true });
});

test("an attempt that met a dead connection is in history also where the next one delivers", async () => {
  const s = scene();
  s.hop.refuses = true;
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  s.hop.refuses = false;
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "note" }, { kind: "finish" }]);
  const entries = s.settlements.map(({ entry }) => JSON.parse(entry) as { outcome: string; attempts: number });
  expect(entries).toMatchObject([
    { outcome: "deferred", attempts: 0, reply: "connect-failed: refused" },
    { outcome: "delivered", attempts: 1 },
  ]);
});

test("a connection that ended while it was idle costs the next message nothing", async () => {
  const s = scene();
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  s.hop.answer = (command, connection) => (connection === 1 && command === "MAIL" ? "" : undefined);
  s.dispatcher.take(fresh());
  await settle();
  expect(s.settlements).toHaveLength(1);
  expect(s.reports).toMatchObject([{ failure: undefined }]);
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "finish" }, { kind: "finish" }]);
});

test("a connection that ended while a refused transaction was to be reset costs the next message nothing either", async () => {
  const s = scene();
  s.hop.answer = (command) =>
    command === "RCPT" ? "550 5.1.1 nobody" : command === "DATA" ? "503 5.5.1 no" : undefined;
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  s.hop.answer = (command, connection) => (connection === 1 && command === "RSET" ? "" : undefined);
  s.dispatcher.take(fresh());
  await settle();
  expect(s.reports).toMatchObject([{ failure: undefined }]);
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "finish" }, { kind: "finish" }]);
});

test("content that our disk does not give back is not the next hop's failure, and says so", async () => {
  const s = scene();
  s.dispatcher.take({ ...fresh(), content: undefined });
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.reports).toMatchObject([{ failure: undefined }]);
  const [parked] = s.settlements;
  expect(parked).toMatchObject({ kind: "park", due: s.clock.now() + 120_000 });
  expect(JSON.parse((parked as { last: string }).last)).toMatchObject({ because: "content-unreadable" });
});

test("an answer that never came after the final dot is a possible duplicate: the normal retry, and nothing before it", async () => {
  const s = scene();
  s.hop.answer = (command) => (command === "DOT" ? "" : undefined);
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  const [parked] = s.settlements;
  expect(parked).toMatchObject({ kind: "park", attempts: 1, due: s.clock.now() + 120_000 });
  expect(JSON.parse((parked as { last: string }).last)).toMatchObject({ because: "possible-duplicate" });
});

test("recipients beyond what one transaction takes go on in the next, and that was no attempt", async () => {
  const s = scene();
  let inTransaction = 0;
  s.hop.answer = (command) => {
    if (command === "MAIL") inTransaction = 0;
    if (command !== "RCPT") return undefined;
    return ++inTransaction > 10 ? "452 4.5.3 too many" : undefined;
  };
  s.dispatcher.take(fresh(35));
  s.dispatcher.granted(lane, 1);
  for (let n = 0; n < 5; n++) await settle();
  expect(s.settlements).toHaveLength(35);
  const attempts = s.settlements.map(({ entry }) => (JSON.parse(entry) as { attempts: number }).attempts);
  expect(new Set(attempts)).toEqual(new Set([1]));
});

test("451 waits by schedule, 550 ends with its reply and a report, which is said", async () => {
  const s = scene();
  s.hop.answer = (command) => (command === "RCPT" ? "451 4.2.1 later" : undefined);
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "park", attempts: 1 }]);
  s.hop.answer = (command) => (command === "RCPT" ? "550 5.1.1 nobody" : undefined);
  s.dispatcher.take(fresh());
  await settle();
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements[1]).toMatchObject({ kind: "finish" });
  expect(s.arrived).toHaveLength(1);
  expect(s.events.at(-1)).toMatchObject({
    event: "delivery.failed",
    reply: "550 5.1.1 nobody",
    dsn: `sender told in report ${s.arrived[0]!.id}`,
  });
});

test("530 to MAIL is about us: the connection ends, the lane is told, the message stays, and no other is offered", async () => {
  const s = scene();
  s.hop.answer = (command) =>
    command === "MAIL"
      ? "530 5.7.0 authenticate"
      : command === "RCPT" || command === "DATA"
        ? "503 5.5.1 no"
        : undefined;
  s.dispatcher.take(fresh());
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.reports).toMatchObject([{ failure: "auth-required: 530 5.7.0 authenticate" }]);
  expect(s.settlements).toMatchObject([{ kind: "park", attempts: 1 }]);
});

test("530 to one recipient says nothing of the next: the lane goes on, that message waits by its own schedule", async () => {
  const s = scene();
  s.hop.answer = (command) => (command === "RCPT" && s.hop.contents.length === 0 ? "530 5.7.0 not you" : undefined);
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "park", attempts: 1, due: s.clock.now() + 120_000 }]);
  expect(s.reports.every(({ failure }) => failure === undefined)).toBe(true);
  s.hop.answer = () => undefined;
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements[1]).toMatchObject({ kind: "finish" });
});

test("what we end ourselves at the stop is no attempt, no failure of the lane, and stays in hand for the next start", async () => {
  const s = scene();
  s.hop.answer = (command) => (command === "EHLO" ? undefined : "250-"); // an answer that does not end
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  const stopped = s.dispatcher.stop();
  s.dispatcher.abandon();
  await stopped;
  expect(s.settlements).toEqual([]);
  expect(s.reports).toMatchObject([{ failure: undefined }]);
  expect(s.events).toEqual([]);
});

test("a next hop that is gone from the configuration: the routes choose another, or it waits and says so", () => {
  const s = scene();
  s.hosts = new Map();
  s.route = ["smarthost/b"];
  s.dispatcher.take(fresh());
  expect(s.settlements).toMatchObject([{ kind: "park", lane: "smarthost/b", attempts: 0 }]);
  s.route = [];
  s.dispatcher.take(fresh());
  expect(s.settlements[1]).toMatchObject({ kind: "park", lane, due: s.clock.now() + 3_600_000 });
  expect(s.events.map(({ event }) => event)).toEqual(["delivery.rerouted", "delivery.rerouted"]);
});

test("stopping starts nothing new and resolves when nothing is under way", async () => {
  const s = scene();
  s.dispatcher.take(fresh());
  let stopped = Promise.resolve();
  whenBegun(s, () => {
    stopped = s.dispatcher.stop();
    s.dispatcher.take(fresh());
  });
  s.dispatcher.granted(lane, 1);
  await settle();
  await stopped;
  expect(s.settlements).toHaveLength(1);
  expect(s.hop.connections).toBe(1);
});

test("what has a connection, or waits for its turn on one, has not begun: a pause parks it, a stop and a full disk leave it", async () => {
  const rated = (): ReturnType<typeof scene> => {
    const s = scene();
    s.hosts.set("a", { ...site, limits: { ...site.limits, messagesPerMinute: 2 } });
    s.dispatcher.take(fresh());
    s.dispatcher.granted(lane, 1);
    return s;
  };
  const paused = rated();
  await settle();
  paused.dispatcher.pauses({ outbound: true, lanes: [] });
  paused.dispatcher.permitted(lane, "message");
  const stopping = rated();
  await settle();
  const stopped = stopping.dispatcher.stop();
  stopping.dispatcher.permitted(lane, "message");
  const full = rated();
  await settle();
  full.dispatcher.space({ freeOctets: 0, mayAccept: false, mayDeliver: false });
  full.dispatcher.permitted(lane, "message");
  await settle();
  await stopped;
  expect([paused, stopping, full].map(({ hop }) => hop.contents)).toEqual([[], [], []]);
  expect(paused.settlements).toMatchObject([{ kind: "park", lane }]);
  expect([stopping, full].map(({ settlements }) => settlements)).toEqual([[], []]);
  full.dispatcher.space({ freeOctets: 1e9, mayAccept: true, mayDeliver: true });
  full.dispatcher.granted(lane, 1);
  await settle();
  full.dispatcher.permitted(lane, "message");
  await settle();
  expect(full.settlements).toMatchObject([{ kind: "finish" }]);
});

test("where an operator pauses a lane what waits is parked, what is on its way ends, and what comes waits in the store", async () => {
  const s = scene();
  s.dispatcher.take(fresh());
  s.dispatcher.take(fresh());
  whenBegun(s, () => {
    s.dispatcher.pauses({ outbound: false, lanes: [lane] });
    expect(s.settlements).toMatchObject([{ kind: "park", due: s.clock.now(), attempts: 0 }]);
    expect(JSON.parse((s.settlements[0] as { last: string }).last)).toMatchObject({ because: "paused" });
  });
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements.slice(1)).toMatchObject([{ kind: "finish" }]);
  const { isInHand, places } = s.dispatcher.admits(1, [[lane], ["smarthost/b"]]);
  expect(isInHand).toBe(false);
  expect(places.map(({ last }) => (JSON.parse(last) as { because: string }).because)).toEqual(["paused", "queued"]);
  expect(s.dispatcher.admits(1, [["smarthost/b"]])).toMatchObject({ isInHand: true });
  s.dispatcher.take(fresh()); // its commit was under way
  expect(s.settlements.slice(2)).toMatchObject([{ kind: "park", due: s.clock.now() }]);
  s.dispatcher.pauses({ outbound: true, lanes: [] });
  expect(s.dispatcher.admits(1, [["smarthost/b"]])).toMatchObject({ isInHand: false });
  s.dispatcher.pauses({ outbound: false, lanes: [] });
  expect(s.dispatcher.admits(1, [[lane]])).toMatchObject({ isInHand: true });
  s.dispatcher.take(fresh());
  await settle();
  expect(s.settlements.slice(3)).toMatchObject([{ kind: "finish" }]);
});

test("a lane that an operator wants tried now is blocked no more", async () => {
  const s = scene();
  s.dispatcher.blocked(lane, blockFor(s.clock, 5000, "refused"));
  s.dispatcher.unblocked(lane);
  expect(s.dispatcher.admits(1, [[lane]])).toMatchObject({ isInHand: true });
});
