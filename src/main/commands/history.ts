// `waypost history prune`
import { HistoryStore } from "../../adapters/history-sqlite/history-store.ts";
import fs from "node:fs";
import { HISTORY } from "../../core/base/limits.ts";
import type { PruneReport, PruneRequest, Refusal } from "../../engine/operator.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import type { HistoryCommands, PruneOptions } from "../../surfaces/cli/history-commands.ts";
import { pruneLines } from "../../surfaces/cli/pages.ts";
import { takeDataFolder } from "../data-folder.ts";
import { dataPaths } from "../plan.ts";
import { StartError } from "../start-error.ts";
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
  if (!fs.existsSync(folder))
    throw new CommandFailure(`there is no data folder ${folder}; name it with --data`, EXIT.unavailable);
  const loaded = await find(config);
  const { keptFor, octetsMax } = loaded.kind === "loaded" ? loaded.config.history : HISTORY;
  let lock: { release(): void } | undefined;
  const store = new HistoryStore(dataPaths(folder).history);
  try {
    lock = takeDataFolder(folder);
    return store.retire(Date.now(), { keptFor: olderThan ?? keptFor, octetsMax });
  } catch (error) {
    if (error instanceof StartError) throw new CommandFailure(error.message, EXIT.unavailable);
    throw new CommandFailure(`history in ${folder} cannot be removed: ${errorText(error)}`, EXIT.unavailable);
  } finally {
    lock?.release();
  }
}

export const historyCommands: HistoryCommands = { prune };
