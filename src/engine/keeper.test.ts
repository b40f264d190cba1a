import { expect, test } from "vitest";
import { EMPTY_ARRIVAL as arrival } from "../../test/support/arrival.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { StorageError } from "../ports/content.ts";
import { DSN, QUEUE } from "../core/base/limits.ts";
import { day } from "../core/base/time.ts";
import { SITE_BLOCK_MAX } from "../core/queue/backoff.ts";
import type { Pause } from "../core/queue/pause.ts";
import type { Commit, LaneClaim, QueueStore } from "../ports/store.ts";
import { Keeper } from "./keeper.ts";
import type { StoreToControl, StoreToMail, StoreToQueue } from "./messages.ts";

/** A keeper on a store that writes down what it is asked, with a line for each transaction. */
function scene({ expire } = { expire: 5000 }): {
  readonly keeper: Keeper;
  readonly clock: FakeClock;
  readonly asked: string[];
  readonly mails: StoreToMail[][];
  readonly queue: StoreToQueue[];
  readonly control: StoreToControl[];
  fails: boolean;
} {
  const asked: string[] = [];
  const mails: StoreToMail[][] = [[], []];
  const queue: StoreToQueue[] = [];
  const control: StoreToControl[] = [];
  const clock = new FakeClock();
  const s = { fails: false };
  let row = 0;
  let paused: Pause[] = [];
  const claimOf = (lane: string): LaneClaim => {
    asked.push(`claim ${lane}`);
    const message = { row: 1, id: "i".repeat(14), receivedAt: 0, octets: 0, envelope: "{}", content: undefined };
    const deliveries = [
      {
        row: 4096,
        lane,
        recipient: "r@b.example",
        options: "",
        priority: "normal" as const,
        attempts: 0,
        isTold: false,
        wish: "none" as const,
      },
    ];
    return { lane, claimed: [{ message, deliveries }], count: 1, hasMore: false };
  };
  const store: QueueStore = {
    together(work) {
      asked.push("begin");
      const result = work();
      if (s.fails) throw new StorageError("full", "no space");
      return result;
    },
    commit: (commits) => {
      asked.push(`commit ${commits.length}`);
      return commits.flatMap(({ arrivals }) => arrivals.map(() => ++row));
    },
    markOf: (name) => {
      if (s.fails) throw new StorageError("failed", "no disk");
      return name === "known" ? "known/!1" : undefined;
    },
    claimDue: () => [claimOf("due")],
    claimLane: (lane) => claimOf(lane),
    rest: (lane) => void asked.push(`rest ${lane}`),
    forget: (last) => void asked.push(`forget ${last}`),
    nextWake: () => undefined,
    recover: () => 0,
    act(action, rows) {
      asked.push(`${action} ${rows.join()}`);
      return { changed: rows.length, inHand: 1, lanes: ["a"] };
    },
    wakeOverdue: (before, senders, after, now) => {
      asked.push(`overdue since ${now - before} behind ${after.row} of ${senders}`);
      return after.row < 300 ? { receivedAt: undefined, row: after.row + 100 } : undefined;
    },
    pullIn(after, _, longestWait) {
      asked.push(`pull in ${longestWait} behind ${after}`);
      return after === "" ? "lane" : undefined;
    },
    import: (arrivals) => {
      asked.push(`import ${arrivals.length}`);
      return arrivals.map(() => true);
    },
    unblock: (lane) => {
      asked.push(`unblock ${lane}`);
      return true;
    },
    pauses: () => paused,
    pause: (target, since) => {
      asked.push(`pause ${target.kind}`);
      paused = since === undefined ? [] : [{ target, since }];
      return true;
    },
  };
  const keeper = new Keeper({
    store,
    clock,
    mails: mails.map((list) => ({ say: (message) => void list.push(message) })),
    queue: { say: (message) => void queue.push(message) },
    control: { say: (message) => void control.push(message) },
    retry: { expire, longestWait: 90, longestNamed: 95 },
    full: () => void asked.push("full"),
  });
  return Object.assign(s, { keeper, clock, asked, mails, queue, control });
}

const commit = (arrivals: number): { readonly kind: "commit"; readonly commit: Commit } => ({
  kind: "commit",
  commit: { arrivals: Array.from({ length: arrivals }, () => ({ arrival, isInHand: true })), settlements: [] },
});

const PARKED = {
  kind: "park",
  row: 4096,
  lane: "a",
  due: 0,
  attempts: 1,
  last: "",
  entry: "",
  isTold: false,
} as const;

