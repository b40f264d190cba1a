// The control thread: fills the history store from the outbox, and answers the command line over a unix socket. A fault
// here never touches mail: the main thread starts it again.
import { FolderOfContents } from "../../adapters/content-files/content-files.ts";
import { SocketServer } from "../../adapters/control-socket/server.ts";
import { HistoryReader } from "../../adapters/history-sqlite/history-reader.ts";
import { HistoryStore } from "../../adapters/history-sqlite/history-store.ts";
import { deadFiles, waitingFiles } from "../../adapters/spool/spool-counts.ts";
import { OutboxReader } from "../../adapters/store-sqlite/outbox-reader.ts";
import { QueueReader } from "../../adapters/store-sqlite/queue-reader.ts";
import { SystemClock } from "../../adapters/system/clock.ts";
import { SystemEntropy } from "../../adapters/system/entropy.ts";
import { neededToAccept, spaceOf } from "../../adapters/system/space.ts";
import { listenTo, outletTo, plain } from "../../adapters/threads/outlet.ts";
import { CONTROL, TRAFFIC } from "../../core/base/limits.ts";
import type { Config } from "../../core/config/config.ts";
import type { ControlToQueue, QueueToControl } from "../../engine/messages.ts";
import type { PruneReport, ReloadAnswer } from "../../engine/operator.ts";
import { QueueView } from "../../engine/queue-view.ts";
import { Questions } from "../../engine/questions.ts";
import { StoreOperator } from "../../engine/store-operator.ts";
import { Traffic } from "../../engine/traffic.ts";
import { ControlThread } from "../control-thread.ts";
import { type ControlThreadData, dataPaths } from "../plan.ts";
import { sessionsNow } from "../session-count.ts";
import { controlAnswers } from "./control-answers.ts";
import { type Orders, live, report, reportStopped, threadRecorder } from "./thread.ts";

function spaceOfRelay({ data, listeners }: Config): { readonly freeOctets: number; readonly neededOctets: number } {
  const { freeOctets, totalOctets } = spaceOf(data);
  const messageOctetsMax = Math.max(0, ...listeners.map((listener) => listener.messageOctetsMax));
  return { freeOctets, neededOctets: Math.ceil(neededToAccept(totalOctets, messageOctetsMax)) };
}

function main(data: ControlThreadData): Orders {
  const { plan, sessions, queue: queueThread } = data;
  let isStopping = false;
  const paths = dataPaths(plan.config.data);
  const recorder = threadRecorder(plan);
  const clock = new SystemClock();
  const outbox = new OutboxReader(paths.queue);
  const queue = new QueueReader(paths.queue);
  const history = new HistoryStore(paths.history);
  const traffic = new Traffic();
  const thread = new ControlThread(data, {
    clock,
    entropy: new SystemEntropy(),
    recorder,
    queue,
    files: new FolderOfContents(paths.content),
    history: {
      outbox,
      history: {
        write: (entries) => {
          history.write(entries);
          traffic.ended(entries, clock.now());
        },
        retire: (now) => history.retire(now, thread.config.history),
        shortenLogs: () => history.shortenLogs(),
      },
      clock,
    },
    space: spaceOfRelay,
  });
  const { historian, changes, importer } = thread;
  const operator = new StoreOperator({
    facts: () => ({ ...plan, config: thread.config, isStopping }),
    queue,
    history: new HistoryReader(paths.history),
    clock,
    space: () => spaceOfRelay(thread.config),
  });
  const view = new QueueView(operator, outletTo(queueThread, plain<ControlToQueue>()), clock, () => ({
    traffic: traffic.report(clock.now()),
    sessions: sessionsNow(sessions),
    spool: waitingFiles(plan.config.sendmail.spool), // that of the start, from which mail is taken
    dead: deadFiles(plan.config.sendmail.spool),
    ...(thread.isStoreReplaced ? { isStoreReplaced: true } : {}),
  }));
  listenTo(queueThread, plain<QueueToControl>(), (message) => view.fromQueue(message));
  const reloads = new Questions<ReloadAnswer>(clock, CONTROL.reloadPatience);
  const answers = controlAnswers({
    view,
    changes,
    importer,
    catchUp: () => historian.catchUp(),
    prune: ({ olderThan }) => {
      const { octetsMax, keptFor } = thread.config.history;
      const pruned: PruneReport = history.retire(clock.now(), { octetsMax, keptFor: olderThan ?? keptFor });
      recorder.record({ event: "history.pruned", days: pruned.days.length, octets: pruned.octets });
      return pruned;
    },
    reload: (request) => reloads.ask((number) => report({ kind: "asked", number, request })),
    isStopping: () => isStopping,
  });
  const failed = (text: string): void => recorder.record({ event: "listener.failed", listener: "control.sock", text });
  const server = new SocketServer(paths.socket, answers, failed, plan.version);
  server.listen();
  historian.start();
  const looking = setInterval(() => traffic.look(queue.newestMessage(), clock.now()), TRAFFIC.lookEvery);
  report({ kind: "ready" });
  return {
    stopping: () => {
      isStopping = true;
    },
    stop: async () => {
      isStopping = true;
      clearInterval(looking);
      await server.close(CONTROL.storePatience); // what was committed of an import is in the log, too
      historian.finish();
      // The store is the last that has the queue open, so that a stop in order leaves a database without a log beside it.
      for (const store of [history, outbox, queue]) store.close();
      reportStopped();
    },
    answer: ({ number, answer }) => reloads.answered(number, answer),
    adopt: ({ plan: next, changedHosts }) => {
      // A stop closes the queue under it, and what was not tried waits its time; any other fault ends this thread.
      void thread.adopt(next, changedHosts).catch((error: unknown) => {
        if (!isStopping) throw error;
      });
    },
  };
}

live(main);
