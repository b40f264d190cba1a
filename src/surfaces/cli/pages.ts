import { CONTROL, MiB, SPOOL, STOP } from "../../core/base/limits.ts";
import { printable } from "../../core/base/printable.ts";
import { span } from "../../core/base/span.ts";
import { type Instant, second } from "../../core/base/time.ts";
import type { QueueAction } from "../../core/queue/action.ts";
import type { Outcome } from "../../core/outbound/outcome.ts";
import { limitsMet } from "../../core/queue/site-standing.ts";
import type {
  ActionReport,
  DeliveryReport,
  ImportReport,
  MessageReport,
  PauseChange,
  PruneReport,
  QueuePage,
  StatusReport,
} from "../../engine/operator.ts";
import { attemptText, attemptsText, triesText } from "./attempts.ts";
import { styled } from "./style.ts";
import { counted, grouped, tableLines } from "./table.ts";

// What the commands print for people. Everything that a peer may have said goes through `printable`.

function when(at: Instant, now: Instant): string {
  if (at > now) return `in ${span(at - now)}`;
  return now - at < second ? JUST_NOW : `${span(now - at)} ago`;
}

/** How long it has been so. */
function lasts(since: Instant, now: Instant): string {
  return now - since < second ? JUST_NOW : `for ${span(now - since)}`;
}

const JUST_NOW = "just now";

export function octetsText(octets: number): string {
  if (octets < 1024) return `${octets} B`;
  return octets < 1024 * 1024 ? `${(octets / 1024).toFixed(1)} KiB` : `${(octets / 1024 / 1024).toFixed(1)} MiB`;
}

function sender(from: string): string {
  return `<${printable(from)}>`;
}

/** One line a delivery, and below it why it waits: an operator reads one place. */
export function queueLines(page: QueuePage, now: Instant, isFiltered = false): string[] {
  const nothing = isFiltered ? "Nothing in the queue is like that" : "The queue is empty";
  if (page.deliveries.length === 0)
    return [page.after === undefined ? `${nothing}.` : `${nothing} so far. There is more: --after ${page.after}`];
  const lines = page.deliveries.flatMap((delivery) => [
    `${styled("bold", delivery.id)}  ${sender(delivery.from)} -> <${printable(delivery.recipient)}>  ${octetsText(delivery.octets)}, received ${when(delivery.receivedAt, now)}`,
    `    ${standing(delivery, now)}`,
  ]);
  return page.after === undefined ? lines : [...lines, `There is more: --after ${page.after}`];
}

/** What was imported is in a lane of another relay until it goes. */
export function laneText({ lane, isUnrouted }: Pick<DeliveryReport, "lane" | "isUnrouted">): string {
  return isUnrouted === true ? `not routed here yet (${printable(lane)} where it came from)` : printable(lane);
}

function standing(delivery: DeliveryReport, now: Instant): string {
  const lane = laneText(delivery);
  const text = delivery.text === "" ? "" : `: ${printable(delivery.text)}`;
  if (delivery.state === "in hand") return `${lane}: ${styled("cyan", printable(delivery.reason))}`; // may name servers
  if (delivery.state === "held")
    return `${lane}: ${styled("yellow", "held")} ${lasts(delivery.at, now)}; ${delivery.reason.replace(/^held: /, "")}${text}`;
  if (delivery.state === "cancelled") return `${lane}: ${CANCELLED} ${when(delivery.at, now)}`;
  if (delivery.state !== "waiting") return `${lane}: ${delivery.state} ${when(delivery.at, now)}${text}`;
  const next = dueText(delivery.at, now, delivery.isPaused === true);
  const reason = delivery.reason === "" ? "" : `; ${delivery.reason}`;
  return `${lane}: ${triesText(delivery)}, ${next}${reason}${text}`;
}

const CANCELLED = "taken out of the queue by the operator";

/** What was to go at once has an early time, or none. */
function dueText(at: Instant, now: Instant, isPaused: boolean): string {
  if (at > now) return `next ${when(at, now)}${isPaused ? ", if it is resumed by then" : ""}`;
  return isPaused ? "due when it is resumed" : "due now";
}

