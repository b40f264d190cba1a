import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { QueueReader } from "../adapters/store-sqlite/queue-reader.ts";
import { SqliteQueueStore } from "../adapters/store-sqlite/queue-store.ts";
import { QUEUE, STORE } from "../core/base/limits.ts";
import type { Event } from "../core/events.ts";
import { messageId } from "../core/mail/message-id.ts";
import type { ControlToStore } from "../engine/messages.ts";
import { OperatorClient } from "../engine/operator-client.ts";
import type { QueueAction } from "../core/queue/action.ts";
import { lastWord } from "../core/queue/reason.ts";
import type { Selection } from "../core/queue/selection.ts";
import type { CountPage } from "./operator.ts";
import { countPage } from "./queue-count.ts";
import { QueueOperator } from "./queue-operator.ts";
import { walk } from "./queue-walk.ts";

// A queue longer than one look: one delivery in a thousand goes to a lane of its own, from a sender of its own.
const MESSAGES = STORE.lookedThroughMax + 2000;
const RARE = { lane: "smarthost/rare", every: 1000 } as const;
const idOf = (n: number): string => messageId(1_000_000 + n, new Uint8Array([0, 0, 0, n >> 8, n]));

let folder: string;
let store: SqliteQueueStore;
let queue: QueueReader;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-operator-"));
  const file = path.join(folder, "queue.db");
  store = new SqliteQueueStore(file, () => undefined);
  const arrivals = Array.from({ length: MESSAGES }, (_, n) => {
    const isRare = n % RARE.every === RARE.every - 1;
    const lane = isRare ? RARE.lane : "smarthost/a";
    const delivery = {
      lane,
      recipient: `r${n}@${isRare ? "rare" : "c"}.example`,
      options: "",
      priority: "normal" as const,
      due: 1e15,
      last: "",
    };
    const envelope = JSON.stringify({ from: `s@${isRare ? "rare" : "b"}.example`, identity: "user a", subject: "" });
    const arrival = { id: idOf(n), receivedAt: 1_000_000 + n, octets: 0, envelope, content: new Uint8Array(0) };
    return { arrival: { ...arrival, deliveries: [delivery] }, isInHand: false };
  });
  store.commit([{ arrivals, settlements: [] }]);
  queue = new QueueReader(file);
});
afterAll(() => {
  queue.close();
  store.close();
  fs.rmSync(folder, { recursive: true });
});

/** An operator whose store thread is this one. `time` passes with each step. */
function scene(
  stepMs = 0,
  isHanging = false,
): { operator: QueueOperator; events: Event[]; steps: number[]; timers: Set<() => void> } {
  const timers = new Set<() => void>();
  const events: Event[] = [];
  const steps: number[] = [];
  let now = 0;
  const client: OperatorClient = new OperatorClient(
    { say: (message) => void (isHanging || answer(message)) },
    { now: () => 1, after: (_, call) => ({ cancel: timers.add(call) && (() => void timers.delete(call)) }) },
  );
  const answer = (message: ControlToStore): void => {
    if (message.kind === "act") {
      steps.push(message.rows.length);
      now += stepMs;
      const { changed, inHand } = store.act(message.action, message.rows, 1);
      client.fromStore({ kind: "acted", number: message.number, changed, inHand });
    } else if (message.kind === "pause") {
      const text = "queue store: disk is full";
      client.fromStore({ kind: "not-done", number: message.number, reason: "full", text });
    }
  };
  const clock = { now: () => now, monotonic: () => now, soon: queueMicrotask };
  const recorder = { record: (event: Event) => void events.push(event) };
  const parts = {
    queue,
    client,
    recorder,
    clock,
    smartHosts: () => ["a", "primary"],
    egresses: () => ["bulk", "news"],
  };
  return { operator: new QueueOperator(parts), events, steps, timers };
}

test("a look at a long queue ends, says where to go on, and finds all in the end", () => {
  for (const selection of [
    { lane: RARE.lane },
    { sender: { kind: "domain", domain: "rare.example" } },
    { recipientDomain: { kind: "domain", domain: "rare.example" } },
  ] as const) {
    const first = walk(queue, { selection, after: 0, limit: 50 });
    expect([first.found.length, first.after]).toEqual([10, STORE.lookedThroughMax * 4096]);
    const second = walk(queue, { selection, after: first.after!, limit: 50 });
    expect([second.found.length, second.after]).toEqual([2, undefined]);
  }
  const page = walk(queue, { selection: {}, after: 0, limit: 50 });
  expect([page.found.length, page.after]).toEqual([50, 50 * 4096]);
});

test("mail for a next hop that changed is tried again, which is an event where there was some", async () => {
  const { operator, events } = scene();
  await operator.tryAgain(["primary"]);
  expect(events).toEqual([]);
  await operator.tryAgain(["rare", "primary"]);
  expect(events).toEqual([
    { event: "queue.changed", action: "retry", selection: `lane ${RARE.lane}`, deliveries: 12, inHand: 0 },
  ]);
});

