// `waypost status`
import type { StatusReport } from "../../engine/operator.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import type { JsonOptions } from "../../surfaces/cli/options.ts";
import { statusLines } from "../../surfaces/cli/pages.ts";
import { print } from "./print.ts";
import { askRelay, dataFolder } from "./relay-of.ts";

export async function status(options: JsonOptions): Promise<void> {
  const folder = await dataFolder(options);
  const report = (await askRelay(folder, "/status")) as StatusReport | null | undefined;
  if (report === undefined || report === null) throw new CommandFailure(`no relay runs on ${folder}`, EXIT.unavailable);
  if (options.json === true) console.log(JSON.stringify(report));
  else print(statusLines(report, Date.now()));
}
