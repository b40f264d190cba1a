import { flushCompileCache } from "node:module";
import { handedSockets } from "../adapters/system/handed-sockets.ts";
import { RELOAD } from "../core/base/limits.ts";
import { CommandFailure, EXIT } from "../surfaces/cli/failure.ts";
import { launcher } from "./launcher.ts";
import { CertificateWatch } from "./certificate-watch.ts";
import type { ProcessLog } from "./process-log.ts";
import { Relay, type RelayOptions } from "./relay.ts";
import { type GoodConfig, Reloader, type ReloaderParts } from "./reloader.ts";
import { DiskFullError, FolderTakenError, PortTakenError, StartError } from "./start-error.ts";
import { VERSION } from "./version.ts";

/** What the user can do where something is taken already. */
export interface StartAdvice {
  port(port: number): string;
  readonly folder: string;
}

export interface Running {
  readonly relay: Relay;
  readonly log: ProcessLog;
}

/**
 * Starts the relay in this process, and sees to it that signals stop it in order or have it reload, and that a dead thread
 * ends it.
 */
export async function run(
  running: GoodConfig,
  reading: Pick<ReloaderParts, "read" | "faultsOfFiles">,
  log: ProcessLog,
  advice: StartAdvice,
): Promise<Running> {
  process.umask(0o077); // what the relay writes is its owner's, also in a folder that others may enter
  let isDying = false;
  const die: RelayOptions["onDeath"] = (text, exit) => {
    if (isDying) return;
    isDying = true;
    log.recorder.record({ event: "relay.died", text });
    void Promise.resolve(relay?.abandon())
      .then(() => log.flush())
      .finally(() => process.exit(EXIT[exit]));
  };
  let relay: Relay | undefined;
  const reloader = new Reloader({
    recorder: log.recorder,
    running,
    ...reading,
    adopt: async (config, changedHosts) => {
      return await watch.during(config, () => relay!.adopt(config, changedHosts));
    },
    rotateTickets: () => relay!.rotateTickets(),
  });
  const watch = new CertificateWatch({
    config: () => reloader.config,
    changed: (isFirstTry) => reloader.renew(isFirstTry),
  });
  onFirstStopSignal((signal) => {
    watch.stop();
    void Promise.resolve(relay?.stop(signal))
      .then(() => log.flush())
      .finally(() => {
        if (!isDying) process.exit(0); // a death ends the process itself, with its own code
      });
  });
  // It must not end a start; what was written since the configuration was read holds once that is done.
  const started = Promise.withResolvers<void>();
  process.on("SIGHUP", () => void started.promise.then(() => reloader.reload({ isDryRun: false })));
  try {
    const handed = handedSockets(process.env, launcher === 0 ? undefined : launcher);
    relay = await watch.during(running.config, () =>
      Relay.start({
        config: running.config,
        version: VERSION,
        isTerminal: log.isTerminal,
        flows: (begun) => (relay = begun),
        recorder: log.recorder,
        log: (lines) => log.write(lines),
        logBy: ({ config, logKey }) => log.goBy({ level: config.logs.level, logKey }),
        onDeath: die,
        reload: (request) => reloader.reload(request),
        handed,
      }),
    );
  } catch (error) {
    throw failureOf(error, advice);
  }
  if (running.config.user !== undefined) await watch.lookAnew(running.config);
  watch.start();
  started.resolve();
  if (running.config.user !== undefined) void reloader.tellUnreadable();
  setInterval(() => void reloader.rotateTickets(), RELOAD.ticketLife).unref();
  flushCompileCache(); // a process that is killed leaves it unwritten
  return { relay, log };
}

function failureOf(error: unknown, advice: StartAdvice): unknown {
  if (error instanceof PortTakenError)
    return new CommandFailure(`${error.message}; ${advice.port(error.address.port)}`, EXIT.config);
  if (error instanceof FolderTakenError)
    return new CommandFailure(`${error.message}; ${advice.folder}`, EXIT.temporary);
  if (error instanceof DiskFullError) return new CommandFailure(error.message, EXIT.temporary);
  if (error instanceof StartError) return new CommandFailure(error.message, EXIT.config);
  return error;
}

/**
 * From the start on: what has begun is finished, and before the first session there is nothing. One
 * Ctrl-C may come twice, from the terminal and from the launcher; no signal after the first cuts the finishing short.
 */
function onFirstStopSignal(stop: (signal: string) => void): void {
  let isStopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      stop(signal);
    });
  }
}
