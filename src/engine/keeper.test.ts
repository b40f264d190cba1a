import { expect, test } from "vitest";
import { EMPTY_ARRIVAL as arrival } from "../../test/support/arrival.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { StorageError } from "../ports/content.ts";
import type { Commit, LaneClaim, QueueStore } from "../ports/store.ts";
import { Keeper } from "./keeper.ts";
import type { StoreToMail, StoreToQueue } from "./messages.ts";

/** A keeper on a store that writes down what it is asked, with a line for each transaction. */
function scene(): {
  readonly keeper: Keeper;
  readonly clock: FakeClock;
  readonly asked: string[];
  readonly mails: StoreToMail[][];
  readonly queue: StoreToQueue[];
  fails: boolean;
} {
  const asked: string[] = [];
  const mails: StoreToMail[][] = [[], []];
  const queue: StoreToQueue[] = [];
  const clock = new FakeClock();
  const s = { fails: false };
  let row = 0;
  const claimOf = (lane: string): LaneClaim => {
    asked.push(`claim ${lane}`);
    const message = { row: 1, id: "i".repeat(14), receivedAt: 0, octets: 0, envelope: "{}", content: undefined };
    const deliveries = [{ row: 4096, lane, recipient: "r@b.example", options: "", attempts: 0, isTold: false }];
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
    claimDue: () => [claimOf("due")],
    claimLane: (lane) => claimOf(lane),
    rest: (lane) => void asked.push(`rest ${lane}`),
    forget: (last) => void asked.push(`forget ${last}`),
    nextWake: () => undefined,
    recover: () => 0,
  };
  const keeper = new Keeper({
    store,
    clock,
    mails: mails.map((list) => ({ say: (message) => void list.push(message) })),
    queue: { say: (message) => void queue.push(message) },
    full: () => void asked.push("full"),
  });
  return Object.assign(s, { keeper, clock, asked, mails, queue });
}

const commit = (arrivals: number): { readonly kind: "commit"; readonly commit: Commit } => ({
  kind: "commit",
  commit: { arrivals: Array.from({ length: arrivals }, () => ({ arrival, isInHand: true })), settlements: [] },
});

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
  s.keeper.forget(9);
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
