import { nearest } from "../../../src/core/base/nearest.ts";
import { REASONS } from "../../../src/core/queue/reason.ts";
import {
  type Candidate,
  SELECTION_KEYS,
  type SelectionTexts,
  fixAges,
  laneNamed,
  nearestLane,
  parseFilter,
  parseSelection,
  selectionText,
  selects,
} from "../../../src/core/queue/selection.ts";
import { parseLane } from "../../../src/core/routing/lane.ts";
import { type Target, holds, oneOf, same, some } from "../target.ts";

// What an operator writes for the deliveries that are meant.

const KEY_VALUES = [
  "0ABCDEFGHIJKLM",
  "a@b.test",
  "@b.test",
  "@*.b.test",
  "smarthost/x",
  "smarthost/x@e",
  "mx/b.test",
  "mx/[IPv6:::1]",
  "mx/[192.0.2.1]",
  "*",
  "<>",
  "waiting",
  "in-hand",
  "held",
  "5m",
  "2026-11-21T23:05:00Z",
  "2026-13-21T23:05Z",
  "connect-failed",
  "conect-failed",
  "4.7.1",
];
const NOW = Date.UTC(2026, 10, 21);

const selection: Target = {
  name: "selection",
  files: ["core/queue/selection.ts", "core/base/nearest.ts", "core/routing/lane.ts"],
  unreachable: {
    "return domain.startsWith": "of the schedule, not of what is parsed",
    "return lane.startsWith(SMART_HOST)": "of the schedule, not of what is parsed",
    "return names.flatMap": "of the schedule, not of what is parsed",
    "return `${SMART_HOST}${name}`": "of the schedule, not of what is parsed",
  },
  lengthMax: 1500,
  seeds: SELECTION_KEYS.flatMap((key) => KEY_VALUES.map((value) => `${key}=${value}`)),
  tokens: [...SELECTION_KEYS.map((key) => `${key}=`), ...KEY_VALUES, ...Object.keys(REASONS), "\n", "@", "/", "["],
  generate: (chance) => some(chance, 4, () => `${oneOf(chance, SELECTION_KEYS)}=${oneOf(chance, KEY_VALUES)}`, "\n"),
  check(input) {
    const texts = textsOf(input);
    const found = parseFilter(texts, NOW);
    const strict = parseSelection(texts, NOW);
    const isNarrowed = Object.keys(texts).length > 0;
    if ("wrong" in found) {
      holds(found.wrong !== "" && "wrong" in strict, "what is wrong is wrong for an action too", found);
      return;
    }
    same("wrong" in strict, !isNarrowed, "an action touches nothing that was not named");
    const fixed = parseFilter(fixAges(texts, NOW), NOW + 999_999);
    same(fixed, found, "with ages as times it is the same selection");
    holds(selectionText(texts) !== "" && selectionText(texts).length <= input.length + 300, "it has words");
    checkCandidates(found);
    for (const text of Object.values(texts)) checkLane(text);
  },
};

function textsOf(input: string): SelectionTexts & Readonly<Record<string, string>> {
  const pairs = input.split("\n").flatMap((line) => {
    const at = line.indexOf("=");
    const key = SELECTION_KEYS.find((name) => name === line.slice(0, at));
    return key === undefined ? [] : [[key, line.slice(at + 1)] as const];
  });
  return Object.fromEntries(pairs);
}

const CANDIDATES: readonly Candidate[] = ["a@b.test", "x@c.b.test", "postmaster"].flatMap((recipient) =>
  ["smarthost/x", "mx/b.test"].map((lane, at) => ({
    lane,
    recipient,
    standing: (["parked", "held", "in-hand"] as const)[at]!,
    last: at === 0 ? "" : JSON.stringify({ because: "connect-failed", text: "4.7.1 No", at: 1 }),
  })),
);

function checkCandidates(found: Exclude<ReturnType<typeof parseFilter>, { wrong: string }>): void {
  for (const candidate of CANDIDATES) {
    const isThis = selects(found, candidate, () => ({ from: "a@b.test", receivedAt: NOW }));
    if (found.lane !== undefined && found.lane !== candidate.lane) same(isThis, false, "another lane is not meant");
    if (found.standing !== undefined && found.standing !== candidate.standing) same(isThis, false, "nor another state");
    if (found.receivedUntil !== undefined && found.receivedUntil < NOW) same(isThis, false, "nor what is newer");
    if (found.receivedSince !== undefined && found.receivedSince > NOW) same(isThis, false, "nor what is older");
    const isGone = selects(found, candidate, () => undefined);
    const asksMessage = found.sender ?? found.receivedSince ?? found.receivedUntil;
    holds(!isGone || asksMessage === undefined, "what ended meanwhile is not meant");
  }
}

function checkLane(text: string): void {
  const lane = laneNamed(text);
  if (lane === undefined) return;
  holds(parseLane(lane) !== undefined, "a lane is one", lane);
  same(laneNamed(lane), lane, "a lane's name is its own");
  const other = nearestLane(lane, ["smarthost/x", "mx/b.test"]);
  holds(other === undefined || other.split("/")[0] === lane.split("/")[0], "what was meant is of its kind", other);
  const word = nearest(text, ["connect_failed", "held"]);
  holds(word === undefined || Math.abs(word.length - text.length) <= 5, "what was meant is not far", word);
}

export const targets: readonly Target[] = [selection];
