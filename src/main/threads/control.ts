// The control thread: fills the history store from the outbox, and answers the command line over a unix socket. A fault
// here never touches mail: the main thread starts it again.
import { workerData } from "node:worker_threads";
import { SocketServer } from "../../adapters/control-socket/server.ts";
import { HistoryReader } from "../../adapters/history-sqlite/history-reader.ts";
import { HistoryStore } from "../../adapters/history-sqlite/history-store.ts";
import { OutboxReader } from "../../adapters/store-sqlite/outbox-reader.ts";
import { QueueReader } from "../../adapters/store-sqlite/queue-reader.ts";
import { SystemClock } from "../../adapters/system/clock.ts";
import { Historian } from "../historian.ts";
import { type ControlThreadData, dataPaths } from "../plan.ts";
import { StoreOperator } from "../store-operator.ts";
import type { ControlToStore } from "./store.ts";
import { onOrder, report, reportStopped, threadRecorder } from "./thread.ts";

function main({ plan, store }: ControlThreadData): void {
  const paths = dataPaths(plan.config.data);
  const recorder = threadRecorder(plan);
  const outbox = new OutboxReader(paths.queue);
  const queue = new QueueReader(paths.queue);
  const history = new HistoryStore(paths.history);
  const historian = new Historian({
    outbox,
    history,
    forget: (row) => store.postMessage({ forgetUpTo: row } satisfies ControlToStore),
    recorder,
    clock: new SystemClock(),
  });
  const operator = new StoreOperator(plan, queue, new HistoryReader(paths.history));
  const server = new SocketServer(paths.socket, operator, (text) =>
    recorder.record({ event: "listener.failed", listener: "control.sock", text }),
  );
  server.listen();
  historian.start();
  onOrder(() => {
    historian.finish();
    server.close();
    // The store is the last that has the queue open, so that a stop in order leaves a database without a log beside it.
    for (const store of [history, outbox, queue]) store.close();
    reportStopped();
  });
  report({ kind: "ready" });
}

main(workerData as ControlThreadData);
