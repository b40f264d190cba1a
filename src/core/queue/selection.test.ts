import { expect, test } from "vitest";
import { hour } from "../base/time.ts";
import { literalLane } from "../routing/lane.ts";
import { lastWord } from "./reason.ts";
import {
  type Candidate,
  type SelectionTexts,
  type Origin,
  fixAges,
  laneNamed,
  nearestLane,
  parseFilter,
  parseSelection,
  selectionText,
  selects,
} from "./selection.ts";

const ID = "0VbfQUpNXUfJly";

const NOW = Date.parse("2026-11-21T12:00:00Z");

test.each<[SelectionTexts, RegExp]>([
  [{}, /^which mail\? name an ID, or one or more of --lane/],
  [{ all: false }, /^which mail/],
  [{ id: ID, all: true }, /^--all is everything/],
  [{ recipient: "a@b.example", all: true }, /^--all is everything/],
  [{ id: "x" }, /^x is no ID/],
  [{ recipient: "b.example" }, /is no address, and not @DOMAIN/],
  [{ recipient: "*" }, /is no address/],
  [{ recipient: "<>" }, /is no address/],
  [{ lane: "a" }, /takes smarthost\/NAME/],
  [{ sender: "b.example" }, /neither an address nor @DOMAIN/],
  [{ recipientDomain: "a b" }, /is no domain/],
  [{ state: "parked" }, /^--state takes waiting, in-hand, held, not parked/],
  [{ state: "toString" }, /^--state takes/],
  [{ olderThan: "2" }, /^--older-than 2: takes an age such as/],
  [{ newerThan: "2026-13-01T00:00:00Z" }, /^--newer-than .*: takes an age/],
  [{ reason: "lane-blokced" }, /is none; did you mean lane-blocked\?$/],
  [{ reason: "nothing like it" }, /is none; there are in-hand, /],
  [{ reason: "constructor" }, /is none/],
  [{ reply: "" }, /^--reply takes some text/],
  [{ lane: "smarthost/a", state: "nope" }, /^--state/],
])("%j is no selection", (texts, why) => {
  expect(parseSelection(texts, NOW)).toEqual({ wrong: expect.stringMatching(why) });
});

const delivery: Candidate = {
  lane: "smarthost/a",
  recipient: "R@C.example",
  standing: "parked",
  last: lastWord("next-hop-refused", "452 4.2.2 Mailbox FULL", NOW),
};
const message: Origin = { from: "s@b.example", receivedAt: NOW - 2 * hour };
test.each<[SelectionTexts, Partial<Candidate & Origin>, boolean]>([
  [{ all: true }, {}, true],
  [{ id: ID }, {}, true],
  [{ id: ID, recipient: "r@c.example" }, {}, true],
  [{ id: ID, recipient: "q@c.example" }, {}, false],
  [{ recipient: "@c.example" }, {}, true],
  [{ recipient: "@*.example" }, {}, true],
  [{ recipient: "@b.example" }, {}, false],
  [{ lane: "smarthost/a" }, {}, true],
  [{ lane: "smarthost/b" }, {}, false],
  [{ sender: "@b.example" }, {}, true],
  [{ sender: "s@B.example" }, {}, true],
  [{ sender: "t@b.example" }, {}, false],
  [{ sender: "<>" }, {}, false],
  [{ sender: "<>" }, { from: "" }, true],
  [{ recipientDomain: "c.example" }, {}, true],
  [{ recipientDomain: "@c.example" }, {}, true],
  [{ recipientDomain: "b.example" }, {}, false],
  [{ recipientDomain: "c.example" }, { recipient: "postmaster" }, false],
  [{ state: "waiting" }, {}, true],
  [{ state: "held" }, {}, false],
  [{ state: "held" }, { standing: "held" }, true],
  [{ state: "in-hand" }, { standing: "in-hand" }, true],
  [{ olderThan: "2h" }, {}, true],
  [{ olderThan: "121m" }, {}, false],
  [{ newerThan: "2h" }, {}, true],
  [{ newerThan: "119m" }, {}, false],
  [{ olderThan: "2026-11-21T10:00:00Z" }, {}, true],
  [{ olderThan: "2026-11-21T09:59:59.999Z" }, {}, false],
  [{ reason: "next-hop-refused" }, {}, true],
  [{ reason: "lane-blocked" }, {}, false],
  [{ reason: "next-hop-refused" }, { last: "" }, false],
  [{ reason: "in-hand" }, { standing: "in-hand" }, true],
  [{ reason: "next-hop-refused" }, { standing: "in-hand" }, false],
  [{ reply: "mailbox full" }, {}, true],
  [{ reply: "greylisted" }, {}, false],
  [{ reply: "full" }, { last: "" }, false],
  [{ lane: "smarthost/a", reply: "full", olderThan: "1h", sender: "@b.example" }, {}, true],
  [{ lane: "smarthost/a", reply: "full", olderThan: "1h", sender: "@c.example" }, {}, false],
])("%j on %j: %s", (texts, changed, expected) => {
  const selection = parseSelection(texts, NOW);
  if ("wrong" in selection) throw new Error(selection.wrong);
  expect(selects(selection, { ...delivery, ...changed }, () => ({ ...message, ...changed }))).toBe(expected);
});

