import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { EMPTY_ARRIVAL as arrival } from "../../test/support/arrival.ts";
import { StorageError } from "../ports/content.ts";
import type { Settlement } from "../ports/store.ts";
import type { MailToStore } from "./messages.ts";
import { QueueClient } from "./queue-client.ts";

type CommitMessage = Extract<MailToStore, { kind: "commit" }>;

function scene(): {
  client: QueueClient;
  said: CommitMessage[];
  heard: number[];
  asked: string[];
  turn(): void;
  pass(): void;
} {
  const said: CommitMessage[] = [];
  const heard: number[] = [];
  const asked: string[] = [];
  const soon: (() => void)[] = [];
  const timers: (() => void)[] = [];
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    soon: (call: () => void) => void soon.push(call),
    after: (_: number, call: () => void) => ({ cancel: () => undefined, at: timers.push(call) }),
  };
  const say = (message: MailToStore): void => {
    if (message.kind === "heard") heard.push(message.number);
    else if (message.kind === "spooled?") asked.push(message.name);
    else said.push(message);
  };
  const client = new QueueClient(clock, { say }, { say: () => undefined });
  const run = (calls: (() => void)[]) => (): void => {
    for (const call of calls.splice(0)) call();
  };
  return { client, said, heard, asked, turn: run(soon), pass: run(timers) };
}

const end = (row: number): Settlement => ({ kind: "finish", row, entry: "" });

test("what comes while a commit is under way travels with the next one", async () => {
  const { client, said, turn } = scene();
  const first = client.submit(arrival, true);
  turn();
  const second = client.submit(arrival, true);
  turn();
  expect(said).toHaveLength(1);
  client.fromStore({ kind: "committed", rows: [7] });
  client.settle(end(1));
  turn();
  expect(said).toHaveLength(2);
  expect(said[1]!.commit).toMatchObject({ arrivals: [{ isInHand: true }], settlements: [{ row: 1 }] });
  client.fromStore({ kind: "committed", rows: [8] });
  await expect(Promise.all([first, second])).resolves.toEqual([7, 8]);
  await client.settled();
});

test("the end of a delivery does not wait for the arrivals that are under way", async () => {
  const { client, said, turn } = scene();
  const first = client.submit(arrival, true);
  turn();
  const second = client.submit(arrival, true);
  for (let row = 1; row <= 5; row++) {
    client.settle(end(row));
    turn();
  }
  const commits = said.map(({ commit }) => [commit.arrivals.length, commit.settlements.length]);
  expect(commits).toEqual([
    [1, 0],
    [0, 1],
    [0, 1],
    [0, 1], // four are under way: what comes now waits
  ]);
  client.fromStore({ kind: "committed", rows: [7] });
  turn();
  expect(said[4]!.commit).toMatchObject({ arrivals: [{}], settlements: [{ row: 4 }, { row: 5 }] });
  for (const rows of [[], [], [], [8]]) client.fromStore({ kind: "committed", rows });
  await expect(Promise.all([first, second])).resolves.toEqual([7, 8]);
});

test("a commit that fails refuses its arrivals and says its ends again: at once, and then after a while each time", async () => {
  const { client, said, turn, pass } = scene();
  const submitted = client.submit(arrival, true);
  client.settle(end(1));
  turn();
  client.fromStore({ kind: "not-committed", reason: "full", text: "no space" });
  await expect(submitted).rejects.toThrow(StorageError);
  client.settle(end(2));
  turn();
  expect(said[1]!.commit).toMatchObject({ arrivals: [], settlements: [{ row: 1 }, { row: 2 }] });
  for (let length = 2; length < 4; length++) {
    client.fromStore({ kind: "not-committed", reason: "full", text: "no space" });
    client.settle(end(length + 1));
    turn();
    expect(said).toHaveLength(length);
    pass();
    turn();
    expect(said.at(-1)!.commit.settlements).toHaveLength(length + 1);
  }
  client.fromStore({ kind: "committed", rows: [] });
  await client.settled();
  client.settle(end(9));
  turn();
  client.fromStore({ kind: "not-committed", reason: "full", text: "no space" });
  turn();
  expect(said).toHaveLength(6); // that was another trouble
});

test("commits that are under way together and fail together are said again once, at once, and in their order", () => {
  const { client, said, turn } = scene();
  for (const row of [1, 2]) {
    client.settle(end(row));
    turn();
  }
  for (let n = 0; n < 2; n++) client.fromStore({ kind: "not-committed", reason: "full", text: "no space" });
  turn();
  expect(said).toHaveLength(3);
  expect(said[2]!.commit).toMatchObject({ settlements: [{ row: 1 }, { row: 2 }] });
});

