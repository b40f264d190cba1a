// `waypost trace`
import fs from "node:fs";
import { TRACE } from "../../core/base/limits.ts";
import { printable } from "../../core/base/printable.ts";
import { reportIn } from "../../core/dsn/notice.ts";
import { readChain } from "../../core/hops/chain.ts";
import { type ForwardPath, type ReversePath, parseMailbox } from "../../core/mail/path.ts";
import { patternText } from "../../core/policy/address-pattern.ts";
import { type Route, lanesFor, routeFor } from "../../core/routing/route.ts";
import type { MessageReport } from "../../engine/operator.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import { type RouteNow, messageTraceLines } from "../../surfaces/cli/message-trace-page.ts";
import type { JsonOptions } from "../../surfaces/cli/options.ts";
import { styled } from "../../surfaces/cli/style.ts";
import { chainLines } from "../../surfaces/cli/trace-page.ts";
import { findToLookAt } from "./configuration.ts";
import { print } from "./print.ts";
import { dataFolder, query } from "./relay-of.ts";
import { relayIdOf } from "./sink.ts";
import { TAKES, headOf } from "./trace-input.ts";

export async function trace(what: string, options: JsonOptions): Promise<void> {
  // A file with such a name is meant where it is written with its folder: ./0VbfQUpNXUfJly
  if (/^[0-9A-Za-z]{12,16}$/.test(what)) return traceMessage(what, options);
  return traceFile(what, options);
}

async function traceFile(file: string, options: JsonOptions): Promise<void> {
  if (file === "") throw new CommandFailure(`a name that is empty is no file; ${TAKES}`, EXIT.usage);
  const name = file === "-" ? "standard input" : printable(file);
  const chain = readChain(await headOf(file, name));
  if (!chain.hasFields)
    throw new CommandFailure(
      `${name} is no message: no line of it is a field such as Received, From or Date`,
      EXIT.failed,
    );
  if (options.json === true) console.log(JSON.stringify(chain));
  else print(chainLines(chain, styled));
}

async function traceMessage(id: string, options: JsonOptions): Promise<void> {
  const { message, note } = await find(id, options);
  const reports: MessageReport[] = [];
  for (const report of reportsOf(message).slice(0, TRACE.reportsMax)) {
    const found = await ask(report, options);
    if (found !== undefined) reports.push(found);
  }
  const routes = await routesNow(message, options);
  if (options.json === true) console.log(JSON.stringify({ message, routes, reports }));
  else print([...note, ...messageTraceLines({ message, routes, reports }, styled)]);
}

/** By the relay's id, or by the one that the sink of try mode gave it. */
async function find(
  id: string,
  options: JsonOptions,
): Promise<{ readonly message: MessageReport; readonly note: readonly string[] }> {
  const own = await ask(id, options);
  if (own !== undefined) return { message: own, note: [] };
  const relayId = relayIdOf(await dataFolder(options), id);
  const sunk = relayId === undefined ? undefined : await ask(relayId, options);
  if (sunk !== undefined) return { message: sunk, note: [`${id} is the sink's ID; the relay's is ${sunk.id}`, ""] };
  const file = fs.existsSync(id) ? `; the file of that name is ./${id}` : "";
  throw new CommandFailure(`no message ${id} in the queue or in history${file}`, EXIT.failed);
}

async function ask(id: string, options: JsonOptions): Promise<MessageReport | undefined> {
  return (
    (await query<MessageReport | undefined>(options, `/queue/${id}`, (operator) => operator.show(id))) ?? undefined
  );
}

/** Each once, in the order in which they were written. */
function reportsOf({ history }: MessageReport): string[] {
  return [...new Set(history.map(({ reason }) => reportIn(reason)).filter((id) => id !== undefined))];
}

/** Undefined where there is no valid configuration of the relay whose message it is. */
async function routesNow({ from, deliveries }: MessageReport, options: JsonOptions): Promise<RouteNow[] | undefined> {
  const loaded = await findToLookAt(options.config);
  if (loaded.kind !== "loaded" || loaded.config.data !== (await dataFolder(options))) return undefined;
  const sender = from === "" ? ({ kind: "null" } as const) : parseMailbox(from);
  if (sender.kind === "malformed") return [];
  const { routes } = loaded.config;
  const recipients = new Set(deliveries.map(({ recipient }) => recipient));
  return [...recipients].flatMap((recipient) => {
    const path = parseMailbox(recipient);
    return path.kind === "malformed" ? [] : [routeNow(routes, sender, path)];
  });
}

function routeNow(
  routes: readonly Route[],
  sender: ReversePath,
  path: Extract<ForwardPath, { kind: "mailbox" }>,
): RouteNow {
  const at = routeFor(routes, sender, path);
  const route = routes[at];
  const conditions = [
    route?.recipient === undefined ? "" : `recipient ${patternText(route.recipient)}`,
    route?.sender === undefined ? "" : `sender ${patternText(route.sender)}`,
  ].filter((text) => text !== "");
  return {
    recipient: path.text,
    route: route === undefined ? undefined : at + 1,
    when: conditions.length === 0 ? "for all mail" : conditions.join(", "),
    lanes: lanesFor(routes, sender, path),
  };
}
