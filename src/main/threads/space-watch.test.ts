import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SqliteQueueStore } from "../../adapters/store-sqlite/queue-store.ts";
import { GiB, MiB } from "../../core/base/limits.ts";
import type { Event } from "../../core/events.ts";
import type { SpaceReport } from "../../ports/store.ts";
import { SpaceWatch } from "./space-watch.ts";

let folder: string;
let store: SqliteQueueStore;
let freeOctets: number;
const statfs = fs.statfsSync;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-space-"));
  store = new SqliteQueueStore(path.join(folder, "queue.db"), () => undefined);
  freeOctets = 10 * GiB;
  vi.spyOn(fs, "statfsSync").mockImplementation((at) =>
    Object.assign(statfs(at), { bsize: 1, bavail: freeOctets, blocks: 20 * GiB }),
  );
});
afterEach(() => {
  vi.restoreAllMocks();
  store.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

interface Scene {
  readonly told: SpaceReport[];
  readonly events: Event[];
  /** How often what can be done without was dropped. */
  drops: number;
  isReplaced: boolean;
  look(): void;
}

function scene(): Scene {
  const s: Scene = { told: [], events: [], drops: 0, isReplaced: false, look: () => watch.look(store) };
  const watch = new SpaceWatch({
    folder,
    reserveFile: path.join(folder, "reserve"),
    messageOctetsMax: MiB,
    recorder: { record: (event) => void s.events.push(event) },
    isReplaced: () => s.isReplaced,
    tell: (report) => void s.told.push(report),
    isFull: () => void s.drops++,
  });
  return s;
}

const WELL = { mayAccept: true, mayDeliver: true };

test("where there is no room mail is refused, and what can be done without is dropped, once", () => {
  const s = scene();
  s.look();
  s.look();
  expect(s.told).toEqual([{ freeOctets, ...WELL }]);
  expect([s.drops, s.events]).toEqual([0, []]);
  freeOctets = GiB / 2;
  s.look();
  s.look();
  expect(s.told.slice(1)).toEqual([{ freeOctets, mayAccept: false, mayDeliver: true }]);
  expect([s.drops, s.events.map(({ event }) => event)]).toEqual([1, ["space.low"]]);
  freeOctets = 10 * GiB;
  s.look();
  expect(s.told.slice(2)).toEqual([{ freeOctets, ...WELL }]);
});

test("where the store's files went mail is refused and deliveries go on, and nothing is dropped or said of the disk", () => {
  const s = scene();
  s.look();
  s.isReplaced = true;
  s.look();
  s.look();
  expect(s.told.slice(1)).toEqual([{ freeOctets, mayAccept: false, mayDeliver: true, isStoreReplaced: true }]);
  fs.rmSync(folder, { recursive: true }); // all of it went
  expect(() => s.look()).not.toThrow();
  expect(s.told.at(-1)).toMatchObject({ mayAccept: false, mayDeliver: true, isStoreReplaced: true });
  expect(s.drops).toBe(0);
});

test("a file that is back lets mail in again", () => {
  const s = scene();
  s.isReplaced = true;
  s.look();
  s.isReplaced = false;
  s.look();
  expect(s.told).toEqual([
    { freeOctets, mayAccept: false, mayDeliver: true, isStoreReplaced: true },
    { freeOctets, ...WELL },
  ]);
  expect(s.events).toEqual([]);
});