test("ends and the report that they cause are one commit, whatever else is on its way", async () => {
  const { client, said, turn } = scene();
  const first = client.submit(arrival, true);
  turn();
  const second = client.submit(arrival, true); // waits for the first
  let isDurable = false;
  const reported = client.settleWithReports([end(1), end(2)], [arrival]).then(() => (isDurable = true));
  client.settle(end(3));
  turn();
  expect(said[1]!.commit).toMatchObject({
    arrivals: [{ isInHand: false }],
    settlements: [{ row: 1 }, { row: 2 }, { row: 3 }],
  });
  client.fromStore({ kind: "committed", rows: [7] });
  turn();
  expect(said[2]!.commit).toMatchObject({ arrivals: [{ isInHand: true }], settlements: [] });
  expect(isDurable).toBe(false);
  client.fromStore({ kind: "committed", rows: [8] });
  client.fromStore({ kind: "committed", rows: [9] });
  await expect(Promise.all([first, second])).resolves.toEqual([7, 9]);
  await reported;
  expect(isDurable).toBe(true);
});

test("rows are told to the arrivals that asked, reports beside them or not", async () => {
  const { client, said, turn } = scene();
  const reported = client.settleWithReports([end(1)], [arrival, arrival]);
  const submitted = client.submit(arrival, true);
  turn();
  expect(said[0]!.commit.arrivals.map(({ isInHand }) => isInHand)).toEqual([true, false, false]);
  client.fromStore({ kind: "committed", rows: [4, 5, 6] });
  expect(await submitted).toBe(4);
  await reported;
});

test("a commit that fails keeps ends and their reports together, and says both again before what came since", async () => {
  const { client, said, turn } = scene();
  const reported = client.settleWithReports([end(1)], [{ ...arrival, id: "first" }]);
  turn();
  client.fromStore({ kind: "not-committed", reason: "failed", text: "no" });
  const later = client.settleWithReports([end(2)], [{ ...arrival, id: "second" }]);
  let isSettled = false;
  void client.settled().then(() => (isSettled = true));
  turn();
  expect(said[1]!.commit).toMatchObject({
    arrivals: [{ arrival: { id: "first" } }, { arrival: { id: "second" } }],
    settlements: [{ row: 1 }, { row: 2 }],
  });
  expect(isSettled).toBe(false);
  client.fromStore({ kind: "committed", rows: [1, 2] });
  await Promise.all([reported, later, client.settled()]);
});

test("settled waits for the commit that is under way", async () => {
  const { client, turn } = scene();
  client.settle(end(1));
  turn();
  let isSettled = false;
  const settled = client.settled().then(() => (isSettled = true));
  await Promise.resolve();
  expect(isSettled).toBe(false);
  client.fromStore({ kind: "committed", rows: [] });
  await settled;
  expect(isSettled).toBe(true);
});

test("that a pause was heard is said when all that was submitted before is in the store or refused, and waits for nothing after", async () => {
  const { client, heard, turn, pass } = scene();
  client.hear(1);
  await nextTurn();
  expect(heard).toEqual([1]);
  const first = client.submit(arrival, true);
  turn();
  const second = client.submit(arrival, true); // not said yet: it waits for the first
  client.hear(2);
  const refused = expect(first).rejects.toThrow(StorageError);
  client.fromStore({ kind: "not-committed", reason: "full", text: "no" });
  await refused;
  await nextTurn();
  expect(heard).toEqual([1]);
  pass();
  turn();
  void client.submit(arrival, true);
  client.fromStore({ kind: "committed", rows: [8] });
  expect(await second).toBe(8);
  await nextTurn();
  expect(heard).toEqual([1, 2]);
});

test("what is known of a file of the spool is asked at once, and answered by its number; a store that fails is no answer", async () => {
  const { client, asked } = scene();
  const [one, two] = [client.markOf("one"), client.markOf("two")];
  expect(asked).toEqual(["one", "two"]);
  client.spooled({ kind: "spooled", number: 2, mark: undefined, failure: "the disk" });
  client.spooled({ kind: "spooled", number: 1, mark: "one/!2" });
  await expect(one).resolves.toBe("one/!2");
  await expect(two).rejects.toThrow(StorageError);
});
