// `waypost backup`
import fs from "node:fs";
import path from "node:path";
import { isDiskFull } from "../../adapters/store-sqlite/disk-full.ts";
import type { BackupCommandOptions } from "../../surfaces/cli/backup-commands.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import { backupLines } from "../../surfaces/cli/pages.ts";
import { backUp } from "../backup.ts";
import { dataPaths } from "../plan.ts";
import { print } from "./print.ts";
import { dataFolder, errorText } from "./relay-of.ts";
import { progressOf } from "./terminal.ts";

export async function backup(to: string, options: BackupCommandOptions): Promise<void> {
  const data = await dataFolder(options);
  const folder = path.resolve(to);
  if (!fs.existsSync(dataPaths(data).queue))
    throw new CommandFailure(`there is no queue in ${data}; name the data folder with --data`, EXIT.unavailable);
  if (fs.existsSync(folder))
    throw new CommandFailure(`${folder} is there already; a backup is a new folder`, EXIT.usage);
  if (!fs.existsSync(path.dirname(folder)))
    throw new CommandFailure(
      `${path.dirname(folder)} is not there; a backup is a new folder in one that is`,
      EXIT.usage,
    );
  const progress = progressOf("backup", options.json === true);
  try {
    const report = backUp({
      data,
      folder,
      hasHistory: options.history,
      reached: (done, of) => progress.reached(done, of),
    });
    progress.end();
    if (options.json === true) console.log(JSON.stringify(report));
    else print(backupLines(report));
  } catch (error) {
    progress.end();
    const code = isDiskFull(error) ? EXIT.temporary : EXIT.unavailable;
    throw new CommandFailure(`no backup of ${data}: ${errorText(error)}; nothing is left in ${folder}`, code);
  }
}
