import { afterEach, describe, expect, test } from "vitest";
import {
  abandonScenes,
  blockFor,
  fresh,
  hosts,
  lane,
  mx,
  routed,
  scene,
  settle,
  site,
} from "../../test/support/dispatching.ts";
import { OUTBOUND, OUTBOUND_TIME } from "../core/base/limits.ts";
import { day } from "../core/base/time.ts";
import { FREE_TERMS } from "../core/routing/site-terms.ts";
import type { Destination } from "./destination.ts";

// What holds for the connections to one site.

afterEach(abandonScenes);

test("TLS that breaks where it is no condition: the same address in clear, and remembered", async () => {
  const s = scene();
  s.hosts.set("a", { ...site, tls: "opportunistic" });
  s.hop.offersTls = true;
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.hop.connections).toBe(2);
  expect(s.settlements).toMatchObject([{ kind: "finish" }]);
  s.dispatcher.abandon();
  await settle();
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.hop.connections).toBe(3); // in clear at once
});

test("TLS that breaks where it is a condition: nothing goes in clear", async () => {
  const s = scene();
  s.hosts.set("a", { ...site, tls: "verify" });
  s.hop.offersTls = true;
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.hop.connections).toBe(1);
  expect(s.reports[0]!.failure).toMatch(/^tls-failed/);
});

test("a next hop of 7 bits gets an 8-bit message converted; one that cannot be converted fails with 5.6.3", async () => {
  const s = scene();
  const message = fresh();
  const eightBit = (content: string) => ({
    ...message,
    envelope: { ...message.envelope, isEightBit: true },
    content: Uint8Array.from(content, (character) => character.charCodeAt(0)),
  });
  s.dispatcher.take(eightBit("Content-Transfer-Encoding: 8bit\r\n\r\nMany greetings, viele Gr\xfc\xdfe\r\n"));
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.hop.contents[0]).toContain("quoted-printable");
  expect(s.hop.contents[0]).toContain("Gr=FC=DFe");
  s.dispatcher.take(eightBit("Subject: Gr\xfc\xdfe\r\n\r\nbody\r\n"));
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "finish" }, { kind: "finish" }]);
  expect(s.events.at(-1)).toMatchObject({ event: "delivery.failed", cause: "needs-8bitmime" });
  expect(s.hop.connections).toBe(1);
});

test("a smart host that has something against us, message after message: the mail waits, and the site is left alone", async () => {
  const s = routed(lane);
  s.hop.answer = (command) => (command === "DOT" ? "554 Sending paused for this account" : undefined);
  for (let n = 0; n < 4; n++) s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toMatchObject(Array.from({ length: 3 }, () => ({ kind: "park", lane })));
  expect(s.reports).toMatchObject([{ failure: "account-paused: 554 Sending paused for this account" }]);
});

test.each([
  ["refuses it in words that sound like us", "554 Your account has been suspended: phishing"],
  ["hangs up on it", ""],
])("one message, at which the server %s, keeps no other from its way", async (_, answer) => {
  const s = routed(lane);
  let isPoison = true;
  s.hop.answer = (command) => {
    if (command !== "DOT" || !isPoison) return undefined;
    isPoison = false;
    return answer;
  };
  for (let n = 0; n < 3; n++) s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "park", lane }, { kind: "finish" }, { kind: "finish" }]);
  expect(s.reports.filter(({ failure }) => failure !== undefined)).toEqual([]);
});

test("where new connections have a rate each further address of an attempt waits for its permit", async () => {
  const s = routed(mx);
  s.destinations.set("b.example", hosts("198.51.100.1", "198.51.100.2"));
  s.terms = { ...FREE_TERMS, limits: { ...FREE_TERMS.limits, connectionsPerMinute: 2 } };
  s.hop.refusesAt = (address) => address === "198.51.100.1";
  s.dispatcher.take(fresh(1, mx));
  await settle();
  s.dispatcher.granted("mx.b.example", 1);
  await settle();
  expect([s.hop.connections, s.asked]).toEqual([1, ["mx.b.example"]]);
  s.dispatcher.permitted("mx.b.example", "connection");
  await settle();
  expect(s.hop.connections).toBe(2);
  expect(s.settlements).toMatchObject([{ kind: "finish" }]);
});

