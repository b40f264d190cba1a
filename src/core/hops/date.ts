import { type Instant, day, hour, minute, second } from "../base/time.ts";

/** When a stamp says that it was made. */
export type StampDate =
  | {
      readonly kind: "known";
      readonly at: Instant;
      /** What is unusual about how it is written. */
      readonly notes: readonly string[];
    }
  /** A date whose zone is not known: by half a day it may be anything. */
  | { readonly kind: "vague"; readonly text: string; readonly notes: readonly string[] }
  | { readonly kind: "broken"; readonly text: string }
  | { readonly kind: "missing" };

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/** Minutes east of UTC: RFC 5322 section 4.3, and abbreviations that mean one zone only (`IST` and `BST` mean several). */
const ZONES: ReadonlyMap<string, number> = new Map([
  ["ut", 0],
  ["utc", 0],
  ["gmt", 0],
  ["z", 0],
  ["est", -300],
  ["edt", -240],
  ["cst", -360],
  ["cdt", -300],
  ["mst", -420],
  ["mdt", -360],
  ["pst", -480],
  ["pdt", -420],
  ["wet", 0],
  ["west", 60],
  ["cet", 60],
  ["met", 60],
  ["cest", 120],
  ["mest", 120],
  ["eet", 120],
  ["eest", 180],
  ["msk", 180],
  ["jst", 540],
  ["kst", 540],
  ["aest", 600],
  ["aedt", 660],
  ["nzst", 720],
  ["nzdt", 780],
]);
const CURRENT_ZONES = new Set(["ut", "utc", "gmt"]);

/** Minutes east of UTC, or why it is not known. */
type Zone = { readonly minutes: number; readonly note: string } | { readonly unknown: string };

interface Clock {
  readonly ms: number;
  readonly rest: string;
}

/** The words of a date, without comments, commas being white space. */
function wordsOf(text: string): string[] {
  return text.split(/[\s,]/).filter((word) => word !== "");
}

/** What stands behind the semicolon of a stamp, comments left out. */
export function parseDate(text: string): StampDate {
  const words = wordsOf(text);
  if (words.length === 0) return { kind: "missing" };
  const found = readDate(words);
  return found ?? { kind: "broken", text };
}

/** A date at the end of words that were not separated from it: `from` its place in them on. */
export function dateAmong(words: readonly string[]): { readonly date: StampDate; readonly from: number } | undefined {
  for (let at = words.length - 3; at >= 0; at--) {
    const isHere = isDay(words[at]!) && monthOf(words[at + 1]!) !== -1;
    if (!isHere && !(monthOf(words[at]!) !== -1 && isDay(words[at + 1]!))) continue;
    const from = at > 0 && weekdayOf(words[at - 1]!) !== -1 ? at - 1 : at;
    const date = readDate(words.slice(from, from + DATE_WORDS_MAX));
    if (date !== undefined) return { date, from };
  }
  return undefined;
}

/** RFC 5322 section 3.3; the years of one century are others to `Date.UTC`. */
const YEAR_MIN = 1900;

/** Weekday, day, month, year, time, zone. */
const DATE_WORDS_MAX = 6;

function readDate(words: readonly string[]): StampDate | undefined {
  const [first = ""] = words;
  const weekday = weekdayOf(first);
  const rest = weekday === -1 ? words : words.slice(1);
  const isoDate = weekday === -1 ? readIso(rest) : undefined;
  if (isoDate !== undefined) return isoDate;
  return monthOf(rest[0] ?? "") === -1 ? readUsual(weekday, rest) : readUnixLike(weekday, rest);
}

/** `21 Nov 2026 23:05:39 +0000`, also `21-Nov-2026 23:05:39`. */
function readUsual(weekday: number, words: readonly string[]): StampDate | undefined {
  const dashed = (words[0] ?? "").split("-");
  const [date, month, year, time = "", ...zone] = dashed.length === 3 ? [...dashed, ...words.slice(1)] : words;
  return assemble({ weekday, date, month, year, time, zone });
}

/** `Nov 21 23:05:39 2026`, as asctime writes it, and date(1) with the zone before the year. */
function readUnixLike(weekday: number, words: readonly string[]): StampDate | undefined {
  const [month, date, time = "", ...rest] = words;
  const year = rest.findIndex((word) => isDigits(word) && word.length === 4);
  if (year === -1) return undefined;
  const zone = rest.filter((_, at) => at !== year);
  return assemble({ weekday, date, month, year: rest[year], time, zone });
}

