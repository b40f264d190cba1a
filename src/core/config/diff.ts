// What is different between two configurations, in the words of their files.

import { shownValue } from "./shown-value.ts";

export interface ConfigChange {
  /** `smarthosts.primary.url`; entries of lists by what names them: `listeners[0.0.0.0:25].tls`, `credentials[app]`. */
  readonly key: string;
  readonly kind: "added" | "removed" | "changed";
  /** What it was and what it is. Secrets are not shown; absent where there was nothing, or is nothing any more. */
  readonly before?: string;
  readonly after?: string;
  /** A relay that runs keeps what it has until it is started again. */
  readonly needsRestart: boolean;
}

/** Keys that a relay goes by from its start to its end. */
export const RESTART_KEYS = ["data", "threads", "user", "sendmail"] as const;

/** What names an entry of a list, so that it is the same entry at another place. */
const NAMED_BY: ReadonlyMap<string, string> = new Map([
  ["listeners", "listen"],
  ["credentials", "username"],
]);

type Section = Readonly<Record<string, unknown>>;

function isSection(value: unknown): value is Section {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export interface DiffFacts {
  /** The relay was root, and is not any more: it cannot open ports below 1024. */
  readonly hasDroppedRoot?: boolean;
}

/** `before` and `after` are what files hold, as plain values, variables and secret files filled in. */
export function diffConfig(before: unknown, after: unknown, facts: DiffFacts = {}): readonly ConfigChange[] {
  if (!isSection(before) || !isSection(after)) return [];
  const changes = keysOf(before, after).flatMap((key) => diffValue(key, key, before[key], after[key]));
  if (facts.hasDroppedRoot !== true) return changes;
  const known = listensOf(before);
  const low = listensOf(after).filter((listen) => !known.includes(listen) && LOW_PORT.test(listen));
  const opens = ({ key, after: now }: ConfigChange): boolean =>
    low.some((listen) => key === `listeners[${listen}]` || (key.endsWith(".listen") && now === JSON.stringify(listen)));
  return changes.map((found) => (opens(found) ? { ...found, needsRestart: true } : found));
}

const LOW_PORT = /:0*([1-9]\d{0,2}|10[01]\d|102[0-3])$/;

function listensOf({ listeners }: Section): string[] {
  return (Array.isArray(listeners) ? listeners : []).flatMap((listener: unknown) =>
    isSection(listener) ? String(listener["listen"]) : [],
  );
}

function keysOf(before: Section, after: Section): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])];
}

/** `place` is where it stands, `key` the last key of that. */
function diffValue(place: string, key: string, before: unknown, after: unknown): readonly ConfigChange[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (isSection(before) && isSection(after))
    return keysOf(before, after).flatMap((inner) => diffValue(`${place}.${inner}`, inner, before[inner], after[inner]));
  if (Array.isArray(before) && Array.isArray(after)) {
    const name = NAMED_BY.get(place);
    if (name !== undefined) return diffNamed(place, name, before, after);
    if (place === "routes") return diffOrdered(place, before, after);
  }
  return [change(place, key, before, after)];
}

function change(place: string, key: string, before: unknown, after: unknown): ConfigChange {
  const kind = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  return {
    key: place,
    kind,
    ...(before === undefined ? {} : { before: shownValue(key, before) }),
    ...(after === undefined ? {} : { after: shownValue(key, after) }),
    needsRestart: RESTART_KEYS.some((fixed) => fixed === place || place.startsWith(`${fixed}.`)),
  };
}

function diffNamed(
  place: string,
  name: string,
  before: readonly unknown[],
  after: readonly unknown[],
): readonly ConfigChange[] {
  const byName = (entries: readonly unknown[]): Map<string, unknown> =>
    new Map(entries.flatMap((entry) => (isSection(entry) ? [[String(entry[name]), entry]] : [])));
  const [old, now] = [byName(before), byName(after)];
  const moves = place === "listeners" ? movesOf(old, now) : new Map<string, string>();
  const arrivals = new Set(moves.values());
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((of) => !arrivals.has(of))
    .flatMap((of) => diffValue(`${place}[${of}]`, of, old.get(of), now.get(moves.get(of) ?? of)));
}

/** By its old address, the new one of each listener that moved: it has its `name` still, or is the same in all else. */
function movesOf(old: ReadonlyMap<string, unknown>, now: ReadonlyMap<string, unknown>): ReadonlyMap<string, string> {
  const moves = new Map<string, string>();
  const came = new Map([...now].filter(([listen]) => !old.has(listen)));
  for (const [listen, listener] of old) {
    if (now.has(listen)) continue;
    const found = [...came].find(([, other]) => isSameElsewhere(listener, other));
    if (found === undefined) continue;
    moves.set(listen, found[0]);
    came.delete(found[0]);
  }
  return moves;
}

function isSameElsewhere(one: unknown, other: unknown): boolean {
  if (!isSection(one) || !isSection(other)) return false;
  if (one["name"] !== undefined || other["name"] !== undefined) return one["name"] === other["name"];
  return JSON.stringify({ ...one, listen: "" }) === JSON.stringify({ ...other, listen: "" });
}

/** Their order counts: what stands between the same beginning and the same end went, and came. */
function diffOrdered(place: string, before: readonly unknown[], after: readonly unknown[]): readonly ConfigChange[] {
  const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && isSame(before[start], after[start])) start++;
  let end = 0;
  while (end < shorter - start && isSame(before.at(-1 - end), after.at(-1 - end))) end++;
  const went = before.slice(start, before.length - end);
  const came = after.slice(start, after.length - end);
  if (went.length === came.length)
    return went.flatMap((entry, at) => diffValue(`${place}[${start + at}]`, place, entry, came[at]));
  return [
    ...went.map((entry, at) => change(`${place}[${start + at}]`, place, entry, undefined)),
    ...came.map((entry, at) => change(`${place}[${start + at}]`, place, undefined, entry)),
  ];
}