test("what the next hop before may have taken already waits its time, whatever it is now", async () => {
  const database = new DatabaseSync(path.join(folder, "queue.db"));
  database
    .prepare("UPDATE delivery SET last = ?1 WHERE row = (SELECT min(row) FROM delivery WHERE lane = ?2)")
    .run(lastWord("possible-duplicate", "", 0), RARE.lane);
  database.close();
  const { operator, events } = scene();
  await operator.tryAgain(["rare"]);
  expect(events).toMatchObject([{ action: "retry", deliveries: 11 }]);
  expect(await operator.act({ action: "retry", selection: { lane: RARE.lane } })).toMatchObject({ changed: 12 });
});

test("an action goes over the whole queue, in steps, and is one event", async () => {
  const { operator, events, steps } = scene();
  const request = { action: "hold", selection: { all: true } };
  expect(await operator.act(request)).toEqual({ changed: MESSAGES, inHand: 0, hasMatch: true, after: undefined });
  expect(steps).toHaveLength(MESSAGES / QUEUE.deliveriesPerAction);
  expect(events).toEqual([
    { event: "queue.changed", action: "hold", selection: "all", deliveries: MESSAGES, inHand: 0 },
  ]);
  expect(await operator.act(request)).toEqual({ changed: 0, inHand: 0, hasMatch: true, after: undefined });
  expect(steps).toHaveLength(MESSAGES / QUEUE.deliveriesPerAction); // nothing to do costs the store thread nothing
  expect(walk(queue, { selection: { lane: RARE.lane, standing: "held" }, after: 0, limit: 50 }).found).toHaveLength(10);
});

test("one that takes long answers how far it came, and goes on from there", async () => {
  const { operator, events } = scene(700);
  let changed = 0;
  let after: string | undefined;
  do {
    const report = await operator.act({ action: "release", selection: { lane: "smarthost/a" }, after });
    if ("refused" in report) throw new Error(report.refused);
    expect(report.changed).toBeLessThanOrEqual(3 * QUEUE.deliveriesPerAction);
    changed += report.changed;
    after = report.after;
  } while (after !== undefined);
  expect(changed).toBe(MESSAGES - 12);
  expect(events.length).toBeGreaterThan(10);
});

test("what came after it was counted is not touched", async () => {
  const { operator } = scene();
  await operator.act({ action: "release", selection: { all: true } });
  const request = { action: "hold", selection: { lane: RARE.lane }, until: 1_000_000 + 2 * RARE.every };
  expect(await operator.act(request)).toMatchObject({ changed: 2 });
  const narrower = { ...request, selection: { ...request.selection, olderThan: "1970-01-01T00:00:00Z" } };
  expect(await operator.act(narrower)).toMatchObject({ changed: 0, hasMatch: false });
  expect(await operator.act({ action: "release", selection: { all: true } })).toMatchObject({ changed: 2 });
});

test("a count goes over the whole queue page by page, and counts what an action would change", () => {
  const count = (selection: Selection, action: QueueAction | undefined): unknown[] => {
    const pages: CountPage[] = [];
    for (let after = 0, counted: number | undefined; ;) {
      const page = countPage(queue, { selection, action, after, counted });
      pages.push(page);
      if (page.after === undefined) break;
      after = Number(page.after);
      counted = page.counted === undefined ? undefined : Number(page.counted);
    }
    const sum = (of: (page: CountPage) => number): number => pages.reduce((so, page) => so + of(page), 0);
    return [pages.length, sum(({ deliveries }) => deliveries), sum(({ messages }) => messages)];
  };
  expect(count({}, undefined)).toEqual([2, MESSAGES, MESSAGES]);
  expect(count({ lane: RARE.lane }, "cancel")).toEqual([2, 12, 12]);
  expect(count({}, "release")).toEqual([2, 0, 0]);
  expect(countPage(queue, { selection: {}, action: undefined, after: 0, counted: undefined }).lanes).toEqual([
    { lane: "smarthost/a", deliveries: STORE.lookedThroughMax - 10 },
    { lane: RARE.lane, deliveries: 10 },
  ]);
});

test("one message, or one recipient of it, and nothing beside", async () => {
  const { operator } = scene();
  const selection = { id: idOf(7) };
  const other = { ...selection, recipient: "r8@c.example" };
  expect(await operator.act({ action: "cancel", selection: other })).toEqual({
    kind: "nothing",
    refused: `no such recipient of message ${idOf(7)} in the queue`,
  });
  const own = { ...selection, recipient: "R7@c.example" };
  expect(await operator.act({ action: "cancel", selection: own })).toMatchObject({ changed: 1 });
  expect(await operator.act({ action: "cancel", selection })).toEqual({
    kind: "nothing",
    refused: `no message ${idOf(7)} in the queue`,
  });
});

