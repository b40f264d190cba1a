// The queue thread as the system has it: its clock.
import { SystemClock } from "../../adapters/system/clock.ts";
import { SystemEntropy } from "../../adapters/system/entropy.ts";
import type { QueueThreadData } from "../plan.ts";
import { QueueThread } from "../queue-thread.ts";
import { type Orders, live, report, reportStopped, threadRecorder } from "./thread.ts";

function main(data: QueueThreadData): Orders {
  const thread = new QueueThread(data, {
    clock: new SystemClock(),
    entropy: new SystemEntropy(),
    recorder: threadRecorder(data.plan),
  });
  report({ kind: "ready" });
  return {
    stop: () => reportStopped(),
    adopt: ({ plan, changedHosts }) => thread.adopt(plan, changedHosts),
  };
}

live(main);