/** `hasTranscripts`: with what was said in each attempt. */
export function messageLines(message: MessageReport, now: Instant, hasTranscripts: boolean): string[] {
  return [
    styled("bold", `Message ${message.id}`),
    `  from      ${sender(message.from)}`,
    `  identity  ${printable(message.identity)}${message.client === "" ? "" : ` at ${printable(message.client)}`}`,
    `  subject   ${printable(message.subject)}`,
    `  size      ${octetsText(message.octets)}`,
    `  received  ${new Date(message.receivedAt).toISOString()} (${when(message.receivedAt, now)})`,
    ...(message.wasId === undefined ? [] : [`  imported  from another relay, where it was ${message.wasId}`]),
    "Recipients",
    ...message.deliveries.map((delivery) => `  <${printable(delivery.recipient)}>  ${standing(delivery, now)}`),
    ...(message.history.length === 0 ? [] : ["Attempts"]),
    ...message.history.flatMap((attempt) => attemptLines(attempt, hasTranscripts)),
  ];
}

function attemptLines(attempt: DeliveryReport, hasTranscripts: boolean): string[] {
  const { at, recipient, state, attempts, text, reason, transcript, transcriptOf } = attempt;
  const because = reason === "" ? "" : `; ${printable(reason)}`;
  const what =
    state === "cancelled"
      ? `${CANCELLED} after ${attemptsText(attempts)}; its sender was not told`
      : `${state} (${attemptText(attempt)}): ${printable(text)}${because}`;
  const elsewhere = transcriptOf === undefined ? [] : [`same attempt as <${transcriptOf}>`];
  const said = !hasTranscripts ? [] : transcript === "" ? elsewhere : transcript.split("\n");
  return [
    `  ${new Date(at).toISOString()}  <${printable(recipient)}>  ${what}`,
    ...said.map((line) => `      ${printable(line)}`),
  ];
}

export function statusLines(status: StatusReport, now: Instant): string[] {
  const oldest = status.oldest === undefined ? "" : `, the oldest received ${when(status.oldest, now)}`;
  return [
    styled("bold", `waypost ${status.version} on ${status.hostname}, up ${span(now - status.startedAt)}`),
    ...(status.state === "stopping" ? [`${styled("yellow", "Stopping")}: ${STOPPING}`] : []),
    ...status.listeners.map((listener) => `  listens on ${listenerText(listener)}`),
    `Queue: ${status.waiting} waiting, ${status.inHand} in hand${status.held === 0 ? "" : `, ${status.held} held`}${oldest}`,
    ...status.paused.map(
      ({ target, since }) =>
        `${styled("yellow", "Paused")}: ${printable(target)}, ${lasts(since, now)}: waypost resume ${printable(target)}`,
    ),
    ...storeLines(status),
    ...spaceLines(status),
    ...spoolLines(status),
    ...deadLines(status, now),
    ...status.lanes.map(({ lane, waiting, wakeAt, blockedUntil }) => {
      const isExplained = status.sites?.some(({ site, block }) => site === lane && block !== undefined) === true;
      const again =
        isExplained || blockedUntil === undefined ? "" : `; one connection tries again ${when(blockedUntil, now)}`;
      const blocked = blockedUntil === undefined ? "" : `, ${styled("red", "blocked")}${again}`;
      const isPaused = status.paused.some(({ target }) => target === lane || target === "outbound");
      const wakes = blockedUntil !== undefined || wakeAt === undefined ? "" : `, ${dueText(wakeAt, now, isPaused)}`;
      return `  ${printable(lane)}: ${waiting} waiting${blocked}${wakes}`;
    }),
    ...(status.lanesLeftOut === 0 ? [] : [`  and ${status.lanesLeftOut} more lanes: waypost queue list`]),
    ...siteLines(status, now),
  ];
}

/** One without a name is called by its address. */
function listenerText(listener: string): string {
  const [name, address] = listener.split(" ");
  return name === address ? name! : listener;
}

const STOPPING = `no new mail is taken, and the relay ends as soon as what is under way has ended, after ${span(STOP.drain)} at the latest`;