test("what came meanwhile is one transaction, and each mail thread gets its rows", () => {
  const s = scene();
  s.keeper.fromMail(0, commit(2));
  s.keeper.fromMail(1, commit(1));
  s.keeper.fromQueue({ kind: "rest", lane: "a", blockedUntil: 5 });
  s.keeper.fromQueue({ kind: "claim-lane", lane: "b", now: 0, mailThread: 1 });
  s.clock.runSoon();
  expect(s.asked).toEqual(["begin", "commit 2", "rest a", "claim b"]);
  expect(s.mails[0]).toEqual([{ kind: "committed", rows: [1, 2] }]);
  expect(s.mails[1]).toMatchObject([{ kind: "committed", rows: [3] }, { kind: "claimed" }]);
  expect(s.queue).toEqual([
    { kind: "claimed", isDue: false, lanes: [{ lane: "b", count: 1, octets: 0, hasMore: false }] },
  ]);
});

test("few claims a turn: mail that comes does not wait for all of them", () => {
  const s = scene();
  for (const lane of ["a", "b", "c"]) s.keeper.fromQueue({ kind: "claim-lane", lane, now: 0, mailThread: 0 });
  s.clock.runSoon();
  s.keeper.fromMail(0, commit(1));
  s.clock.runSoon();
  expect(s.asked).toEqual(["begin", "commit 0", "claim a", "claim b", "begin", "commit 1", "claim c"]);
});

test("a transaction that fails refuses its mail at once; the queue's orders are tried again until they are obeyed", () => {
  const s = scene();
  s.fails = true;
  s.keeper.fromMail(0, commit(1));
  s.keeper.fromQueue({ kind: "rest", lane: "a", blockedUntil: 5 });
  s.keeper.fromControl({ kind: "forget", row: 9 });
  s.keeper.fromQueue({ kind: "claim-due", now: 0, lanesMax: 50, mailThread: 0 });
  s.clock.runSoon();
  expect(s.mails[0]).toEqual([{ kind: "not-committed", reason: "full", text: "no space" }]);
  expect(s.asked.at(-1)).toBe("full");
  s.asked.length = 0;
  s.fails = false;
  s.keeper.fromMail(0, commit(1)); // mail does not wait for the orders
  s.clock.runSoon();
  expect(s.asked).toEqual(["begin", "commit 1"]);
  s.clock.advance(1000);
  expect(s.asked.slice(2)).toEqual(["begin", "commit 0", "rest a", "forget 9", "claim due"]);
  expect(s.queue).toMatchObject([{ kind: "claimed", lanes: [{ lane: "due" }] }]);
});

const act = (number: number, action: "hold" | "retry" | "release" = "retry", rows = [4096]) =>
  ({ kind: "act", number, action, rows }) as const;

test("steps of an operator's action are slow orders: few a turn, beside the mail that comes", () => {
  const s = scene();
  for (const number of [1, 2, 3]) s.keeper.fromControl(act(number, "hold", [number]));
  s.clock.runSoon();
  s.keeper.fromMail(0, commit(1));
  s.clock.runSoon();
  expect(s.asked.filter((line) => !line.startsWith("unblock"))).toEqual([
    "begin",
    "commit 0",
    "hold 1",
    "hold 2",
    "begin",
    "commit 1",
    "hold 3",
  ]);
  expect(s.control).toEqual([1, 2, 3].map((number) => ({ kind: "acted", number, changed: 1, inHand: 1 })));
});

test("what is to be tried now unblocks its lane once, and all threads hear of it before the lane wakes", () => {
  const s = scene();
  s.keeper.fromControl(act(1));
  s.keeper.fromControl(act(2));
  s.clock.runSoon();
  const unblock = { kind: "unblock", lane: "a" };
  expect([s.queue, ...s.mails].map((said) => said[0])).toEqual([unblock, unblock, unblock]);
  expect(s.asked.filter((line) => line === "unblock a")).toHaveLength(1);
  s.clock.advance(1000);
  s.keeper.fromControl(act(3));
  s.keeper.fromControl(act(4, "release"));
  s.clock.runSoon();
  expect(s.asked.filter((line) => line === "unblock a")).toHaveLength(2);
});

test("what an operator wants of deliveries in hand is told to those who may have them; that they are tried again is no news", () => {
  const s = scene();
  s.keeper.fromControl(act(1, "hold", [4096, 4097]));
  s.keeper.fromControl(act(2, "retry"));
  s.clock.runSoon();
  const heard = s.mails.map((said) => said.filter(({ kind }) => kind === "wanted"));
  expect(heard).toEqual(s.mails.map(() => [{ kind: "wanted", rows: [4096, 4097] }]));
});

