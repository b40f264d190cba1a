// What a copy of the queue has not: mail that lies in the spool.
import path from "node:path";
import { deadFiles, waitingFiles } from "../../adapters/spool/spool-counts.ts";
import { printable } from "../../core/base/printable.ts";
import type { DataOptions } from "../../surfaces/cli/options.ts";
import { counted } from "../../surfaces/cli/table.ts";
import { findToLookAt } from "./configuration.ts";
import { dataFolder } from "./relay-of.ts";

/** Says on standard error how many files are in the spool, if there are some, and what to do about them. */
export async function tellOfSpool(options: DataOptions, advice: string): Promise<void> {
  const spool = await spoolOf(options);
  const { files, hasMore } = waitingFiles(spool);
  const dead = deadFiles(spool);
  if (files + dead.files === 0 && !hasMore) return;
  const waiting = files === 0 && hasMore ? "files" : counted(files, "file");
  const kept = dead.files === 0 ? "" : ` and ${dead.files} in its folder dead`;
  console.error(
    `not in it: ${waiting}${hasMore ? " or more" : ""} of mail in the spool ${printable(spool)}${kept}: ${advice}`,
  );
}

/** That of the configuration which the data folder belongs to; else the one in the folder. */
async function spoolOf(options: DataOptions): Promise<string> {
  const data = await dataFolder(options);
  const found = await findToLookAt(options.config);
  const isIts = found.kind === "loaded" && found.config.data === data;
  return isIts ? found.config.sendmail.spool : path.join(data, "spool");
}
