import { printableLine } from "../core/base/printable.ts";
import { RELOAD } from "../core/base/limits.ts";
import { span } from "../core/base/span.ts";
import { type Config, type SmartHost, type TlsFiles, listenText } from "../core/config/config.ts";
import { RESTART_KEYS, diffConfig } from "../core/config/diff.ts";
import type { ReloadAnswer, ReloadRequest } from "../engine/operator.ts";
import type { Recorder } from "../ports/recorder.ts";
import { StartError } from "./start-error.ts";

/** A configuration that was read and found right. */
export interface GoodConfig {
  readonly config: Config;
  /** What its file holds, as plain values. */
  readonly values: unknown;
  /** The file, or `WAYPOST_RELAYHOST`. */
  readonly source: string;
  readonly warnings: readonly string[];
}

export type ReadConfig = GoodConfig | { readonly errors: readonly string[] };

export interface ReloaderParts {
  readonly recorder: Recorder;
  /** What the relay was started with. */
  readonly running: GoodConfig;
  /** Reads the configuration anew: the relay's own, or another file. */
  readonly read: (file: string | undefined, running: Config) => Promise<ReadConfig>;
  /** Brings new keys for TLS tickets. */
  rotateTickets(): Promise<void>;
  /** What is wrong with the files that a configuration names. Of the pairs that it `holds` the relay need not read any. */
  readonly faultsOfFiles: (config: Config, holds: readonly TlsFiles[]) => Promise<readonly string[]>;
  /**
   * Has the relay go by it; rejects with `StartError` where that cannot be, and nothing is changed. Answers the files of
   * certificates that hold others than before.
   */
  adopt(config: Config, changedHosts: readonly string[]): Promise<readonly string[]>;
}

/** Has a relay that runs go by its configuration as it is now. One reload at a time. */
export class Reloader {
  readonly #parts: ReloaderParts;
  #running: GoodConfig;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: ReloaderParts) {
    this.#parts = parts;
    this.#running = parts.running;
  }

  /** What the relay goes by. */
  get config(): Config {
    return this.#running.config;
  }

  reload(request: ReloadRequest): Promise<ReloadAnswer> {
    return this.#inTurn(() => this.#reload(request));
  }

  /** Files that the configuration names are others now: the relay goes by them. */
  renew(isFirstTry: boolean): Promise<ReloadAnswer> {
    return this.#inTurn(() => this.#renew(isFirstTry));
  }

  /** New keys for TLS tickets. */
  rotateTickets(): Promise<ReloadAnswer> {
    return this.#inTurn(async () => {
      const done = await doneOrRefused(() => this.#parts.rotateTickets());
      return "refused" in done ? invalid(done.refused) : this.#reportOn(this.#running);
    });
  }

  /** A fault of ours here ends no relay (promise P5): it goes on as it is, and says so. */
  #inTurn(work: () => Promise<ReloadAnswer>): Promise<ReloadAnswer> {
    const answer = this.#last.then(work).catch((error: unknown) => {
      return this.#rejected([error instanceof Error ? (error.stack ?? error.message) : String(error)]);
    });
    this.#last = answer;
    return answer;
  }

  async #reload({ isDryRun, file }: ReloadRequest): Promise<ReloadAnswer> {
    const found = await this.#read(isDryRun ? file : undefined);
    if (isDryRun && "errors" in found) return invalid(found.errors);
    if ("errors" in found) return this.#rejected(found.errors);
    if (isDryRun) return this.#reportOn(found);
    return await this.#goBy(found);
  }

  async #read(file: string | undefined): Promise<ReadConfig> {
    return await inTime(this.#parts.read(file, this.#running.config), LATE);
  }

  async #renew(isFirstTry: boolean): Promise<ReloadAnswer> {
    const { config } = this.#running;
    const faults = await inTime(this.#parts.faultsOfFiles(config, pairsOf(config)), LATE.errors);
    const done = faults.length > 0 ? { refused: faults } : await this.#adopt(config);
    if ("refused" in done) {
      if (isFirstTry) this.#parts.recorder.record({ event: "certificates.rejected", errors: done.refused });
      return invalid(done.refused);
    }
    this.#tellRenewed(config);
    return this.#reportOn(this.#running);
  }

  /** After root's start: certificates and keys that the relay's user may not read, which takes a restart to renew. */
  tellUnreadable(): Promise<ReloadAnswer> {
    return this.#inTurn(async () => {
      const errors = await inTime(this.#parts.faultsOfFiles(this.#running.config, []), LATE.errors);
      if (errors.length === 0) return this.#reportOn(this.#running);
      this.#parts.recorder.record({ event: "certificates.rejected", errors });
      return invalid(errors);
    });
  }

  #tellRenewed(config: Config): void {
    this.#parts.recorder.record({ event: "certificates.renewed", listeners: tlsListeners(config) });
  }

  #reportOn({ values, source, warnings }: GoodConfig): Exclude<ReloadAnswer, { refused: string }> {
    const { config, values: before } = this.#running;
    return { source, warnings, changes: diffConfig(before, values, { hasDroppedRoot: config.user !== undefined }) };
  }

  async #goBy(found: GoodConfig): Promise<ReloadAnswer> {
    const report = this.#reportOn(found);
    const config = withFixed(found.config, this.#running.config);
    const done = await this.#adopt(config);
    if ("refused" in done) return this.#rejected(done.refused);
    const { result: renewed } = done;
    this.#running = { ...found, config, values: withFixed(found.values as object, this.#running.values as object) };
    const { source, changes, warnings } = report;
    const waiting = changes.flatMap(({ key, needsRestart }) => (needsRestart ? [key] : []));
    this.#parts.recorder.record({
      event: "config.reloaded",
      source,
      changes: changes.map(({ key }) => key),
      needsRestart: waiting.length === 0 ? undefined : waiting,
      warnings: warnings.length === 0 ? undefined : warnings,
    });
    if (renewed.length > 0) this.#tellRenewed(config);
    return { ...report, renewed };
  }

  #adopt(config: Config): Promise<Done<readonly string[]>> {
    return doneOrRefused(() => this.#parts.adopt(config, changedHosts(this.#running.config, config)));
  }

  #rejected(errors: readonly string[]): ReloadAnswer {
    this.#parts.recorder.record({ event: "config.rejected", errors });
    return invalid(errors);
  }
}

