// `waypost start`
import type { LoadedConfig } from "../../adapters/config-file/load.ts";
import type { ConfigOptions } from "../../surfaces/cli/config-commands.ts";
import { ProcessLog } from "../process-log.ts";
import type { ReadConfig } from "../reloader.ts";
import { run } from "../run.ts";
import { VERSION } from "../version.ts";
import { find, loadWhole, verdictOn } from "./configuration.ts";

export async function start(options: ConfigOptions): Promise<void> {
  const loaded = await loadWhole(options.config);
  console.error(`waypost ${VERSION}: configuration from ${loaded.source}`);
  for (const warning of loaded.warnings) console.error(`warning: ${warning}`);
  // A reload reads the file that was found at the start, not one that would be found first by now.
  const own = loaded.file;
  await run(loaded, (file) => read(file ?? own), new ProcessLog(loaded.config.logs.level), {
    port: () => "stop it, or change `listeners[].listen` (without a file: WAYPOST_LISTEN)",
    folder: "stop it, or choose another `data` folder (without a file: WAYPOST_DATA)",
  });
}

async function read(file: string | undefined): Promise<ReadConfig> {
  const loaded: LoadedConfig = await find(file);
  const { errors, warnings } = await verdictOn(loaded);
  return loaded.kind === "loaded" && errors.length === 0 ? { ...loaded, warnings } : { errors };
}
