// `waypost backup`
import fs from "node:fs";
import path from "node:path";
import { isDiskFull } from "../../adapters/disk-full.ts";
import { SchemaTooNewError } from "../../adapters/store-sqlite/schema.ts";
import type { BackupCommandOptions } from "../../surfaces/cli/backup-commands.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import { backupLines } from "../../surfaces/cli/pages.ts";
import { backUp } from "../backup.ts";
import { dataPaths } from "../plan.ts";
import { print } from "./print.ts";
import { dataFolder, errorText } from "./relay-of.ts";
import { tellOfSpool } from "./spool-left.ts";
import { progressOf } from "./terminal.ts";

export async function backup(to: string, options: BackupCommandOptions): Promise<void> {
  const data = await dataFolder(options);
  if (!fs.existsSync(dataPaths(data).queue))
    throw new CommandFailure(`there is no queue in ${data}; name the data folder with --data`, EXIT.unavailable);
  const folder = newFolder(to, data);
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
    const text = `no backup of ${data}: ${errorText(error)}; nothing is left of it`;
    const advice = error instanceof SchemaTooNewError ? "" : ". Name a place with room that this user may write to";
    throw new CommandFailure(`${text}${advice}`, code);
  }
  await tellOfSpool(options, "a relay that runs takes it in; else start it, or copy the folder too (cp -a)");
}

/** Where the backup is to be. Throws `CommandFailure` where none can be there. */
function newFolder(to: string, data: string): string {
  if (to.trim() === "")
    throw new CommandFailure("a backup takes the path of a new folder, and this one is empty", EXIT.usage);
  const folder = path.resolve(to);
  const above = path.dirname(folder);
  if (fs.existsSync(folder))
    throw new CommandFailure(`${folder} is there already; a backup is a new folder`, EXIT.usage);
  if (!fs.existsSync(above))
    throw new CommandFailure(`${above} is not there; a backup is a new folder in one that is`, EXIT.usage);
  if (isWithin(fs.realpathSync(above), fs.realpathSync(data)))
    throw new CommandFailure(
      `${folder} would be in the data folder ${data} itself, and be lost with it; name a place outside of it, best on another disk`,
      EXIT.usage,
    );
  return folder;
}

function isWithin(folder: string, other: string): boolean {
  return folder === other || folder.startsWith(other.endsWith(path.sep) ? other : `${other}${path.sep}`);
}
