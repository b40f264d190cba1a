import { SELECTION_KEYS, type SelectionTexts } from "../../core/queue/selection.ts";
import type { QueueAction } from "../../core/queue/action.ts";
import type { CountPage, CountQuery } from "../../engine/operator.ts";
import type { QueueCount } from "../../surfaces/cli/pages.ts";

/** The filter as parameters of a request. */
export function filterParameters(filter: SelectionTexts): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const key of SELECTION_KEYS) if (filter[key] !== undefined) parameters.set(key, filter[key]);
  return parameters;
}

/** Counts page by page, each of which `ask` gets. */
export async function countQueue(
  ask: (path: string, query: CountQuery) => Promise<CountPage>,
  filter: SelectionTexts,
  action?: QueueAction,
): Promise<QueueCount> {
  const lanes = new Map<string, number>();
  let [deliveries, messages] = [0, 0];
  let query: CountQuery = { filter, action, after: undefined, counted: undefined };
  for (;;) {
    const page = await ask(countPath(query), query);
    deliveries += page.deliveries;
    messages += page.messages;
    for (const { lane, deliveries: more } of page.lanes) lanes.set(lane, (lanes.get(lane) ?? 0) + more);
    if (page.after === undefined) break;
    query = { ...query, after: page.after, counted: page.counted };
  }
  const sorted = [...lanes].toSorted(([, one], [, other]) => other - one);
  return { deliveries, messages, lanes: sorted.map(([lane, count]) => ({ lane, deliveries: count })) };
}

function countPath({ filter, action, after, counted }: CountQuery): string {
  const parameters = filterParameters(filter);
  for (const [name, value] of Object.entries({ action, after, counted }))
    if (value !== undefined) parameters.set(name, value);
  return `/queue/counts?${parameters.toString()}`;
}
