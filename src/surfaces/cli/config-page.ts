import { nearest } from "../../core/base/nearest.ts";
import { type KeyRow, type KeySection, describeConfig } from "../../core/config/describe.ts";

/** The reference as a terminal shows it: of a key, of all keys below it, or of everything. Undefined where there is no such key. */
export function describeLines(key: string | undefined): readonly string[] | undefined {
  const rows = describeConfig().flatMap(({ row, rows: below }: KeySection) => [row, ...below]);
  const wanted = key === undefined ? rows : rows.filter((row) => isBelow(plain(row.key), plain(key)));
  return wanted.length === 0 ? undefined : wanted.flatMap(linesOf);
}

/** What somebody may have meant who named a key that is not there. */
export function keyLike(key: string): string | undefined {
  return nearest(
    key,
    describeConfig().flatMap(({ row, rows }) => [row, ...rows].map((each) => each.key)),
  );
}

/** `listeners.tls`, `listeners[0].tls` and `listeners[].tls` are one key. */
function plain(key: string): string {
  return key.replace(/\[\d*\]/g, "");
}

function isBelow(key: string, section: string): boolean {
  return key === section || key.startsWith(`${section}.`);
}

function linesOf({ key, takes, whenAbsent, description }: KeyRow): string[] {
  const absent = whenAbsent === undefined ? "required" : `without it: ${whenAbsent}`;
  return [key, `  ${description}`, `  takes: ${takes}`, `  ${absent}`, ""].map((line) => line.replaceAll("`", ""));
}
