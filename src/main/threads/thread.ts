import { parentPort } from "node:worker_threads";
import { EventRecorder } from "../../adapters/log/event-recorder.ts";
import { SystemClock } from "../../adapters/system/clock.ts";
import { invariant } from "../../core/base/invariant.ts";
import type { Recorder } from "../../ports/recorder.ts";
import { eventFormat } from "./event-format.ts";
import type { RelayPlan, ThreadOrder, ThreadReport } from "../plan.ts";

/** A thread's line to the main thread. */
export function report(message: ThreadReport): void {
  invariant(parentPort !== null, "a thread has a parent");
  parentPort.postMessage(message);
}

export function onOrder(take: (order: ThreadOrder) => void): void {
  invariant(parentPort !== null, "a thread has a parent");
  parentPort.on("message", take);
}

/** Events become lines here; the main thread writes them. Lines of one turn travel together. */
export function threadRecorder(plan: RelayPlan): Recorder {
  let lines = "";
  const sink = (line: string): void => {
    if (lines === "") setImmediate(flush);
    lines += line;
  };
  const flush = (): void => {
    const text = lines;
    lines = "";
    report({ kind: "log", lines: text });
  };
  return new EventRecorder({
    level: plan.config.logs.level,
    clock: new SystemClock(),
    format: eventFormat(plan.isTerminal),
    sink,
  });
}
