import { type Duration, day, hour, minute } from "../base/time.ts";

const WIDTH = 76;
/** Characters of one word: with four octets each they fit into a line of 998 (RFC 5322 section 2.1.1). */
const WORD_MAX = 240;

/** Words of `text` in lines of at most `width` characters; a longer word has a line of its own, or several. */
function lines(text: string, width: number): string[] {
  const found: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap(cut)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      found.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  found.push(line);
  return found;
}

function cut(word: string): string[] {
  const pieces: string[] = [];
  let at = 0;
  for (; word.length - at > WORD_MAX; at += WORD_MAX) pieces.push(word.slice(at, at + WORD_MAX));
  return [...pieces, word.slice(at)];
}

/** A header field with CR LF, folded (RFC 5322 section 2.2.3). `value` has no character that ends a line. */
export function field(name: string, value: string): string {
  return `${name}: ${lines(value, WIDTH - name.length - 2).join("\r\n ")}\r\n`;
}

/** Text for people, with CR LF, behind `indent` spaces. */
export function paragraph(text: string, indent = 0): string {
  const margin = " ".repeat(indent);
  return lines(text, WIDTH - indent)
    .map((line) => `${margin}${line}\r\n`)
    .join("");
}

/** A length of time for people: as near as they need it, and never more certain than it is. */
export function spanText(span: Duration): string {
  if (span < minute) return "less than a minute";
  if (Math.round(span / minute) < 120) return countText(span, minute, "minute");
  return Math.round(span / hour) < 48 ? countText(span, hour, "hour") : countText(span, day, "day");
}

function countText(span: Duration, unit: Duration, name: string): string {
  const count = Math.round(span / unit);
  return `${span === count * unit ? "" : "about "}${count} ${name}${count === 1 ? "" : "s"}`;
}
