import { expect, test } from "vitest";
import { seeded } from "../support/chance.ts";
import { MessageFactory, SourceSession } from "../support/source.ts";
import { type Arrived, judge } from "./account.ts";
import { smartHost } from "./next-hops.ts";
import { Traffic } from "./traffic.ts";

test("a relay that takes nothing and goes on delivering is at work: what it records in none of that time is repeated for nothing", async () => {
  const traffic = new Traffic({ seed: 1, connections: 0, domain: () => "dest.test" });
  const hops = await smartHost({
    chance: seeded(2),
    onTold: () => traffic.see(),
    onCopy: (copy) => traffic.take(copy),
  });
  hops.calm();
  try {
    const began = performance.now();
    const { sink } = hops.config["smarthosts"] as { readonly sink: { readonly url: string } };
    const session = await SourceSession.connect({ port: Number(new URL(sink.url).port) });
    const factory = new MessageFactory("m", seeded(3), 1000);
    // Nobody acknowledges anything: the disk is full, or it stops.
    while (performance.now() - began < 600) {
      await session.send(factory.make(100, 1));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const killedAt = performance.now();
    await session.quit();
    expect(traffic.acknowledgedAt).toEqual([]);
    const [first] = traffic.arrived;
    const again: Arrived = { ...first!, loggedAt: killedAt + 100, epoch: 1 };
    const books = { acknowledged: [], unknown: [], refused: new Set<string>(), arrived: [first!, again] };
    const lives = { killedAt: [killedAt, Number.POSITIVE_INFINITY], signs: traffic.signs };
    expect(judge({ ...books, lives }).unexplained).toEqual([first!.recipient]);
    // Only what was acknowledged would be no sign of it.
    expect(judge({ ...books, lives: { ...lives, signs: [] } }).unexplained).toEqual([]);
  } finally {
    await hops.close();
  }
});

test("signs that come together are one", () => {
  const traffic = new Traffic({ seed: 1, connections: 0, domain: () => "dest.test" });
  for (let n = 0; n < 100; n++) traffic.see();
  expect(traffic.signs.length).toBeLessThan(100);
  expect(traffic.signs).toEqual(traffic.signs.toSorted((a, b) => a - b));
});