interface Written {
  readonly weekday: number;
  readonly date: string | undefined;
  readonly month: string | undefined;
  readonly year: string | undefined;
  readonly time: string;
  readonly zone: readonly string[];
}

function assemble({ weekday, date = "", month = "", year = "", time, zone }: Written): StampDate | undefined {
  const clock = clockOf(time);
  const monthNumber = monthOf(month);
  if (!isDay(date) || monthNumber === -1 || !isDigits(year) || year.length > 4 || clock === undefined) return undefined;
  const fullYear = fullYearOf(year);
  if (fullYear < YEAR_MIN) return undefined;
  const midnight = Date.UTC(fullYear, monthNumber, Number(date));
  if (new Date(midnight).getUTCDate() !== Number(date)) return undefined; // 31 Nov
  const notes: string[] = [];
  if (year.length < 4) notes.push(`the year is written as ${year}`);
  if (weekday !== -1 && new Date(midnight).getUTCDay() !== weekday) notes.push("the day of the week is not the date's");
  return zoned(
    midnight + clock.ms,
    zoneOf(clock.rest === "" ? zone : [clock.rest]),
    notes,
    `${date} ${month} ${year} ${time}`,
  );
}

/** `2026-11-21T23:05:39Z`, RFC 3339. */
function readIso(words: readonly string[]): StampDate | undefined {
  const [first = "", ...others] = words;
  const found = /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt](.*))?$/.exec(first);
  if (found === null) return undefined;
  const [, year = "", month = "", date = "", inner] = found;
  const [time = "", ...zone] = inner === undefined ? others : [inner, ...others];
  const clock = clockOf(time);
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(date));
  if (clock === undefined || Number(year) < YEAR_MIN || new Date(midnight).getUTCDate() !== Number(date))
    return undefined;
  const notes = ["written as ISO 8601 has it, not as RFC 5322"];
  return zoned(midnight + clock.ms, zoneOf(clock.rest === "" ? zone : [clock.rest]), notes, words.join(" "));
}

function zoned(local: number, zone: Zone, notes: string[], text: string): StampDate {
  if ("unknown" in zone) return { kind: "vague", text, notes: [...notes, zone.unknown] };
  if (zone.note !== "") notes.push(zone.note);
  return { kind: "known", at: local - zone.minutes * minute, notes };
}

/** RFC 5322 section 4.3: what two digits and three mean. */
function fullYearOf(text: string): number {
  const year = Number(text);
  if (text.length === 3) return 1900 + year;
  if (text.length > 2) return year;
  return year < 50 ? 2000 + year : 1900 + year;
}

/** `23:05:39`, `23:05`, `23:05:39.123Z`; `rest` is a zone that follows without white space. */
function clockOf(text: string): Clock | undefined {
  const found = /^([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?(.{0,9})$/.exec(text);
  if (found === null) return undefined;
  const [, hours = "", minutes = "", seconds = "0", rest = ""] = found;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 60) return undefined; // 60: a leap second
  return { ms: Number(hours) * hour + Number(minutes) * minute + Number(seconds) * second, rest };
}

function zoneOf([first = ""]: readonly string[]): Zone {
  if (first === "") return { unknown: "no zone is said" };
  const numeric = /^([+-])([0-9]{2}):?([0-9]{2})$/.exec(first);
  if (numeric !== null) {
    const [, sign, hours = "", minutes = ""] = numeric;
    const size = Number(hours) * 60 + Number(minutes);
    if (Number(minutes) > 59 || size * minute >= day) return { unknown: `there is no zone ${first}` };
    // RFC 5322 section 3.3: UTC, and nothing said of where. qmail writes it always.
    return { minutes: sign === "-" ? -size : size, note: "" };
  }
  const lower = first.toLowerCase();
  const minutes = ZONES.get(lower);
  if (minutes === undefined) return { unknown: `the zone ${first.slice(0, 10)} is not known` };
  return { minutes, note: CURRENT_ZONES.has(lower) ? "" : `the zone is written as ${first}` };
}

function isDigits(text: string): boolean {
  return /^[0-9]{1,4}$/.test(text);
}

function isDay(text: string): boolean {
  return isDigits(text) && Number(text) >= 1 && Number(text) <= 31;
}

function weekdayOf(word: string): number {
  return word.length > 9 ? -1 : DAYS.indexOf(word.slice(0, 3).toLowerCase());
}

function monthOf(word: string): number {
  return word.length > 9 ? -1 : MONTHS.indexOf(word.slice(0, 3).toLowerCase());
}
