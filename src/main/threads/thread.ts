import { flushCompileCache } from "node:module";
import { parentPort } from "node:worker_threads";
import { EventRecorder } from "../../adapters/log/event-recorder.ts";
import { SystemClock } from "../../adapters/system/clock.ts";
import { invariant } from "../../core/base/invariant.ts";
import type { Recorder } from "../../ports/recorder.ts";
import { eventFormat } from "./event-format.ts";
import type { RelayPlan, ThreadOrder, ThreadReport } from "../plan.ts";

let flushLog = (): void => undefined;

/** What is logged so far goes to the main thread now: before the thread ends. */
export function reportStopped(): void {
  flushLog();
  report({ kind: "stopped" });
}

/** A thread's line to the main thread. */
export function report(message: ThreadReport): void {
  invariant(parentPort !== null, "a thread has a parent");
  parentPort.postMessage(message);
  if (message.kind === "ready") flushCompileCache(); // a thread that is killed leaves it unwritten
}

export function onOrder(take: (order: ThreadOrder) => void): void {
  invariant(parentPort !== null, "a thread has a parent");
  parentPort.on("message", take);
}

const LOG_MS = 25;

/** Events become lines here; the main thread writes them. Lines of a moment travel together. */
export function threadRecorder(plan: RelayPlan): Recorder {
  let lines = "";
  const sink = (line: string): void => {
    if (lines === "") setTimeout(flush, LOG_MS);
    lines += line;
  };
  const flush = (): void => {
    const text = lines;
    lines = "";
    if (text !== "") report({ kind: "log", lines: text });
  };
  flushLog = flush;
  return new EventRecorder({
    level: plan.config.logs.level,
    clock: new SystemClock(),
    format: eventFormat(plan.isTerminal),
    sink,
  });
}
