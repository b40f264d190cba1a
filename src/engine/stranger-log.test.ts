import { beforeEach, expect, test } from "vitest";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { LOGS } from "../core/base/limits.ts";
import { minute } from "../core/base/time.ts";
import type { Event } from "../core/events.ts";
import { StrangerLog } from "./stranger-log.ts";

let clock: FakeClock;
let events: Event[];
let log: StrangerLog;
beforeEach(() => {
  clock = new FakeClock();
  events = [];
  log = new StrangerLog(clock, { record: (event) => void events.push(event) });
});

const refused = (client: string) =>
  ({ event: "session.refused", listener: "in", client, verb: "X", reason: undefined, reply: "500" }) as const;
const failed = (client: string) =>
  ({ event: "auth.failed", listener: "in", client, username: "u", mechanism: "PLAIN", reason: "wrong" }) as const;

/** A client of its own for each number. */
const clientOf = (n: number): string => `10.0.${n >> 8}.${n & 255}`;
const withheld = (): Event[] => events.filter(({ event }) => event === "log.withheld");

test("of one client so many lines a minute are told, of the others how many there were, when the minute is over", () => {
  for (let n = 0; n < LOGS.strangerLinesPerMinute + 7; n++) log.tell(refused("192.0.2.1"));
  expect(events).toHaveLength(LOGS.strangerLinesPerMinute);
  log.tell(refused("192.0.2.2"));
  expect(events.at(-1)).toMatchObject({ client: "192.0.2.2" });
  clock.advance(minute - 1);
  expect(withheld()).toEqual([]);
  clock.advance(1);
  expect(withheld()).toEqual([{ event: "log.withheld", of: "session.refused", client: "192.0.2.1", lines: 7 }]);
  log.tell(refused("192.0.2.1"));
  expect(events.at(-1)).toEqual(refused("192.0.2.1"));
  clock.advance(minute);
  expect(withheld()).toHaveLength(1); // a minute in which all was told has no line of its own
});

test("a /64 of IPv6 is one client", () => {
  for (let n = 0; n < LOGS.strangerLinesPerMinute + 2; n++) log.tell(refused(`2001:db8::${n.toString(16)}`));
  log.finish();
  expect(withheld()).toMatchObject([{ client: expect.stringMatching(/\/64$/), lines: 2 }]);
});

test("each event is bounded by itself: refused commands hide no wrong password", () => {
  for (let n = 0; n < LOGS.strangerLinesPerMinute + 1; n++) log.tell(refused("192.0.2.1"));
  log.tell(failed("192.0.2.1"));
  expect(events.at(-1)).toEqual(failed("192.0.2.1"));
});

test("of all clients together so many lines are told; who is left out is named with a count, as far as there are not too many", () => {
  const clients = LOGS.strangersNamedMax + 5;
  for (let round = 0; round < 2; round++) for (let n = 0; n < clients; n++) log.tell(refused(clientOf(n)));
  expect(events).toHaveLength(LOGS.strangersLinesPerMinute);
  log.finish();
  const lines = withheld() as Extract<Event, { event: "log.withheld" }>[];
  expect(lines.length).toBeLessThanOrEqual(LOGS.strangersNamedMax + 1);
  expect(lines.at(-1)).toEqual({ event: "log.withheld", of: "session.refused", client: undefined, lines: 10 });
  const counted = lines.reduce((sum, each) => sum + each.lines, 0);
  expect(counted + LOGS.strangersLinesPerMinute).toBe(2 * clients); // nothing is lost
});

test("what a stop finishes is told once", () => {
  for (let n = 0; n < LOGS.strangerLinesPerMinute + 3; n++) log.tell(refused("192.0.2.1"));
  log.finish();
  log.finish();
  clock.advance(2 * minute);
  expect(withheld()).toHaveLength(1);
});
