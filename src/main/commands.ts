import type { Commands } from "../surfaces/cli/program.ts";
import { VERSION } from "./version.ts";

// Each command loads what it needs and nothing of the others: a relay bears what it loaded for all its life.

const config = async () => (await import("./commands/config.ts")).configCommands;
const queue = async () => (await import("./commands/queue.ts")).queueCommands;
const history = async () => (await import("./commands/history.ts")).historyCommands;
const sink = async () => (await import("./commands/sink.ts")).sinkCommands;

export const commands: Commands = {
  version: VERSION,
  relay: {
    start: async (options) => await (await import("./commands/start.ts")).start(options),
    tryMode: async (options) => await (await import("./try-mode.ts")).tryMode(options),
    status: async (options) => await (await import("./commands/status.ts")).status(options),
    top: async (options) => await (await import("./commands/top.ts")).top(options),
    reload: async (options) => await (await import("./commands/reload.ts")).reload(options),
  },
  config: {
    check: async (options) => await (await config()).check(options),
    diff: async (options) => await (await config()).diff(options),
    describe: async (key) => await (await config()).describe(key),
    schema: async () => await (await config()).schema(),
    example: async () => await (await config()).example(),
  },
  queue: {
    list: async (options) => await (await queue()).list(options),
    show: async (id, options) => await (await queue()).show(id, options),
    act: async (action, id, options) => await (await queue()).act(action, id, options),
    exportTo: async (file, options) => await (await queue()).exportTo(file, options),
    importFrom: async (file, options) => await (await queue()).importFrom(file, options),
    pause: async (target, isPaused, options) => await (await queue()).pause(target, isPaused, options),
  },
  history: { prune: async (options) => await (await history()).prune(options) },
  backup: { backup: async (folder, options) => await (await import("./commands/backup.ts")).backup(folder, options) },
  send: { send: async (options) => await (await import("./commands/send.ts")).send(options) },
  sink: {
    list: async (options) => await (await sink()).list(options),
    show: async (id, options) => await (await sink()).show(id, options),
  },
  trace: { trace: async (what, options) => await (await import("./commands/trace.ts")).trace(what, options) },
};
