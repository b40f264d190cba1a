// `waypost reload`, `waypost config diff`
import path from "node:path";
import { CONTROL } from "../../core/base/limits.ts";
import { second } from "../../core/base/time.ts";
import type { ReloadReport, ReloadRequest } from "../../engine/operator.ts";
import type { JsonOptions } from "../../surfaces/cli/options.ts";
import { changeLines, reloadLines } from "../../surfaces/cli/reload-page.ts";
import { print } from "./print.ts";
import { dataFolder, tell } from "./relay-of.ts";

async function ask(folder: string, request: ReloadRequest): Promise<ReloadReport> {
  return await tell<ReloadReport>(folder, "/reload", request, CONTROL.reloadPatience + 5 * second);
}

export async function reload(options: JsonOptions): Promise<void> {
  const report = await ask(await dataFolder(options), { isDryRun: false });
  if (options.json === true) console.log(JSON.stringify(report));
  else print(reloadLines(report));
}

/** What a reload would change; with `--config`, what going by that file would. */
export async function configDiff(options: JsonOptions): Promise<void> {
  // The relay is the one of the usual configuration: another file may name its own folder, or one for later.
  const folder = await dataFolder(options.data === undefined ? {} : { data: options.data }, options.config);
  const file = options.config === undefined ? {} : { file: path.resolve(options.config) };
  const report = await ask(folder, { isDryRun: true, ...file });
  if (options.json === true) console.log(JSON.stringify(report));
  else print(changeLines(report));
}
