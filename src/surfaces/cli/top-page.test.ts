import { expect, test } from "vitest";
import type { StatusReport } from "../../engine/operator.ts";
import { noticeLines, topLines } from "./top-page.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const SITE = {
  site: "smarthost/a",
  connections: 2,
  window: 5,
  connectionsMax: 20,
  wanted: 2,
  newConnections: { begun: 3, limit: 100, nextAt: undefined },
  messages: undefined,
  block: undefined,
  isCrowdedOut: false,
  isDiskFull: false,
};
const STATUS: StatusReport = {
  version: "1.2.3",
  hostname: "relay.test",
  startedAt: NOW - 60_000,
  state: "running" as const,
  listeners: [],
  waiting: 1234,
  inHand: 5,
  held: 0,
  paused: [],
  oldest: NOW - 120_000,
  freeOctets: 2,
  neededOctets: 1,
  lanes: [{ lane: "smarthost/a", waiting: 1234, wakeAt: NOW - 1, blockedUntil: undefined }],
  lanesLeftOut: 0,
  sites: [SITE],
  traffic: {
    arrivedPerSecond: 123.4,
    deliveredPerSecond: 0.25,
    deferredPerSecond: 0,
    failedPerSecond: 0,
    latency: { half: 12, most: 1500 },
  },
  sessions: 7,
};
const SCREEN = { columns: 80, rows: 24 };

test("a frame says how much waits, comes and goes, and where", () => {
  expect(topLines(STATUS, NOW, SCREEN)).toEqual([
    "waypost 1.2.3 on relay.test   up 1 min   12:00:00 UTC",
    "Queue    1,234 waiting   5 in hand   0 held   oldest 2 min",
    "Flow     123/s in   0.3/s delivered   0.0/s deferred   0.0/s failed",
    "Latency  p50 12 ms   p95 1.5 s   from acceptance to delivery, last minute",
    "Sessions 7",
    "",
    "  waiting  lane         state",
    "    1,234  smarthost/a  due",
    "",
    "  next hop     connections  new/min  messages/min  waits for",
    "  smarthost/a  2 of 5 (20)  3/100    -",
  ]);
});

test("what is in trouble is there: blocks, pauses, a full disk, a queue thread that is busy", () => {
  const block = { until: NOW + 12_000, text: "no\u001b[31m" };
  const lane = (name: string, change: object): StatusReport["lanes"][number] => ({
    lane: name,
    waiting: 1,
    wakeAt: NOW + 9000,
    blockedUntil: undefined,
    ...change,
  });
  const lines = topLines(
    {
      ...STATUS,
      paused: [{ target: "mx/b.test", since: 0 }],
      freeOctets: 0,
      isStoreReplaced: true,
      lanes: [lane("smarthost/a", { blockedUntil: NOW + 12_000 }), lane("mx/b.test", {}), lane("mx/c.test", {})],
      sites: [{ ...SITE, block }],
      sitesLeftOut: 3,
    },
    NOW,
    { columns: 200, rows: 40 },
  ).join("\n");
  expect(lines).toContain(
    "Paused   mx/b.test\nStore    mail is refused with 451: its files were replaced\nDisk     mail is refused with 452",
  );
  expect(lines).toContain("smarthost/a  blocked, tries again in 12 s\n");
  expect(lines).toMatch(/mx\/b\.test +paused\n.*mx\/c\.test +next in 9 s\n/);
  expect(lines).toContain("blocked, one connection tries again in 12 s: no\\x1b[31m");
  expect(lines).toContain("and 3 more next hops");
  const { sites: _, traffic: __, ...busy } = STATUS;
  const bare = topLines(busy, NOW, SCREEN).join("\n");
  expect(bare).toContain("did not answer in time");
  expect(bare).not.toContain("Flow");
});

test.each([
  [80, 24],
  [40, 10],
  [20, 3],
  [1, 1],
])("a frame fits a screen of %i by %i, whatever there is", (columns, rows) => {
  const lanes = Array.from({ length: 20 }, (_, n) => ({
    ...STATUS.lanes[0]!,
    lane: `smarthost/${n}${"x".repeat(90)}`,
  }));
  const sites = Array.from({ length: 20 }, (_, n) => ({ ...SITE, site: `mx${n}.test` }));
  const lines = topLines({ ...STATUS, lanes, lanesLeftOut: 1000, sites, sitesLeftOut: 7 }, NOW, { columns, rows });
  expect(lines.length).toBe(rows);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  expect(noticeLines("no relay\nq ends this", { columns, rows }).every((line) => line.length <= columns)).toBe(true);
});

test("on a usual screen both lanes and next hops have room, and the rest is counted", () => {
  const lanes = Array.from({ length: 20 }, (_, n) => ({ ...STATUS.lanes[0]!, lane: `smarthost/${n}` }));
  const sites = Array.from({ length: 20 }, (_, n) => ({ ...SITE, site: `mx${n}.test` }));
  const lines = topLines({ ...STATUS, lanes, sites }, NOW, SCREEN);
  expect(lines.filter((line) => line.includes("smarthost/")).length).toBeGreaterThanOrEqual(6);
  expect(lines.filter((line) => /^ {2}mx\d/.test(line)).length).toBeGreaterThanOrEqual(5);
  expect(lines.filter((line) => /^ {2}and \d+ more$/.test(line))).toHaveLength(2);
});
