import { expect, test } from "vitest";
import { type Arrived, type Books, type Ended, goneFor, judge } from "./account.ts";

const FROM = "app@example.test";

const BOOKS: Books = {
  acknowledged: [{ from: FROM, recipients: ["a.0@dest.test", "a.1@dest.test"], hash: "a" }],
  unknown: [{ from: FROM, recipients: ["b.0@dest.test"], hash: "b" }],
  arrived: [],
  refused: new Set(),
  // It acknowledges something every 20 ms.
  lives: {
    killedAt: [10_000, Number.POSITIVE_INFINITY],
    signs: Array.from({ length: 600 }, (_, n) => 20 * n),
  },
};

function arrival(recipient: string, loggedAt: number, more: Partial<Arrived> = {}): Arrived {
  return {
    from: FROM,
    recipient,
    hash: recipient[0]!,
    loggedAt,
    epoch: loggedAt > 10_000 ? 1 : 0,
    wasClosed: false,
    ...more,
  };
}

const BOTH = [arrival("a.0@dest.test", 9000), arrival("a.1@dest.test", 9000)];

test("what was acknowledged and neither taken nor refused is lost; what is unknown may be gone", () => {
  expect(judge({ ...BOOKS, arrived: BOTH }).lost).toEqual([]);
  expect(judge({ ...BOOKS, arrived: [BOTH[0]!] }).lost).toEqual(["a.1@dest.test"]);
  expect(judge({ ...BOOKS, arrived: [BOTH[0]!], refused: new Set(["a.1@dest.test"]) }).lost).toEqual([]);
});

test("what still waits in the queue of a slow relay has not gone: neither mail, nor the report to its sender", () => {
  const missing = ["a.0@dest.test", "a.1@dest.test"];
  expect(goneFor(missing, new Set())).toEqual(missing);
  expect(goneFor(missing, new Set(["a.0@dest.test"]))).toEqual(["a.1@dest.test"]);
  const senders = new Map([["a.1@dest.test", FROM]]);
  expect(goneFor(missing, new Set([FROM]), (recipient) => senders.get(recipient))).toEqual(["a.0@dest.test"]);
});

test("a second copy is explained by a kill soon after the first, or by the sink that gave no answer", () => {
  const byKill = judge({
    ...BOOKS,
    arrived: [...BOTH, arrival("b.0@dest.test", 9990), arrival("b.0@dest.test", 11_000)],
  });
  expect(byKill).toMatchObject({
    duplicates: { answeredByKill: 1, unansweredByKill: 0, transactionsByKill: new Map([[0, 1]]), byClose: 0 },
    unexplained: [],
    oldestRepeatMs: 10,
  });
  const byClose = judge({
    ...BOOKS,
    arrived: [...BOTH, arrival("b.0@dest.test", 5000, { wasClosed: true }), arrival("b.0@dest.test", 5100)],
  });
  expect(byClose).toMatchObject({
    duplicates: { answeredByKill: 0, unansweredByKill: 0, byClose: 1 },
    unexplained: [],
  });
});

test("a second copy of what was answered long before the kill, or without a kill, is not explained", () => {
  const long = [...BOTH, arrival("b.0@dest.test", 9700), arrival("b.0@dest.test", 11_000)];
  expect(judge({ ...BOOKS, arrived: long }).unexplained).toEqual(["b.0@dest.test"]);
  const without = [...BOTH, arrival("b.0@dest.test", 11_000), arrival("b.0@dest.test", 11_100)];
  expect(judge({ ...BOOKS, arrived: without }).unexplained).toEqual(["b.0@dest.test"]);
});

test("content or a sender that changed, and recipients that nobody sent to, are seen", () => {
  const changed = [BOTH[0]!, arrival("a.1@dest.test", 9000, { hash: "x" })];
  expect(judge({ ...BOOKS, arrived: changed }).altered).toEqual(["a.1@dest.test"]);
  const swapped = [BOTH[0]!, arrival("a.1@dest.test", 9000, { from: "other@example.test" })];
  expect(judge({ ...BOOKS, arrived: swapped }).altered).toEqual(["a.1@dest.test"]);
  expect(judge({ ...BOOKS, arrived: [...BOTH, arrival("z@dest.test", 1)] }).uninvited).toEqual(["z@dest.test"]);
});

test("a relay that was stopped before the kill, or waited for its disk, did not work then and records nothing", () => {
  const long = [...BOTH, arrival("b.0@dest.test", 4990), arrival("b.0@dest.test", 11_000)];
  const { killedAt, signs } = BOOKS.lives;
  const stopped = { killedAt, signs: signs.filter((at) => at < 5000 || at > 9900) };
  expect(judge({ ...BOOKS, lives: stopped, arrived: long })).toMatchObject({ unexplained: [], oldestRepeatMs: 5010 });
  const goneOn = { killedAt, signs: signs.filter((at) => at < 5000 || at > 9700) };
  expect(judge({ ...BOOKS, lives: goneOn, arrived: long }).unexplained).toEqual(["b.0@dest.test"]);
});

test("a refusal is an end too: what follows it, or what it follows, needs the same excuse", () => {
  const refusal = (loggedAt: number): Ended => ({ recipient: "b.0@dest.test", loggedAt, epoch: 0 });
  const refused = new Set(["b.0@dest.test"]);
  const taken = [...BOTH, arrival("b.0@dest.test", 5000)];
  expect(judge({ ...BOOKS, arrived: taken, refused }).unexplained).toEqual([]);
  expect(judge({ ...BOOKS, arrived: taken, refused, refusals: [refusal(6000)] }).unexplained).toEqual([
    "b.0@dest.test",
  ]);
  const twice = [refusal(9990), refusal(9995)];
  expect(judge({ ...BOOKS, arrived: BOTH, refused, refusals: [refusal(3000), refusal(6000)] }).unexplained).toEqual([
    "b.0@dest.test",
  ]);
  expect(judge({ ...BOOKS, arrived: BOTH, refused, refusals: twice })).toMatchObject({
    duplicates: { refusedByKill: 1 },
    unexplained: [],
  });
});
