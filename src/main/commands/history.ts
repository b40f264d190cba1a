// `waypost history prune`
import fs from "node:fs";
import { HistoryStore } from "../../adapters/history-sqlite/history-store.ts";
import { lockFolder } from "../../adapters/store-sqlite/folder-lock.ts";
import { HISTORY } from "../../core/base/limits.ts";
import type { PruneReport, PruneRequest, Refusal } from "../../engine/operator.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import type { HistoryCommands, PruneOptions } from "../../surfaces/cli/history-commands.ts";
import { pruneLines } from "../../surfaces/cli/pages.ts";
import { dataPaths } from "../plan.ts";
import { find } from "./configuration.ts";
import { print } from "./print.ts";
import { accepted, askRelay, dataFolder, errorText } from "./relay-of.ts";

async function prune(options: PruneOptions): Promise<void> {
  const folder = await dataFolder(options);
  const request: PruneRequest = { olderThan: options.olderThan };
  const answer = (await askRelay(folder, "/history/prunes", request)) as PruneReport | Refusal | null | undefined;
  if (answer === null)
    throw new CommandFailure(
      `the relay that runs on ${folder} is too old for this command; restart it`,
      EXIT.unavailable,
    );
  const report = answer === undefined ? await pruneStopped(folder, options) : accepted(answer);
  if (options.json === true) console.log(JSON.stringify(report));
  else print(pruneLines(report));
}

/** Nobody writes history while the folder is ours. */
async function pruneStopped(folder: string, { config, olderThan }: PruneOptions): Promise<PruneReport> {
  const paths = dataPaths(folder);
  if (!fs.existsSync(paths.queue))
    throw new CommandFailure(`there is no queue in ${folder}; name the data folder with --data`, EXIT.unavailable);
  const loaded = await find(config);
  const { keptFor, octetsMax } = loaded.kind === "loaded" ? loaded.config.history : HISTORY;
  const store = new HistoryStore(paths.history);
  let lock: { release(): void } | undefined;
  try {
    lock = lockFolder(folder);
    if (lock === undefined) throw new Error("another Waypost runs on it, and does not answer");
    return store.retire(Date.now(), { keptFor: olderThan ?? keptFor, octetsMax });
  } catch (error) {
    throw new CommandFailure(`history in ${folder} cannot be removed: ${errorText(error)}`, EXIT.unavailable);
  } finally {
    lock?.release();
  }
}

export const historyCommands: HistoryCommands = { prune };
