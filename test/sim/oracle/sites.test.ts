import { expect, test } from "vitest";
import { Dice } from "../dice.ts";
import { HOPS, drawTerms, siteBounds } from "../scenery.ts";
import { SiteBook } from "./sites.ts";

test("each next hop of a world is a site's, and has a bound (promise P8)", () => {
  const bounded = siteBounds(drawTerms(new Dice(1))).flatMap(({ addresses }) => addresses);
  expect(bounded.toSorted()).toEqual(HOPS.map(({ address }) => address).toSorted());
});

test("one connection too many is told, at each", () => {
  const found: string[] = [];
  const sites = siteBounds(drawTerms(new Dice(1)));
  const book = new SiteBook(sites, (promise, text) => found.push(`${promise}: ${text}`));
  for (const { bounds, addresses } of sites) {
    for (let n = 0; n < bounds.connectionsMax; n++) book.opened(addresses[0]!, n * 60_000);
    expect(found).toEqual([]);
    book.opened(addresses.at(-1)!, bounds.connectionsMax * 60_000);
    expect(found.splice(0)).toEqual([expect.stringContaining(`connections to ${bounds.name}, of at most`)]);
  }
});