test("a disk that fills while the next address waits for its permit is nothing against the site", async () => {
  const s = routed(mx);
  s.destinations.set("b.example", hosts("198.51.100.1", "198.51.100.2"));
  s.terms = { ...FREE_TERMS, limits: { ...FREE_TERMS.limits, connectionsPerMinute: 2 } };
  s.hop.refusesAt = (address) => address === "198.51.100.1";
  s.dispatcher.take(fresh(1, mx));
  await settle();
  s.dispatcher.granted("mx.b.example", 1);
  await settle();
  s.dispatcher.space({ freeOctets: 0, mayAccept: false, mayDeliver: false });
  s.dispatcher.permitted("mx.b.example", "connection");
  await settle();
  expect(s.reports).toMatchObject([{ failure: undefined }]);
  expect(s.settlements).toEqual([]);
});

test("one connection at a time: the next address is tried when the last one is closed", async () => {
  const s = routed(mx);
  s.destinations.set("b.example", hosts("198.51.100.1", "198.51.100.2"));
  s.hop.greeting = (address) => (address === "198.51.100.1" ? "554 not here" : "220 hello");
  const closing: (() => void)[] = [];
  s.hop.whenClosed = (call) => void closing.push(call);
  s.dispatcher.take(fresh(1, mx));
  await settle();
  s.dispatcher.granted("mx.b.example", 1);
  await settle();
  expect([s.hop.connections, closing.length]).toEqual([1, 1]);
  closing[0]!();
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "finish" }]);
});

test("relaying denied to one recipient is that message's wait; to three in a row it is the site's", async () => {
  const s = routed(lane);
  s.hop.answer = (command) =>
    command === "RCPT" ? "554 5.7.1 Relay access denied" : command === "DATA" ? "503 no" : undefined;
  for (let n = 0; n < 4; n++) s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  await settle();
  expect(s.settlements.filter(({ kind }) => kind === "park")).toHaveLength(3);
  expect(s.events.filter(({ event }) => event === "delivery.failed")).toEqual([]);
  expect(s.reports[0]!.failure).toMatch(/^relay-denied/);
});

test("the same words of a stranger's server are about the recipient", async () => {
  const s = routed(mx);
  s.destinations.set("b.example", hosts("198.51.100.1"));
  s.hop.answer = (command) =>
    command === "RCPT" ? "554 5.7.1 Relay access denied" : command === "DATA" ? "503 no" : undefined;
  s.dispatcher.take(fresh(1, mx));
  await settle();
  s.dispatcher.granted("mx.b.example", 1);
  await settle();
  expect(s.events.find(({ event }) => event === "delivery.failed")).toMatchObject({ cause: "rcpt-refused" });
});

test("where messages have a rate each transaction waits for its permit, and the connection meanwhile", async () => {
  const s = routed(lane);
  s.hosts.set("a", { ...site, limits: { ...site.limits, messagesPerMinute: 2 } });
  for (let n = 0; n < 2; n++) s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect([s.asked, s.settlements]).toEqual([[lane], []]);
  s.dispatcher.permitted(lane, "message");
  await settle();
  expect(s.settlements).toHaveLength(1);
  expect(s.asked).toHaveLength(2);
  s.dispatcher.permitted(lane, "message");
  await settle();
  expect(s.settlements).toHaveLength(2);
  expect(s.hop.connections).toBe(1);
});

