import { expect, test } from "vitest";
import { type SiteStanding, limitsMet } from "./site-standing.ts";

const FREE: SiteStanding = {
  site: "smarthost/a",
  connections: 1,
  window: 5,
  connectionsMax: 20,
  wanted: 1,
  newConnections: undefined,
  messages: { begun: 3, limit: 30, nextAt: undefined },
  block: undefined,
  isCrowdedOut: false,
  isDiskFull: false,
};
const full = { begun: 30, limit: 30, nextAt: 13_000 };

test.each<[string, Partial<SiteStanding>, readonly string[]]>([
  ["nothing", {}, []],
  ["a window that is used, and nobody wants more", { connections: 5, wanted: 5 }, []],
  ["a window that is too small", { connections: 5, wanted: 6 }, ["5 of 5 connections, up to 20 while it takes mail"]],
  ["all it may have", { connections: 2, wanted: 2, window: 2, connectionsMax: 2 }, ["2 of 2 connections"]],
  ["a rate", { messages: full }, ["30 of 30 messages this minute, the next in 12 s"]],
  [
    "both rates",
    { messages: full, newConnections: { begun: 1, limit: 1, nextAt: 62_000 } },
    ["1 of 1 new connections this minute, the next in 1 min 1 s", "30 of 30 messages this minute, the next in 12 s"],
  ],
  [
    "a block, and nothing else",
    { block: { until: 6000, text: "connect: refused" }, wanted: 9, messages: full },
    ["blocked, one connection tries again in 5 s: connect: refused"],
  ],
  [
    "the bound of all connections",
    { wanted: 2, isCrowdedOut: true },
    ["the connections that all next hops have together are used up"],
  ],
  ["that bound, where it wants no more", { isCrowdedOut: true }, []],
  ["a full disk", { wanted: 2, isDiskFull: true }, ["nothing begins: the disk has no room to record how it ends"]],
])("mail waits for %s", (_, change, met) => {
  expect(limitsMet({ ...FREE, ...change }, 1000)).toEqual(met);
});
