// `waypost start`
import { ProcessLog } from "../process-log.ts";
import { run } from "../run.ts";
import { VERSION } from "../version.ts";
import { loadWhole } from "./configuration.ts";

export async function start(options: { readonly config?: string }): Promise<void> {
  const { config, source, warnings } = await loadWhole(options.config);
  console.error(`waypost ${VERSION}: configuration from ${source}`);
  for (const warning of warnings) console.error(`warning: ${warning}`);
  await run(config, new ProcessLog(config.logs.level), {
    port: () => "stop it, or change `listeners[].listen` (without a file: WAYPOST_LISTEN)",
    folder: "stop it, or choose another `data` folder (without a file: WAYPOST_DATA)",
  });
}
