import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, expect, test } from "vitest";
import { RelayHome } from "../support/relay.ts";
import { seedQueue } from "../support/seeded-queue.ts";
import { recipientsIn, scheduleIn } from "./records.ts";

const home = new RelayHome();
afterEach(() => home.remove());

test("lanes that would wake too late, or never, or that count wrongly, are seen", () => {
  const due = Date.now() + 60_000;
  seedQueue(home, { count: 3, lane: "smarthost/sink", due });
  expect(scheduleIn(home.data)).toEqual({ waiting: 3, asleep: [] });

  expect(after(`UPDATE lane SET wake_at = ${due + 1}`)).toEqual(["smarthost/sink wakes 1 ms late"]);
  expect(after(`UPDATE lane SET blocked_until = ${due + 1}`)).toEqual([]);
  expect(after(`UPDATE lane SET wake_at = ${due}, blocked_until = 0, backlog = 2`)).toEqual([
    "smarthost/sink counts 2 of 3",
  ]);
  expect(after(`UPDATE lane SET backlog = 3, blocked_until = ${due + 3_600_000}`)[0]).toContain("is blocked for");
  expect(
    after(`UPDATE lane SET blocked_until = 0; UPDATE delivery SET due = due + 86400000 WHERE row % 8192 = 0`)[0],
  ).toContain("has mail that waits for");
  const served = `UPDATE lane SET wake_at = ${Number.MAX_SAFE_INTEGER}`;
  expect(after(`UPDATE delivery SET due = ${due}; ${served}`)).toEqual([
    "smarthost/sink is served, and nothing of it is due",
  ]);
  expect(after(`UPDATE delivery SET due = ${Date.now()} WHERE row % 8192 = 0`)).toEqual([]);
  expect(after("UPDATE delivery SET due = 0; DELETE FROM lane")).toEqual(["smarthost/sink has no wake time"]);
});

test("what waits with a content that is gone, or cut, does not wait", () => {
  seedQueue(home, { count: 3, lane: "smarthost/sink", due: 0 });
  const database = new DatabaseSync(home.queueFile);
  const messages = database.prepare("SELECT id, octets FROM message ORDER BY row").all();
  database.exec("UPDATE message SET content = NULL");
  database.exec("UPDATE delivery SET recipient = recipient || row");
  database.close();
  const folder = path.join(home.data, "content", "ab");
  mkdirSync(folder, { recursive: true });
  const files = messages.map(({ id, octets }) => {
    const file = path.join(folder, String(id));
    writeFileSync(file, "x".repeat(Number(octets)));
    return file;
  });
  const counts = [recipientsIn(home.data).size];
  truncateSync(files[0]!, 1);
  counts.push(recipientsIn(home.data).size);
  rmSync(files[1]!);
  counts.push(recipientsIn(home.data).size);
  expect(counts).toEqual([3, 2, 1]);
});

function after(sql: string): readonly string[] {
  const database = new DatabaseSync(home.queueFile);
  database.exec(sql);
  database.close();
  return scheduleIn(home.data).asleep;
}
