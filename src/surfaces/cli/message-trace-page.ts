import { span } from "../../core/base/span.ts";
import { second } from "../../core/base/time.ts";
import { type Gap, longestGap, phasesOf } from "../../core/outbound/attempt-times.ts";
import type { DeliveryReport, MessageReport } from "../../engine/operator.ts";
import { attemptText, triesText } from "./attempts.ts";
import { laneText, octetsText } from "./pages.ts";
import { type Paint, shown, utcText, wrapped } from "./trace-page.ts";

/** Which route a recipient's mail would take by the configuration as it is now. */
export interface RouteNow {
  readonly recipient: string;
  /** In `routes`, 1 is the first; undefined where none takes it. */
  readonly route: number | undefined;
  /** Its conditions, as written. */
  readonly when: string;
  readonly lanes: readonly string[];
}

/** The life of a message of ours. */
export interface MessageTrace {
  readonly message: MessageReport;
  /** Undefined where the configuration could not be found. */
  readonly routes: readonly RouteNow[] | undefined;
  /** What its sender was told: reports are messages of ours. */
  readonly reports: readonly MessageReport[];
}

const INDENT = "  ";

export function messageTraceLines({ message, routes, reports }: MessageTrace, paint: Paint): string[] {
  return [
    ...wrapped(`${message.id}: ${summary(message)}`, "").map((line) => paint("bold", line)),
    ...section("Accepted", acceptedLines(message), paint),
    ...section("Let in", letInLines(message), paint),
    ...section(
      "Route, by the configuration as it is now",
      routes === undefined ? [] : routes.flatMap(routeLines),
      paint,
    ),
    ...section(
      "Attempts",
      attemptsOf(message).flatMap((attempt) => attemptLines(attempt, paint)),
      paint,
    ),
    ...section("Recipients", message.deliveries.flatMap(recipientLines), paint),
    ...section("Reports", reports.flatMap(reportLines), paint),
  ];
}

function section(title: string, lines: readonly string[], paint: Paint): string[] {
  return lines.length === 0 ? [] : ["", paint("bold", title), ...lines];
}

/** `delivered to 2, waits for 1, in 3 s`: the time is that of the last end, where all have one. */
function summary({ deliveries, receivedAt }: MessageReport): string {
  const counts = new Map<DeliveryReport["state"], number>();
  for (const { state } of deliveries) counts.set(state, (counts.get(state) ?? 0) + 1);
  const texts = [...counts].map(([state, number]) => `${state} ${STATES[state] ?? "for"} ${number}`);
  if (texts.length === 0) return "nothing is known yet of its recipients";
  const hasEnded = deliveries.every(({ state }) => ENDS.has(state));
  const last = Math.max(...deliveries.map(({ at }) => at));
  return `${texts.join(", ")}${hasEnded ? `, after ${span(last - receivedAt)}` : ""}`;
}

const STATES: { readonly [State in DeliveryReport["state"]]?: string } = { delivered: "to" };
const ENDS = new Set<DeliveryReport["state"]>(["delivered", "failed", "cancelled"]);

function acceptedLines(message: MessageReport): string[] {
  const { receivedAt, from, octets, subject, wasId } = message;
  const rows: (readonly [string, string])[] = [["when", utcText(receivedAt)], ...originRows(message)];
  if (wasId !== undefined) rows.push(["imported", `it was taken by another relay, as ${wasId}`]);
  rows.push(["sender", from === "" ? "none (<>)" : `<${from}>`], ["subject", subject], ["size", octetsText(octets)]);
  return table(rows);
}

/** A report is ours, a user of this machine left a file, all else came from a client. */
function originRows({ identity, session, client, about }: MessageReport): (readonly [string, string])[] {
  const { kind, name } = identityOf(identity);
  if (kind === "local") return [["user", `${name} left it in the spool`]];
  if (session !== undefined)
    return [
      ["client", clientText(client, session)],
      ["session", sessionText(session)],
    ];
  if (client !== "") return [["client", client]];
  return [["from", about === undefined ? "" : `written here: a report about ${about}`]];
}

function identityOf(identity: string): { readonly kind: string; readonly name: string } {
  const [kind = "", ...rest] = identity.split(" ");
  return { kind, name: rest.join(" ") };
}

function clientText(client: string, { hello }: NonNullable<MessageReport["session"]>): string {
  return `${client}, called itself ${hello}`;
}

function sessionText({ listener, protocol, tls }: NonNullable<MessageReport["session"]>): string {
  return `listener ${listener}, ${protocol}, ${tls === "" ? "no TLS" : tls}`;
}

/** The rule of the relay that it met: who may relay, and with which sender. */
function letInLines({ identity, session }: MessageReport): string[] {
  const { kind, name } = identityOf(identity);
  const rule = session?.senderRule ?? "";
  const key = kind === "user" ? "credentials[].senders" : "access.senders";
  const sender = rule === "" ? [] : [["sender", `may be used: it is like ${rule} (${key})`] as const];
  return table([["identity", whoText(kind, name)], ...sender]);
}

