import { expect, test } from "vitest";
import { EMPTY_ARRIVAL as arrival } from "../../test/support/arrival.ts";
import { StorageError } from "../ports/content.ts";
import type { Settlement } from "../ports/store.ts";
import type { MailToStore } from "./messages.ts";
import { QueueClient } from "./queue-client.ts";

function scene(): { client: QueueClient; said: MailToStore[]; turn(): void; pass(): void } {
  const said: MailToStore[] = [];
  const soon: (() => void)[] = [];
  const timers: (() => void)[] = [];
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    soon: (call: () => void) => void soon.push(call),
    after: (_: number, call: () => void) => ({ cancel: () => undefined, at: timers.push(call) }),
  };
  const client = new QueueClient(clock, { say: (message) => void said.push(message) }, { say: () => undefined });
  const run = (calls: (() => void)[]) => (): void => {
    for (const call of calls.splice(0)) call();
  };
  return { client, said, turn: run(soon), pass: run(timers) };
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

test("a commit that fails refuses its arrivals and says its ends again", async () => {
  const { client, said, turn, pass } = scene();
  const submitted = client.submit(arrival, true);
  client.settle(end(1));
  turn();
  client.fromStore({ kind: "not-committed", reason: "full", text: "no space" });
  await expect(submitted).rejects.toThrow(StorageError);
  turn();
  expect(said).toHaveLength(1);
  client.settle(end(2));
  pass();
  turn();
  expect(said[1]!.commit).toMatchObject({ arrivals: [], settlements: [{ row: 1 }, { row: 2 }] });
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