function siteLines({ sites, sitesLeftOut = 0, waiting, inHand }: StatusReport, now: Instant): string[] {
  if (sites === undefined)
    return ["What mail in hand waits for is not known: the queue thread did not answer in time."];
  const lines = sites.flatMap((standing) => {
    const met = limitsMet(standing, now);
    return met.length === 0 ? [] : [`  ${printable(`${standing.site}: ${met.join("; ")}`)}`];
  });
  if (lines.length === 0) return [];
  const rest = sitesLeftOut === 0 ? [] : [`  and ${sitesLeftOut} more next hops`];
  const heading = waiting + inHand === 0 ? "Next hops that take nothing now:" : "Mail waits for its next hop:";
  return [heading, ...lines, ...rest];
}

const DONE: Readonly<Record<QueueAction, string>> = {
  hold: "held",
  release: "released: due now",
  retry: "due now",
  cancel: "cancelled",
  expire: "to fail now, with a report to the sender",
  reroute: "to be routed anew now",
};

const NOTED: Readonly<Record<QueueAction, string>> = {
  hold: "held where they would wait again",
  release: "not held any more",
  retry: "tried already",
  cancel: "cancelled where they would wait again",
  expire: "failed where they would wait again",
  reroute: "routed anew where they would wait again",
};

const NEEDLESS: Readonly<Record<QueueAction, string>> = {
  hold: "all of it is held already",
  release: "none of it is held",
  retry: "all of it is held; release lets it go",
  cancel: "it ended meanwhile",
  expire: "it ended meanwhile",
  reroute: "it ended meanwhile",
};

/** What an action did. */
export function actionLines(
  action: QueueAction,
  { changed, inHand, hasMatch, nearest }: Omit<ActionReport, "after">,
): string[] {
  const noted = inHand === 0 ? [] : [`${counted(inHand, "delivery")} in hand of the relay now: ${NOTED[action]}`];
  if (changed === 0 && inHand === 0)
    return [hasMatch ? `Nothing to ${action} there: ${NEEDLESS[action]}.` : noMatch(nearest)];
  return [...(changed === 0 ? [] : [`${counted(changed, "delivery")} ${DONE[action]}`]), ...noted];
}

function noMatch(nearest: string | undefined): string {
  const meant = nearest === undefined ? "" : ` Did you mean ${printable(nearest)}?`;
  return `Nothing in the queue is like that; nothing was changed.${meant}`;
}

/** How much of the queue is like that; those lanes first where most is. */
export interface QueueCount {
  readonly deliveries: number;
  readonly messages: number;
  readonly lanes: readonly { readonly lane: string; readonly deliveries: number }[];
}

export function countText({ deliveries, messages, lanes }: QueueCount): string {
  return `${counted(deliveries, "delivery")} of ${counted(messages, "message")} in ${counted(lanes.length, "lane")}`;
}

export function countLines(count: QueueCount): string[] {
  const shown = count.lanes.slice(0, CONTROL.lanesShown);
  const left = count.lanes.length - shown.length;
  return [
    countText(count),
    ...tableLines(shown.map(({ lane, deliveries }) => [grouped(deliveries), printable(lane)])),
    ...(left === 0 ? [] : [`  and ${counted(left, "more lane")}`]),
  ];
}

export function pauseLines({ target, isPaused, isChange }: PauseChange): string[] {
  if (!isChange) return [`${printable(target)} ${isPaused ? "was paused already" : "was not paused"}`];
  return [`${printable(target)}: ${isPaused ? "paused, also over restarts, until you resume it" : "resumed"}`];
}

export function pruneLines({ days, octets, daysLeft, octetsLeft }: PruneReport): string[] {
  const left = `${counted(daysLeft, "day")} left, ${octetsText(octetsLeft)}`;
  if (days.length === 0) return [`No day of history is that old: ${left}`];
  const which = days.length === 1 ? days[0]! : `${days[0]!} to ${days.at(-1)!}`;
  return [`${counted(days.length, "day")} of history removed (${which}), ${octetsText(octets)}; ${left}`];
}

export function backupLines(report: {
  readonly folder: string;
  readonly messages: number;
  readonly deliveries: number;
  readonly historyEntries: number;
}): string[] {
  const { folder, messages, deliveries, historyEntries } = report;
  const queued = `${counted(deliveries, "delivery")} of ${counted(messages, "message")}`;
  return [`${folder}: ${queued}, ${counted(historyEntries, "entry")} of history`];
}

