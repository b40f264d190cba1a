import { afterEach, expect, test } from "vitest";
import {
  abandonScenes,
  backup,
  blockFor,
  fresh,
  hosts,
  lane,
  mx,
  routed,
  settle,
} from "../../test/support/dispatching.ts";
import { octetText } from "../core/base/bytes.ts";
import { DSN, OUTBOUND } from "../core/base/limits.ts";
import { day, minute } from "../core/base/time.ts";

// Where deliveries go: the servers of a domain, and the steps of a route.

afterEach(abandonScenes);

test("mail by MX goes to the servers that the DNS names, and to the next address where one is dead", async () => {
  const s = routed(mx);
  s.destinations.set("b.example", hosts("198.51.100.1", "198.51.100.2"));
  s.hop.refusesAt = (address) => address === "198.51.100.1";
  s.dispatcher.take(fresh(2, mx));
  await settle();
  expect(s.demands).toEqual([1]);
  s.dispatcher.granted("mx.b.example", 1);
  await settle();
  expect(s.hop.targets).toMatchObject([
    { host: "h0", address: "198.51.100.1", port: 25, mustVerify: false },
    { host: "h1", address: "198.51.100.2", port: 25, mustVerify: false },
  ]);
  expect(s.settlements).toMatchObject([{ kind: "finish" }, { kind: "finish" }]);
});

test("a greeting with 5yz is about that host: the next one is tried", async () => {
  const s = routed(mx);
  s.destinations.set("b.example", hosts("198.51.100.1", "198.51.100.2"));
  s.hop.greeting = (address) => (address === "198.51.100.1" ? "554 no" : "220 hello");
  s.dispatcher.take(fresh(1, mx));
  await settle();
  s.dispatcher.granted("mx.b.example", 1);
  await settle();
  expect(s.hop.connections).toBe(2);
  expect(s.settlements).toMatchObject([{ kind: "finish" }]);
  expect(s.reports.every(({ failure }) => failure === undefined)).toBe(true);
});

test("where no host takes us the site failed, once; the recipient waits by its own schedule", async () => {
  const s = routed(mx);
  s.destinations.set("b.example", hosts("198.51.100.1", "198.51.100.2"));
  s.hop.refuses = true;
  s.dispatcher.take(fresh(1, mx));
  await settle();
  s.dispatcher.granted("mx.b.example", 1);
  await settle();
  expect(s.reports).toMatchObject([{ failure: "connect-failed: refused" }]);
  s.dispatcher.blocked("mx.b.example", blockFor(s.clock, 5000, "connect-failed: refused"));
  expect(s.settlements.at(-1)).toMatchObject({ kind: "park", lane: mx, attempts: 1, due: s.clock.now() + 120_000 });
});

test("what the DNS says for certain ends a delivery; without an answer it waits", async () => {
  const s = routed(mx);
  s.destinations.set("b.example", { kind: "refused", status: "5.1.10", detail: "b.example takes no mail" });
  s.dispatcher.take(fresh(1, mx));
  s.dispatcher.take(fresh(1, "mx/other.example"));
  await settle();
  const told = (name: string) => s.events.find(({ event }) => event === name);
  expect(told("delivery.failed")).toMatchObject({ cause: "null-mx", reply: "b.example takes no mail" });
  expect(told("delivery.deferred")).toMatchObject({
    cause: "unresolved",
    reason: "unresolved",
    reply: "unresolved: SERVFAIL",
  });
  const waits = s.settlements.filter(({ kind }) => kind === "park");
  expect(waits).toMatchObject([{ due: s.clock.now() + 120_000 }]);
  expect(s.settlements).toHaveLength(2);
  expect(s.demands).toEqual([]);
});

test("what was claimed tells the queue which site its lane goes to, before anything of it is done with", async () => {
  const s = routed(mx);
  s.destinations.set("b.example", hosts("198.51.100.1"));
  const { envelope } = fresh();
  const message = { row: 1, id: "0".repeat(14), receivedAt: 0, octets: 1, content: new Uint8Array(1) };
  const waiting = {
    row: 4096,
    lane: mx,
    recipient: "r@b.example",
    options: "",
    priority: "normal" as const,
    attempts: 0,
  };
  const delivery = { ...waiting, isTold: false, wish: "none" } as const;
  s.dispatcher.claimed([{ message: { ...message, envelope: JSON.stringify(envelope) }, deliveries: [delivery] }]);
  await settle();
  expect(s.sited).toEqual([[mx, "mx.b.example"]]);
});

