import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SqliteQueueStore } from "../adapters/store-sqlite/queue-store.ts";
import { BACKUP, KiB } from "../core/base/limits.ts";
import { messageId } from "../core/mail/message-id.ts";
import { type Arrival, deliveryRow } from "../ports/store.ts";
import { dataPaths } from "./plan.ts";
import { type ExportReport, exportQueue } from "./queue-export.ts";

let data: string;
let store: SqliteQueueStore;
beforeEach(() => {
  data = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-export-"));
  store = new SqliteQueueStore(dataPaths(data).queue, () => undefined);
});
afterEach(() => {
  store.close();
  fs.rmSync(data, { recursive: true });
});

const ENVELOPE = JSON.stringify({
  from: "a@b.test",
  identity: "app",
  client: "",
  prefix: "",
  isEightBit: false,
  isUtf8: false,
  subject: "s",
});

function arrival(n: number, octets: number): Arrival {
  return {
    id: messageId(1_000_000 + n, new Uint8Array([0, 0, 0, n >> 8, n])),
    receivedAt: n,
    octets,
    envelope: ENVELOPE,
    content: new Uint8Array(octets).fill(0x61),
    deliveries: [{ lane: "mx/b.test", recipient: "r@b.test", options: "", priority: "normal", due: n, last: "" }],
  };
}

function take(first: number, count: number, { octets = 1, isInHand = false } = {}): number[] {
  const arrivals = Array.from({ length: count }, (_, n) => ({ arrival: arrival(first + n, octets), isInHand }));
  return store.commit([{ arrivals, settlements: [] }]);
}

/** Cancelled while mail threads have them, as a relay leaves them that was killed then. */
function takeCancelled(first: number, count: number, octets: number): void {
  for (const row of take(first, count, { octets, isInHand: true })) store.act("cancel", [deliveryRow(row, 0)], 1);
}

async function exported(reached: (messages: number) => void = () => undefined): Promise<ExportReport> {
  return await exportQueue({ data, file: path.join(data, "out"), hostname: "relay.test", reached });
}

test("however much before it was cancelled in hand, what waits is in the file", async () => {
  takeCancelled(0, 399, 64 * KiB);
  take(399, 1);
  takeCancelled(400, BACKUP.messagesPerStep + 1, 1);
  take(400 + BACKUP.messagesPerStep + 1, 1);
  expect(await exported()).toMatchObject({ messages: 2, deliveries: 2, unreadable: [] });
});

test("a queue where all is cancelled is a file without messages", async () => {
  takeCancelled(0, 3, 1);
  expect(await exported()).toMatchObject({ messages: 0, deliveries: 0 });
});

test("mail that came while the queue was written is not left out in silence", async () => {
  take(0, 3);
  await expect(exported((messages) => void (messages === 3 && take(3, 1)))).rejects.toThrow(
    /1 of 4 messages came.* again/,
  );
  expect(fs.readdirSync(data).filter((name) => name.startsWith("out"))).toEqual([]);
});

test("what no import would take is left out and named, and keeps nothing else from it", async () => {
  const wrong = { ...arrival(1, 3), content: new Uint8Array([0x61, 0, 0x61]) };
  take(0, 1);
  store.commit([{ arrivals: [{ arrival: wrong, isInHand: false }], settlements: [] }]);
  take(2, 1);
  expect(await exported()).toMatchObject({
    messages: 2,
    unreadable: [{ id: wrong.id, why: "its content has a NUL" }],
  });
});
