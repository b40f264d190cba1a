// The store thread: the only writer of the queue store.
import { workerData } from "node:worker_threads";
import { FolderOfContents } from "../../adapters/content-files/content-files.ts";
import { damageOf } from "../../adapters/store-sqlite/damage.ts";
import { SchemaTooNewError } from "../../adapters/store-sqlite/schema.ts";
import { isDiskFull } from "../../adapters/disk-full.ts";
import { SqliteQueueStore } from "../../adapters/store-sqlite/queue-store.ts";
import { SystemClock } from "../../adapters/system/clock.ts";
import { listenTo, outletTo, plain } from "../../adapters/threads/outlet.ts";
import { COMMIT, answers } from "../../adapters/threads/parcels.ts";
import { STORE } from "../../core/base/limits.ts";
import { lanesOfHosts } from "../../core/routing/lane.ts";
import { Keeper } from "../../engine/keeper.ts";
import type { ControlToStore, QueueToStore, StoreToControl, StoreToMail, StoreToQueue } from "../../engine/messages.ts";
import { StorageError } from "../../ports/content.ts";
import { type RelayPlan, type StoreThreadData, dataPaths } from "../plan.ts";
import { SpaceWatch } from "./space-watch.ts";
import { onOrder, report, reportStopped, threadRecorder } from "./thread.ts";

function main({ plan, mails, queue, control }: StoreThreadData): void {
  const paths = dataPaths(plan.config.data);
  const recorder = threadRecorder(plan);
  const contents = new FolderOfContents(paths.content);
  const space = new SpaceWatch({
    folder: plan.config.data,
    reserveFile: paths.reserve,
    messageOctetsMax: largest(plan),
    recorder,
    tell: (report) => keeper.space(report),
  });
  const store = new SqliteQueueStore(paths.queue, (id) => contents.remove(id));
  contents.sweep(store.files());
  const keeper: Keeper = new Keeper({
    store,
    clock: new SystemClock(),
    mails: mails.map((port) => outletTo(port, answers<StoreToMail>())),
    queue: outletTo(queue, plain<StoreToQueue>()),
    control: outletTo(control, plain<StoreToControl>()),
    expire: plan.config.retry.expire,
    full: () => space.full(),
  });
  const recovered = keeper.start();
  const look = (): void => {
    space.look(store);
    store.forgetImports(Date.now());
  };
  look();
  const timer = setInterval(look, STORE.spaceCheck);
  for (const [index, port] of mails.entries()) listenTo(port, COMMIT, (message) => keeper.fromMail(index, message));
  listenTo(queue, plain<QueueToStore>(), (message) => keeper.fromQueue(message));
  listenTo(control, plain<ControlToStore>(), (message) => keeper.fromControl(message));
  onOrder({
    stop: () => {
      clearInterval(timer);
      store.close();
      reportStopped();
    },
    adopt: ({ plan: next, changedHosts }) => {
      keeper.unblock(
        lanesOfHosts(
          changedHosts,
          next.config.egresses.map(({ name }) => name),
        ),
      );
      space.setLargest(largest(next));
      keeper.setExpire(next.config.retry.expire);
    },
  });
  report({ kind: "ready", recovered });
}

function largest({ config }: RelayPlan): number {
  return Math.max(...config.listeners.map((listener) => listener.messageOctetsMax));
}

/** What is wrong with the store's file and takes an operator; undefined where it is something else. */
function faultOf(file: string, error: unknown): string | undefined {
  return error instanceof SchemaTooNewError ? error.message : damageOf(file, error);
}

const data = workerData as StoreThreadData;
try {
  main(data);
} catch (error) {
  const isFull = isDiskFull(error) || (error instanceof StorageError && error.reason === "full");
  const text = faultOf(dataPaths(data.plan.config.data).queue, error);
  if (isFull) report({ kind: "failed", text: "", isDiskFull: true });
  else if (text === undefined) throw error;
  else report({ kind: "failed", text });
}