test("4yz to MAIL: the next step takes it at once; where that fails too, it waits for the first one", async () => {
  const s = routed(lane, backup);
  s.hop.answer = (command) => (command === "MAIL" ? "451 4.3.0 not now" : undefined);
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "move", lane: backup }]);
  expect(s.events).toMatchObject([{ event: "delivery.deferred", reason: "next-step", lane }]);
  s.dispatcher.granted(backup, 1);
  await settle();
  expect(s.hop.targets.map(({ host }) => host)).toEqual(["a.example", "backup.example"]);
  expect(s.settlements.at(-1)).toMatchObject({ kind: "park", lane, attempts: 1, due: s.clock.now() + 120_000 });
});

test("450 to RCPT is the recipient's own: no other step is tried", async () => {
  const s = routed(lane, backup);
  s.hop.answer = (command) => (command === "RCPT" ? "450 4.2.0 greylisted" : undefined);
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "park", lane }]);
  expect(s.hop.connections).toBe(1);
});

test("a connection that ends after the final dot: no other step, because the mail may be there (P3)", async () => {
  const s = routed(lane, backup);
  s.hop.answer = (command) => (command === "DOT" ? "" : undefined);
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "park", lane }]);
  expect(JSON.parse((s.settlements[0] as { last: string }).last)).toMatchObject({ because: "possible-duplicate" });
});

test("while the first step is blocked, what waits for it and what comes new takes the next", async () => {
  const s = routed(lane, backup);
  s.hop.refuses = true;
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  s.hop.refuses = false;
  s.dispatcher.blocked(lane, blockFor(s.clock, 5000, "connect-failed: refused"));
  s.dispatcher.granted(backup, 1);
  await settle();
  expect(s.settlements.at(-1)).toMatchObject({ kind: "finish" });
  expect(s.dispatcher.admits(1, [[lane, backup]])).toMatchObject({ isInHand: true, places: [{ lane: backup }] });
});

test("with all steps blocked it waits in the first, until the one that is free first", () => {
  const s = routed(lane, backup);
  const soon = s.clock.now() + 5000;
  s.dispatcher.take(fresh());
  s.dispatcher.blocked(backup, blockFor(s.clock, 5000, "away"));
  s.dispatcher.blocked(lane, blockFor(s.clock, 65_000, "away too"));
  expect(s.settlements).toMatchObject([{ kind: "park", lane, due: soon }]);
  expect(s.dispatcher.admits(1, [[lane, backup]])).toMatchObject({
    isInHand: false,
    places: [{ lane, due: soon }],
  });
});

test("what an operator wants of a claimed delivery: its end, told to its sender, or the way that the routes say now", async () => {
  const s = routed(backup, lane);
  const { envelope } = fresh();
  const message = { row: 1, id: "0".repeat(14), receivedAt: s.clock.now(), octets: 1, content: new Uint8Array(1) };
  const one = { lane, recipient: "r@b.example", options: "", priority: "normal", attempts: 3, isTold: false } as const;
  s.dispatcher.claimed([
    {
      message: { ...message, envelope: JSON.stringify(envelope) },
      deliveries: [
        { ...one, row: 4096, wish: "expire" },
        { ...one, row: 4097, wish: "reroute" },
        { ...one, row: 4098, wish: "route" },
      ],
    },
  ]);
  s.clock.advance(DSN.gatherFor);
  await settle();
  expect(s.settlements).toMatchObject([
    { kind: "park", row: 4097, lane: backup, attempts: 3, last: expect.stringContaining('"rerouted-by-operator"') },
    { kind: "park", row: 4098, lane: backup, attempts: 3, last: expect.stringContaining('"imported"') },
    { kind: "finish", row: 4096 },
  ]);
  expect(s.arrived).toHaveLength(1);
  expect(s.hop.connections).toBe(0);
});

