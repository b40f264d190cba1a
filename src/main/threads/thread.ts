import { flushCompileCache } from "node:module";
import { parentPort } from "node:worker_threads";
import { EventRecorder } from "../../adapters/log/event-recorder.ts";
import { SystemClock } from "../../adapters/system/clock.ts";
import { invariant } from "../../core/base/invariant.ts";
import type { Recorder } from "../../ports/recorder.ts";
import { eventFormat } from "./event-format.ts";
import type { RelayPlan, ThreadOrder, ThreadReport } from "../plan.ts";

let flushLog = (): void => undefined;
let recording: { go(plan: RelayPlan): void } | undefined;

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

/** What a thread does at the main thread's word; what is not there is not for it. */
export type Orders = {
  readonly [Kind in ThreadOrder["kind"]]?: (order: Extract<ThreadOrder, { kind: Kind }>) => unknown;
} & { readonly stop: () => unknown };

/** Before it begins there is nothing to finish. */
const LOADED: Orders = { stop: () => reportStopped() };

/**
 * The life of a thread: says that its modules are loaded, which all threads do side by side, and runs `main` with its data when it
 * is its turn; what it does at the orders that follow is what `main` answers, undefined where it failed. They are obeyed one
 * after the other, so that their answers keep their order.
 */
export function live(main: (data: never) => Orders | undefined): void {
  invariant(parentPort !== null, "a thread has a parent");
  let orders = LOADED;
  let last: Promise<unknown> = Promise.resolve();
  parentPort.on("message", (order: ThreadOrder) => {
    if (order.kind === "begin")
      orders = main(order.data as never) ?? LOADED; // who begins a thread knows what it takes
    else if (order.kind === "stop") void orders.stop();
    else last = last.then(() => obey(orders, order));
  });
  report({ kind: "loaded" });
}

async function obey(orders: Orders, order: ThreadOrder): Promise<void> {
  await (orders[order.kind] as ((order: ThreadOrder) => unknown) | undefined)?.(order);
  if (order.kind !== "adopt") return;
  recording?.go(order.plan);
  report({ kind: "adopted" });
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
  const recorder = new EventRecorder({
    level: plan.config.logs.level,
    logKey: plan.logKey,
    clock: new SystemClock(),
    format: eventFormat(plan.isTerminal),
    sink,
  });
  recording = { go: ({ config, logKey }) => recorder.goBy({ level: config.logs.level, logKey }) };
  return recorder;
}