test("the queue hears which permit is for a connection's first message, and which connection had none", async () => {
  const s = routed(lane);
  s.hosts.set("a", { ...site, limits: { ...site.limits, messagesPerMinute: 2, messagesPerConnection: 2 } });
  for (let n = 0; n < 4; n++) s.dispatcher.take(fresh());
  for (let connection = 0; connection < 2; connection++) {
    s.dispatcher.granted(lane, 1);
    await settle();
    for (let n = 0; n < 2; n++) {
      s.dispatcher.permitted(lane, "message");
      await settle();
    }
  }
  expect(s.firsts).toEqual([true, false, true, false]);
  s.dispatcher.granted(lane, 1); // too late
  s.hop.refuses = true;
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.reports.map(({ isUnused }) => isUnused)).toEqual([false, false, true, true]);
});

test("what is found after a reload goes by the limits that hold by then", async () => {
  const s = routed(mx);
  s.destinations.set("b.example", hosts("192.0.2.1"));
  s.dispatcher.take(fresh(1, mx));
  s.terms = { ...FREE_TERMS, limits: { ...FREE_TERMS.limits, messagesPerMinute: 2 } };
  s.dispatcher.renew();
  await settle();
  s.dispatcher.granted("mx.b.example", 1);
  await settle();
  expect(s.asked).toEqual(["mx.b.example"]);
  expect(s.settlements).toEqual([]);
});

test("a permit that takes longer than a connection may idle: the connection is left, and the message waits on", async () => {
  const s = routed(lane);
  s.hosts.set("a", { ...site, limits: { ...site.limits, messagesPerMinute: 2 } });
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  s.clock.advance(5001);
  await settle();
  expect(s.reports).toMatchObject([{ failure: undefined }]);
  expect([s.settlements, s.asked]).toEqual([[], []]);
  s.dispatcher.permitted(lane, "message"); // it was on its way
  s.dispatcher.granted(lane, 1);
  await settle();
  s.dispatcher.permitted(lane, "message");
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "finish" }]);
});

test("so many messages over one connection as its terms allow", async () => {
  const s = routed(lane);
  s.hosts.set("a", { ...site, limits: { ...site.limits, messagesPerConnection: 2 } });
  for (let n = 0; n < 3; n++) s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toHaveLength(2);
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toHaveLength(3);
  expect(s.hop.connections).toBe(2);
});

describe("while another mail thread has no connection", () => {
  const turn = OUTBOUND.turnLoads;

  test("one that is to be given up goes when its turn is over, and what waits asks for another", async () => {
    const s = routed(lane);
    for (let n = 0; n < 2 * turn; n++) s.dispatcher.take(fresh());
    s.dispatcher.granted(lane, 1);
    s.dispatcher.keep(lane, 0);
    await settle(2 * turn);
    expect([s.settlements.length, s.reports.length, s.demands.at(-1)]).toEqual([turn, 1, turn]);
    s.dispatcher.granted(lane, 1);
    s.dispatcher.keep(lane, Infinity);
    await settle(2 * turn);
    expect([s.settlements.length, s.reports.length]).toEqual([2 * turn, 1]);
  });

  test("one that does nothing goes at once where its turn is over, else when it has been idle", async () => {
    const s = routed(lane);
    s.dispatcher.take(fresh());
    s.dispatcher.granted(lane, 1);
    await settle();
    s.dispatcher.keep(lane, 0);
    await settle();
    expect(s.reports).toEqual([]);
    s.clock.advance(OUTBOUND_TIME.idle);
    await settle();
    expect(s.reports).toHaveLength(1);
    for (let n = 0; n < turn; n++) s.dispatcher.take(fresh());
    s.dispatcher.granted(lane, 1);
    s.dispatcher.keep(lane, Infinity);
    await settle(turn);
    expect([s.settlements.length, s.reports.length]).toEqual([turn + 1, 1]);
    s.dispatcher.keep(lane, 0);
    await settle();
    expect(s.reports).toHaveLength(2);
  });

  test("one that ended by itself is the one that was to go; the word may be said again, and come too late", async () => {
    const s = routed(lane);
    s.dispatcher.keep(lane, 0); // nothing of it is here any more
    const release: (() => void)[] = [];
    s.hop.whenDone = (call) => void release.push(call);
    for (let n = 0; n < 8; n++) s.dispatcher.take(fresh());
    s.dispatcher.granted(lane, 3);
    await settle();
    for (let n = 0; n < 2; n++) s.dispatcher.keep(lane, 2);
    s.hop.handlers[0]!.closed({ kind: "reset", text: "" });
    await settle();
    expect(s.reports).toHaveLength(1);
    s.clock.advance(OUTBOUND.turnTime);
    s.hop.whenDone = (call) => call();
    for (const done of release.splice(1)) done();
    await settle(8);
    expect([s.reports.length, s.settlements.length]).toEqual([1, 8]);
  });
});

