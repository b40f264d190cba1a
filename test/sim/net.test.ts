import { expect, test } from "vitest";
import { Dice } from "./dice.ts";
import { Faults } from "./faults.ts";
import { Net } from "./net.ts";
import { SiteBook } from "./oracle/sites.ts";
import { octetsOf } from "./smtp-text.ts";
import { SimClock, Timeline } from "./timeline.ts";
import { Trace } from "./trace.ts";

const PORT = 2525;
const SILENT = { received: ignore, drained: ignore, secured: ignore, closed: ignore };

function ignore(): void {}

/** The digest of a world in which a client says that, and nothing else happens. */
async function digestOf(said: string): Promise<string> {
  const timeline = new Timeline();
  const dice = new Dice(1);
  const trace = new Trace();
  const sites = new SiteBook([], () => undefined);
  const net = new Net({
    timeline,
    dice,
    faults: new Faults(),
    trace,
    sites,
    hops: new Map(),
    troubled: ignore,
    sourceGone: ignore,
  });
  const clock = new SimClock(timeline, { offset: 0 }, { number: 1, isDead: false });
  net.open(PORT, { clock, connect: ({ accept }) => void accept(SILENT, false) });
  void net.dial("10.1.0.7", PORT).then((end) => end?.send(octetsOf(said)));
  await timeline.run(1000);
  return trace.digest;
}

test("two worlds in which another octet is said are not the same", async () => {
  const first = await digestOf("NOOP a\r\n");
  expect(await digestOf("NOOP a\r\n")).toBe(first);
  expect(await digestOf("NOOP b\r\n")).not.toBe(first);
});