test("imported mail that no route takes is never tried in the lane that it had elsewhere", async () => {
  const s = routed();
  const message = { row: 1, id: "0".repeat(14), receivedAt: s.clock.now(), octets: 1, content: new Uint8Array(1) };
  const one = { lane, recipient: "r@b.example", options: "", priority: "normal", attempts: 3, isTold: false } as const;
  s.dispatcher.claimed([
    {
      message: { ...message, envelope: JSON.stringify(fresh().envelope) },
      deliveries: [
        { ...one, row: 4096, wish: "route" },
        { ...one, row: 4097, wish: "reroute" },
      ],
    },
  ]);
  await settle();
  const why = expect.stringContaining('"no-route"') as string;
  expect(s.settlements).toEqual([
    expect.objectContaining({ kind: "park", row: 4096, lane, last: why, isUnrouted: true }),
    expect.not.objectContaining({ isUnrouted: true }),
  ]);
  expect(s.hop.connections).toBe(0);
});

test("this way it cannot go, and the other one is only blocked: it waits for that, and nobody's mail fails", async () => {
  const s = routed(lane, backup);
  s.dispatcher.blocked(backup, blockFor(s.clock, 5000, "away"));
  s.hop.answer = (command) => (command === "EHLO" ? "250-x\r\n250 SIZE 1" : undefined);
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  // By its own schedule, with the attempt in history: it would be tried in vain as often as the other site is.
  expect(s.settlements).toMatchObject([
    { kind: "note", entry: expect.stringMatching(/"note":"other-step".*connecting to/) as string },
    { kind: "park", lane, due: s.clock.now() + 2 * minute, attempts: 1 },
  ]);
  expect(s.arrived).toEqual([]);
});

test("where the time of such mail is over, its sender hears what it met, not only that it waited", async () => {
  const s = routed(lane, backup);
  s.dispatcher.blocked(backup, blockFor(s.clock, 30 * day, "away"));
  s.hop.answer = (command) => (command === "EHLO" ? "250-x\r\n250 SIZE 1" : undefined);
  s.dispatcher.take(fresh());
  s.clock.advance(6 * day);
  s.dispatcher.granted(lane, 1);
  await settle();
  s.clock.advance(DSN.gatherFor);
  await settle();
  expect(s.arrived).toHaveLength(1);
  expect(octetText(s.arrived[0]!.content!)).toMatch(/Status: 4\.4\.7[^]*Diagnostic-Code: [^\n]*too-big|larger/);
});

test("what waits for a step that this machine keeps from its way does not end with its time", async () => {
  const s = routed(lane, backup);
  s.dispatcher.blocked(backup, { ...blockFor(s.clock, 30 * day, "not ours"), isOurs: true });
  s.hop.answer = (command) => (command === "EHLO" ? "250-x\r\n250 SIZE 1" : undefined);
  s.dispatcher.take(fresh());
  s.clock.advance(6 * day);
  s.dispatcher.granted(lane, 1);
  await settle();
  s.clock.advance(DSN.gatherFor);
  await settle();
  expect(s.settlements.at(-1)).toMatchObject({ kind: "park", lane });
  expect(s.arrived).toEqual([]);
});

test("an operator's pause of another step that would take it fails nothing", async () => {
  const s = routed(lane, backup);
  s.dispatcher.pauses({ outbound: false, lanes: [backup] });
  s.hop.answer = (command) => (command === "EHLO" ? "250-x\r\n250 SIZE 1" : undefined);
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements.at(-1)).toMatchObject({ kind: "park", lane });
  expect(s.arrived).toEqual([]);
});

test("a domain that is not is not tried at the steps behind it, and so they are not waited for", async () => {
  const s = routed(mx, backup);
  s.dispatcher.blocked(backup, blockFor(s.clock, 5000, "away"));
  s.destinations.set("b.example", { kind: "refused", status: "5.1.2", detail: "there is no domain b.example" });
  s.dispatcher.take(fresh(1, mx));
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "finish" }]);
});

