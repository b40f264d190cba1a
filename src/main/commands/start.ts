// `waypost start`
import { printable } from "../../core/base/printable.ts";
import { findUser, isRoot } from "../../adapters/system/process-user.ts";
import type { ConfigOptions } from "../../surfaces/cli/config-commands.ts";
import { ProcessLog } from "../process-log.ts";
import { run } from "../run.ts";
import { VERSION } from "../version.ts";
import { faultsOfFiles, loadWhole, readingOf } from "./configuration.ts";

export async function start(options: ConfigOptions): Promise<void> {
  const loaded = await loadWhole(options.config);
  console.error(`waypost ${VERSION}: configuration from ${printable(loaded.source)}`);
  for (const warning of loaded.warnings) console.error(`warning: ${printable(warning)}`);
  const log = new ProcessLog(loaded.config.logs.level);
  if (isRoot() && staysRoot(loaded.config.user)) log.recorder.record({ event: "relay.root", pid: process.pid });
  await run(loaded, { read: readingOf(loaded), faultsOfFiles }, log, {
    port: () => "stop it, or change `listeners[].listen` (without a file: WAYPOST_LISTEN)",
    folder: "stop it, or choose another `data` folder (without a file: WAYPOST_DATA)",
  });
}

/** `user: root` changes nothing. */
function staysRoot(user: string | undefined): boolean {
  return user === undefined || findUser(user)?.uid === 0;
}
