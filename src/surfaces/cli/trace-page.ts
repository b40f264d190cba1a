import { unreachable } from "../../core/base/invariant.ts";
import { TRACE } from "../../core/base/limits.ts";
import { printable } from "../../core/base/printable.ts";
import { span } from "../../core/base/span.ts";
import type { Instant } from "../../core/base/time.ts";
import type { Chain, Hop, Wait } from "../../core/hops/chain.ts";
import type { StampDate } from "../../core/hops/date.ts";
import type { Mark } from "../../core/hops/filters.ts";
import { serverName } from "../../core/hops/host-names.ts";
import type { Peer } from "../../core/hops/peer.ts";
import type { Stamp } from "../../core/hops/received.ts";
import type { Style } from "./style.ts";

/** How a text looks on a terminal; elsewhere it stays as it is. */
export type Paint = (style: Style, text: string) => string;

const COLUMNS = 100;
const INDENT = "     ";

export function shown(text: string): string {
  return printable(text, TRACE.textCharactersMax);
}

/** `2026-11-21 23:05:39 UTC` */
export function utcText(at: Instant): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Broken between words, what follows the first line set in deeper; a word that is too long stays whole. */
export function wrapped(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    const isEmpty = line.trim() === "";
    if (!isEmpty && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = `${indent}  ${word}`;
    } else line = isEmpty ? `${line}${word}` : `${line} ${word}`;
  }
  return [...lines, line];
}

/** The way of a message, the first hop first. */
export function chainLines(chain: Chain, paint: Paint): string[] {
  const { hops, marksAfter, hopsLeftOut, strayLines, isCut } = chain;
  return [
    ...summaryLines(chain, paint),
    "",
    ...aboutLines(chain),
    ...hops.flatMap((hop) => [...marksLines(hop.marksBefore, paint), ...hopLines(hop, chain, paint)]),
    ...marksLines(marksAfter, paint),
    ...(hopsLeftOut === 0 ? [] : ["", `Hops above these, which are not looked at: ${hopsLeftOut}`]),
    ...(strayLines === 0 ? [] : ["", `Lines of the header that belong to no field: ${strayLines}`]),
    ...(isCut
      ? [
          "",
          `The header is longer than ${TRACE.headerOctetsMax} octets; the rest is not looked at, and the first hops may be in it.`,
        ]
      : []),
  ];
}

function summaryLines(
  { hops, hopsLeftOut, isCut, total, longest, encrypted, networked }: Chain,
  paint: Paint,
): string[] {
  if (hops.length === 0)
    return [
      paint("bold", isCut ? "No hop in what was read of the header" : "No hop: the message has no Received field"),
    ];
  const ofMore = hopsLeftOut === 0 ? "" : ` of ${hops.length + hopsLeftOut}${isCut ? " or more" : ""}`;
  const time = total === undefined ? "" : ` in ${span(total)}`;
  const wait = longest === undefined ? "" : `; waited longest (${span(longest.delay)}) ${whereText(longest)}`;
  const tls = networked === 0 ? "" : `; TLS on ${encrypted} of ${networked} network hops`;
  const doubts = hops.filter((hop) => hop.doubts.length > 0).map(({ number }) => number);
  const places = doubts.length > SHOWN_PLACES ? `${doubts.slice(0, SHOWN_PLACES).join(", ")}, ...` : doubts.join(", ");
  const misfit = `Something does not fit at hop ${places}: see "!" there`;
  return [
    ...wrapped(`${count(hops.length, "hop")}${ofMore}${time}${wait}${tls}`, "").map((line) => paint("bold", line)),
    ...(doubts.length === 0 ? [] : [paint("yellow", misfit)]),
  ];
}

const SHOWN_PLACES = 10;

function whereText({ at, until }: Wait): string {
  return until === undefined ? `at ${shown(at)}` : `between ${shown(at)} and ${shown(until)}`;
}

function count(number: number, what: string): string {
  return number === 1 ? `1 ${what}` : `${number} ${what}s`;
}

function aboutLines({ from, subject, messageId, written }: Chain): string[] {
  const rows = [
    ["from", from],
    ["subject", subject],
    ["id", messageId],
    ["date", [dateText(written), ...notesText(written)].join(" ")],
  ] as const;
  return rows.flatMap(([name, text]) => {
    if (text === "") return [];
    const [first = "", ...others] = wrapped(shown(text), INDENT + " ".repeat(9));
    return [`${INDENT}${name.padEnd(9)}${first.trimStart()}`, ...others];
  });
}

function dateText(date: StampDate): string {
  switch (date.kind) {
    case "known":
      return utcText(date.at);
    case "vague":
      return shown(date.text);
    case "broken":
      return `"${shown(date.text)}" is no date`;
    case "missing":
      return "";
    default:
      return unreachable(date);
  }
}

