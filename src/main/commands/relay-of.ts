// Which relay a command is about, and how it is asked.
import fs from "node:fs";
import path from "node:path";
import { ask } from "../../adapters/control-socket/client.ts";
import { HistoryReader } from "../../adapters/history-sqlite/history-reader.ts";
import { QueueReader } from "../../adapters/store-sqlite/queue-reader.ts";
import { SystemClock } from "../../adapters/system/clock.ts";
import type { Duration } from "../../core/base/time.ts";
import type { Refusal } from "../../engine/operator.ts";
import { type RelayFacts, StoreOperator } from "../../engine/store-operator.ts";
import { StoppedQueue } from "../../engine/stopped-queue.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import type { DataOptions } from "../../surfaces/cli/options.ts";
import { dataPaths } from "../plan.ts";
import { VERSION } from "../version.ts";
import { findToLookAt, load, orFailure } from "./configuration.ts";

/**
 * The data folder: named, or try mode's where there is no configuration. `last` is a file that names one where nothing else
 * does.
 */
export async function dataFolder(options: DataOptions, last?: string): Promise<string> {
  if (options.data !== undefined) return path.resolve(options.data);
  const found = await findToLookAt(options.config);
  // A relay that variables configured is not known to a shell without them.
  if (found.kind === "nowhere" && fs.existsSync(dataPaths(DEFAULT_DATA).queue)) return path.resolve(DEFAULT_DATA);
  // To find the relay takes none of the variables and passwords that the file names, nor that all of it is right.
  if (found.kind === "invalid") return found.data ?? failWithAdvice(found.errors);
  return (found.kind === "nowhere" && last !== undefined ? await load(last) : orFailure(found)).config.data;
}

function failWithAdvice(errors: readonly string[]): never {
  const advice = "To do without it, name the data folder of the relay with --data";
  throw new CommandFailure("the configuration is not valid", EXIT.config, [...errors, advice]);
}

/** As the variable WAYPOST_DATA has it that is not set. */
const DEFAULT_DATA = "waypost-data";

/** Undefined where no relay runs on the folder. */
export async function askRelay(folder: string, request: string, body?: unknown, patience?: Duration): Promise<unknown> {
  try {
    return await ask(dataPaths(folder).socket, request, body, patience);
  } catch (error) {
    throw new CommandFailure(`the relay on ${folder} cannot be asked: ${errorText(error)}`, EXIT.unavailable);
  }
}

/** From the relay that runs there; where none does, from its store on disk. */
export async function query<Answer>(
  options: DataOptions,
  request: string,
  read: (operator: StoreOperator) => Answer,
): Promise<Answer | null> {
  const folder = await dataFolder(options);
  const paths = dataPaths(folder);
  const answer = await askRelay(folder, request);
  if (answer !== undefined) return answer as Answer | null;
  if (!fs.existsSync(paths.queue))
    throw new CommandFailure(`there is no queue in ${folder}; name the data folder with --data`, EXIT.unavailable);
  try {
    return readStopped(paths, read) ?? null;
  } catch (error) {
    throw new CommandFailure(
      `${paths.queue} or ${paths.history} cannot be read: ${errorText(error)}`,
      EXIT.unavailable,
    );
  }
}

/** What only a relay that runs can do: it is the one writer of its store. */
export async function tell<Answer extends object>(
  folder: string,
  request: string,
  body: unknown,
  patience?: Duration,
): Promise<Answer> {
  const answer = (await askRelay(folder, request, body, patience)) as Answer | Refusal | null | undefined;
  if (answer === undefined)
    throw new CommandFailure(
      `no relay runs on ${folder}: only a relay that runs does this; start it, or name its data folder with --data`,
      EXIT.unavailable,
    );
  if (answer === null)
    throw new CommandFailure(
      `the relay that runs on ${folder} is too old for this command; restart it`,
      EXIT.unavailable,
    );
  return accepted(answer);
}

export function accepted<Answer extends object>(answer: Answer | Refusal): Answer {
  if (!("refused" in answer)) return answer;
  const codes = { wrong: EXIT.usage, nothing: EXIT.failed, failed: EXIT.temporary, invalid: EXIT.config };
  const [first = "", ...more] = answer.refused.split("\n"); // a reload that is refused says each error on a line
  throw new CommandFailure(first, codes[answer.kind], more);
}

function readStopped<Answer>(paths: ReturnType<typeof dataPaths>, read: (operator: StoreOperator) => Answer): Answer {
  const facts = (): RelayFacts => ({
    version: VERSION,
    startedAt: 0,
    isStopping: false,
    config: { hostname: "", listeners: [] },
  }); // for status only
  const reader = new QueueReader(paths.queue);
  try {
    const history = new HistoryReader(paths.history);
    const space = (): { freeOctets: number; neededOctets: number } => ({ freeOctets: 0, neededOctets: 0 }); // for status only
    const clock = new SystemClock();
    const queue = new StoppedQueue(reader, clock.now());
    return read(new StoreOperator({ facts, queue, history, clock, space }));
  } finally {
    reader.close();
  }
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
