// `waypost queue ...`, `waypost pause`, `waypost resume`
import { printable } from "../../core/base/printable.ts";
import type { QueueAction } from "../../core/queue/action.ts";
import { type SelectionTexts, parseSelection } from "../../core/queue/selection.ts";
import type {
  ActionReport,
  ActionRequest,
  MessageReport,
  PauseChange,
  PauseRequest,
  QueuePage,
  Refusal,
} from "../../engine/operator.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import { actionLines, messageLines, pauseLines, queueLines } from "../../surfaces/cli/pages.ts";
import type { QueueCommands, QueueListOptions, SelectionOptions } from "../../surfaces/cli/queue-commands.ts";
import { print } from "./print.ts";
import { accepted, dataFolder, query, tell } from "./relay-of.ts";

/** Until all of it is done: an action on many deliveries takes more than one request. */
async function actOnQueue(folder: string, action: QueueAction, selection: SelectionTexts): Promise<ActionReport> {
  let changed = 0;
  let inHand = 0;
  let hasMatch = false;
  for (let after: string | undefined; ;) {
    const request: ActionRequest = { action, selection, after, hasMatch };
    const report = await tell<ActionReport>(folder, "/queue/actions", request);
    changed += report.changed;
    inHand += report.inHand;
    ({ after, hasMatch } = report);
    if (after === undefined) return { ...report, changed, inHand };
  }
}

function selectionOf(id: string | undefined, options: SelectionOptions): SelectionTexts {
  const { recipient, lane, sender, recipientDomain, all } = options;
  return {
    ...(id === undefined ? {} : { id }),
    ...(recipient === undefined ? {} : { recipient }),
    ...(lane === undefined ? {} : { lane }),
    ...(sender === undefined ? {} : { sender }),
    ...(recipientDomain === undefined ? {} : { recipientDomain }),
    ...(all === undefined ? {} : { all }),
  };
}

function listPath({ limit, after, held, lane, sender, recipientDomain }: QueueListOptions): string {
  const parameters = new URLSearchParams({ limit: String(limit) });
  if (after !== undefined) parameters.set("after", after);
  if (held === true) parameters.set("held", "true");
  if (lane !== undefined) parameters.set("lane", lane);
  if (sender !== undefined) parameters.set("sender", sender);
  if (recipientDomain !== undefined) parameters.set("recipient-domain", recipientDomain);
  return `/queue?${parameters.toString()}`;
}

export const queueCommands: QueueCommands = {
  async list(options) {
    const { limit, after, held } = options;
    const filter = selectionOf(undefined, options);
    const answer = await query<QueuePage | Refusal>(options, listPath(options), (operator) =>
      operator.list({ limit, after, isHeld: held === true, filter }),
    );
    const page = accepted(answer!);
    const isFiltered = held === true || Object.keys(filter).length > 0;
    if (options.json === true) console.log(JSON.stringify(page));
    else print(queueLines(page, Date.now(), isFiltered));
  },
  async show(id, options) {
    const found = await query<MessageReport | undefined>(options, `/queue/${encodeURIComponent(id)}`, (operator) =>
      operator.show(id),
    );
    if (found === null || found === undefined)
      throw new CommandFailure(`no message ${id} in the queue or in history`, EXIT.failed);
    if (options.json === true) console.log(JSON.stringify(found));
    else print(messageLines(found, Date.now(), options.transcript === true));
  },
  async act(action, id, options) {
    const selection = selectionOf(id, options);
    const parsed = parseSelection(selection);
    if ("wrong" in parsed) throw new CommandFailure(printable(parsed.wrong), EXIT.usage);
    const { changed, inHand, hasMatch, nearest } = await actOnQueue(await dataFolder(options), action, selection);
    const done = { changed, inHand, hasMatch, ...(nearest === undefined ? {} : { nearest }) };
    if (options.json === true) console.log(JSON.stringify({ action, ...done }));
    else print(actionLines(action, done));
  },
  async pause(target, isPaused, options) {
    const request: PauseRequest = { target, isPaused };
    const change = await tell<PauseChange>(await dataFolder(options), "/pauses", request);
    if (options.json === true) console.log(JSON.stringify(change));
    else print(pauseLines(change));
  },
};