test("how we show ourselves: source, family and the name in EHLO are the site's", async () => {
  const s = routed(lane);
  s.hosts.set("a", { ...site, egress: { source: "192.0.2.7", ehloName: "out.example", family: "ipv4" } });
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.hop.targets).toMatchObject([{ source: "192.0.2.7", family: "ipv4" }]);
  expect(s.hop.said[0]).toBe("EHLO out.example");
});

test("what an operator wants something of goes back to the store, as far as it is not on its way", async () => {
  const s = routed(lane);
  s.hosts.set("a", { ...site, limits: { ...site.limits, messagesPerMinute: 2 } });
  const messages = [fresh(2), fresh(2), fresh(1)];
  for (const message of messages) s.dispatcher.take(message);
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.asked).toHaveLength(1); // the first one has a connection, and waits for its permit
  const [first, second, third] = messages.map(({ deliveries }) => deliveries.map(({ row }) => row));
  s.dispatcher.wanted([first![0]!, second![1]!, third![0]!]);
  const parked = [third![0], second![1], first![0]].map((row) => ({ kind: "park", row, lane }));
  expect(s.settlements).toMatchObject(parked);
  s.dispatcher.permitted(lane, "message");
  await settle();
  s.dispatcher.permitted(lane, "message");
  await settle();
  expect(s.settlements.slice(3)).toMatchObject([
    { kind: "finish", row: first![1] },
    { kind: "finish", row: second![0] },
  ]);
  expect(s.hop.recipients).toEqual([1, 1]);
});

test("what is looked for in the DNS, or connected for, is not on its way yet", async () => {
  const s = routed(mx);
  s.destinations.set("b.example", hosts("198.51.100.1"));
  const [looked, connecting] = [fresh(1, mx), fresh(1, mx)];
  s.dispatcher.take(looked);
  s.dispatcher.wanted([looked.deliveries[0]!.row]);
  expect(s.settlements).toMatchObject([{ kind: "park" }]);
  s.dispatcher.take(connecting);
  await settle();
  s.dispatcher.granted("mx.b.example", 1);
  s.dispatcher.wanted([connecting.deliveries[0]!.row]);
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "park" }, { kind: "park" }]);
  expect(s.hop.contents).toEqual([]);
});

test("recipients of one message whose routes have other priorities are transactions of their own", async () => {
  const s = routed(lane);
  const message = fresh(3);
  const deliveries = message.deliveries.map(
    (delivery, at) => ({ ...delivery, priority: at === 1 ? "high" : "normal" }) as const,
  );
  s.dispatcher.take({ ...message, deliveries });
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.hop.recipients).toEqual([1, 2]);
});

