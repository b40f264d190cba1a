import { expect, test } from "vitest";
import type { DeliveryReport } from "../../engine/operator.ts";
import { actionLines, messageLines, pauseLines, queueLines, sinkLines, statusLines } from "./pages.ts";

test("status says which lanes it leaves out", () => {
  const lane = { lane: "smarthost/a", waiting: 3, wakeAt: undefined, blockedUntil: 61_000 };
  const status = {
    version: "1.2.3",
    hostname: "relay.test",
    startedAt: 0,
    state: "running" as const,
    listeners: [],
    waiting: 3,
    inHand: 0,
    held: 0,
    paused: [],
    oldest: undefined,
    freeOctets: 2e9,
    neededOctets: 1e9,
    lanes: [lane],
    sites: [],
  };
  expect(statusLines({ ...status, lanesLeftOut: 7 }, 1000).slice(-2)).toEqual([
    "  smarthost/a: 3 waiting, blocked; one connection tries again in 1 min",
    "  and 7 more lanes: waypost queue list",
  ]);
  const whole = statusLines({ ...status, lanesLeftOut: 0 }, 1000).join();
  expect(whole).not.toContain("more lanes");
  expect(whole).not.toContain("Disk");
  expect(statusLines({ ...status, lanesLeftOut: 0, freeOctets: 5e6 }, 1000)).toContain(
    "Disk: 5 MiB free; mail is refused with 452 until there are 954 MiB",
  );
  expect(whole).not.toContain("Store");
  expect(statusLines({ ...status, lanesLeftOut: 0, isStoreReplaced: true }, 1000)).toContainEqual(
    expect.stringMatching(/^Store: queue\.db or its log was removed or replaced .* mail is refused with 451, /),
  );
  const spool = { folder: "/spool", files: 2, hasMore: false };
  const spoolLine = (change: object): string =>
    statusLines({ ...status, lanesLeftOut: 0, spool: { ...spool, ...change } }, 1000)[2]!;
  expect(spoolLine({})).toBe("Spool: 2 files in /spool to be taken");
  expect(spoolLine({ files: 990, hasMore: true })).toBe("Spool: 990 files or more in /spool to be taken");
  expect(spoolLine({ files: 0, hasMore: true })).toBe(
    "Spool: /spool is full of what is no mail: look who put it there",
  );
  expect(spoolLine({ files: 0 })).not.toContain("Spool");
  const dead = { folder: "/spool/dead", files: 1, oldest: 0 };
  expect(statusLines({ ...status, lanesLeftOut: 0, dead }, 60_000)[2]).toBe(
    "Spool: 1 file in /spool/dead for you to look at, the oldest since 1 min ago",
  );
  expect(statusLines({ ...status, lanesLeftOut: 0, dead: { ...dead, files: 1000 } }, 60_000)[2]).toContain(
    "1,000 files or more",
  );
  expect(statusLines({ ...status, lanesLeftOut: 0, dead: { ...dead, files: 0 } }, 1000).join()).not.toContain("Spool");
  const listeners = ["submission 0.0.0.0:587", "127.0.0.1:25 127.0.0.1:25"];
  expect(statusLines({ ...status, lanesLeftOut: 0, listeners }, 1000).slice(1, 3)).toEqual([
    "  listens on submission 0.0.0.0:587",
    "  listens on 127.0.0.1:25",
  ]);
  const paused = [{ target: "smarthost/a", since: 1000 }];
  const due = { ...lane, blockedUntil: undefined, wakeAt: 0 }; // as `expire` leaves it
  const dueLine = (change: object): string | undefined =>
    statusLines({ ...status, lanesLeftOut: 0, lanes: [due], ...change }, 1000).find((line) =>
      line.includes("3 waiting,"),
    );
  expect(dueLine({ waiting: 4 })).toBe("  smarthost/a: 3 waiting, due now");
  for (const target of ["outbound", "smarthost/a"])
    expect(dueLine({ waiting: 4, paused: [{ target, since: 0 }] })).toBe(
      "  smarthost/a: 3 waiting, due when it is resumed",
    );
  expect(statusLines({ ...status, lanesLeftOut: 0, held: 2, paused }, 61_000).slice(1, 3)).toEqual([
    "Queue: 3 waiting, 0 in hand, 2 held",
    "Paused: smarthost/a, for 1 min: waypost resume smarthost/a",
  ]);
  expect(statusLines({ ...status, lanesLeftOut: 0, paused }, 1999)[2]).toMatch(/^Paused: smarthost\/a, just now: /);
  expect(statusLines({ ...status, lanesLeftOut: 0, state: "stopping" }, 0)[1]).toMatch(/^Stopping: no new mail /);
});

