import { expect, test } from "vitest";
import { KiB, INBOUND, INBOUND_TIME } from "../core/base/limits.ts";
import { minute, second } from "../core/base/time.ts";
import { NO_SPACE, NOT_STORED } from "../core/inbound/trouble.ts";
import type { StoredEnvelope } from "../core/mail/stored.ts";
import { StorageError } from "../ports/content.ts";
import { Reception } from "./reception.ts";
import { TestEngine } from "../../test/support/engine.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { octets, testListener } from "../../test/support/listener.ts";
import { MemorySocket } from "../../test/support/memory-socket.ts";
import { ReceptionWire } from "../../test/support/reception-wire.ts";
import { transcripts } from "../../test/support/transcripts.ts";

function wire(words = "trusted"): ReceptionWire {
  return new ReceptionWire(testListener(words));
}

/** Says lines, one after the other; answers the last line that the server said. */
async function say(on: ReceptionWire, ...lines: string[]): Promise<string> {
  for (const line of lines) {
    on.socket.output = "";
    await on.settle();
    await on.send(octets(`${line}\r\n`));
    await on.settle();
  }
  return on.socket.output.trimEnd().split("\r\n").at(-1)!;
}

const BEGUN = ["EHLO client.test", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>"];
const DATA = [...BEGUN, "DATA"];

async function envelopeOf(content: string, begun = DATA): Promise<StoredEnvelope> {
  const on = wire();
  expect(await say(on, ...begun, `${content}\r\n.`)).toMatch(/^250 2\.0\.0 Queued as [0-9A-Za-z]{14}$/);
  return JSON.parse(on.engine.queue.arrivals[0]!.envelope) as StoredEnvelope;
}

test("no command in time: 421 4.4.2, and the session is over", async () => {
  const on = wire();
  await say(on, "EHLO client.test");
  on.socket.output = "";
  on.clock.advance(INBOUND_TIME.command - 1);
  expect(on.socket.output).toBe("");
  on.clock.advance(2 * second);
  expect(on.socket.output).toMatch(/^421 4\.4\.2 /);
  expect(on.timesOver).toBe(1);
});

test("octets that are no command do not move its deadline", async () => {
  const on = wire();
  await say(on, "EHLO client.test");
  for (let i = 0; i < 40 && on.timesOver === 0; i++) {
    await on.send(octets("x"));
    on.clock.advance(10 * second);
  }
  expect(on.socket.output).toContain("421 4.4.2");
});

test("content that comes too slowly ends the session, content that comes does not", async () => {
  const slow = wire();
  await say(slow, ...DATA);
  slow.clock.advance(4 * minute);
  expect(slow.socket.output).toContain("421 4.4.2");
  expect(slow.engine.queue.arrivals).toEqual([]);

  const steady = wire();
  await say(steady, ...DATA);
  for (let i = 0; i < 60; i++) {
    await steady.send(octets(`${"x".repeat(700)}\r\n`.repeat(10)));
    await steady.settle();
    steady.clock.advance(10 * second);
  }
  expect(await say(steady, ".")).toMatch(/^250 /);
});

test("content has its first minute under stress too", async () => {
  const on = wire();
  on.engine.isUnderStress = true;
  await say(on, "EHLO client.test");
  on.clock.advance(9 * second);
  await say(on, ...DATA.slice(1));
  on.clock.advance(30 * second);
  expect(on.timesOver).toBe(0);
  on.clock.advance(2 * minute);
  expect(on.timesOver).toBe(1);
});

test("under stress a command has ten seconds, also in sessions that began before", async () => {
  const on = wire();
  on.engine.isUnderStress = true;
  await say(on, "EHLO client.test");
  on.clock.advance(9 * second);
  expect(on.timesOver).toBe(0);
  on.clock.advance(1 * minute); // sessions look at the time once a minute
  expect(on.timesOver).toBe(1);
});

test("a client that does not read is not read from, and is given up in the end", async () => {
  const on = wire();
  await say(on, "EHLO client.test");
  on.socket.isClientDeaf = true;
  await say(on, "NOOP");
  expect(on.socket.isPaused).toBe(true);
  on.socket.drain();
  expect(on.socket.isPaused).toBe(false);
  on.socket.isClientDeaf = true;
  await say(on, "NOOP");
  on.clock.advance(11 * minute);
  expect(on.timesOver).toBe(1);
  expect(on.socket.state).toBe("closed");
});

test("a client that goes at any point leaves nothing behind", async () => {
  for (const { transcript } of transcripts()) {
    const lines = transcript.steps.flatMap((step) => (step.kind === "send" ? step.pieces : []));
    for (const upTo of new Set([0, 1, 2, 3, 4, 5, lines.length - 1])) {
      const on = new ReceptionWire(testListener(transcript.listener));
      for (const piece of lines.slice(0, upTo)) await on.send(piece);
      on.socket.hangUp();
      await on.settle();
      expect(on.timesOver).toBe(1);
      expect(on.engine.events.map(({ event }) => event)).not.toContain("session.crashed");
    }
  }
});

test("a client that goes before the commit has not sent a message", async () => {
  const on = wire();
  await say(on, ...DATA);
  on.socket.give(octets("text\r\n.\r\n"));
  on.reception.closed({ kind: "ended", text: "" });
  await on.settle();
  expect(on.engine.queue.arrivals).toEqual([]);
  expect(on.engine.files.files.size).toBe(0);
});

const LARGE = `${"x".repeat(998)}\r\n`.repeat(66); // more than is kept in memory

/** Writing waits until the answer is called. */
function stalled(on: ReceptionWire): () => void {
  const stall = Promise.withResolvers<void>();
  on.engine.files.stall = stall.promise;
  return stall.resolve;
}

function failures(on: ReceptionWire): unknown[] {
  return on.engine.events.filter(({ event }) => event !== "message.accepted" && event !== "session.refused");
}

test("a client that goes while the rest of its content is written ends in order, and leaves nothing", async () => {
  for (const size of [LARGE.length, LARGE.length + 10]) {
    const on = wire();
    await say(on, ...DATA, LARGE.slice(0, -2));
    const goOn = stalled(on);
    await say(on, `${"y".repeat(size - LARGE.length)}\r\n.`);
    on.socket.hangUp();
    await on.settle();
    goOn();
    await on.settle();
    expect(failures(on)).toMatchObject([{ event: "session.failed", phase: "storing" }]);
    expect(on.engine.files.files.size).toBe(0);
    expect(on.engine.queue.arrivals).toEqual([]);
  }
});

test("content that comes while the disk gets full is dropped as it comes and refused with 452; the next message is not", async () => {
  const on = wire();
  await say(on, ...DATA, LARGE.slice(0, -2));
  on.engine.obstacle = NO_SPACE;
  expect(await say(on, LARGE.slice(0, -2), ".")).toMatch(/^452 4\.3\.1 /);
  expect(on.engine.files.files.size).toBe(0);
  expect(on.engine.queue.arrivals).toEqual([]);
  on.engine.obstacle = undefined;
  expect(await say(on, ...DATA.slice(1), "x", ".")).toMatch(/^250 /);
});

test("where the store's files went, content that comes is dropped, and content that has come is refused at its end: 451", async () => {
  const on = wire();
  await say(on, ...DATA, LARGE.slice(0, -2));
  on.engine.obstacle = NOT_STORED;
  expect(await say(on, LARGE.slice(0, -2), ".")).toMatch(/^451 4\.3\.0 /);
  on.engine.obstacle = undefined;
  await say(on, ...DATA.slice(1), LARGE.slice(0, -2));
  const goOn = stalled(on);
  on.socket.give(octets("text\r\n.\r\n"));
  await on.settle();
  on.engine.obstacle = NOT_STORED; // while the disk takes the end of it
  goOn();
  await on.settle();
  expect(on.socket.output).toMatch(/451 4\.3\.0 [^\r]*\r\n$/);
  expect(on.engine.files.files.size).toBe(0);
  expect(on.engine.queue.arrivals).toEqual([]);
  on.engine.obstacle = undefined;
  expect(await say(on, ...DATA.slice(1), "x", ".")).toMatch(/^250 /);
});

test("a disk that stalls is not held against the client, also under stress", async () => {
  const on = wire();
  on.engine.isUnderStress = true;
  await say(on, ...DATA);
  const goOn = stalled(on);
  await say(on, LARGE.slice(0, -2));
  for (let i = 0; i < 20; i++) on.clock.advance(1 * minute);
  goOn();
  await on.settle();
  expect(failures(on)).toEqual([]);
  expect(await say(on, ".")).toMatch(/^250 /);
});

test.each([
  ["inside content", ["text"], { phase: "content", octets: 6, text: "read ECONNRESET" }],
  ["behind the final dot", ["text\r\n."], { phase: "storing", octets: 6 }],
])("a client that breaks off %s is on record", async (_, lines, recorded) => {
  const on = wire();
  await say(on, ...DATA);
  for (const line of lines) on.socket.give(octets(`${line}\r\n`));
  on.reception.closed({ kind: "reset", text: "read ECONNRESET" });
  const about = { event: "session.failed", client: "192.0.2.2", identity: "network 192.0.2.0/24" };
  expect(failures(on)).toMatchObject([{ ...about, ...recorded }]);
});

test("a client that closes without QUIT, but not inside a message, is not on record", async () => {
  for (const lines of [[], BEGUN.slice(0, 1), BEGUN, [...DATA, "text\r\n."]]) {
    const on = wire();
    await say(on, ...lines);
    on.socket.hangUp();
    await on.settle();
    expect(failures(on)).toEqual([]);
  }
});

test("who gives a password is on record once, with the reason why it was not enough", async () => {
  const on = wire("secure auth");
  await say(on, "EHLO client.test", "AUTH PLAIN AGFwcDEAd3Jvbmc=", "AUTH PLAIN YXBwMgBhcHAxAHNlY3JldA==");
  await say(on, "AUTH PLAIN AGJ1c3kAc2VjcmV0", "AUTH PLAIN AGFwcDEAc2VjcmV0");
  expect(on.engine.events).toMatchObject([
    { event: "auth.failed", username: "app1", reason: "wrong" },
    { event: "auth.failed", username: "app1", reason: "authorization-identity" },
    { event: "auth.failed", username: "busy", reason: "busy" },
    { event: "auth.succeeded", username: "app1" },
  ]);
});

test("what comes after the end is ignored", async () => {
  const on = wire();
  await say(on, "QUIT");
  on.reception.received(octets("NOOP\r\n"));
  on.reception.drained();
  on.reception.closed({ kind: "reset", text: "" });
  on.reception.closed({ kind: "ended", text: "" });
  on.clock.advance(10 * minute);
  expect(on.socket.output).toMatch(/221 [^\r]*\r\n$/);
  expect(on.timesOver).toBe(1);
});

test.each([
  ["full", "452 4.3.1"],
  ["failed", "451 4.3.0"],
] as const)("a store that is %s is our trouble: %s (promise P5)", async (reason, reply) => {
  const on = wire();
  on.engine.queue.failure = new StorageError(reason, "for the test");
  expect(await say(on, ...DATA, "text\r\n.")).toMatch(new RegExp(`^${reply} `));
  on.engine.queue.failure = undefined;
  expect(await say(on, "RCPT TO:<c@example.net>")).toMatch(/^503 /);
  expect(await say(on, ...DATA.slice(1), "text\r\n.")).toMatch(/^250 /);
});

test("a large message goes by way of a file, and a disk that fails is our trouble", async () => {
  const line = `${"x".repeat(998)}\r\n`;
  const large = line.repeat(Math.ceil((100 * KiB) / line.length));
  const on = wire();
  expect(await say(on, ...DATA, `${large}.`)).toMatch(/^250 /);
  expect(on.engine.queue.arrivals[0]!.content).toBeUndefined();
  expect(on.message()!.content).toEqual(octets(large));

  const failing = wire();
  failing.engine.files.failure = new StorageError("full", "for the test");
  expect(await say(failing, ...DATA, `${large}.`)).toMatch(/^452 4\.3\.1 /);
  expect(failing.engine.queue.arrivals).toEqual([]);
  expect(failing.engine.files.files.size).toBe(0);
});

test("a hundred trace fields are a loop: 554 5.4.6; ninety-nine are not, nor are those in the body", async () => {
  const field = ["Received: a", "received: b", "RECEIVED :c\r\n\td"];
  const fields = (count: number): string => Array.from({ length: count }, (_, i) => field[i % 3]!).join("\r\n");
  const at = INBOUND.receivedFieldsMax;
  expect(await say(wire(), ...DATA, `${fields(at)}\r\n\r\nbody\r\n.`)).toMatch(/^554 5\.4\.6 /);
  await envelopeOf(`${fields(at - 1)}\r\n\r\n${fields(at)}`);
});

test("what is put before the content: trace, what is missing, and an empty line where there is no header", async () => {
  const bare = await envelopeOf("no header");
  expect(bare.prefix).toMatch(
    /^Received: from client\.test .*for <b@example\.net>;.*\r\nDate: .*\r\nMessage-ID: <.*@relay\.test>\r\n\r\n$/s,
  );
  const whole = await envelopeOf("Date: x\r\nMessage-ID: <a@b>\r\n\r\nbody");
  expect(whole.prefix).not.toMatch(/\nDate|\nMessage-ID|\r\n\r\n/);
  const signed = await envelopeOf("DKIM-Signature: v=1\r\n\r\nbody");
  expect(signed.prefix).not.toMatch(/\nDate|\nMessage-ID/);
});

test("recipients do not learn of each other", async () => {
  const { prefix } = await envelopeOf("a: b\r\n\r\nx", [...BEGUN, "RCPT TO:<c@example.net>", "DATA"]);
  expect(prefix).not.toMatch(/example\.net/);
});

test("what is refused is told to the operator with its reason, and nothing hidden", async () => {
  const on = wire("");
  await say(on, ...BEGUN, "XY\x1b[31mZ", "EHLO client.test");
  const events = on.engine.events.filter(({ event }) => event === "session.refused");
  expect(events).toMatchObject([{ verb: "RCPT", reason: "relay-denied" }, { verb: "unknown" }]);
});

test("when the relay stops an idle session hears it, one with content does not", async () => {
  const stop = { code: 421, status: "4.3.2", lines: ["Shutting down"] };
  const idle = wire();
  await say(idle, "EHLO client.test");
  idle.reception.shutDown(stop);
  expect(idle.socket.output).toContain("421 4.3.2");
  const busy = wire();
  await say(busy, ...DATA);
  busy.reception.shutDown(stop);
  expect(await say(busy, "text\r\n.")).toMatch(/^250 /);
});

test.each([true, false])("one that has more commands hears it, too; its client reads: %s", async (isReading) => {
  const on = wire();
  await say(on, ...BEGUN.slice(0, 2));
  on.socket.isClientDeaf = !isReading;
  await on.send(octets("RCPT TO:<b@example.net>\r\n".repeat(3 * INBOUND.commandsPerTurn)));
  if (!isReading) await on.settle();
  on.reception.shutDown({ code: 421, status: "4.3.2", lines: ["Shutting down"] });
  expect(on.socket.output).toContain("421 4.3.2");
  expect(on.timesOver).toBe(1);
  await on.settle();
  expect(on.socket.output).toMatch(/421 4\.3\.2 [^\r]*\r\n$/);
});

test.each(["implicit", "starttls", "none"])(
  "one too many hears why, but not in clear where TLS comes first: %s",
  async (tls) => {
    const listener = testListener("trusted");
    const engine = new TestEngine(new FakeClock(), listener);
    let timesOver = 0;
    const rules = { ...listener.rules, tls } as typeof listener.rules;
    const reception = new Reception(engine.parts, rules, "192.0.2.2", listener.identity, () => timesOver++);
    const socket = new MemorySocket(reception);
    reception.start(socket, { code: 421, status: "4.7.0", lines: ["Too many connections"] });
    expect(socket.output).toBe(tls === "implicit" ? "" : "421 4.7.0 Too many connections\r\n");
    expect(socket.state).toBe("closed");
    expect(timesOver).toBe(1);
  },
);

test("many commands in one piece: some are answered at a time, in their order, and others come between", async () => {
  const on = wire();
  await say(on, ...BEGUN.slice(0, 2));
  on.socket.output = "";
  const count = 3 * INBOUND.commandsPerTurn;
  await on.send(octets(`${"RCPT TO:<b@example.net>\r\n".repeat(count - 1)}RCPT TO:<not an address>\r\n`));
  const answered = (): string[] => on.socket.output.split("\r\n").slice(0, -1);
  expect(answered()).toHaveLength(INBOUND.commandsPerTurn);
  on.clock.runSoon();
  expect(answered()).toHaveLength(2 * INBOUND.commandsPerTurn);
  await on.settle();
  expect(answered()).toHaveLength(count);
  expect(answered().at(-2)).toMatch(/^250 /);
  expect(answered().at(-1)).toMatch(/^501 /);
});

test("so are those that are refused without a look at anything", async () => {
  const on = wire();
  await say(on, "EHLO client.test");
  on.socket.output = "";
  await on.send(octets("RCPT TO:<b@example.net>\r\n".repeat(INBOUND.commandsPerTurn + 1)));
  expect(on.socket.output.split("\r\n")).toHaveLength(INBOUND.commandsPerTurn + 1);
});

test("what a client that reads nothing asks is not answered until it reads, nor after it is gone", async () => {
  const on = wire("trusted recipients=1000");
  await say(on, ...BEGUN.slice(0, 2));
  on.socket.isClientDeaf = true;
  on.socket.output = "";
  const count = 4 * INBOUND.commandsPerTurn;
  const commands = octets("RCPT TO:<b@example.net>\r\n".repeat(count));
  await on.send(commands);
  await on.settle();
  const answered = (): number => on.socket.output.split("\r\n").length - 1;
  expect(answered()).toBe(INBOUND.commandsPerTurn);
  on.socket.drain();
  await on.settle();
  expect(answered()).toBe(count);

  on.socket.isClientDeaf = true;
  await on.send(commands);
  on.socket.hangUp();
  await on.settle();
  expect(answered()).toBe(count + INBOUND.commandsPerTurn);
  expect(on.timesOver).toBe(1);
});
