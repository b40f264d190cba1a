import { expect, test } from "vitest";
import { Gate } from "./gate.ts";

/** One runs at a time, so many wait; what ends is said by `next`. */
function scene(waitingMax: number) {
  const gate = new Gate(1, waitingMax);
  const log: string[] = [];
  const running: (() => void)[] = [];
  const gone = new Set<string>();
  const come = (name: string): void => {
    const comer = { line: name[0]!, isGone: () => gone.has(name) };
    const task = async (): Promise<true> => {
      log.push(name);
      await new Promise<void>((resolve) => running.push(resolve));
      return true;
    };
    void gate.run(comer, task).then((done) => done ?? log.push(`-${name}`));
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const next = async (): Promise<void> => {
    running.shift()!();
    await settle();
  };
  return { log, gone, come, next, settle, running };
}

test("lines take turns, however many wait in one", async () => {
  const { log, come, next } = scene(10);
  for (const name of ["a1", "a2", "a3", "a4", "b1", "b2", "c1"]) come(name);
  for (let left = 7; left > 0; left--) await next();
  expect(log).toEqual(["a1", "a2", "b1", "c1", "a3", "b2", "a4"]);
});

test("without room the longest line gives up its end, unless one's own is as long", async () => {
  const { log, come, next, settle, running } = scene(3);
  for (const name of ["a1", "a2", "a3", "a4"]) come(name);
  await settle();
  for (const name of ["a5", "b1", "b2", "c1"]) {
    come(name);
    await settle();
  }
  expect(log.splice(0)).toEqual(["a1", "-a5", "-a4", "-b2", "-a3"]);
  while (running.length > 0) await next();
  expect(log).toEqual(["a2", "b1", "c1"]);
});

test("who is gone when it would be its turn, or where there is no room, does not run, and leaves its place", async () => {
  const { log, gone, come, next, settle, running } = scene(3);
  for (const name of ["a1", "a2", "a3", "b1"]) come(name);
  gone.add("a2");
  gone.add("b1");
  come("b2");
  await settle();
  expect(log.splice(0)).toEqual(["a1", "-a2", "-b1"]);
  gone.add("a3");
  await next();
  expect(log.splice(0).toSorted()).toEqual(["-a3", "b2"]);
  gone.add("b3");
  come("b3");
  await next();
  expect([log.splice(0), running.length]).toEqual([["-b3"], 0]);
  come("c1"); // the place is free again
  await settle();
  expect(log).toEqual(["c1"]);
});