test("status says what mail in hand waits for, and where that is not known; what a DNS server said is escaped", () => {
  const free = { wanted: 1, newConnections: undefined, isCrowdedOut: false, isDiskFull: false };
  const used = { site: "smarthost/slow", connections: 2, window: 2, connectionsMax: 2, messages: undefined };
  const blocked = { ...free, ...used, site: "mx\u001b[31m", block: { until: 5000, text: "no\nway" } };
  const status = {
    version: "1.2.3",
    hostname: "relay.test",
    startedAt: 0,
    state: "running" as const,
    listeners: [],
    waiting: 0,
    inHand: 3,
    held: 0,
    paused: [],
    oldest: undefined,
    freeOctets: 2e9,
    neededOctets: 1e9,
    lanes: [],
    lanesLeftOut: 0,
  };
  const sites = [
    { ...free, ...used, block: undefined, messages: { begun: 30, limit: 30, nextAt: 13_000 } },
    blocked,
    { ...free, ...used, connections: 1, block: undefined },
  ];
  expect(statusLines({ ...status, sites, sitesLeftOut: 4 }, 1000).slice(2)).toEqual([
    "Mail waits for its next hop:",
    "  smarthost/slow: 2 of 2 connections; 30 of 30 messages this minute, the next in 12 s",
    "  mx\\x1b[31m: blocked, one connection tries again in 4 s: no\\x0away",
    "  and 4 more next hops",
  ]);
  expect(statusLines({ ...status, sites: [] }, 1000)).toHaveLength(2);
  const lane = { lane: "smarthost/slow", waiting: 3, wakeAt: undefined, blockedUntil: 5000 };
  const dead = { ...blocked, site: "smarthost/slow" };
  expect(statusLines({ ...status, sites: [dead], lanes: [lane] }, 1000).slice(2)).toEqual([
    "  smarthost/slow: 3 waiting, blocked",
    "Mail waits for its next hop:",
    "  smarthost/slow: blocked, one connection tries again in 4 s: no\\x0away",
  ]);
  expect(statusLines(status, 1000).at(-1)).toMatch(/^What mail in hand waits for is not known/);
});

test("the sink says by which id the relay knows a message", () => {
  const message = { id: "0VbfQUpNXUfJly", relayId: "0VbfQUpNXUaaaa", at: 0, from: "", to: ["a@b.test"], octets: 1 };
  expect(sinkLines([message])).toEqual([
    "0VbfQUpNXUfJly  relay's 0VbfQUpNXUaaaa  1970-01-01T00:00:00.000Z  <> -> <a@b.test>  1 B",
  ]);
});

test("what an action did, and what it could not do yet", () => {
  const nothing = { changed: 0, inHand: 0, hasMatch: false };
  expect(actionLines("hold", { ...nothing, hasMatch: true })).toEqual([
    "Nothing to hold there: all of it is held already.",
  ]);
  const noMatch = "Nothing in the queue is like that; nothing was changed.";
  expect(actionLines("hold", nothing)).toEqual([noMatch]);
  expect(actionLines("hold", { ...nothing, nearest: "mx/b.test" })).toEqual([`${noMatch} Did you mean mx/b.test?`]);
  expect(actionLines("cancel", { changed: 1, inHand: 2, hasMatch: true })).toEqual([
    "1 delivery cancelled",
    "2 deliveries in hand of the relay now: cancelled where they would wait again",
  ]);
  expect(pauseLines({ target: "inbound", isPaused: true, isChange: true })).toEqual([
    "inbound: paused, also over restarts, until you resume it",
  ]);
  expect(pauseLines({ target: "inbound", isPaused: false, isChange: false })).toEqual(["inbound was not paused"]);
});

