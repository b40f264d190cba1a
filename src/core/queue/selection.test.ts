import { expect, test } from "vitest";
import {
  type Candidate,
  type SelectionTexts,
  laneNamed,
  nearestLane,
  parseFilter,
  parseSelection,
  selectionText,
  selects,
} from "./selection.ts";

const ID = "0VbfQUpNXUfJly";

test.each<[SelectionTexts, RegExp]>([
  [{}, /^which mail\? name an ID, or one of --lane/],
  [{ all: false }, /^which mail/],
  [{ id: ID, all: true }, /^more than one selection/],
  [{ lane: "smarthost/a", sender: "@b.example" }, /^more than one/],
  [{ recipient: "a@b.example" }, /^--recipient goes with the ID/],
  [{ recipient: "a@b.example", all: true }, /^--recipient goes with the ID/],
  [{ id: "x" }, /^x is no ID/],
  [{ id: ID, recipient: "@b.example" }, /is no address/],
  [{ lane: "a" }, /takes smarthost\/NAME/],
  [{ sender: "b.example" }, /neither an address nor @DOMAIN/],
  [{ recipientDomain: "a b" }, /is no domain/],
])("%j is no selection", (texts, why) => {
  expect(parseSelection(texts)).toEqual({ wrong: expect.stringMatching(why) });
});

const candidate: Candidate = { lane: "smarthost/a", recipient: "R@C.example", from: "s@b.example" };
test.each<[SelectionTexts, Partial<Candidate>, boolean]>([
  [{ all: true }, {}, true],
  [{ id: ID }, {}, true],
  [{ id: ID, recipient: "r@c.example" }, {}, true],
  [{ id: ID, recipient: "q@c.example" }, {}, false],
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
])("%j on %j: %s", (texts, changed, expected) => {
  const selection = parseSelection(texts);
  if ("wrong" in selection) throw new Error(selection.wrong);
  expect(selects(selection, { ...candidate, ...changed })).toBe(expected);
});

test("a filter takes any of them, all at once", () => {
  const filter = parseFilter({ lane: "smarthost/a", sender: "@b.example", recipientDomain: "c.example" });
  if ("wrong" in filter) throw new Error(filter.wrong);
  expect([selects(filter, candidate), selects(filter, { ...candidate, lane: "smarthost/b" })]).toEqual([true, false]);
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
    "mx/[ipv6:2001:db8::1]",
    "mx/[192.0.2.1]",
  ]);
  expect(laneNamed("mx/B.Example")).toBe("mx/b.example");
  expect(["mx/B.Example@bulk", "mx/[IPv6:2001:DB8::1]@B", "smarthost/A@bulk"].map(laneNamed)).toEqual([
    "mx/b.example@bulk",
    "mx/[ipv6:2001:db8::1]@B",
    "smarthost/A@bulk",
  ]);
  for (const text of ["a", "smarthost/", "mx/", "mx/a b", "mx/a..b", "lmtp/a", "mx/u@b.example", "mx/a@"])
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
