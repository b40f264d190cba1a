// What every command does that needs the configuration: find it, read it, say what is wrong with it.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type LoadedConfig, loadConfig } from "../../adapters/config-file/load.ts";
import { type Looking, checkNamedFiles } from "../../adapters/config-file/named-files.ts";
import { warnOfTranslation } from "../../adapters/system/gateways.ts";
import { warnOfSources } from "../../adapters/system/own-addresses.ts";
import type { Config, TlsFiles } from "../../core/config/config.ts";
import { configPathText } from "../../core/config/issue.ts";
import { namedFiles } from "../../core/config/named-files.ts";
import { unreachable } from "../../core/base/invariant.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import { TRY_CONFIG, TRY_DATA } from "../../surfaces/cli/options.ts";
import { type ReadConfig, pairsOf } from "../reloader.ts";

export type Loaded = Extract<LoadedConfig, { kind: "loaded" }>;

/** `isVariables`: where files would be found, too. */
export function find(explicit: string | undefined, isVariables = false): Promise<LoadedConfig> {
  return loadConfig({
    explicit,
    isVariables,
    environment: process.env,
    folder: process.cwd(),
    systemName: os.hostname(),
  });
}

export async function load(explicit: string | undefined): Promise<Loaded> {
  return orFailure(await find(explicit));
}

/** The same for commands that start nothing. */
export async function loadToLookAt(explicit: string | undefined): Promise<Loaded> {
  return orFailure(await findToLookAt(explicit));
}

export function orFailure(loaded: LoadedConfig): Loaded {
  switch (loaded.kind) {
    case "loaded":
      return loaded;
    case "invalid":
      throw invalid(loaded.errors);
    case "nowhere":
      throw new CommandFailure(`there is no configuration; looked in: ${loaded.places.join(", ")}`, EXIT.config, [
        "Name a file with --config FILE or WAYPOST_CONFIG, or set WAYPOST_RELAYHOST=smtp://USER:PASSWORD@HOST:587 to do without one",
        "To see Waypost at work first: waypost try",
      ]);
    default:
      return unreachable(loaded);
  }
}

export function invalid(errors: readonly string[]): CommandFailure {
  return new CommandFailure("the configuration is not valid", EXIT.config, errors);
}

/** With a look at the files that it names, for whoever is about to run it. */
export async function loadWhole(explicit: string | undefined): Promise<Loaded> {
  const loaded = await load(explicit);
  const { errors, warnings } = await verdictOn(loaded, { user: process.getuid?.() });
  if (errors.length > 0) throw invalid(errors);
  return { ...loaded, warnings };
}

/** What a reload reads: the file that was found at the start, and not one that would be found first by now. */
export function readingOf({ file }: Loaded): (file: string | undefined, running: Config) => Promise<ReadConfig> {
  return (other, running) => readConfig(other ?? file, running);
}

/** For a relay that goes by `running`. Without a file: the variables. */
export async function readConfig(file: string | undefined, running?: Config): Promise<ReadConfig> {
  const loaded = file === undefined ? await find(undefined, true) : await find(file);
  const holds = running === undefined ? [] : pairsOf(running);
  const { errors, warnings } = await verdictOn(loaded, { user: process.getuid?.(), holds });
  return loaded.kind === "loaded" && errors.length === 0 ? { ...loaded, warnings } : { errors };
}

/** For files that changed under a relay that runs. */
export async function faultsOfFiles(config: Config, holds: readonly TlsFiles[]): Promise<readonly string[]> {
  const { errors } = await checkNamedFiles(namedFiles(config), { holds });
  return errors.map(({ path: at, message }) => `${configPathText(at)}: ${message}`);
}

/**
 * The configuration that a command without options is about: where there is none, that of try mode, if it was tried here. Not
 * for a start: what is tried is not what is to run.
 */
export async function findToLookAt(explicit: string | undefined): Promise<LoadedConfig> {
  const found = await find(explicit);
  const tried = path.join(TRY_DATA, TRY_CONFIG);
  return found.kind === "nowhere" && fs.existsSync(tried) ? await find(tried) : found;
}

/** `looking`: who runs the relay, and what it has, where that is known. */
export async function verdictOn(
  loaded: LoadedConfig,
  { user, holds }: Pick<Looking, "user" | "holds"> = {},
): Promise<{ readonly errors: readonly string[]; readonly warnings: readonly string[] }> {
  switch (loaded.kind) {
    case "loaded": {
      const { config, line } = loaded;
      const { errors, warnings } = await checkNamedFiles(namedFiles(config), {
        now: Date.now(),
        holds,
        user: config.user === undefined ? user : undefined, // whom that folder has to belong to, the start sees to
      });
      const found = [...warnings, ...warnOfTranslation(config), ...warnOfSources(config)].map(line);
      return { errors: errors.map(line), warnings: [...loaded.warnings, ...found] };
    }
    case "invalid":
      return { errors: loaded.errors, warnings: [] };
    case "nowhere":
      return { errors: [`there is no configuration; looked in: ${loaded.places.join(", ")}`], warnings: [] };
    default:
      return unreachable(loaded);
  }
}
