import type { Commands } from "../surfaces/cli/program.ts";
import { configCommands } from "./commands/config.ts";
import { queueCommands } from "./commands/queue.ts";
import { reload } from "./commands/reload.ts";
import { send } from "./commands/send.ts";
import { sinkCommands } from "./commands/sink.ts";
import { start } from "./commands/start.ts";
import { status } from "./commands/status.ts";
import { tryMode } from "./try-mode.ts";
import { VERSION } from "./version.ts";

export const commands: Commands = {
  version: VERSION,
  relay: { start, tryMode, status, reload },
  config: configCommands,
  queue: queueCommands,
  send: { send },
  sink: sinkCommands,
};