test("a later step that knows of no such domain ends nothing while the first one is only blocked", async () => {
  const s = routed(lane, mx);
  s.dispatcher.blocked(lane, blockFor(s.clock, 5000, "away"));
  s.destinations.set("b.example", { kind: "refused", status: "5.1.2", detail: "there is no domain b.example" });
  s.dispatcher.take(fresh());
  await settle();
  expect(s.settlements).toMatchObject([
    { kind: "move", lane: mx },
    { kind: "note" },
    { kind: "park", lane, attempts: 1 },
  ]);
});

const tooSmall = "250-x\r\n250 SIZE 1";

test("a step that only put the mail off may take it later: what a step behind it cannot take fails nothing", async () => {
  const s = routed(lane, backup);
  const says = { "a.example": { MAIL: "451 4.3.0 not now" }, "backup.example": { EHLO: tooSmall } } as const;
  s.hop.answer = (command) => (says as Record<string, Record<string, string>>)[s.hop.targets.at(-1)!.host]?.[command];
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  await settle();
  s.dispatcher.granted(backup, 1);
  await settle();
  expect(s.settlements).toMatchObject([
    { kind: "move", lane: backup },
    { kind: "note", entry: expect.stringContaining("other-step") as string },
    { kind: "park", lane, attempts: 1, due: s.clock.now() + 2 * minute },
  ]);
  expect(s.arrived).toEqual([]);
});

test("what the DNS did not say of a first step may be said later; a crash forgets that the first step was not asked yet", async () => {
  const s = routed(mx, backup);
  s.hop.answer = (command) => (command === "EHLO" ? tooSmall : undefined);
  s.destinations.set("b.example", { kind: "unknown", detail: "SERVFAIL" });
  s.dispatcher.take(fresh(1, mx));
  await settle();
  s.dispatcher.granted(backup, 1);
  await settle();
  expect(s.settlements.at(-1)).toMatchObject({ kind: "park", lane: mx });
  s.dispatcher.take(fresh(1, backup)); // as it is claimed after a crash
  await settle();
  s.dispatcher.granted(backup, 1);
  await settle();
  expect(s.settlements.at(-1)).toMatchObject({ kind: "park", lane: mx });
  expect(s.arrived).toEqual([]);
});

test("what no step can take fails", async () => {
  const s = routed(lane, backup, mx);
  s.hop.answer = (command) => (command === "EHLO" ? tooSmall : undefined);
  s.destinations.set("b.example", { kind: "refused", status: "5.1.2", detail: "there is no domain b.example" });
  s.dispatcher.take(fresh());
  for (const step of [lane, backup]) {
    s.dispatcher.granted(step, 1);
    await settle();
  }
  expect(s.settlements.at(-1)).toMatchObject({ kind: "finish" });
});

test("a server that hangs before MAIL holds mail for a minute where another step is open, else for as long as it may", async () => {
  for (const isOpen of [true, false]) {
    const s = routed(lane, backup);
    if (!isOpen) s.dispatcher.pauses({ outbound: false, lanes: [backup] });
    s.hop.greeting = () => undefined;
    s.dispatcher.take(fresh());
    s.dispatcher.granted(lane, 1);
    await settle();
    s.clock.advance(OUTBOUND.sessionPatience - 1);
    await settle();
    expect(s.reports).toEqual([]);
    s.clock.advance(1);
    await settle();
    expect(s.reports.length).toBe(isOpen ? 1 : 0);
  }
});

test("what has to wait waits in its route's first lane, also while a later step is open or paused", () => {
  const s = routed(lane, backup);
  const until = s.clock.now() + 5000;
  s.dispatcher.blocked(lane, blockFor(s.clock, 5000, "away"));
  s.dispatcher.pauses({ outbound: false, lanes: [backup] });
  expect(s.dispatcher.admits(1, [[lane, backup]])).toMatchObject({ isInHand: false, places: [{ lane, due: until }] });
  s.dispatcher.take(fresh(1, backup)); // its commit was under way
  expect(s.settlements).toMatchObject([{ kind: "park", lane }]);
  s.dispatcher.pauses({ outbound: false, lanes: [] });
  expect(s.dispatcher.admits(1e9, [[lane, backup]])).toMatchObject({ isInHand: false, places: [{ lane }] });
});

