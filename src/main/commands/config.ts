// `waypost config ...`
import type { Config } from "../../core/config/config.ts";
import type { ConfigCommands, ConfigOptions } from "../../surfaces/cli/config-commands.ts";
import { EXIT } from "../../surfaces/cli/failure.ts";
import { configDiff } from "./reload.ts";
import { find, loadWhole, verdictOn } from "./configuration.ts";

async function check(options: ConfigOptions & { readonly json?: boolean }): Promise<void> {
  if (options.json === true) return checkJson(options.config);
  const { config, source, warnings } = await loadWhole(options.config);
  for (const warning of warnings) console.log(`warning: ${warning}`);
  for (const note of notesOn(config)) console.log(`note: ${note}`);
  console.log(`${source}: valid${warnings.length === 0 ? "" : `, ${warnings.length} to look at`}`);
}

/** What is as it should be, and still good to know before it is missed. */
function notesOn(config: Config): readonly string[] {
  if (config.postmaster !== undefined) return [];
  return ["mail for <postmaster> is refused, and nobody hears of reports that fail: postmaster is not set"];
}

async function checkJson(explicit: string | undefined): Promise<void> {
  const loaded = await find(explicit);
  const { errors, warnings } = await verdictOn(loaded);
  const valid = errors.length === 0;
  const source = loaded.kind === "loaded" ? loaded.source : null;
  const notes = loaded.kind === "loaded" ? notesOn(loaded.config) : [];
  console.log(JSON.stringify({ valid, source, errors, warnings, notes }));
  if (!valid) process.exitCode = EXIT.config;
}

export const configCommands: ConfigCommands = { check, diff: configDiff };
