// The control thread: fills the history store from the outbox, and answers the command line over a unix socket. A fault
// here never touches mail: the main thread starts it again.
import { workerData } from "node:worker_threads";
import { SocketServer } from "../../adapters/control-socket/server.ts";
import { type HistoryEntry, HistoryStore } from "../../adapters/history-sqlite/history-store.ts";
import { OutboxReader } from "../../adapters/store-sqlite/outbox-reader.ts";
import { QueueReader } from "../../adapters/store-sqlite/queue-reader.ts";
import { type ControlThreadData, dataPaths } from "../plan.ts";
import { StoreOperator } from "../store-operator.ts";
import type { ControlToStore } from "./store.ts";
import { onOrder, report, reportStopped } from "./thread.ts";

const EVERY_MS = 1000;
const ROWS_PER_BATCH = 100;
const RETIRE_EVERY_MS = 3_600_000;

function main({ plan, store }: ControlThreadData): void {
  const paths = dataPaths(plan.config.data);
  const outbox = new OutboxReader(paths.queue);
  const history = new HistoryStore(paths.history);
  const reader = new QueueReader(paths.queue);
  let forgotten = 0;
  /** One batch; a row is only taken once history has it, so that a crash in between repeats it (idempotent by id). */
  const fill = (): number => {
    const rows = outbox.read(forgotten, ROWS_PER_BATCH);
    if (rows.length === 0) return 0;
    history.write(rows.flatMap(({ entries }) => JSON.parse(entries) as HistoryEntry[]));
    forgotten = rows.at(-1)!.row;
    store.postMessage({ forgetUpTo: forgotten } satisfies ControlToStore);
    return rows.length;
  };
  let isStopping = false;
  const work = (): void => {
    if (isStopping) return;
    const isMore = fill() === ROWS_PER_BATCH;
    setTimeout(work, isMore ? 0 : EVERY_MS);
  };
  const server = new SocketServer(paths.socket, new StoreOperator(plan, reader, history));
  server.listen();
  history.retire(Date.now());
  setInterval(() => history.retire(Date.now()), RETIRE_EVERY_MS).unref();
  work();
  onOrder(() => {
    isStopping = true;
    while (fill() > 0);
    server.close();
    reportStopped();
  });
  report({ kind: "ready" });
}

main(workerData as ControlThreadData);
