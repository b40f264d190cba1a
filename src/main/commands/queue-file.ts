// `waypost queue export`, `waypost queue import`
import fs, { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { isDiskFull } from "../../adapters/disk-full.ts";
import { lockFolder } from "../../adapters/store-sqlite/folder-lock.ts";
import { faultOfLog } from "../../adapters/store-sqlite/store-files.ts";
import { SqliteQueueStore } from "../../adapters/store-sqlite/queue-store.ts";
import { IMPORT } from "../../core/base/limits.ts";
import { lastWord } from "../../core/queue/reason.ts";
import type { ImportReport, PauseChange, StatusReport } from "../../engine/operator.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import type { JsonOptions } from "../../surfaces/cli/options.ts";
import { exportLines, importLines } from "../../surfaces/cli/pages.ts";
import { checkStore } from "../lost-store.ts";
import { dataPaths } from "../plan.ts";
import { type ExportReport, exportQueue } from "../queue-export.ts";
import { type WholeExport, piecesOf, readExport } from "../queue-import.ts";
import { print } from "./print.ts";
import { askRelay, dataFolder, errorText, tell } from "./relay-of.ts";
import { progressOf } from "./terminal.ts";

const ALL = ["inbound", "outbound"] as const;

/**
 * Pauses what the relay takes and delivers, also after its next start, and writes its queue: mail that two machines deliver
 * arrives twice.
 */
export async function exportTo(to: string, options: JsonOptions): Promise<void> {
  const data = await dataFolder(options);
  const file = path.resolve(to);
  if (!fs.existsSync(dataPaths(data).queue))
    throw new CommandFailure(`there is no queue in ${data}; name the data folder with --data`, EXIT.unavailable);
  if (fs.existsSync(file)) throw new CommandFailure(`${file} is there already; an export is a new file`, EXIT.usage);
  const status = (await askRelay(data, "/status")) as StatusReport | null | undefined;
  const warning = status ? await pauseRunning(data, options) : pauseStopped(data);
  const progress = progressOf("export", options.json === true);
  let report: ExportReport;
  try {
    report = await exportQueue({
      data,
      file,
      hostname: status?.hostname ?? os.hostname(),
      reached: (done, of) => progress.reached(done, of),
    });
  } catch (error) {
    const code = isDiskFull(error) ? EXIT.temporary : EXIT.unavailable;
    throw new CommandFailure(`no export of ${data}: ${errorText(error)}; nothing is left in ${file}`, code);
  } finally {
    progress.end();
  }
  if (options.json === true) console.log(JSON.stringify({ ...report, ...(warning === undefined ? {} : { warning }) }));
  else print(exportLines(report, warning));
  if (report.unreadable.length > 0) process.exitCode = EXIT.failed;
}

/** Until nothing is in hand. */
async function pauseRunning(data: string, { json }: JsonOptions): Promise<undefined> {
  for (const target of ALL) {
    const change = await tell<PauseChange>(data, "/pauses", { target, isPaused: true });
    if (change.isChange && json !== true) console.error(`paused: ${target}`);
  }
  const until = performance.now() + IMPORT.inHandPatience;
  const progress = progressOf("waiting for deliveries that are under way", json === true);
  try {
    for (let first: number | undefined; ;) {
      const { inHand } = await tell<StatusReport>(data, "/status", undefined);
      if (inHand === 0) return undefined;
      first = Math.max(first ?? inHand, inHand);
      progress.reached(first - inHand, first);
      if (performance.now() > until)
        throw new CommandFailure(
          `${inHand} deliveries are under way still, and would arrive twice: ask again, or stop the relay and then export; it is paused, \`waypost resume inbound\` and \`waypost resume outbound\` undo that`,
          EXIT.temporary,
        );
      await sleep(IMPORT.lookEvery);
    }
  } finally {
    progress.end();
  }
}

/** Nobody writes the store while the folder is ours. Answers what the operator has to know where it cannot be written. */
function pauseStopped(data: string): string | undefined {
  let lock: { release(): void } | undefined;
  try {
    lock = lockFolder(data);
    if (lock === undefined)
      throw new CommandFailure(`another Waypost runs on ${data} and does not answer`, EXIT.unavailable);
    // What an operator cancelled in a mail thread's hands ends now; a start puts its content aside.
    const paths = dataPaths(data);
    checkStore(paths);
    const hasLog = faultOfLog(paths.queue) === undefined;
    const store = new SqliteQueueStore(paths.queue, () => undefined);
    try {
      const now = Date.now();
      for (const kind of ALL) store.pause({ kind }, now);
      store.recover(now, lastWord("recovered", "", now));
    } finally {
      store.close();
    }
    if (hasLog) fs.rmSync(paths.pid, { force: true }); // the log that a kill left is in the store now: no start is to miss it
    return undefined;
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    return `the queue could not be paused (${errorText(error)}): do not start a relay on ${data} again, or what was exported arrives twice`;
  } finally {
    lock?.release();
  }
}

/** All of the file is read before something of it is taken. */
export async function importFrom(from: string, options: JsonOptions): Promise<void> {
  const data = await dataFolder(options);
  const file = path.resolve(from);
  const handle = await openFile(from, file);
  try {
    const found = await readExport(handle);
    if ("broken" in found) throw new CommandFailure(`${file}: ${found.broken}; nothing was taken`, EXIT.data);
    const report = await give(data, handle, found, options);
    if (options.json === true) console.log(JSON.stringify({ file: path.resolve(from), ...report }));
    else print(importLines(report, found.head, Date.now()));
  } finally {
    await handle.close();
  }
}

async function openFile(from: string, file: string): Promise<FileHandle> {
  try {
    const handle = await open(from, constants.O_RDONLY | constants.O_NONBLOCK); // a pipe is not waited for
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (error) {
    throw new CommandFailure(`${file} cannot be read: ${errorText(error)}`, EXIT.unavailable);
  }
  throw new CommandFailure(`${file} is no file`, EXIT.usage);
}

async function give(
  data: string,
  handle: FileHandle,
  { steps, end }: WholeExport,
  options: JsonOptions,
): Promise<ImportReport> {
  const progress = progressOf("import", options.json === true);
  let [messages, deliveries, known, done] = [0, 0, 0, 0];
  try {
    for (const { start, end: last, messages: count } of steps) {
      const body = Readable.from(piecesOf(handle, start, last), { objectMode: false });
      const report = await tell<ImportReport>(data, "/queue/imports", body, IMPORT.request).catch((error: unknown) => {
        throw error instanceof CommandFailure ? brokenOff(error, messages) : error;
      });
      messages += report.messages;
      deliveries += report.deliveries;
      known += report.known;
      done += count;
      progress.reached(done, end.messages);
    }
  } finally {
    progress.end();
  }
  return { messages, deliveries, known };
}

/** A step is done or not, and the relay knows which. What it refuses it would refuse again. */
function brokenOff({ message, exitCode }: CommandFailure, messages: number): CommandFailure {
  const words = [
    ...(messages === 0 ? [] : [`${messages} messages were taken before`]),
    ...(exitCode === EXIT.usage ? [] : ["import the whole file once more: what was taken is not taken twice"]),
  ];
  return new CommandFailure(words.length === 0 ? message : `${message} (${words.join("; ")})`, exitCode);
}