function notesText(date: StampDate): string[] {
  if ((date.kind !== "known" && date.kind !== "vague") || date.notes.length === 0) return [];
  return [`(${date.notes.map(shown).join("; ")})`];
}

function marksLines(marks: readonly Mark[], paint: Paint): string[] {
  if (marks.length === 0) return [];
  const lines = marks
    .slice(0, TRACE.marksShownMax)
    .flatMap(({ field, text }) => wrapped(`~ ${shown(field)}: ${shown(text)}`, INDENT));
  const rest = marks.length - TRACE.marksShownMax;
  const more = rest > 0 ? [`${INDENT}~ and ${count(rest, "more field")} of filters`] : [];
  return ["", ...[...lines, ...more].map((line) => paint("dim", line))];
}

function hopLines(hop: Hop, { longest, written }: Chain, paint: Paint): string[] {
  const { number, stamp, timing, doubts } = hop;
  const wait = number === 1 ? sinceWritten(stamp.date, written) : waitText(hop);
  const how = longest?.hop === number ? paint("bold", `${wait}, the longest`) : wait;
  const details = [...notesText(stamp.date), ...fromText(stamp), ...byText(stamp), ...idText(stamp)];
  return [
    "",
    [String(number).padStart(3), dateText(stamp.date) || "no date", how].filter((text) => text !== "").join("  "),
    ...details.flatMap((text) => wrapped(text, INDENT)),
    ...(timing.remark === "" ? [] : alarm(timing.remark, "yellow", paint)),
    ...doubts.flatMap((doubt) => alarm(doubt, "red", paint)),
  ];
}

function alarm(text: string, style: "yellow" | "red", paint: Paint): string[] {
  return wrapped(`! ${printable(text, TRACE.remarkCharactersMax)}`, INDENT).map((line) => paint(style, line));
}

function sinceWritten(date: StampDate, written: StampDate): string {
  if (date.kind !== "known" || written.kind !== "known") return "";
  const difference = date.at - written.at;
  return difference < 0 ? `${span(-difference)} before its date` : `+${span(difference)} after its date`;
}

function waitText({ number, timing: { delay, since } }: Hop): string {
  if (delay === undefined) return "";
  return since === number - 1 ? `+${span(delay)}` : `+${span(delay)} since hop ${since}`;
}

function fromText({ from, remark }: Stamp): string[] {
  const lines = from === undefined ? [] : [`from ${peerText(from)}`];
  return remark === "" ? lines : [...lines, shown(remark)];
}

function peerText({ hello, name, address }: Peer): string {
  const isSame = name.toLowerCase() === hello.toLowerCase();
  const dns = name === "unknown" ? "no name in the DNS" : isSame ? "" : shown(name);
  const about = [dns, shown(address)].filter((text) => text !== "").join(", ");
  if (hello === "") return about;
  return about === "" || about === hello ? shown(hello) : `${shown(hello)} (${about})`;
}

function byText(stamp: Stamp): string[] {
  const { by, byAddress, byNames, software, via, remark } = stamp;
  const protocol = protocolText(stamp);
  if (by === "" && protocol === "" && remark !== "") return [];
  const names = shown(byNames.join(", "));
  const about = [names, byAddress === by ? "" : shown(byAddress), shown(software)].filter((text) => text !== "");
  const host = by === "" ? serverName(stamp) : by;
  const where = `by ${shown(host)}${about.length === 0 ? "" : ` (${about.join(", ")})`}`;
  return [[where, protocol, via === "" ? "" : `via ${shown(via)}`].filter((text) => text !== "").join(", ")];
}

/** The keyword, and what it says (RFC 3848). */
function protocolText({ protocol, isTls, isLogin, login, encryption: { version, cipher } }: Stamp): string {
  const tls =
    isTls === true
      ? [version || (cipher.startsWith("TLS") ? "" : "TLS"), cipher].filter((text) => text !== "").join(" ")
      : "no TLS";
  const who = login === "" ? "login" : `login as ${shown(login)}`;
  const said = [isTls === undefined ? "" : shown(tls), isLogin ? who : ""].filter((text) => text !== "").join(", ");
  return [protocol.text === "" ? "" : `with ${shown(protocol.text)}`, said].filter((text) => text !== "").join(": ");
}

function idText({ id, recipient, envelopeFrom }: Stamp): string[] {
  const parts = [
    id === "" ? "" : `id ${shown(id)}`,
    recipient === "" ? "" : `for <${shown(recipient)}>`,
    envelopeFrom === "" ? "" : `envelope sender <${shown(envelopeFrom)}>`,
  ].filter((text) => text !== "");
  return parts.length === 0 ? [] : [parts.join(", ")];
}