test("a connection that stands only after the disk got full begins nothing: its message waits", async () => {
  const s = routed(lane);
  s.dispatcher.take(fresh());
  s.dispatcher.granted(lane, 1);
  s.dispatcher.space({ freeOctets: 0, mayAccept: false, mayDeliver: false });
  await settle();
  s.clock.runSoon();
  await settle();
  expect(s.settlements).toEqual([]);
  expect(s.hop.said.some((line) => line.startsWith("MAIL"))).toBe(false);
  expect(s.reports).toMatchObject([{ failure: undefined }]);
});

const bulk = { name: "bulk", source: "192.0.2.9", ehloName: "bulk.example", family: "ipv4" } as const;

test("a domain's servers seen through an egress are a site of their own: its block holds up no other mail for them", async () => {
  const s = routed(mx);
  s.egresses.set("bulk", bulk);
  s.terms = { ...s.terms, egress: { source: undefined, ehloName: "own.example", family: "any" } };
  s.destinations.set("b.example", hosts("198.51.100.1"));
  s.dispatcher.take(fresh(1, `${mx}@bulk`));
  s.dispatcher.take(fresh(1, mx));
  await settle();
  expect(s.families).toEqual(["ipv4", "any"]);
  s.dispatcher.blocked("mx.b.example@bulk", { ...blockFor(s.clock, 5000, "source-unusable: no"), isOurs: true });
  expect(s.settlements).toMatchObject([{ kind: "park", lane: `${mx}@bulk` }]);
  s.dispatcher.granted("mx.b.example", 1);
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "park" }, { kind: "finish" }]);
  s.clock.advance(5000);
  s.dispatcher.take(fresh(1, `${mx}@bulk`));
  await settle();
  s.dispatcher.granted("mx.b.example@bulk", 1);
  await settle();
  expect(s.hop.targets).toMatchObject([
    { source: undefined, family: "any" },
    { source: "192.0.2.9", family: "ipv4" },
  ]);
  expect(s.hop.said.filter((line) => line.startsWith("EHLO"))).toEqual(["EHLO own.example", "EHLO bulk.example"]);
});

test("a smart host is shown the egress as it is at the attempt; one that is gone has the mail routed anew", async () => {
  const s = routed("smarthost/a");
  s.egresses.set("bulk", { ...bulk, ehloName: "before.example" });
  for (const name of ["smarthost/a@bulk", "smarthost/a@bulk"]) s.dispatcher.take(fresh(1, name));
  s.egresses.set("bulk", bulk);
  s.dispatcher.granted("smarthost/a@bulk", 1);
  await settle();
  expect(s.hop.said.filter((line) => line.startsWith("EHLO"))).toEqual(["EHLO bulk.example"]);
  s.destinations.set("b.example", hosts("198.51.100.1"));
  s.dispatcher.take(fresh(1, `${mx}@bulk`));
  await settle(); // waits for a slot
  s.egresses.clear();
  s.settlements.length = 0;
  s.dispatcher.granted("mx.b.example@bulk", 1);
  for (const name of ["smarthost/a@bulk", `${mx}@bulk`]) s.dispatcher.take(fresh(1, name));
  await settle();
  const rerouted = { kind: "park", lane: "smarthost/a", attempts: 0 };
  expect(s.settlements).toMatchObject([rerouted, rerouted, rerouted]);
  expect(s.events.filter(({ event }) => event === "delivery.rerouted")).toHaveLength(3);
  expect(s.hop.connections).toBe(1);
});

test("the next step of a route with an egress has it too", async () => {
  const s = routed("smarthost/a@bulk", `${backup}@bulk`);
  s.egresses.set("bulk", bulk);
  s.dispatcher.blocked("smarthost/a@bulk", blockFor(s.clock, 5000, "refused"));
  s.dispatcher.take(fresh(1, "smarthost/a@bulk"));
  s.dispatcher.granted(`${backup}@bulk`, 1);
  await settle();
  expect(s.hop.targets).toMatchObject([{ host: "backup.example", source: "192.0.2.9" }]);
});
