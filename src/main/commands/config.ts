// `waypost config ...`
import type { LoadedConfig } from "../../adapters/config-file/load.ts";
import { type Config, listenText } from "../../core/config/config.ts";
import { issue } from "../../core/config/issue.ts";
import type { StatusReport } from "../../engine/operator.ts";
import type { ConfigCommands, ConfigOptions } from "../../surfaces/cli/config-commands.ts";
import { printable } from "../../core/base/printable.ts";
import { exampleFile } from "../../core/config/example-file.ts";
import { configJsonSchema } from "../../core/config/json-schema.ts";
import { describeLines, keyLike } from "../../surfaces/cli/config-page.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import { print } from "./print.ts";
import { checkFree, takenText } from "../ports.ts";
import { PortTakenError, StartError } from "../start-error.ts";
import { configDiff } from "./reload.ts";
import { askRelay } from "./relay-of.ts";
import { type Loaded, findToLookAt, invalid, loadToLookAt, verdictOn } from "./configuration.ts";

async function check(options: ConfigOptions & { readonly json?: boolean }): Promise<void> {
  if (options.json === true) return checkJson(options.config);
  const loaded = await loadToLookAt(options.config);
  const { errors, warnings, notes } = await wholeVerdictOn(loaded);
  if (errors.length > 0) throw invalid(errors);
  print([
    ...warnings.map((warning) => `warning: ${warning}`),
    ...notes.map((note) => `note: ${note}`),
    `${loaded.source}: valid${warnings.length === 0 ? "" : `, ${warnings.length} to look at`}`,
  ]);
}

/** What is as it should be, and still good to know before it is missed. */
function notesOn(config: Config): readonly string[] {
  if (config.postmaster !== undefined) return [];
  return ["mail for <postmaster> is refused, and nobody hears of reports that fail: postmaster is not set"];
}

async function checkJson(explicit: string | undefined): Promise<void> {
  const loaded = await findToLookAt(explicit);
  const { errors, warnings, notes } = await wholeVerdictOn(loaded);
  const valid = errors.length === 0;
  const source = loaded.kind === "loaded" ? loaded.source : null;
  console.log(JSON.stringify({ valid, source, errors, warnings, notes }));
  if (!valid) process.exitCode = EXIT.config;
}

interface Verdict {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
}

/** With a look at the ports, which a start would find taken. */
async function wholeVerdictOn(loaded: LoadedConfig): Promise<Verdict> {
  const { errors, warnings } = await verdictOn(loaded);
  if (loaded.kind !== "loaded") return { errors, warnings, notes: [] };
  const ports = await portsTaken(loaded);
  return { errors: [...errors, ...ports.errors], warnings, notes: [...notesOn(loaded.config), ...ports.notes] };
}

/**
 * Listeners whose port another program has; what the relay itself has that runs on the data folder is as it should be. Whose a
 * port is cannot be said to who may not ask that relay.
 */
async function portsTaken({ config, line }: Loaded): Promise<Pick<Verdict, "errors" | "notes">> {
  const errors: string[] = [];
  const notes: string[] = [];
  let own: OwnListeners | undefined;
  for (const [at, { listen }] of config.listeners.entries()) {
    if (await isFree(listen)) continue;
    own ??= await ownListeners(config.data);
    const say = (why: string): string => line(issue(["listeners", at, "listen"], `${takenText(listen)}; ${why}`));
    if (own.kind === "unknown") notes.push(say(`maybe by the relay itself: ${own.why}`));
    else if (!own.texts.some((text) => text.endsWith(` ${listenText(listen)}`)))
      errors.push(say("stop it, or choose another port"));
  }
  return { errors, notes };
}

async function isFree(listen: Config["listeners"][number]["listen"]): Promise<boolean> {
  try {
    await checkFree(listen);
    return true;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return !(error instanceof PortTakenError); // what this user may not open, the relay's may
  }
}

type OwnListeners =
  { readonly kind: "known"; readonly texts: readonly string[] } | { readonly kind: "unknown"; readonly why: string };

async function ownListeners(data: string): Promise<OwnListeners> {
  try {
    const status = (await askRelay(data, "/status")) as StatusReport | null | undefined;
    return { kind: "known", texts: status?.listeners ?? [] };
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    return { kind: "unknown", why: error.message };
  }
}

function describe(key: string | undefined): void {
  const lines = describeLines(key);
  if (lines !== undefined) return print(lines);
  const near = keyLike(key ?? "");
  const meant = near === undefined ? "`waypost config describe` shows all" : `did you mean ${near}?`;
  throw new CommandFailure(`there is no key ${printable(key ?? "", 80)}; ${meant}`, EXIT.usage);
}

function schema(): void {
  console.log(JSON.stringify(configJsonSchema(), null, 2));
}

function example(): void {
  process.stdout.write(exampleFile());
}

export const configCommands: ConfigCommands = { check, diff: configDiff, describe, schema, example };