describe("domains that share their servers and want them in another order", () => {
  const other = "mx/c.example";
  const reversed = (...addresses: readonly string[]): Destination => {
    const same = hosts(...addresses);
    if (same.kind !== "hosts") throw new Error("hosts");
    const turned = same.hosts.map((host, at) => ({ ...host, preference: addresses.length - at }));
    return { ...same, order: "h1>h0", hosts: turned };
  };
  const addresses = ["198.51.100.1", "198.51.100.2"] as const;

  test("each goes to its own first, and what limits them is shared", async () => {
    const s = routed(mx, other);
    s.destinations.set("b.example", hosts(...addresses));
    s.destinations.set("c.example", reversed(...addresses));
    for (let n = 0; n < 2; n++) for (const name of [mx, other]) s.dispatcher.take(fresh(1, name));
    await settle();
    expect(s.demands.at(-1)).toBe(4); // of one site
    s.dispatcher.granted("mx.b.example", 2);
    await settle();
    expect(s.hop.targets.map(({ address }) => address)).toEqual(addresses);
    expect(s.settlements).toHaveLength(4);
    expect(s.hop.connections).toBe(2);
  });

  test("a pause of one leaves its connection to the other at once", async () => {
    const s = routed(mx, other);
    s.terms = { ...FREE_TERMS, limits: { ...FREE_TERMS.limits, messagesPerMinute: 9 } };
    for (const domain of ["b.example", "c.example"]) s.destinations.set(domain, hosts(...addresses));
    s.dispatcher.take(fresh(1, mx));
    await settle();
    s.dispatcher.granted("mx.b.example", 1);
    await settle();
    s.dispatcher.take(fresh(1, other));
    await settle();
    expect(s.asked).toHaveLength(1); // the first one has the connection, and waits for its permit
    s.dispatcher.pauses({ outbound: false, lanes: [mx] });
    expect(s.settlements).toMatchObject([{ kind: "park", lane: mx }]);
    s.dispatcher.permitted("mx.b.example", "message");
    await settle();
    expect(s.settlements.slice(1)).toMatchObject([{ kind: "finish" }]);
    expect(s.hop.connections).toBe(1);
  });

  test("one load of another order takes one connection of many, and is next to have it", async () => {
    const s = routed(mx, other);
    s.destinations.set("b.example", hosts(...addresses));
    s.destinations.set("c.example", reversed(...addresses));
    const release: (() => void)[] = [];
    s.hop.whenDone = (call) => void release.push(call);
    for (let n = 0; n < 40; n++) s.dispatcher.take(fresh(1, mx));
    await settle();
    s.dispatcher.granted("mx.b.example", 10);
    await settle();
    s.dispatcher.take(fresh(1, other));
    await settle();
    s.clock.advance(OUTBOUND.turnTime);
    for (const done of release.splice(0)) done();
    await settle();
    expect(s.reports).toHaveLength(1);
    s.dispatcher.granted("mx.b.example", 1);
    await settle();
    expect(s.hop.targets.at(-1)).toMatchObject({ address: addresses[1] });
    for (let rounds = 0; rounds < 5; rounds++) {
      for (const done of release.splice(0)) done();
      await settle();
    }
    expect(s.hop.contents).toHaveLength(41);
    expect(s.hop.connections).toBe(11);
  });

  test("one connection at a time: it makes room when its turn is over, or it has none", async () => {
    const s = routed(mx, other);
    s.terms = { ...FREE_TERMS, limits: { ...FREE_TERMS.limits, connectionsMax: 1 } };
    s.destinations.set("b.example", hosts(...addresses));
    s.destinations.set("c.example", reversed(...addresses));
    const turn = OUTBOUND.turnLoads;
    for (let n = 0; n < 2 * turn; n++) s.dispatcher.take(fresh(1, mx));
    s.dispatcher.take(fresh(1, other));
    await settle();
    s.dispatcher.granted("mx.b.example", 1);
    await settle(turn);
    expect([s.settlements.length, s.reports.length]).toEqual([turn, 1]);
    s.dispatcher.granted("mx.b.example", 1);
    await settle();
    expect(s.hop.targets.map(({ address }) => address)).toEqual(addresses);
    expect([s.settlements.length, s.reports.length]).toEqual([turn + 1, 2]);
    s.dispatcher.granted("mx.b.example", 1);
    await settle(turn);
    expect(s.settlements).toHaveLength(2 * turn + 1);
    s.dispatcher.take(fresh(1, other)); // the connection that stands is of the first order, and idle
    await settle();
    expect(s.reports).toHaveLength(3);
    s.dispatcher.granted("mx.b.example", 1);
    await settle();
    expect(s.settlements).toHaveLength(2 * turn + 2);
  });

  test("more orders than slots: each connection carries a turn of loads, and each order has its turn", async () => {
    const s = routed(mx, other);
    s.terms = { ...FREE_TERMS, limits: { ...FREE_TERMS.limits, connectionsMax: 1 } };
    s.destinations.set("b.example", hosts(...addresses));
    s.destinations.set("c.example", reversed(...addresses));
    const turn = OUTBOUND.turnLoads;
    for (let n = 0; n < 3 * turn; n++) for (const name of [mx, other]) s.dispatcher.take(fresh(1, name));
    await settle();
    for (let n = 0; n < 6; n++) {
      s.dispatcher.granted("mx.b.example", 1);
      await settle(turn);
    }
    expect(s.settlements).toHaveLength(6 * turn);
    expect(s.hop.targets.map(({ address }) => address)).toEqual([...addresses, ...addresses, ...addresses]);
  });

  test("where each load is slow a turn is some seconds", async () => {
    const s = routed(mx, other);
    s.terms = { ...FREE_TERMS, limits: { ...FREE_TERMS.limits, connectionsMax: 1 } };
    s.destinations.set("b.example", hosts(...addresses));
    s.destinations.set("c.example", reversed(...addresses));
    s.hop.whenDone = (call) => void s.clock.after(2000, call);
    for (let n = 0; n < 9; n++) s.dispatcher.take(fresh(1, mx));
    s.dispatcher.take(fresh(1, other));
    await settle();
    s.dispatcher.granted("mx.b.example", 1);
    for (let n = 0; n < 3; n++) {
      await settle();
      expect(s.reports).toEqual([]);
      s.clock.advance(2000);
    }
    await settle();
    expect([s.settlements.length, s.reports.length]).toEqual([3, 1]);
  });
});

