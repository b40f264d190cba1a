// The control thread: fills the history store from the outbox, and answers the command line over a unix socket. A fault
// here never touches mail: the main thread starts it again.
import { workerData } from "node:worker_threads";
import { FolderOfContents } from "../../adapters/content-files/content-files.ts";
import { type Answers, SocketServer } from "../../adapters/control-socket/server.ts";
import { HistoryReader } from "../../adapters/history-sqlite/history-reader.ts";
import { HistoryStore } from "../../adapters/history-sqlite/history-store.ts";
import { mailsOf } from "../../adapters/queue-file/mails.ts";
import { deadFiles } from "../../adapters/spool/dead-files.ts";
import { OutboxReader } from "../../adapters/store-sqlite/outbox-reader.ts";
import { QueueReader } from "../../adapters/store-sqlite/queue-reader.ts";
import { SystemClock } from "../../adapters/system/clock.ts";
import { SystemEntropy } from "../../adapters/system/entropy.ts";
import { neededToAccept, spaceOf } from "../../adapters/system/space.ts";
import { listenTo, outletTo, plain } from "../../adapters/threads/outlet.ts";
import { CONTROL, TRAFFIC } from "../../core/base/limits.ts";
import type { Config } from "../../core/config/config.ts";
import type { ControlToQueue, ControlToStore, QueueToControl, StoreToControl } from "../../engine/messages.ts";
import { Importer } from "../../engine/importer.ts";
import {
  type PruneReport,
  type Refusal,
  type ReloadAnswer,
  pruneRequest,
  reloadRequest,
} from "../../engine/operator.ts";
import { OperatorClient } from "../../engine/operator-client.ts";
import { QueueView } from "../../engine/queue-view.ts";
import { Questions } from "../../engine/questions.ts";
import { QueueOperator } from "../../engine/queue-operator.ts";
import { StoreOperator } from "../../engine/store-operator.ts";
import { Traffic } from "../../engine/traffic.ts";
import { Historian } from "../historian.ts";
import { type ControlThreadData, dataPaths } from "../plan.ts";
import { sessionsNow } from "../session-count.ts";
import { onOrder, report, reportStopped, threadRecorder } from "./thread.ts";

function spaceOfRelay({ data, listeners }: Config): { readonly freeOctets: number; readonly neededOctets: number } {
  const { freeOctets, totalOctets } = spaceOf(data);
  const messageOctetsMax = Math.max(0, ...listeners.map((listener) => listener.messageOctetsMax));
  return { freeOctets, neededOctets: Math.ceil(neededToAccept(totalOctets, messageOctetsMax)) };
}

function main({ plan, sessions, store, queue: queueThread }: ControlThreadData): void {
  let { config } = plan;
  let isStopping = false;
  const paths = dataPaths(config.data);
  const recorder = threadRecorder(plan);
  const clock = new SystemClock();
  const outbox = new OutboxReader(paths.queue);
  const queue = new QueueReader(paths.queue);
  const history = new HistoryStore(paths.history);
  const traffic = new Traffic();
  const toStore = outletTo(store, plain<ControlToStore>());
  const historian = new Historian({
    outbox,
    history: {
      write: (entries) => {
        history.write(entries);
        traffic.ended(entries, clock.now());
      },
      retire: (now) => history.retire(now, config.history),
    },
    forget: (row) => toStore.say({ kind: "forget", row }),
    recorder,
    clock,
  });
  const client = new OperatorClient(toStore, clock);
  listenTo(store, plain<StoreToControl>(), (message) => client.fromStore(message));
  const operator = new StoreOperator({
    facts: () => ({ ...plan, config, isStopping }),
    queue,
    history: new HistoryReader(paths.history),
    clock,
    space: () => spaceOfRelay(config),
  });
  const view = new QueueView(operator, outletTo(queueThread, plain<ControlToQueue>()), clock, () => ({
    traffic: traffic.report(clock.now()),
    sessions: sessionsNow(sessions),
    dead: deadFiles(plan.config.sendmail.spool), // that of the start, from which mail is taken
  }));
  listenTo(queueThread, plain<QueueToControl>(), (message) => view.fromQueue(message));
  const changes = new QueueOperator({
    queue,
    client,
    recorder,
    clock,
    smartHosts: () => config.smartHosts.map(({ name }) => name),
    egresses: () => config.egresses.map(({ name }) => name),
  });
  const importer = new Importer({
    queue,
    client,
    files: new FolderOfContents(paths.content),
    recorder,
    clock,
    entropy: new SystemEntropy(),
    space: () => spaceOfRelay(config),
  });
  const reloads = new Questions<ReloadAnswer>(clock, CONTROL.reloadPatience);
  const answers: Answers = {
    status: ({ hasActiveSites }) => view.status(hasActiveSites),
    list: (query) => view.list(query),
    count: (query) => view.count(query),
    show: (id) => {
      historian.catchUp();
      return view.show(id);
    },
    act: (request) => changes.act(request),
    pause: (request) => changes.pause(request),
    prune: (text) => {
      const request = pruneRequest(text);
      if ("refused" in request) return request;
      const { octetsMax, keptFor } = config.history;
      const pruned: PruneReport = history.retire(clock.now(), { octetsMax, keptFor: request.olderThan ?? keptFor });
      recorder.record({ event: "history.pruned", days: pruned.days.length, octets: pruned.octets });
      return pruned;
    },
    import: async (body) => (isStopping ? NO_IMPORT : await importer.take(mailsOf(body))),
    reload: async (text) => {
      const request = reloadRequest(text);
      if ("refused" in request) return request;
      if (isStopping && !request.isDryRun) return NO_RELOAD;
      return (await reloads.ask((number) => report({ kind: "asked", number, request }))) ?? NO_ANSWER;
    },
  };
  const server = new SocketServer(paths.socket, answers, (text) =>
    recorder.record({ event: "listener.failed", listener: "control.sock", text }),
  );
  server.listen();
  historian.start();
  const looking = setInterval(() => traffic.look(queue.newestMessage(), clock.now()), TRAFFIC.lookEvery);
  onOrder({
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
      ({ config } = next);
      void changes.tryAgain(changedHosts);
    },
  });
  report({ kind: "ready" });
}

const NO_ANSWER: ReloadAnswer = {
  kind: "failed",
  refused: "the relay did not answer in time: its log says what became of it",
};

const NO_IMPORT: Refusal = {
  kind: "failed",
  refused: "the relay is stopping, and takes no mail: import the file when it runs again",
};

const NO_RELOAD: Refusal = {
  kind: "failed",
  refused: "the relay is stopping: nothing was changed, and it goes by its file when it is started again",
};

main(workerData as ControlThreadData);
