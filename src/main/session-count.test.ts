import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { type Seat, SessionCount, type SessionLimits, sharedSessions } from "./session-count.ts";

const LIMITS: SessionLimits = { sessionsMax: 10, perStrangerMax: 2, perTrustedMax: 4 };
const STRANGER = "192.0.2.1";

function count(limits: Partial<SessionLimits> = {}): SessionCount {
  return new SessionCount(sharedSessions(), 0, { ...LIMITS, ...limits });
}

/** The seat; throws where there was none. */
function seated(sessions: SessionCount, address: string, isTrusted: boolean): Seat {
  const seat = sessions.enter(address, isTrusted);
  if (typeof seat === "string") throw new Error(seat);
  return seat;
}

test("a stranger's address has its limit, and room again when one leaves", () => {
  const sessions = count();
  const seats = [seated(sessions, STRANGER, false), seated(sessions, STRANGER, false)];
  expect(sessions.enter(STRANGER, false)).toBe("address");
  expect(sessions.sessions).toBe(2);
  seats[0]!.leave();
  expect(seated(sessions, STRANGER, false)).toBeDefined();
  expect(sessions.enter(STRANGER, false)).toBe("address");
});

test("a whole /64 of IPv6 is one address", () => {
  const sessions = count();
  expect(seated(sessions, "2001:db8::1", false)).toBeDefined();
  expect(seated(sessions, "2001:db8::ffff:2", false)).toBeDefined();
  expect(sessions.enter("2001:db8::3", false)).toBe("address");
  expect(seated(sessions, "2001:db8:0:1::3", false)).toBeDefined();
});

test("a client that gave a password makes room for strangers, up to the limit of those that are known", () => {
  const sessions = count();
  for (let known = 0; known < LIMITS.perTrustedMax; known++) {
    const seat = seated(sessions, STRANGER, false);
    seat.trust();
    seat.trust();
  }
  expect(sessions.enter(STRANGER, false)).toBe("address");
  expect(sessions.enter(STRANGER, true)).toBe("address");
  expect(sessions.sessions).toBe(LIMITS.perTrustedMax);
});

test("who leaves gives back all that it had, once", () => {
  const sessions = count({ perTrustedMax: 2 });
  for (const trusts of [true, false, true, false]) {
    const seat = seated(sessions, STRANGER, false);
    if (trusts) seat.trust();
    seat.leave();
    seat.leave();
    seat.trust();
  }
  expect(sessions.sessions).toBe(0);
  expect([1, 2, 3].map(() => typeof sessions.enter(STRANGER, false) !== "string")).toEqual([true, true, false]);
});

test("what the file descriptors allow is a limit of all listeners together, and strangers leave some of it", () => {
  const shared = sharedSessions(1024);
  expect(shared.max).toBe(512);
  expect(sharedSessions(200).max).toBe(100);
  const roomy = { sessionsMax: 1000, perStrangerMax: 1000, perTrustedMax: 1000 };
  const [one, other] = [0, 1].map((at) => new SessionCount(shared, at, roomy)) as [SessionCount, SessionCount];
  for (let n = 0; n < 461; n++) seated(n % 2 === 0 ? one : other, STRANGER, false);
  expect(other.enter(STRANGER, false)).toBe("file-descriptors");
  const known = Array.from({ length: 51 }, () => seated(other, "192.0.2.2", true));
  expect(other.enter("192.0.2.2", true)).toBe("file-descriptors");
  known[0]!.leave();
  expect(seated(other, "192.0.2.2", true)).toBeDefined();
});

test("a listener has its own limit, an address one on all listeners", () => {
  const shared = sharedSessions();
  const [one, other] = [0, 1].map((at) => new SessionCount(shared, at, { ...LIMITS, sessionsMax: 3 })) as [
    SessionCount,
    SessionCount,
  ];
  for (let n = 1; n <= 3; n++) expect(seated(one, `198.51.100.${n}`, false)).toBeDefined();
  expect(one.enter(STRANGER, false)).toBe("listener");
  expect(other.sessions).toBe(0);
  expect(seated(other, STRANGER, false)).toBeDefined();
  expect(seated(other, STRANGER, false)).toBeDefined();
  expect(other.enter(STRANGER, false)).toBe("address");
});

test("strangers leave a tenth of a listener's sessions to those that are known; who says who it is makes room", () => {
  const sessions = count({ sessionsMax: 100, perStrangerMax: 100, perTrustedMax: 100 });
  const strangers = Array.from({ length: 90 }, () => seated(sessions, STRANGER, false));
  expect(sessions.enter("192.0.2.2", false)).toBe("listener");
  expect(seated(sessions, "192.0.2.3", true)).toBeDefined();
  strangers[0]!.trust();
  expect(seated(sessions, "192.0.2.2", false)).toBeDefined();
  for (let n = 0; n < 8; n++) seated(sessions, "192.0.2.3", true);
  expect(sessions.enter("192.0.2.3", true)).toBe("listener");
});

test.each([
  { name: "the listener's", limits: { sessionsMax: 1000, perStrangerMax: 1, perTrustedMax: 1_000_000 } },
  { name: "the address's", limits: { sessionsMax: 1_000_000, perStrangerMax: 1, perTrustedMax: 1000 } },
  { name: "a limit of one", limits: { sessionsMax: 1, perStrangerMax: 1, perTrustedMax: 1 } },
])("two threads together keep exactly to a limit: $name", async ({ limits }) => {
  const shared = sharedSessions();
  const program = new URL("../../test/programs/enter-sessions.ts", import.meta.url);
  const workers = [0, 1].map(() => new Worker(program, { workerData: { shared, limits } }));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const answers = workers.map(async (worker) => ((await once(worker, "message")) as [number])[0]);
  for (const worker of workers) worker.postMessage("go");
  const admitted = (await Promise.all(answers)).reduce((sum, one) => sum + one, 0);
  expect(admitted).toBe(Math.min(limits.sessionsMax, limits.perTrustedMax));
  expect(new SessionCount(shared, 0, limits).sessions).toBe(admitted);
});
