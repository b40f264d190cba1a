// A copy of a data folder, of a relay that runs or not, that another relay can be started on.
import fs from "node:fs";
import path from "node:path";
import { getSystemErrorMessage } from "node:util";
import { contentFile } from "../adapters/content-files/content-files.ts";
import { syncFolderNow } from "../adapters/durable.ts";
import { HistoryReader } from "../adapters/history-sqlite/history-reader.ts";
import { HistoryStore } from "../adapters/history-sqlite/history-store.ts";
import { type CopiedFile, QueueCopy } from "../adapters/store-sqlite/queue-copy.ts";
import { BACKUP } from "../core/base/limits.ts";
import { dataPaths } from "./plan.ts";

export interface BackupReport {
  readonly folder: string;
  readonly messages: number;
  readonly deliveries: number;
  /** Messages whose content is a file. */
  readonly files: number;
  readonly historyEntries: number;
  /** Messages that were copied and ended before their content was. */
  readonly ended: number;
}

type Counts = { -readonly [Key in keyof Omit<BackupReport, "folder">]: number };

export interface BackupOptions {
  readonly data: string;
  readonly folder: string;
  readonly hasHistory: boolean;
  /** Messages copied so far, of about so many. */
  readonly reached: (messages: number, total: number) => void;
}

/**
 * Whole and on stable storage when it returns: it is made under another name, which is left where the process is killed.
 * Where it throws, nothing is left.
 */
export function backUp({ data, folder, hasHistory, reached }: BackupOptions): BackupReport {
  const unfinished = makeUnfinished(folder);
  try {
    const counts: Counts = { messages: 0, deliveries: 0, files: 0, historyEntries: 0, ended: 0 };
    copyQueue(data, unfinished, counts, reached);
    // The outbox was copied before: what has left it since is in history by now.
    if (hasHistory) counts.historyEntries = copyHistory(dataPaths(data).history, dataPaths(unfinished).history);
    copyLogKey(dataPaths(data).logKey, dataPaths(unfinished).logKey);
    makeDurable(unfinished);
    if (fs.existsSync(folder)) throw new Error(`${folder} is there already`);
    fs.renameSync(unfinished, folder);
    syncFolderNow(path.dirname(folder));
    return { folder, ...counts };
  } catch (error) {
    fs.rmSync(unfinished, { recursive: true, force: true });
    throw error;
  }
}

function makeUnfinished(folder: string): string {
  try {
    return fs.mkdtempSync(`${folder}.unfinished-`);
  } catch (error) {
    const { errno, code } = error as NodeJS.ErrnoException;
    const reason = errno === undefined ? String(error) : getSystemErrorMessage(errno);
    const text = `no folder can be made in ${path.dirname(folder)}: ${reason}`;
    throw Object.assign(new Error(text, { cause: error }), { code }); // whoever looks whether the disk is full
  }
}

/** So that an address has the hash that it had; there is none where addresses are not hashed. */
function copyLogKey(from: string, to: string): void {
  if (fs.existsSync(from)) fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL);
}

function copyQueue(data: string, unfinished: string, counts: Counts, reached: BackupOptions["reached"]): void {
  const [from, to] = [dataPaths(data), dataPaths(unfinished)];
  const queue = new QueueCopy(from.queue, to.queue);
  try {
    const total = queue.total();
    for (let isLast = false; !isLast;) {
      const step = queue.step();
      ({ isLast } = step);
      counts.messages += step.messages;
      counts.deliveries += step.deliveries;
      for (const file of step.files) {
        if (copyContent(from.content, to.content, file)) counts.files++;
        else if (queue.isQueued(file))
          throw new Error(`the content of message ${file.id} is missing in ${from.content}`);
        else {
          counts.messages--;
          counts.ended++;
          counts.deliveries -= queue.drop(file);
        }
      }
      reached(counts.messages, total);
    }
    queue.finish();
  } finally {
    queue.close();
  }
}

/** False where there is none: it goes when its message ends. */
function copyContent(from: string, to: string, { id, octets }: CopiedFile): boolean {
  const copy = contentFile(to, id);
  fs.mkdirSync(path.dirname(copy), { recursive: true, mode: 0o700 });
  try {
    fs.copyFileSync(contentFile(from, id), copy, fs.constants.COPYFILE_EXCL | fs.constants.COPYFILE_FICLONE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  fs.chmodSync(copy, 0o600);
  const { size } = fs.statSync(copy);
  if (size !== octets) throw new Error(`the content of message ${id} has ${size} octets and not ${octets}`);
  return true;
}

function copyHistory(from: string, to: string): number {
  const reader = new HistoryReader(from);
  const store = new HistoryStore(to);
  let count = 0;
  try {
    for (const entries of reader.pages(BACKUP.entriesPerStep)) {
      store.write(entries);
      count += entries.length;
    }
  } finally {
    store.close();
  }
  return count;
}

/** Every file, and every folder that names one. */
function makeDurable(folder: string): void {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) makeDurable(file);
    else {
      fs.chmodSync(file, 0o600);
      syncFolderNow(file);
    }
  }
  syncFolderNow(folder);
}
