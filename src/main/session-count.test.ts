import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { SessionCount, type SessionLimits, sharedSessions } from "./session-count.ts";

const LIMITS: SessionLimits = { sessionsMax: 10, perStrangerMax: 2, perTrustedMax: 4 };
const STRANGER = "192.0.2.1";

function count(limits: Partial<SessionLimits> = {}): SessionCount {
  return new SessionCount(sharedSessions(), 0, { ...LIMITS, ...limits });
}

test("a stranger's address has its limit, and room again when one leaves", () => {
  const sessions = count();
  const seats = [sessions.enter(STRANGER, false), sessions.enter(STRANGER, false)];
  expect(sessions.enter(STRANGER, false)).toBeUndefined();
  expect(sessions.sessions).toBe(2);
  seats[0]!.leave();
  expect(sessions.enter(STRANGER, false)).toBeDefined();
  expect(sessions.enter(STRANGER, false)).toBeUndefined();
});

test("a whole /64 of IPv6 is one address", () => {
  const sessions = count();
  expect(sessions.enter("2001:db8::1", false)).toBeDefined();
  expect(sessions.enter("2001:db8::ffff:2", false)).toBeDefined();
  expect(sessions.enter("2001:db8::3", false)).toBeUndefined();
  expect(sessions.enter("2001:db8:0:1::3", false)).toBeDefined();
});

test("a client that gave a password makes room for strangers, up to the limit of those that are known", () => {
  const sessions = count();
  for (let known = 0; known < LIMITS.perTrustedMax; known++) {
    const seat = sessions.enter(STRANGER, false);
    expect(seat).toBeDefined();
    seat!.trust();
    seat!.trust();
  }
  expect(sessions.enter(STRANGER, false)).toBeUndefined();
  expect(sessions.enter(STRANGER, true)).toBeUndefined();
  expect(sessions.sessions).toBe(LIMITS.perTrustedMax);
});

test("who leaves gives back all that it had, once", () => {
  const sessions = count({ perTrustedMax: 2 });
  for (const trusts of [true, false, true, false]) {
    const seat = sessions.enter(STRANGER, false)!;
    if (trusts) seat.trust();
    seat.leave();
    seat.leave();
    seat.trust();
  }
  expect(sessions.sessions).toBe(0);
  expect([1, 2, 3].map(() => sessions.enter(STRANGER, false) !== undefined)).toEqual([true, true, false]);
});

test("what the file descriptors allow is a limit of all listeners together, and strangers leave some of it", () => {
  const shared = sharedSessions(1024);
  expect(shared.max).toBe(512);
  expect(sharedSessions(200).max).toBe(100);
  const roomy = { sessionsMax: 1000, perStrangerMax: 1000, perTrustedMax: 1000 };
  const [one, other] = [0, 1].map((at) => new SessionCount(shared, at, roomy)) as [SessionCount, SessionCount];
  for (let n = 0; n < 460; n++) expect((n % 2 === 0 ? one : other).enter(STRANGER, false)).toBeDefined();
  expect(one.isFull(false)).toBe(true);
  expect(other.enter(STRANGER, false)).toBeUndefined();
  expect(one.isFull(true)).toBe(false);
  const known = Array.from({ length: 52 }, () => other.enter("192.0.2.2", true));
  expect(known.every((seat) => seat !== undefined)).toBe(true);
  expect(one.isFull(true)).toBe(true);
  expect(other.enter("192.0.2.2", true)).toBeUndefined();
  known[0]!.leave();
  expect(other.enter("192.0.2.2", true)).toBeDefined();
});

test("a listener has its own limit, an address one on all listeners", () => {
  const shared = sharedSessions();
  const [one, other] = [0, 1].map((at) => new SessionCount(shared, at, { ...LIMITS, sessionsMax: 3 })) as [
    SessionCount,
    SessionCount,
  ];
  for (let n = 1; n <= 3; n++) expect(one.enter(`198.51.100.${n}`, false)).toBeDefined();
  expect(one.enter(STRANGER, false)).toBeUndefined();
  expect(other.sessions).toBe(0);
  expect(other.enter(STRANGER, false)).toBeDefined();
  expect(other.enter(STRANGER, false)).toBeDefined();
  expect(other.enter(STRANGER, false)).toBeUndefined();
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