type Done<Result> = { readonly result: Result } | { readonly refused: readonly string[] };

async function doneOrRefused<Result>(work: () => Promise<Result>): Promise<Done<Result>> {
  try {
    return { result: await work() };
  } catch (error) {
    if (error instanceof StartError) return { refused: [error.message] };
    throw error;
  }
}

const LATE = { errors: [`the configuration could not be read within ${span(RELOAD.patience)}`] };

/** A disk that hangs keeps no later reload from being heard. */
async function inTime<Answer>(work: Promise<Answer>, late: Answer): Promise<Answer> {
  const timeout = new Promise<Answer>((resolve) => void setTimeout(() => resolve(late), RELOAD.patience).unref());
  return await Promise.race([work, timeout]);
}

function invalid(errors: readonly string[]): ReloadAnswer {
  return { kind: "invalid", refused: errors.map(printableLine).join("\n") };
}

/** What a relay that goes by this configuration has read. */
export function pairsOf({ listeners }: Config): readonly TlsFiles[] {
  return listeners.flatMap(({ certificates }) => certificates);
}

function tlsListeners({ listeners }: Config): string[] {
  return listeners.flatMap(({ tls, name, listen }) => (tls === "none" ? [] : [`${name} ${listenText(listen)}`]));
}

/** What a relay keeps from its start to its end, whatever else changes. */
function withFixed<Keys extends object>(found: Keys, running: Keys): Keys {
  const kept = RESTART_KEYS.flatMap((key) => (key in running ? [[key, running[key as keyof Keys]]] : []));
  const rest = Object.entries(found).filter(([key]) => !RESTART_KEYS.some((fixed) => fixed === key));
  return Object.fromEntries([...rest, ...kept]) as Keys;
}

/** Smart hosts that are not what they were, or are gone. */
function changedHosts(before: Config, after: Config): string[] {
  const byName = (hosts: readonly SmartHost[]): Map<string, string> =>
    new Map(hosts.map((host) => [host.name, JSON.stringify(host)]));
  const [old, now] = [byName(before.smartHosts), byName(after.smartHosts)];
  return [...old].flatMap(([name, host]) => (now.get(name) === host ? [] : [name]));
}
