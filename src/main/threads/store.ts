// The store thread: the only writer of the queue store.
import { workerData } from "node:worker_threads";
import { FolderOfContents } from "../../adapters/content-files/content-files.ts";
import { damageOf } from "../../adapters/store-sqlite/damage.ts";
import { SchemaTooNewError } from "../../adapters/store-sqlite/schema.ts";
import { SqliteQueueStore } from "../../adapters/store-sqlite/queue-store.ts";
import { SystemClock } from "../../adapters/system/clock.ts";
import { NEEDED_TO_DELIVER, neededToAccept, spaceOf } from "../../adapters/system/space.ts";
import { listenTo, outletTo, plain } from "../../adapters/threads/outlet.ts";
import { COMMIT, answers } from "../../adapters/threads/parcels.ts";
import { STORE } from "../../core/base/limits.ts";
import { Keeper } from "../../engine/keeper.ts";
import type { QueueToStore, StoreToMail, StoreToQueue } from "../../engine/messages.ts";
import type { SpaceReport } from "../../ports/store.ts";
import { type StoreThreadData, dataPaths } from "../plan.ts";
import { onOrder, report, reportStopped, threadRecorder } from "./thread.ts";

/** What the control thread says: history has everything up to this row of the outbox. */
export interface ControlToStore {
  readonly forgetUpTo: number;
}

function main({ plan, mails, queue, control }: StoreThreadData): void {
  const paths = dataPaths(plan.config.data);
  const clock = new SystemClock();
  const recorder = threadRecorder(plan);
  const contents = new FolderOfContents(paths.content);
  const store = new SqliteQueueStore(paths.queue, (id) => contents.remove(id));
  contents.sweep(store.files());
  const keeper = new Keeper(
    store,
    clock,
    mails.map((port) => outletTo(port, answers<StoreToMail>())),
    outletTo(queue, plain<StoreToQueue>()),
  );
  const recovered = keeper.start();
  const messageOctetsMax = Math.max(...plan.config.listeners.map((listener) => listener.messageOctetsMax));
  let last: SpaceReport = { freeOctets: 0, mayAccept: true, mayDeliver: true };
  let isFirst = true;
  /** Threads hear of it only where it changes what they may do. */
  const look = (): void => {
    const { freeOctets, totalOctets } = spaceOf(plan.config.data);
    const neededOctets = neededToAccept(totalOctets, messageOctetsMax);
    const next: SpaceReport = {
      freeOctets,
      mayAccept: freeOctets >= neededOctets,
      mayDeliver: freeOctets >= NEEDED_TO_DELIVER,
    };
    if (next.mayAccept !== last.mayAccept) {
      recorder.record(
        next.mayAccept ? { event: "space.restored", freeOctets } : { event: "space.low", freeOctets, neededOctets },
      );
    }
    if (isFirst || next.mayAccept !== last.mayAccept || next.mayDeliver !== last.mayDeliver) keeper.space(next);
    last = next;
    isFirst = false;
  };
  look();
  const timer = setInterval(look, STORE.spaceCheck);
  for (const [index, port] of mails.entries()) listenTo(port, COMMIT, (message) => keeper.fromMail(index, message));
  listenTo(queue, plain<QueueToStore>(), (message) => keeper.fromQueue(message));
  control.on("message", ({ forgetUpTo }: ControlToStore) => store.forget(forgetUpTo));
  onOrder(() => {
    clearInterval(timer);
    store.close();
    reportStopped();
  });
  report({ kind: "ready", recovered });
}

/** What is wrong with the store's file and takes an operator; undefined where it is something else. */
function faultOf(file: string, error: unknown): string | undefined {
  return error instanceof SchemaTooNewError ? error.message : damageOf(file, error);
}

const data = workerData as StoreThreadData;
try {
  main(data);
} catch (error) {
  const text = faultOf(dataPaths(data.plan.config.data).queue, error);
  if (text === undefined) throw error;
  report({ kind: "failed", text });
}