test("what is held says since when; a page that looked through a lot says where to go on", () => {
  const held: DeliveryReport = {
    id: "0VbfQUpNXUfJly",
    recipient: "r@b.test",
    from: "a@b.test",
    lane: "smarthost/a",
    state: "held",
    attempts: 1,
    at: 1000,
    receivedAt: 1000,
    octets: 1,
    reason: "held: an operator holds it",
    text: "450 not now",
    transcript: "",
  };
  expect(queueLines({ deliveries: [held], after: undefined }, 2000)[1]).toBe(
    "    smarthost/a: held for 1 s; an operator holds it: 450 not now",
  );
  const lineOf = (change: Partial<DeliveryReport>): string | undefined =>
    queueLines(
      { deliveries: [{ ...held, state: "waiting", reason: "", text: "", ...change }], after: undefined },
      2000,
    )[1];
  const isPaused = true;
  expect([
    lineOf({ at: 0 }),
    lineOf({ at: 0, isPaused }),
    lineOf({ at: 9000 }),
    lineOf({ at: 9000, isPaused }),
  ]).toEqual([
    "    smarthost/a: 1 attempt, due now",
    "    smarthost/a: 1 attempt, due when it is resumed",
    "    smarthost/a: 1 attempt, next in 7 s",
    "    smarthost/a: 1 attempt, next in 7 s, if it is resumed by then",
  ]);
  const lookalike = lineOf({ state: "in hand", reason: "in-hand: x; mx.\u001b[31m: 1 of 1 connections" });
  expect(lookalike).toBe("    smarthost/a: in-hand: x; mx.\\x1b[31m: 1 of 1 connections");
  expect(queueLines({ deliveries: [], after: undefined }, 0)).toEqual(["The queue is empty."]);
  expect(queueLines({ deliveries: [], after: "7" }, 0, true)).toEqual([
    "Nothing in the queue is like that so far. There is more: --after 7",
  ]);
});

test("an attempt with what was said in it, when asked for; what a server said is escaped", () => {
  const attempt: DeliveryReport = {
    id: "0VbfQUpNXUfJly",
    recipient: "r@b.test",
    from: "a@b.test",
    lane: "smarthost/a",
    state: "deferred",
    attempts: 1,
    at: 0,
    receivedAt: 0,
    octets: 1,
    reason: "next-hop-refused",
    text: "450 not now",
    transcript: "+0 C: RCPT TO:<r@b.test>\n+3 S: 450 not\u001b[31m now",
  };
  const message = {
    id: attempt.id,
    from: "a@b.test",
    identity: "user app",
    client: "",
    subject: "",
    octets: 1,
    receivedAt: 0,
    deliveries: [],
    history: [attempt],
  };
  expect(messageLines(message, 1000, true).slice(-2)).toEqual([
    "      +0 C: RCPT TO:<r@b.test>",
    "      +3 S: 450 not\\x1b[31m now",
  ]);
  expect(messageLines(message, 1000, false).at(-1)).toMatch(/attempt 1\): 450 not now; next-hop-refused$/);
  const second = { ...attempt, recipient: "s@b.test", transcript: "", transcriptOf: "r\u001b@b.test" };
  const both = { ...message, history: [attempt, second] };
  expect(messageLines(both, 1000, true).at(-1)).toBe("      same attempt as <r\\x1b@b.test>");
  expect(messageLines(both, 1000, false).at(-1)).not.toContain("same attempt");
  const cancelled: DeliveryReport = { ...attempt, state: "cancelled", transcript: "", text: "", reason: "a note" };
  expect(messageLines({ ...message, deliveries: [cancelled], history: [cancelled] }, 1000, true).slice(-3)).toEqual([
    "  <r@b.test>  smarthost/a: taken out of the queue by the operator 1 s ago",
    "Attempts",
    "  1970-01-01T00:00:00.000Z  <r@b.test>  taken out of the queue by the operator after 1 attempt; its sender was not told",
  ]);
});