test("a lane that nobody knows is wrong, and the nearest is named; one where nothing waits is not", async () => {
  const { operator, steps } = scene();
  await operator.act({ action: "release", selection: { lane: RARE.lane } }); // what is held is in no lane
  steps.length = 0;
  const hold = (lane: string, more = {}): Promise<unknown> =>
    operator.act({ action: "hold", selection: { lane }, ...more });
  /** The last page of the queue, so that the looks at it are short. */
  const last = { after: String((MESSAGES - 1) * 4096) };
  const wrong = (lane: string, advice: string): unknown => ({
    kind: "wrong",
    refused: `${lane}: neither the configuration nor the queue has such a smart host; ${advice}`,
  });
  expect(await hold("smarthost/pirmary", last)).toEqual(wrong("smarthost/pirmary", "did you mean smarthost/primary?"));
  expect(await hold("smarthost/rar", last)).toEqual(wrong("smarthost/rar", "did you mean smarthost/rare?"));
  expect(await hold("smarthost/typo", last)).toEqual(wrong("smarthost/typo", "the configuration has a, primary"));
  expect(await operator.pause({ target: "smarthost/pirmary", isPaused: true })).toEqual(
    wrong("smarthost/pirmary", "did you mean smarthost/primary?"),
  );
  const nothing = { changed: 0, inHand: 0, hasMatch: false, after: undefined };
  expect(await hold("smarthost/primary", last)).toEqual(nothing);
  expect(await hold("mx/b.example", last)).toEqual(nothing);
  // Pages before this one found something, which may be gone from the queue by now.
  expect(await hold("smarthost/typo", { ...last, hasMatch: true })).toEqual({ ...nothing, hasMatch: true });
  expect(steps).toEqual([]);
});

test("a lane names an egress that there is; mail of the same next hop may be in the queue of another one", async () => {
  const { operator } = scene();
  const last = { after: String((MESSAGES - 1) * 4096) };
  const hold = (lane: string): Promise<unknown> => operator.act({ action: "hold", selection: { lane }, ...last });
  const refused = (lane: string, why: string): unknown => ({
    kind: "wrong",
    refused: `${lane}: neither the configuration nor the queue has such ${why}`,
  });
  expect(await hold("mx/b.example@blk")).toEqual(
    refused("mx/b.example@blk", "an egress; did you mean mx/b.example@bulk?"),
  );
  expect(await hold("smarthost/primary@nwes")).toEqual(
    refused("smarthost/primary@nwes", "an egress; did you mean smarthost/primary@news?"),
  );
  expect(await hold("mx/b.example@x")).toEqual(
    refused("mx/b.example@x", "an egress; the configuration has bulk, news"),
  );
  expect(await hold("smarthost/typo@bulk")).toMatchObject(
    refused("smarthost/typo@bulk", "a smart host; the configuration has a, primary") as object,
  );
  expect(await operator.pause({ target: "mx/b.example@blk", isPaused: true })).toMatchObject({ kind: "wrong" });
  expect(await hold("mx/b.example@bulk")).not.toHaveProperty("refused");
  expect(await hold("smarthost/a@bulk")).toMatchObject({ changed: 0, nearest: "smarthost/a" });
});

test("a store that hangs does not hang a command", async () => {
  const { operator, timers } = scene(0, true);
  const acted = operator.act({ action: "retry", selection: { id: idOf(9) } });
  const paused = operator.pause({ target: "inbound", isPaused: true });
  expect(timers.size).toBe(2);
  for (const ring of timers) ring();
  const refusal = { kind: "failed", refused: expect.stringMatching(/^the store did not answer within 5 s/) };
  expect([await acted, await paused]).toEqual([refusal, refusal]);
});

test("a step that the store answered in time leaves no timer", async () => {
  const { operator, timers } = scene();
  await operator.act({ action: "hold", selection: { id: idOf(9) } });
  expect(timers.size).toBe(0);
});

test.each([
  [undefined, /no action undefined/],
  [{ action: "drop", selection: {} }, /no action drop; there are hold/],
  [{ action: "hold" }, /which mail/],
  [{ action: "hold", selection: { lane: 7 } }, /lane is no text/],
  [{ action: "hold", selection: { all: true }, after: "x" }, /`after` takes/],
  [{ action: "hold", selection: { all: true }, until: "x" }, /`until` takes/],
])("%j is refused", async (request, refused) => {
  expect(await scene().operator.act(request)).toEqual({ kind: "wrong", refused: expect.stringMatching(refused) });
});

test("a pause that the store does not take is told, and what is no lane of ours is refused", async () => {
  const { operator, events } = scene();
  await operator.act({ action: "release", selection: { lane: RARE.lane } });
  events.length = 0;
  const pause = (target: unknown, isPaused = true): Promise<unknown> => operator.pause({ target, isPaused });
  for (const target of ["inbound", "smarthost/a", RARE.lane])
    expect(await pause(target)).toEqual({
      kind: "failed",
      refused: expect.stringMatching(/^queue store: disk is full/),
    });
  for (const target of [7, "nope", "smarthost/nope"]) expect(await pause(target)).toMatchObject({ kind: "wrong" });
  expect(await pause("smarthost/nope", false)).toMatchObject({ kind: "failed" }); // it may have been one
  expect(events).toEqual([]);
});
