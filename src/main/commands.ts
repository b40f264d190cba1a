import type { Commands } from "../surfaces/cli/program.ts";
import { configCommands } from "./commands/config.ts";
import { backup } from "./commands/backup.ts";
import { historyCommands } from "./commands/history.ts";
import { queueCommands } from "./commands/queue.ts";
import { reload } from "./commands/reload.ts";
import { send } from "./commands/send.ts";
import { sinkCommands } from "./commands/sink.ts";
import { start } from "./commands/start.ts";
import { status } from "./commands/status.ts";
import { top } from "./commands/top.ts";
import { trace } from "./commands/trace.ts";
import { tryMode } from "./try-mode.ts";
import { VERSION } from "./version.ts";

export const commands: Commands = {
  version: VERSION,
  relay: { start, tryMode, status, top, reload },
  config: configCommands,
  queue: queueCommands,
  history: historyCommands,
  backup: { backup },
  send: { send },
  sink: sinkCommands,
  trace: { trace },
};
