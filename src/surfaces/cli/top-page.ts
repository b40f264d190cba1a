import { printable } from "../../core/base/printable.ts";
import { span } from "../../core/base/span.ts";
import { type Duration, type Instant, second } from "../../core/base/time.ts";
import { limitsMet } from "../../core/queue/site-standing.ts";
import type { StatusReport, TrafficReport } from "../../engine/operator.ts";
import { type Style, styled } from "./style.ts";
import { counted, grouped, tableLines } from "./table.ts";

export interface Screen {
  readonly columns: number;
  readonly rows: number;
}

interface Line {
  readonly text: string;
  readonly style?: Style;
}

/** What `waypost top` shows: at most as many lines as the screen has, none longer than it is wide. */
export function topLines(status: StatusReport, now: Instant, screen: Screen): string[] {
  const head = headLines(status, now);
  const left = Math.max(0, screen.rows - head.length);
  const sites = siteLines(status, now);
  const lanes = laneLines(status, now);
  // Each has half of the room, and what the other has no use for.
  const forLanes = Math.min(lanes.length, Math.max(Math.ceil(left / 2), left - sites.length));
  const shown = [...head, ...fitted(lanes, forLanes), ...fitted(sites, left - forLanes)];
  return shown.slice(0, screen.rows).map((line) => drawn(line, screen.columns));
}

/** What a screen says while there is nothing to show. */
export function noticeLines(text: string, { columns }: Screen): string[] {
  return text.split("\n").map((line) => drawn({ text: printable(line), style: "yellow" }, columns));
}

function drawn({ text, style }: Line, columns: number): string {
  const cut = text.length > columns ? `${text.slice(0, Math.max(0, columns - 1))}…` : text;
  return style === undefined ? cut : styled(style, cut);
}

function fitted(lines: readonly Line[], room: number): Line[] {
  if (lines.length <= room) return [...lines];
  if (room < 2) return [];
  return [...lines.slice(0, room - 1), { text: `  and ${grouped(lines.length - room + 1)} more`, style: "dim" }];
}

function headLines(status: StatusReport, now: Instant): Line[] {
  const { waiting, inHand, held, oldest, paused, sessions } = status;
  const time = new Date(now).toISOString().slice(11, 19);
  const age = oldest === undefined ? "" : `   oldest ${span(now - oldest)}`;
  return [
    {
      text: `waypost ${status.version} on ${status.hostname}   up ${span(now - status.startedAt)}   ${time} UTC${status.state === "stopping" ? "   stopping" : ""}`,
      style: "bold",
    },
    { text: `Queue    ${grouped(waiting)} waiting   ${grouped(inHand)} in hand   ${grouped(held)} held${age}` },
    ...(status.traffic === undefined ? [] : trafficLines(status.traffic)),
    ...(sessions === undefined ? [] : [{ text: `Sessions ${grouped(sessions)}` }]),
    ...(paused.length === 0
      ? []
      : [{ text: `Paused   ${paused.map(({ target }) => printable(target)).join(", ")}`, style: "yellow" } as const]),
    ...(status.isStoreReplaced === true
      ? [{ text: "Store    mail is refused with 451: its files were replaced", style: "red" } as const]
      : []),
    ...(status.freeOctets >= status.neededOctets
      ? []
      : [{ text: "Disk     mail is refused with 452: too little is free", style: "red" } as const]),
  ];
}

function trafficLines(traffic: TrafficReport): Line[] {
  const { arrivedPerSecond, deliveredPerSecond, deferredPerSecond, failedPerSecond, latency } = traffic;
  const took =
    latency === undefined
      ? "nothing delivered in the last minute"
      : `p50 ${latencyText(latency.half)}   p95 ${latencyText(latency.most)}   from acceptance to delivery, last minute`;
  return [
    {
      text: `Flow     ${rateText(arrivedPerSecond)} in   ${rateText(deliveredPerSecond)} delivered   ${rateText(deferredPerSecond)} deferred   ${rateText(failedPerSecond)} failed`,
    },
    { text: `Latency  ${took}` },
  ];
}

function rateText(perSecond: number): string {
  return `${perSecond >= 100 ? grouped(Math.round(perSecond)) : perSecond.toFixed(1)}/s`;
}

function latencyText(latency: Duration): string {
  if (latency < second) return `${latency} ms`;
  return latency < 60 * second ? `${(latency / second).toFixed(1)} s` : span(latency);
}

function laneLines(status: StatusReport, now: Instant): Line[] {
  const rows = status.lanes.map(({ lane, waiting, blockedUntil, wakeAt }) => {
    const isPaused = status.paused.some(({ target }) => target === lane || target === "outbound");
    const state =
      blockedUntil !== undefined
        ? `blocked, tries again in ${span(blockedUntil - now)}`
        : isPaused
          ? "paused"
          : wakeAt === undefined
            ? "served"
            : wakeAt > now
              ? `next in ${span(wakeAt - now)}`
              : "due";
    return { cells: [grouped(waiting), printable(lane), state], style: styleOf(blockedUntil !== undefined, isPaused) };
  });
  const more =
    status.lanesLeftOut === 0
      ? []
      : [{ text: `  and ${counted(status.lanesLeftOut, "more lane")}`, style: "dim" } as const];
  return titled("Lanes", ["waiting", "lane", "state"], rows, more);
}

function siteLines({ sites, sitesLeftOut = 0 }: StatusReport, now: Instant): Line[] {
  if (sites === undefined) return [{ text: "Next hops: the queue thread did not answer in time", style: "yellow" }];
  const rows = sites.map((standing) => {
    const { site, connections, window, connectionsMax, newConnections, messages, block } = standing;
    const rates = [newConnections, messages].map((rate) => (rate === undefined ? "-" : `${rate.begun}/${rate.limit}`));
    const met = limitsMet(standing, now);
    const cells = [printable(site), `${connections} of ${window} (${connectionsMax})`, ...rates];
    return { cells: [...cells, printable(met.join("; "))], style: styleOf(block !== undefined, met.length > 0) };
  });
  const more =
    sitesLeftOut === 0 ? [] : [{ text: `  and ${counted(sitesLeftOut, "more next hop")}`, style: "dim" } as const];
  return titled("Next hops", ["next hop", "connections", "new/min", "messages/min", "waits for"], rows, more);
}

function styleOf(isBlocked: boolean, isLimited: boolean): Style | undefined {
  return isBlocked ? "red" : isLimited ? "yellow" : undefined;
}

function titled(
  title: string,
  heads: readonly string[],
  rows: readonly { readonly cells: readonly string[]; readonly style: Style | undefined }[],
  more: readonly Line[],
): Line[] {
  if (rows.length === 0) return [{ text: "" }, { text: `${title}: none`, style: "dim" }];
  const [head = "", ...lines] = tableLines([heads, ...rows.map(({ cells }) => cells)]);
  const body = lines.map((text, at) => {
    const style = rows[at]!.style;
    return style === undefined ? { text } : { text, style };
  });
  return [{ text: "" }, { text: head, style: "dim" }, ...body, ...more];
}
