// `waypost queue hold`, `release`, `retry`, `cancel`, `expire`, `reroute`
import { printable } from "../../core/base/printable.ts";
import type { Instant } from "../../core/base/time.ts";
import type { QueueAction } from "../../core/queue/action.ts";
import { SELECTION_KEYS, type SelectionTexts, fixAges, parseSelection } from "../../core/queue/selection.ts";
import type { ActionReport, ActionRequest, CountPage } from "../../engine/operator.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import { type QueueCount, actionLines, countLines, countText } from "../../surfaces/cli/pages.ts";
import type { QueueActionOptions } from "../../surfaces/cli/queue-commands.ts";
import { print } from "./print.ts";
import { countQueue } from "./queue-count.ts";
import { dataFolder, tell } from "./relay-of.ts";
import { agrees, isInteractive, progressOf } from "./terminal.ts";

/** What cannot be taken back. */
const FINAL: readonly QueueAction[] = ["cancel", "expire"];

function selectionOf(id: string | undefined, options: QueueActionOptions): SelectionTexts {
  const texts = SELECTION_KEYS.flatMap((key) => {
    const text = key === "id" ? id : options[key];
    return text === undefined ? [] : [[key, text] as const];
  });
  return { ...Object.fromEntries(texts), ...(options.all === undefined ? {} : { all: options.all }) };
}

export async function act(action: QueueAction, id: string | undefined, options: QueueActionOptions): Promise<void> {
  const now = Date.now();
  const given = selectionOf(id, options);
  const parsed = parseSelection(given, now);
  if ("wrong" in parsed) throw new CommandFailure(printable(parsed.wrong), EXIT.usage);
  const selection = fixAges(given, now);
  const folder = await dataFolder(options);
  if (options.dryRun === true) return say(await wouldTouch(folder, action, selection), options);
  // One message needs no counting; of many, what comes from now on is not meant.
  const count = id === undefined ? await wouldTouch(folder, action, selection) : undefined;
  if (count !== undefined && count.messages > 1 && !(await isAgreed(action, count, options)))
    throw new CommandFailure(`nothing was changed`, EXIT.failed);
  const until = count === undefined ? undefined : now;
  const progress = progressOf(action, options.json === true);
  const reached = (done: number): void => progress.reached(done, count?.deliveries ?? 1);
  const report = await actOnQueue(folder, { action, selection, until }, reached).finally(() => progress.end());
  const { changed, inHand, hasMatch, nearest } = report;
  const done = { changed, inHand, hasMatch, ...(nearest === undefined ? {} : { nearest }) };
  if (options.json === true) console.log(JSON.stringify({ action, ...done }));
  else print(actionLines(action, done));
}

function say(count: QueueCount, { json }: QueueActionOptions): void {
  if (json === true) console.log(JSON.stringify(count));
  else print(countLines(count));
}

async function wouldTouch(folder: string, action: QueueAction, selection: SelectionTexts): Promise<QueueCount> {
  return await countQueue((path) => tell<CountPage>(folder, path, undefined), selection, action);
}

/** Without a terminal what can be taken back goes on; what cannot takes a word. */
async function isAgreed(action: QueueAction, count: QueueCount, options: QueueActionOptions): Promise<boolean> {
  if (options.yes === true) return true;
  if (isInteractive() && options.json !== true) return await agrees(`${action} ${countText(count)}?`);
  if (!FINAL.includes(action)) return true;
  throw new CommandFailure(
    `${action} would take ${countText(count)} out of the queue: give --yes if that is meant, or look with --dry-run`,
    EXIT.usage,
  );
}

/** Until all of it is done: an action on many deliveries takes more than one request. */
async function actOnQueue(
  folder: string,
  order: { readonly action: QueueAction; readonly selection: SelectionTexts; readonly until: Instant | undefined },
  reached: (done: number) => void,
): Promise<ActionReport> {
  let [changed, inHand] = [0, 0];
  let hasMatch = false;
  for (let after: string | undefined; ;) {
    const request: ActionRequest = { ...order, after, hasMatch };
    const report = await tell<ActionReport>(folder, "/queue/actions", request);
    changed += report.changed;
    inHand += report.inHand;
    ({ after, hasMatch } = report);
    if (after === undefined) return { ...report, changed, inHand };
    reached(changed + inHand);
  }
}