test("what is paused is told to all threads, at the start and at each change", () => {
  const s = scene();
  s.keeper.start();
  const none = { kind: "pauses", inbound: false, outbound: false, lanes: [] };
  expect([s.queue, ...s.mails]).toEqual([[none], [none], [none]]);
  s.keeper.fromControl({ kind: "pause", number: 1, target: { kind: "lane", lane: "a" }, isPaused: true });
  s.clock.runSoon();
  expect(s.queue.at(-1)).toEqual({ ...none, lanes: ["a"] });
  expect(s.mails[1]!.at(-1)).toEqual({ ...none, lanes: ["a"] });
  s.keeper.fromControl({ kind: "pause", number: 2, target: { kind: "lane", lane: "a" }, isPaused: false });
  s.clock.runSoon();
  expect(s.queue.at(-1)).toEqual(none);
  expect(s.control).toEqual([
    { kind: "paused", number: 1, isChange: true },
    { kind: "paused", number: 2, isChange: true },
  ]);
});

test("a pause of new mail is answered when what each mail thread had taken is in the store, and all other pauses at once", () => {
  const s = scene();
  const inbound = { kind: "inbound" } as const;
  s.keeper.fromControl({ kind: "pause", number: 7, target: inbound, isPaused: true });
  s.keeper.fromControl({ kind: "pause", number: 2, target: { kind: "outbound" }, isPaused: true });
  s.clock.runSoon();
  const paused = (number: number) => ({ kind: "paused", number, isChange: true });
  expect(s.control).toEqual([paused(2)]);
  for (const said of s.mails) expect(said.map(({ kind }) => kind)).toEqual(["pauses", "hear", "pauses"]);
  s.keeper.fromMail(0, { kind: "heard", number: 1 });
  s.keeper.fromMail(1, commit(1)); // it had taken that before it heard
  s.clock.runSoon();
  expect(s.control).toEqual([paused(2)]);
  s.keeper.fromMail(1, { kind: "heard", number: 1 });
  expect(s.control).toEqual([paused(2), paused(7)]);
  s.keeper.fromControl({ kind: "pause", number: 3, target: inbound, isPaused: false });
  s.clock.runSoon();
  expect(s.control.at(-1)).toEqual(paused(3));
});

test("where the store's files were replaced all hear of it, the control thread too", () => {
  const s = scene();
  const report = { freeOctets: 1, mayAccept: false, mayDeliver: true, isStoreReplaced: true } as const;
  s.keeper.space(report);
  for (const told of [...s.mails, s.queue, s.control]) expect(told.at(-1)).toEqual({ kind: "space", report });
});

test("an operator hears that the store failed, and nothing is done later", () => {
  const s = scene();
  s.fails = true;
  s.keeper.fromControl(act(1));
  s.keeper.fromControl({ kind: "pause", number: 2, target: { kind: "inbound" }, isPaused: true });
  s.clock.runSoon();
  const text = "no space";
  expect(s.control).toEqual([1, 2].map((number) => ({ kind: "not-done", number, reason: "full", text })));
  expect(s.queue).toEqual([]);
  s.asked.length = 0;
  s.fails = false;
  s.clock.advance(1000);
  expect(s.asked).toEqual([]);
});

test("what is too old is looked for now and then, step by step, from the oldest on", () => {
  const s = scene();
  s.keeper.start();
  s.asked.length = 0;
  s.clock.advance(QUEUE.overdueEvery);
  for (let n = 0; n < 10; n++) s.clock.runSoon();
  const steps = s.asked.filter((what) => what.startsWith("overdue"));
  expect(steps).toEqual([0, 100, 200, 300].map((row) => `overdue since 5000 behind ${row} of all`));
});

test("mail of the null sender is looked for at its own age, in steps of its own", () => {
  const s = scene({ expire: 5 * day });
  s.keeper.start();
  s.clock.advance(QUEUE.overdueEvery);
  for (let n = 0; n < 10; n++) s.clock.runSoon();
  const steps = s.asked.filter((what) => what.startsWith("overdue"));
  expect(steps.filter((what) => what.endsWith("all"))).toEqual(
    [0, 100, 200, 300].map((row) => `overdue since ${5 * day} behind ${row} of all`),
  );
  expect(steps.filter((what) => what.endsWith("null"))).toEqual(
    [0, 100, 200, 300].map((row) => `overdue since ${DSN.lifeMax} behind ${row} of null`),
  );
});