export function exportLines(
  report: {
    readonly file: string;
    readonly messages: number;
    readonly deliveries: number;
    readonly unreadable: readonly { readonly id: string; readonly why: string }[];
  },
  warning: string | undefined,
): string[] {
  const { file, messages, deliveries, unreadable } = report;
  const queued = `${counted(deliveries, "delivery")} of ${counted(messages, "message")}`;
  return [
    `${printable(file)}: ${queued}`,
    ...unreadable.map(({ id, why }) => `${styled("red", "Left out")}: message ${id}: ${printable(why)}`),
    ...(warning === undefined
      ? [
          "Next: waypost queue import on the other machine. The queue here stays as it is, and paused: once it is imported,",
          "it must not be resumed here, or its mail arrives twice.",
        ]
      : [`${styled("red", "Warning")}: ${printable(warning)}`]),
  ];
}

export function importLines(
  { messages, deliveries, known }: ImportReport,
  { hostname, exportedAt }: { readonly hostname: string; readonly exportedAt: Instant },
  now: Instant,
): string[] {
  const taken = `${counted(deliveries, "delivery")} of ${counted(messages, "message")}`;
  const before = known === 0 ? "" : `; ${counted(known, "message")} came before`;
  return [`${taken} of ${printable(hostname)}, exported ${when(exportedAt, now)}${before}`];
}

function spoolLines({ spool }: StatusReport): string[] {
  if (spool === undefined || (spool.files === 0 && !spool.hasMore)) return [];
  const { folder, files, hasMore } = spool;
  if (files > 0)
    return [`Spool: ${counted(files, "file")}${hasMore ? " or more" : ""} in ${printable(folder)} to be taken`];
  return [`${styled("yellow", "Spool")}: ${printable(folder)} is full of what is no mail: look who put it there`];
}

function deadLines({ dead }: StatusReport, now: Instant): string[] {
  if (dead === undefined || dead.files === 0) return [];
  const oldest = dead.oldest === undefined ? "" : `, the oldest since ${when(dead.oldest, now)}`;
  const files = `${counted(dead.files, "file")}${dead.files >= SPOOL.counted ? " or more" : ""}`;
  return [`${styled("yellow", "Spool")}: ${files} in ${printable(dead.folder)} for you to look at${oldest}`];
}

function storeLines({ isStoreReplaced }: StatusReport): string[] {
  if (isStoreReplaced !== true) return [];
  return [
    `${styled("red", "Store")}: queue.db or its log was removed or replaced under the relay; mail is refused with 451, and what is queued here ends with the process: put the files back, or let the queue get empty and start the relay again`,
  ];
}

function spaceLines({ freeOctets, neededOctets }: StatusReport): string[] {
  if (freeOctets >= neededOctets) return [];
  const mib = (octets: number): string => (octets / MiB).toFixed(0);
  return [
    `${styled("red", "Disk")}: ${mib(freeOctets)} MiB free; mail is refused with 452 until there are ${mib(neededOctets)} MiB`,
  ];
}

export function sinkLines(
  messages: readonly {
    readonly id: string;
    readonly relayId: string | undefined;
    readonly at: Instant;
    readonly from: string;
    readonly to: readonly string[];
    readonly octets: number;
  }[],
): string[] {
  if (messages.length === 0) return ["The sink is empty."];
  return messages.map(
    ({ id, relayId, at, from, to, octets }) =>
      `${id}  ${relayId === undefined ? "" : `relay's ${relayId}  `}${new Date(at).toISOString()}  ${sender(from)} -> ${to.map((address) => `<${printable(address)}>`).join(" ")}  ${octetsText(octets)}`,
  );
}

export function outcomeLine(recipient: string, outcome: Outcome): string {
  const said = outcome.reply === undefined ? "" : `${outcome.reply.code} ${outcome.reply.lines.join(" / ")}`;
  if (outcome.kind === "delivered") return `<${printable(recipient)}>: accepted: ${printable(said)}`;
  const kind = outcome.kind === "permanent" ? "refused" : "not now";
  return `<${printable(recipient)}>: ${kind} (${outcome.cause}): ${printable(said === "" ? outcome.detail : said)}`;
}