function whoText(kind: string, name: string): string {
  switch (kind) {
    case "user":
      return `it gave the password of ${name} (credentials)`;
    case "network":
      return `its address is in ${name} (access.networks)`;
    case "local":
      return `it was the file of ${name}, and may what 127.0.0.1 may (access.networks)`;
    default:
      return "we wrote it";
  }
}

function table(rows: readonly (readonly [name: string, text: string])[]): string[] {
  return rows.flatMap(([name, text]) => {
    if (text === "") return [];
    const [first = "", ...others] = wrapped(shown(text), INDENT + " ".repeat(10));
    return [`${INDENT}${name.padEnd(10)}${first.trimStart()}`, ...others];
  });
}

function routeLines({ recipient, route, when, lanes }: RouteNow): string[] {
  const way =
    route === undefined ? "no route takes it now" : `routes[${route - 1}] (${when}): ${lanes.join(", then ")}`;
  return wrapped(shown(`<${recipient}> ${way}`), INDENT);
}

/** What was done at a time: entries of recipients that shared it. */
interface Attempt {
  readonly at: number;
  readonly lane: string;
  readonly transcript: string;
  readonly ends: DeliveryReport[];
}

/** Entries without a transcript stand with the one that has it (`transcriptOf`). */
function attemptsOf({ history }: MessageReport): Attempt[] {
  const attempts: Attempt[] = [];
  for (const entry of history) {
    const { at, lane, transcript, transcriptOf } = entry;
    const shared = attempts.findLast(
      (attempt) => attempt.lane === lane && attempt.ends[0]!.recipient === transcriptOf && transcript === "",
    );
    if (shared === undefined) attempts.push({ at, lane, transcript, ends: [entry] });
    else shared.ends.push(entry);
  }
  return attempts;
}

function attemptLines({ at, lane, transcript, ends }: Attempt, paint: Paint): string[] {
  const said = transcript === "" ? [] : transcript.split("\n");
  const gap = longestGap(transcript);
  return [
    ...wrapped(`${utcText(at)}  ${shown(lane)}, ${attemptText(ends[0]!)}`, INDENT),
    ...ends.flatMap(({ recipient, state, text, reason }) => {
      const because = reason === "" ? "" : `; ${shown(reason)}`;
      const line = `<${shown(recipient)}> ${state}${text === "" ? "" : `: ${shown(text)}`}${because}`;
      return wrapped(line, `${INDENT}  `).map((part) => paint(COLOURS[state] ?? "yellow", part));
    }),
    ...wrapped(phasesText(transcript), `${INDENT}  `).filter((line) => line.trim() !== ""),
    ...(gap === undefined || gap.took < SILENCE_TOLD ? [] : wrapped(gapText(gap), `${INDENT}  `)),
    ...said.flatMap((line) => wrapped(shown(line), `${INDENT}    `)).map((line) => paint("dim", line)),
  ];
}

const COLOURS: { readonly [State in DeliveryReport["state"]]?: "green" | "red" } = {
  delivered: "green",
  failed: "red",
};

/** Shorter silences are what networks have. */
const SILENCE_TOLD = 1 * second;

function milliseconds(time: number): string {
  return time < second ? `${time} ms` : span(time);
}

function phasesText(transcript: string): string {
  return phasesOf(transcript)
    .map(({ name, took }) => `${name} ${milliseconds(took)}`)
    .join(", ");
}

function gapText({ took, after, before }: Gap): string {
  return `waited longest (${span(took)}) between "${shown(after)}" and "${shown(before)}"`;
}

function recipientLines(delivery: DeliveryReport): string[] {
  const { recipient, state, at, reason, text, isUnrouted } = delivery;
  const when = state === "waiting" ? `next try ${utcText(at)}` : ENDS.has(state) ? utcText(at) : "";
  const why = ENDS.has(state)
    ? ""
    : [reason, text]
        .filter((part) => part !== "")
        .map(shown)
        .join(": ");
  const parts = [
    `${state}${isUnrouted === true ? "," : " in"} ${laneText(delivery)}`,
    triesText(delivery),
    when,
    why,
  ].filter((part) => part !== "");
  return wrapped(`<${shown(recipient)}> ${parts.join(", ")}`, INDENT);
}

/** A report has one recipient. */
function reportLines({ id, receivedAt, deliveries, subject }: MessageReport): string[] {
  const told = deliveries.map(({ recipient, state, at, text }) => {
    const when = ENDS.has(state) ? ` ${utcText(at)}` : "";
    return `to <${shown(recipient)}>: ${state}${when}${text === "" ? "" : `: ${shown(text)}`}`;
  });
  const what = told.length === 0 ? ["what became of it is not known yet"] : told;
  return [
    ...wrapped(`${id}  ${utcText(receivedAt)}  ${shown(subject)}`, INDENT),
    ...what.flatMap((text) => wrapped(text, `${INDENT}  `)),
  ];
}
