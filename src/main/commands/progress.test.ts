import { expect, test } from "vitest";
import { Progress } from "./progress.ts";

function scene(): { progress: Progress; written: string[]; passes: (ms: number) => void } {
  const written: string[] = [];
  let now = 0;
  const progress = new Progress("cancel", { write: (text) => void written.push(text), now: () => now });
  return { progress, written, passes: (ms) => void (now += ms) };
}

test("what is done within a second shows nothing", () => {
  const { progress, written, passes } = scene();
  progress.reached(1, 10);
  passes(999);
  progress.reached(9, 10);
  progress.end();
  expect(written).toEqual([]);
});

test("it says how far it is and how long it takes, not oftener than anybody reads, and takes its line away", () => {
  const { progress, written, passes } = scene();
  passes(10_000);
  progress.reached(45_000, 100_000);
  passes(100);
  progress.reached(45_100, 100_000);
  passes(100);
  progress.reached(110_000, 100_000); // more came than was counted
  progress.end();
  expect(written).toEqual([
    "\r\u001b[Kcancel: 45,000 of 100,000, 12 s left",
    "\r\u001b[Kcancel: 110,000 of 110,000, 0 s left",
    "\r\u001b[K",
  ]);
});

test("before anything is done nobody knows how long it takes", () => {
  const { progress, written, passes } = scene();
  passes(2000);
  progress.reached(0, 5);
  expect(written).toEqual(["\r\u001b[Kcancel: 0 of 5"]);
});
