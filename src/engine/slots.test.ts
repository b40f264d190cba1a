import { afterEach, expect, test } from "vitest";
import { type Scene, abandonScenes, fresh, lane, scene, settle, site } from "../../test/support/dispatching.ts";
import { OUTBOUND } from "../core/base/limits.ts";
import { minute, second } from "../core/base/time.ts";
import type { SiteLimits } from "../core/routing/site-terms.ts";
import type { MailToQueue, QueueToMail } from "./messages.ts";
import { Scheduler } from "./scheduler.ts";

// What the queue counts of a site's connections and what a mail thread tells of them go together, also over a reload.

afterEach(abandonScenes);

/** What one of the two says comes to the other within that. */
const STEP = second / 10;

interface Pair extends Scene {
  /** Content goes there, and is answered, for so long. */
  deliver(seconds: number): Promise<void>;
  /** The limits of the site, from now on. */
  reload(limits: Partial<SiteLimits>, isRenewed: boolean): Promise<void>;
}

/** A mail thread and the queue thread, with mail that never ends. */
async function pair(limits: Partial<SiteLimits>): Promise<Pair> {
  const say = (message: MailToQueue): void => queueMicrotask(() => scheduler.fromMail(0, message));
  const s = scene({
    queue: {
      demand: (name, connections) => say({ kind: "demand", site: name, connections }),
      release: (name, report) => say({ kind: "release", site: name, report }),
      progress: (name, deliveries) => say({ kind: "progress", site: name, deliveries }),
      permit: (name, what, isFirst) => say({ kind: "permit", site: name, what, isFirst }),
      withdraw: (name, what) => say({ kind: "withdraw", site: name, what }),
    },
  });
  const heard = (message: QueueToMail): void => {
    if (message.kind === "granted") s.dispatcher.granted(message.site, message.slots);
    else if (message.kind === "keep") s.dispatcher.keep(message.site, message.slots);
    else if (message.kind === "permitted") s.dispatcher.permitted(message.site, message.what);
    else s.dispatcher.blocked(message.site, message.block);
  };
  const scheduler: Scheduler = new Scheduler({
    clock: s.clock,
    entropy: { octets: (n) => new Uint8Array(n), fraction: () => 0.5 },
    recorder: { record: () => undefined },
    mails: [{ say: (message) => queueMicrotask(() => heard(message)) }],
    store: { say: () => undefined },
    limitsOf: () => s.hosts.get("a")!.limits,
    fallbacksOf: () => [],
  });
  scheduler.fromStore({ kind: "space", report: { freeOctets: 1, mayAccept: true, mayDeliver: true } });
  const set = (now: Partial<SiteLimits>): void =>
    void s.hosts.set("a", { ...site, limits: { ...site.limits, ...now } });
  const answers: (() => void)[] = [];
  s.hop.whenDone = (answer) => void answers.push(answer);
  let taken = 0;
  const fill = (): void => {
    for (; taken < s.hop.contents.length + 100; taken++) s.dispatcher.take(fresh());
  };
  const deliver = async (seconds: number): Promise<void> => {
    for (let elapsed = 0; elapsed < seconds * second; elapsed += STEP) {
      fill();
      s.clock.advance(STEP);
      s.clock.runSoon();
      await settle();
      for (const answer of answers.splice(0)) answer();
      await settle();
    }
  };
  set(limits);
  fill();
  await settle();
  return Object.assign(s, {
    deliver,
    reload: async (now: Partial<SiteLimits>, isRenewed: boolean) => {
      set(now);
      scheduler.limitsChanged(isRenewed ? [lane] : []);
      s.dispatcher.renew();
      await settle();
    },
  });
}

const RATE = 6;

/** As long as the relay takes a minute for. */
const MINUTE = (minute + OUTBOUND.rateSlack) / second;

/** In each of the minutes that follow as many as may. */
async function expectRate(s: Pair): Promise<void> {
  await s.deliver(1.5 * MINUTE); // what was under way, and to the middle of the rate's own minute
  for (let minutes = 0; minutes < 3; minutes++) {
    const before = s.hop.contents.length;
    await s.deliver(MINUTE);
    expect(s.hop.contents.length - before).toBe(RATE);
  }
}

test.each([
  ["one connection a message", { messagesPerConnection: 1 }, false],
  ["one connection a message, other servers", { messagesPerConnection: 1 }, true],
  ["many messages a connection", {}, false],
] as const)("a rate that a reload brings to a busy site is kept, and used: %s", async (_, limits, isRenewed) => {
  const s = await pair(limits);
  await s.deliver(30);
  expect(s.hop.contents.length).toBeGreaterThan(100);
  await s.reload({ ...limits, messagesPerMinute: RATE }, isRenewed);
  await expectRate(s);
});

test("and one that goes and comes again", async () => {
  const limits = { messagesPerConnection: 1 };
  const rated = { ...limits, messagesPerMinute: RATE };
  const s = await pair(rated);
  await expectRate(s);
  for (let reloads = 0; reloads < 3; reloads++) {
    await s.reload(limits, false);
    await s.deliver(10);
    await s.reload(rated, false);
    await expectRate(s);
  }
});
