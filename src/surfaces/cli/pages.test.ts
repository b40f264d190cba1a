import { expect, test } from "vitest";
import { sinkLines, statusLines } from "./pages.ts";

test("status says which lanes it leaves out", () => {
  const lane = { lane: "smarthost/a", waiting: 3, wakeAt: undefined, blockedUntil: 61_000 };
  const status = {
    version: "1.2.3",
    hostname: "relay.test",
    startedAt: 0,
    listeners: [],
    waiting: 3,
    inHand: 0,
    oldest: undefined,
    freeOctets: 2e9,
    neededOctets: 1e9,
    lanes: [lane],
  };
  expect(statusLines({ ...status, lanesLeftOut: 7 }, 1000).slice(-2)).toEqual([
    "  smarthost/a: 3 waiting, blocked; one connection tries again in 1 min",
    "  and 7 more lanes: waypost queue list",
  ]);
  const whole = statusLines({ ...status, lanesLeftOut: 0 }, 1000).join();
  expect(whole).not.toContain("more lanes");
  expect(whole).not.toContain("Disk");
  expect(statusLines({ ...status, lanesLeftOut: 0, freeOctets: 5e6 }, 1000)).toContain(
    "Disk: 5 MiB free; mail is refused with 452 until there are 954 MiB",
  );
});

test("the sink says by which id the relay knows a message", () => {
  const message = { id: "0VbfQUpNXUfJly", relayId: "0VbfQUpNXUaaaa", at: 0, from: "", to: ["a@b.test"], octets: 1 };
  expect(sinkLines([message])).toEqual([
    "0VbfQUpNXUfJly  relay's 0VbfQUpNXUaaaa  1970-01-01T00:00:00.000Z  <> -> <a@b.test>  1 B",
  ]);
});