test("a source that is not this machine's: no other address is tried, and nobody's mail ends with it", async () => {
  const s = routed(mx);
  s.destinations.set("b.example", hosts("198.51.100.1", "198.51.100.2"));
  s.hop.sourceIsForeign = true;
  s.dispatcher.take(fresh(1, mx));
  await settle();
  s.dispatcher.granted("mx.b.example", 1);
  await settle();
  expect(s.hop.connections).toBe(1);
  expect(s.reports).toMatchObject([{ failure: expect.stringMatching(/^source-unusable/) as string, isOurs: true }]);
  s.clock.advance(6 * day);
  s.dispatcher.blocked("mx.b.example", { ...blockFor(s.clock, 5000, "source-unusable: no"), isOurs: true });
  const because = { last: expect.stringContaining('"because":"source-unusable"') as string };
  expect(s.settlements.at(-1)).toMatchObject({ kind: "park", lane: mx, ...because });
  s.dispatcher.blocked("smarthost/a", { ...blockFor(s.clock, 5000, "source-unusable: no"), isOurs: true });
  expect(s.dispatcher.admits(0, [["smarthost/a"]]).places).toMatchObject([because]);
});

test("a configuration that changes: what stands ends with what it carries, what follows goes to the new server", async () => {
  const s = routed(lane);
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.hop.connections).toBe(1); // and stays, for the next one
  s.hosts.set("a", { ...site, port: 2526 });
  s.dispatcher.renew();
  await settle();
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.hop.connections).toBe(2);
  expect(s.reports.filter(({ failure }) => failure !== undefined)).toEqual([]);
  expect(s.settlements).toMatchObject([{ kind: "finish" }, { kind: "finish" }]);
});

test("a transaction that is under way at a change ends as it would have", async () => {
  const s = routed(lane);
  let finish = (): void => undefined;
  s.hop.whenDone = (say) => void (finish = say);
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  s.dispatcher.renew();
  await settle();
  expect(s.settlements).toEqual([]);
  finish();
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "finish" }]);
  expect(s.hop.connections).toBe(1);
});
