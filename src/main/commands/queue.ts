// `waypost queue ...`, `waypost pause`, `waypost resume`
import { SELECTION_KEYS, type SelectionTexts, fixAges, parseFilter } from "../../core/queue/selection.ts";
import { printable } from "../../core/base/printable.ts";
import type { MessageReport, PauseChange, PauseRequest, QueuePage, Refusal } from "../../engine/operator.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import type { JsonOptions } from "../../surfaces/cli/options.ts";
import { countLines, messageLines, pauseLines, queueLines } from "../../surfaces/cli/pages.ts";
import type { FilterOptions, QueueCommands, QueueListOptions } from "../../surfaces/cli/queue-commands.ts";
import { print } from "./print.ts";
import { act } from "./queue-actions.ts";
import { exportTo, importFrom } from "./queue-file.ts";
import { countQueue, filterParameters } from "./queue-count.ts";
import { relayIdOf } from "./sink.ts";
import { tellOfSpool } from "./spool-left.ts";
import { accepted, dataFolder, query, tell } from "./relay-of.ts";

function filterOf({ held, ...options }: FilterOptions & { readonly held?: boolean }): SelectionTexts {
  if (held === true && (options.state ?? "held") !== "held")
    throw new CommandFailure(`--held and --state ${options.state} exclude each other`, EXIT.usage);
  const texts = SELECTION_KEYS.flatMap((key) => {
    const text = key === "id" ? undefined : options[key];
    return text === undefined ? [] : [[key, text] as const];
  });
  const filter: SelectionTexts = { ...Object.fromEntries(texts), ...(held === true ? { state: "held" } : {}) };
  const parsed = parseFilter(filter, Date.now());
  if ("wrong" in parsed) throw new CommandFailure(printable(parsed.wrong), EXIT.usage);
  return fixAges(filter, Date.now());
}

async function exportAndTell(to: string, options: JsonOptions): Promise<void> {
  await exportTo(to, options);
  await tellOfSpool(
    options,
    "copy it into the spool of the other machine (cp -a), or resume inbound here until it is taken, and export again",
  );
}

async function list(options: QueueListOptions): Promise<void> {
  const { limit, after } = options;
  const filter = filterOf(options);
  if (options.count === true) return await count(options, filter);
  const parameters = filterParameters(filter);
  parameters.set("limit", String(limit));
  if (after !== undefined) parameters.set("after", after);
  const answer = await query<QueuePage | Refusal>(options, `/queue?${parameters.toString()}`, (operator) =>
    operator.list({ limit, after, filter }),
  );
  const page = accepted(answer!);
  if (options.json === true) console.log(JSON.stringify(page));
  else print(queueLines(page, Date.now(), Object.keys(filter).length > 0));
}

async function count(options: QueueListOptions, filter: SelectionTexts): Promise<void> {
  const found = await countQueue(
    async (path, request) => accepted((await query(options, path, (operator) => operator.count(request)))!),
    filter,
  );
  if (options.json === true) console.log(JSON.stringify(found));
  else print(countLines(found));
}

export const queueCommands: QueueCommands = {
  list,
  async show(id, options) {
    const found = await query<MessageReport | undefined>(options, `/queue/${encodeURIComponent(id)}`, (operator) =>
      operator.show(id),
    );
    if (found === null || found === undefined) {
      const relayId = relayIdOf(await dataFolder(options), id);
      const meant = relayId === undefined ? "" : `; it is the sink's ID, and the relay's is ${relayId}`;
      throw new CommandFailure(`no message ${id} in the queue or in history${meant}`, EXIT.failed);
    }
    if (options.json === true) console.log(JSON.stringify(found));
    else print(messageLines(found, Date.now(), options.transcript === true));
  },
  act,
  exportTo: exportAndTell,
  importFrom,
  async pause(target, isPaused, options) {
    const request: PauseRequest = { target, isPaused };
    const change = await tell<PauseChange>(await dataFolder(options), "/pauses", request);
    if (options.json === true) console.log(JSON.stringify(change));
    else print(pauseLines(change));
  },
};
