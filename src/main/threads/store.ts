// The store thread as the system has it: its database, its disk, its clock.
import { FolderOfContents } from "../../adapters/content-files/content-files.ts";
import { damageOf } from "../../adapters/store-sqlite/damage.ts";
import { SchemaTooNewError } from "../../adapters/store-sqlite/schema.ts";
import { isDiskFull } from "../../adapters/disk-full.ts";
import { SqliteQueueStore } from "../../adapters/store-sqlite/queue-store.ts";
import { OpenStoreFiles } from "../../adapters/store-sqlite/store-files.ts";
import { SystemClock } from "../../adapters/system/clock.ts";
import { STORE } from "../../core/base/limits.ts";
import type { Instant } from "../../core/base/time.ts";
import { StorageError } from "../../ports/content.ts";
import type { Recorder } from "../../ports/recorder.ts";
import { type RelayPlan, type StoreThreadData, dataPaths } from "../plan.ts";
import { StoreThread } from "../store-thread.ts";
import { StoreLostError, checkStore, tellsOfLog } from "../lost-store.ts";
import { SpaceWatch } from "./space-watch.ts";
import { StoreWatch } from "./store-watch.ts";
import { type Orders, live, report, reportStopped, threadRecorder } from "./thread.ts";

function main(data: StoreThreadData): Orders {
  const { plan } = data;
  const paths = dataPaths(plan.config.data);
  const clock = new SystemClock();
  const recorder = threadRecorder(plan);
  const space = new SpaceWatch({
    folder: plan.config.data,
    reserveFile: paths.reserve,
    messageOctetsMax: largest(plan),
    recorder,
    isReplaced: () => files.isReplaced(),
    tell: (report) => thread.space(report),
    isFull: () => contents.dropOrphans(),
  });
  const contents = new FolderOfContents(paths.content);
  checkStore(paths);
  const ofLog = tellsOfLog(paths.queue, data.wasKilled);
  if (ofLog !== undefined) recorder.record(ofLog);
  const store = new SqliteQueueStore(paths.queue, (id) => contents.remove(id));
  const files = new StoreWatch(new OpenStoreFiles(paths.queue), recorder);
  putOrphansAside(contents, store.files(), clock.now(), recorder);
  const thread: StoreThread = new StoreThread(data, {
    store,
    clock,
    full: () => space.full(),
  });
  const look = (): void => {
    space.look(store);
    store.forgetImports(clock.now());
  };
  look();
  const timer = setInterval(look, STORE.spaceCheck);
  report({ kind: "ready", recovered: thread.recovered });
  return {
    stop: () => {
      clearInterval(timer);
      // The log at its path is to have nothing for whatever database is at the other one.
      if (files.isReplaced()) store.shortenLog();
      store.close();
      reportStopped();
    },
    adopt: ({ plan: next, changedHosts }) => {
      thread.adopt(next, changedHosts);
      space.setLargest(largest(next));
    },
  };
}

function putOrphansAside(
  contents: FolderOfContents,
  known: ReadonlySet<string>,
  now: Instant,
  recorder: Recorder,
): void {
  contents.forgetOrphans(now);
  const count = contents.setAside(known, now);
  if (count > 0) recorder.record({ event: "contents.orphaned", count, folder: contents.orphans });
}

function largest({ config }: RelayPlan): number {
  return Math.max(...config.listeners.map((listener) => listener.messageOctetsMax));
}

/** What is wrong with the store's file and takes an operator; undefined where it is something else. */
function faultOf(file: string, error: unknown): string | undefined {
  const isTold = error instanceof SchemaTooNewError || error instanceof StoreLostError;
  return isTold ? error.message : damageOf(file, error);
}

live((data: StoreThreadData) => {
  try {
    return main(data);
  } catch (error) {
    const isFull = isDiskFull(error) || (error instanceof StorageError && error.reason === "full");
    const text = faultOf(dataPaths(data.plan.config.data).queue, error);
    if (isFull) report({ kind: "failed", text: "", isDiskFull: true });
    else if (text === undefined) throw error;
    else report({ kind: "failed", text });
    return undefined;
  }
});