test("a message is read only where something is asked of it, and one that is gone is not meant", () => {
  const noMessage = (): undefined => undefined;
  const read = (): never => {
    throw new Error("read");
  };
  const selected = (texts: SelectionTexts, origin: () => undefined): boolean => {
    const selection = parseFilter(texts, NOW);
    if ("wrong" in selection) throw new Error(selection.wrong);
    return selects(selection, delivery, origin);
  };
  expect(selected({ lane: "smarthost/a", reply: "full" }, read)).toBe(true);
  expect(selected({ lane: "smarthost/b", sender: "@b.example" }, read)).toBe(false);
  expect([selected({ sender: "*" }, noMessage), selected({ newerThan: "5d" }, noMessage)]).toEqual([false, false]);
});

test("ages are fixed for a command of many requests", () => {
  const fixed = fixAges({ olderThan: "2h", newerThan: "2026-11-20T00:00:00Z", lane: "smarthost/a" }, NOW);
  expect(fixed).toEqual({
    olderThan: "2026-11-21T10:00:00.000Z",
    newerThan: "2026-11-20T00:00:00.000Z",
    lane: "smarthost/a",
  });
  expect(parseFilter(fixed, NOW + hour)).toEqual(parseFilter(fixed, NOW));
});

test("the log says which mail was meant", () => {
  expect(selectionText({ all: true })).toBe("all");
  expect(selectionText({ id: ID, recipient: "a@b.example" })).toBe(`message ${ID}, recipient a@b.example`);
});

test("a lane is named as it is shown, and a domain as it is written anywhere", () => {
  const named = ["smarthost/A", "mx/B.Example.", "mx/bücher.example", "mx/[IPv6:2001:DB8::1]", "mx/[192.0.2.1]"];
  expect(named.map(laneNamed)).toEqual([
    "smarthost/A",
    laneNamed("mx/b.example."),
    "mx/xn--bcher-kva.example",
    "mx/[2001:db8::1]",
    "mx/[192.0.2.1]",
  ]);
  expect(laneNamed("mx/B.Example")).toBe("mx/b.example");
  expect(["mx/B.Example@bulk", "mx/[IPv6:2001:DB8::1]@B", "smarthost/A@bulk"].map(laneNamed)).toEqual([
    "mx/b.example@bulk",
    "mx/[2001:db8::1]@B",
    "smarthost/A@bulk",
  ]);
  for (const text of ["a", "smarthost/", "mx/", "mx/a b", "mx/a..b", "lmtp/a", "mx/u@b.example", "mx/a@"])
    expect(laneNamed(text)).toBeUndefined();
  // Those that the routes make, and no others.
  expect(laneNamed("mx/[2001:db8::1]")).toBe(literalLane("2001:DB8::1"));
  for (const text of ["mx/[a.test]", "mx/[192.0.2]", "mx/[x\u001b[2J]", "mx/[]"])
    expect(laneNamed(text)).toBeUndefined();
});

test("the nearest lane is one of the same kind whose name is a slip or two away", () => {
  const known = ["smarthost/slow", "smarthost/primary", "mx/example.com"];
  expect(nearestLane("smarthost/pirmary", known)).toBe("smarthost/primary");
  expect(nearestLane("mx/exmaple.com", known)).toBe("mx/example.com");
  expect(nearestLane("mx/example.com@bluk", [...known, "mx/example.com@bulk"])).toBe("mx/example.com@bulk");
  for (const lane of ["smarthost/typo", "mx/slow", "smarthost/example.com"])
    expect(nearestLane(lane, known)).toBeUndefined();
});
