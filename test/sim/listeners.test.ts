import { expect, test } from "vitest";
import { sharedSessions } from "../../src/main/session-count.ts";
import { Dice } from "./dice.ts";
import { Faults } from "./faults.ts";
import { SimListeners } from "./listeners.ts";
import { Net } from "./net.ts";
import { SiteBook } from "./oracle/sites.ts";
import { drawTerms, planFor } from "./scenery.ts";
import { SimClock, Timeline } from "./timeline.ts";
import { Trace } from "./trace.ts";

const PORT = 2525;

test("only what was prepared is adopted, and once", async () => {
  const timeline = new Timeline();
  const dice = new Dice(1);
  const sites = new SiteBook([], () => undefined);
  const parts = { timeline, dice, faults: new Faults(), trace: new Trace(), sites, hops: new Map() };
  const net = new Net({ ...parts, troubled: () => undefined, sourceGone: () => undefined });
  let sessions = 0;
  const listeners = new SimListeners(net, new SimClock(timeline, { offset: 0 }, { number: 1, isDead: false }), {
    isFirst: true,
    sessions: { ...sharedSessions(), seed: "of a test" },
    connected: () => sessions++,
    failed: () => undefined,
  });
  const plan = planFor(drawTerms(dice), "/none", false);
  const places = plan.config.listeners.map(({ listen }, place) => ({ address: listen, place }));
  const reached = async (): Promise<number> => {
    sessions = 0;
    void net.dial("10.1.0.7", PORT);
    await timeline.run(timeline.now + 1000);
    return sessions;
  };

  listeners.adopt();
  expect(await reached()).toBe(0);
  await listeners.prepare(plan, places);
  expect(await reached()).toBe(0);
  listeners.adopt();
  expect(await reached()).toBe(1);
  listeners.adopt(); // nothing is prepared: all stays as it is
  expect(await reached()).toBe(1);
  await listeners.prepare({ ...plan, config: { ...plan.config, listeners: [] } }, []);
  listeners.abandon();
  listeners.adopt();
  expect(await reached()).toBe(1);
  await listeners.prepare(plan, places);
  listeners.close();
  listeners.adopt();
  expect(await reached()).toBe(0);
});
