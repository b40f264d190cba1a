// The queue thread: knows what is due, what is in flight and which limits bind. No I/O.
import { workerData } from "node:worker_threads";
import { SystemClock } from "../../adapters/system/clock.ts";
import { SystemEntropy } from "../../adapters/system/entropy.ts";
import { listenTo, outletTo, plain } from "../../adapters/threads/outlet.ts";
import { lanesOfHosts } from "../../core/routing/lane.ts";
import type {
  ControlToQueue,
  MailToQueue,
  QueueToControl,
  QueueToMail,
  QueueToStore,
  StoreToQueue,
} from "../../engine/messages.ts";
import { Scheduler } from "../../engine/scheduler.ts";
import type { QueueThreadData } from "../plan.ts";
import { fallbacksOf, siteLimits } from "./next-hops.ts";
import { onOrder, report, reportStopped, threadRecorder } from "./thread.ts";

function main({ plan, mails, store, control }: QueueThreadData): void {
  let limitsOf = siteLimits(plan.config);
  let fallbacks = fallbacksOf(plan.config.routes);
  const scheduler = new Scheduler({
    clock: new SystemClock(),
    entropy: new SystemEntropy(),
    recorder: threadRecorder(plan),
    mails: mails.map((port) => outletTo(port, plain<QueueToMail>())),
    store: outletTo(store, plain<QueueToStore>()),
    limitsOf: (site) => limitsOf(site),
    fallbacksOf: (lane) => fallbacks(lane),
  });
  for (const [index, port] of mails.entries())
    listenTo(port, plain<MailToQueue>(), (message) => scheduler.fromMail(index, message));
  listenTo(store, plain<StoreToQueue>(), (message) => scheduler.fromStore(message));
  const toControl = outletTo(control, plain<QueueToControl>());
  listenTo(control, plain<ControlToQueue>(), (message) => toControl.say(scheduler.fromControl(message)));
  onOrder({
    stop: () => reportStopped(),
    adopt: ({ plan: { config }, changedHosts }) => {
      limitsOf = siteLimits(config);
      fallbacks = fallbacksOf(config.routes);
      scheduler.limitsChanged(
        lanesOfHosts(
          changedHosts,
          config.egresses.map(({ name }) => name),
        ),
      );
    },
  });
  report({ kind: "ready" });
}

main(workerData as QueueThreadData);