test("a look for what is too old goes on step by step; while the store fails it is one, and stays where it was", () => {
  const s = scene();
  s.keeper.start();
  s.fails = true;
  s.clock.advance(30 * QUEUE.overdueEvery);
  s.asked.length = 0;
  s.fails = false;
  s.clock.advance(2000);
  for (let turns = 0; turns < 9; turns++) s.clock.runSoon();
  const steps = s.asked.filter((line) => line.startsWith("overdue"));
  expect(steps).toEqual([0, 100, 200, 300].map((row) => `overdue since 5000 behind ${row} of all`));
});

test("what a clock that was ahead put off is brought forward, lane by lane: at the start, and where the clock was set back", () => {
  const s = scene();
  s.keeper.start();
  const looks = (): string[] => {
    s.clock.advance(QUEUE.overdueEvery);
    for (let turns = 0; turns < 9; turns++) s.clock.runSoon();
    return s.asked.splice(0).filter((line) => line.startsWith("pull in"));
  };
  const walk = ["pull in 90 behind ", "pull in 90 behind lane"];
  expect(looks()).toEqual(walk); // what the process before wrote
  s.clock.jump(day);
  expect(looks()).toEqual([]);
  s.clock.jump(-day);
  expect(looks()).toEqual(walk);
  expect(looks()).toEqual([]);
});

test("what is put off for longer than anything waits is brought forward at the next look, and that once", () => {
  const s = scene();
  s.keeper.start();
  s.clock.advance(QUEUE.overdueEvery);
  const looks = (): number => {
    s.asked.length = 0;
    s.clock.advance(QUEUE.overdueEvery);
    for (let turns = 0; turns < 9; turns++) s.clock.runSoon();
    return s.asked.filter((line) => line.startsWith("pull in")).length;
  };
  const park = (due: number): void =>
    s.keeper.fromMail(0, { kind: "commit", commit: { arrivals: [], settlements: [{ ...PARKED, due }] } });
  looks(); // what the process before wrote
  park(s.clock.now() + 95);
  s.keeper.fromQueue({ kind: "rest", lane: "a", blockedUntil: s.clock.now() + SITE_BLOCK_MAX });
  s.clock.runSoon();
  expect(looks()).toBe(0);
  park(s.clock.now() + 96);
  s.clock.runSoon();
  expect([looks(), looks()]).toEqual([2, 0]);
  s.keeper.fromQueue({ kind: "rest", lane: "a", blockedUntil: s.clock.now() + SITE_BLOCK_MAX + 1 });
  s.clock.runSoon();
  expect([looks(), looks()]).toEqual([2, 0]);
});

test("one that asks how the room on the disk is hears what was said last", () => {
  const s = scene();
  s.keeper.fromControl({ kind: "space?" });
  expect(s.control).toEqual([]);
  const report = { freeOctets: 1, mayAccept: false, mayDeliver: true, isStoreReplaced: true } as const;
  s.keeper.space(report);
  s.keeper.fromControl({ kind: "space?" });
  expect(s.control).toEqual([1, 2].map(() => ({ kind: "space", report })));
});

test("lanes whose servers are others now are unblocked, whatever waits in them, and all threads hear of it", () => {
  const s = scene();
  s.keeper.unblock(["a", "b"]);
  s.clock.runSoon();
  expect(s.asked.filter((line) => line.startsWith("unblock"))).toEqual(["unblock a", "unblock b"]);
  const unblocks = ["a", "b"].map((lane) => ({ kind: "unblock", lane }));
  for (const said of [s.queue, ...s.mails]) expect(said.filter(({ kind }) => kind === "unblock")).toEqual(unblocks);
});

test("a mail thread hears what is known of a file of the spool, or that the store could not look", () => {
  const s = scene();
  s.keeper.fromMail(1, { kind: "spooled?", number: 4, name: "known" });
  s.keeper.fromMail(1, { kind: "spooled?", number: 5, name: "other" });
  s.fails = true;
  s.keeper.fromMail(1, { kind: "spooled?", number: 6, name: "known" });
  expect(s.mails[1]!.filter(({ kind }) => kind === "spooled")).toEqual([
    { kind: "spooled", number: 4, mark: "known/!1" },
    { kind: "spooled", number: 5, mark: undefined },
    { kind: "spooled", number: 6, mark: undefined, failure: "no disk" },
  ]);
});
