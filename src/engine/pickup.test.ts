import { expect, test } from "vitest";
import { concatBytes, utf8 } from "../core/base/bytes.ts";
import { SPOOL } from "../core/base/limits.ts";
import { day, hour, minute, second } from "../core/base/time.ts";
import { NO_SPACE } from "../core/inbound/trouble.ts";
import { parseAddressPattern } from "../core/policy/address-pattern.ts";
import { StorageError } from "../ports/content.ts";
import { START } from "../../test/support/fake-clock.ts";
import { LOCAL, World, route } from "../../test/support/pickup-world.ts";

test("a file is removed after its message is committed, with its name; its sender is who the system says", async () => {
  const world = new World();
  world.put("one", ["b@example.net"]);
  await world.look();
  const [arrival] = world.engine.queue.arrivals;
  expect(arrival).toMatchObject({ spooled: "one", deliveries: [{ recipient: "b@example.net" }] });
  expect(JSON.parse(arrival!.envelope)).toMatchObject({ from: "u@h.test", identity: "local app", client: "" });
  expect(new TextDecoder("utf-8").decode(arrival!.content)).toBe("Subject: x\r\n\r\n.hi\r\n");
  expect([...world.spool.files]).toEqual([]);
  expect(world.settled).toEqual([{ kind: "spool", names: ["one"], entry: "" }]);
});

test("which rule let its sender in is kept with the message; where any sender may be used there is none", async () => {
  const world = new World();
  const ruleOf = (at: number): string =>
    (JSON.parse(world.engine.queue.arrivals[at]!.envelope) as { session: { senderRule: string } }).session.senderRule;
  world.put("any", ["b@example.net"]);
  await world.look();
  world.identity = { ...LOCAL, senders: [parseAddressPattern("@h.test")!] };
  world.put("bound", ["b@example.net"]);
  await world.look();
  expect([ruleOf(0), ruleOf(1)]).toEqual(["", "@h.test"]);
});

test("killed between the commit and the removal: the next look keeps nothing twice, and removes it", async () => {
  const world = new World();
  world.put("one", ["b@example.net"]);
  world.spool.failure = new Error("killed here");
  await world.look();
  expect([world.engine.queue.arrivals.length, world.spool.files.size]).toEqual([1, 1]);
  world.spool.failure = undefined;
  await world.look(); // of another process: it knows of nothing but the store
  expect([world.engine.queue.arrivals.length, world.spool.files.size]).toEqual([1, 0]);
  expect(world.events("message.accepted")).toHaveLength(1);
});

test.each([
  ["no route takes it any more", (world: World) => route(world, "a.test")],
  ["its user may not relay any more", (world: World) => (world.identity = { kind: "none" })],
  ["its user may not use that sender any more", (world: World) => (world.identity = { ...LOCAL, senders: [] })],
])(
  "killed after the commit, and then %s: what was taken is not refused, nor kept to be sent twice",
  async (_, refuse) => {
    const world = new World();
    world.put("one", ["b@b.test"]);
    world.spool.failure = new Error("killed here");
    await world.look();
    expect(world.engine.queue.arrivals).toHaveLength(1);
    world.spool.failure = undefined;
    refuse(world);
    await world.look();
    expect([world.spool.files.size, world.spool.dead, world.events("spool.refused")]).toEqual([0, [], []]);
    expect(world.events("spool.known")).toMatchObject([{ file: "one" }]);
    expect(world.engine.queue.arrivals).toHaveLength(1);
  },
);

test("killed after the commit of some of its recipients, and then none is taken: it is kept, and said to be in doubt", async () => {
  const world = new World();
  world.known.add("one/!1");
  world.put("one", ["a@a.test", "b@b.test"]);
  route(world, "c.test");
  await world.look();
  expect([world.spool.dead, world.events("spool.refused")]).toEqual([["one"], []]);
  expect(world.events("spool.failed")).toMatchObject([
    { text: expect.stringContaining("a relay that was killed took it") },
  ]);
});

test("what cannot be taken now stays where it is, and nothing of it is kept", async () => {
  const world = new World();
  world.put("one", ["b@example.net"]);
  world.engine.obstacle = NO_SPACE;
  await world.look();
  world.engine.obstacle = undefined;
  world.engine.queue.failure = new StorageError("full", "no room");
  await world.look();
  world.engine.queue.failure = undefined;
  world.spool.unreadable = "EACCES";
  await world.look();
  expect([world.engine.queue.arrivals.length, world.spool.files.size, world.spool.dead.length]).toEqual([0, 1, 0]);
  expect(world.events("spool.failed")).toEqual([{ event: "spool.failed", file: "one", text: "EACCES" }]);
  world.spool.unreadable = undefined;
  await world.look();
  expect([world.engine.queue.arrivals.length, world.spool.files.size]).toEqual([1, 0]);
});

const TOO_MANY = "abcdef".split("").map((each) => `${each}@example.net`);

test("a file that cannot be taken again and again is tried later and later, and in the end kept for an operator", async () => {
  const world = new World();
  world.put("many", TOO_MANY);
  expect(await world.lookFor(1000 * second, 5 * second)).toEqual([0, 30, 90, 210, 450, 930]);
  const more = await world.lookFor(5 * day, minute);
  expect(more.length).toBeLessThan((5 * day) / SPOOL.retryMax + 1);
  expect([[...world.spool.files.keys()], world.spool.dead]).toEqual([[], ["many"]]);
  const failed = world.events("spool.failed");
  expect(failed[0]).toMatchObject({ file: "many", text: expect.stringMatching(/^452 4\.5\.3 /) });
  expect(failed.at(-1)).toMatchObject({
    file: "dead/many",
    text: expect.stringMatching(/^given up, .*`retry\.expire`.*: 452 4\.5\.3 /),
  });
  expect(world.engine.queue.arrivals).toEqual([]);
});

test("one that nobody may read is given up too; one that was old at the start has its hour", async () => {
  const world = new World();
  world.put("old", ["b@example.net"]);
  world.spool.unreadable = "EACCES";
  world.spool.leftAllAt = START - 30 * day;
  await world.lookFor(SPOOL.failingMin, minute);
  expect(world.spool.dead).toEqual([]);
  await world.lookFor(2 * SPOOL.retryMax, minute);
  expect(world.spool.dead).toEqual(["old"]);
});

test("while the relay takes no mail, or its disk is full, no file gets too old", async () => {
  const world = new World();
  world.put("one", ["b@example.net"]);
  world.engine.queue.failure = new StorageError("full", "no room");
  await world.lookFor(10 * day, hour);
  world.engine.obstacle = NO_SPACE;
  await world.lookFor(10 * day, hour);
  expect(world.spool.dead).toEqual([]);
  [world.engine.obstacle, world.engine.queue.failure] = [undefined, undefined];
  await world.lookAgain();
  expect([world.engine.queue.arrivals.length, world.spool.files.size]).toEqual([1, 0]);
});

test("a spool that cannot be read is told once, and again when it is another trouble or comes back", async () => {
  const world = new World();
  for (const trouble of ["gone", "gone", "EIO", undefined, "EIO"]) {
    world.spool.trouble = trouble;
    await world.lookAgain();
  }
  expect(world.events("spool.failed").map((event) => (event as { text: string }).text)).toEqual(["gone", "EIO", "EIO"]);
});

test("what is refused for good is told, or kept for an operator and said; never silent", async () => {
  const world = new World();
  world.put("large", ["b@example.net"], utf8(`Subject: x\r\n\r\n${"y".repeat(900)}\r\n${"y".repeat(900)}\r\n`));
  world.put("many", TOO_MANY);
  await world.look();
  expect(world.spool.dead).toEqual(["large"]); // its sender was not judged: it is not told
  expect(world.events("spool.refused")).toMatchObject([
    { file: "dead/large", dsn: "nobody told: its sender was refused", reply: expect.stringMatching(/^552 5\.3\.4/) },
  ]);
  expect(world.spool.files.has("many")).toBe(true); // 452 is for now
});

test("users of a machine that may not relay get nothing relayed", async () => {
  const world = new World();
  world.identity = { kind: "none" };
  world.put("one", ["b@example.net"]);
  await world.look();
  expect([world.engine.queue.arrivals.length, world.spool.dead]).toEqual([0, ["one"]]);
  expect(world.events("spool.failed")).toMatchObject([{ text: expect.stringContaining("access.networks") }]);
});

test("a thousand files are taken in the order of their names, some at a time, over looks that end", async () => {
  const world = new World();
  const names = Array.from({ length: SPOOL.perLook + 20 }, (_, at) => String(at).padStart(5, "0"));
  for (const name of names) world.put(name, ["b@example.net"]);
  for (let look = 0; look < 40 && world.spool.files.size > 0; look++) await world.look();
  expect(world.engine.queue.arrivals.map(({ spooled }) => spooled)).toEqual(names);
});

test("names of what is taken or kept elsewhere are forgotten one by one; others only by a look at all that is there", async () => {
  const world = new World();
  world.spool.isSmall = false;
  world.put("one", ["b@example.net"]);
  world.spool.files.set("two", utf8("nonsense"));
  await world.lookAgain();
  expect(world.settled).toEqual([]);
  await world.lookAgain();
  await world.lookAgain();
  expect(world.settled).toEqual([{ kind: "forget", names: expect.toSatisfy(isBoth), entry: "" }]);
  world.spool.isSmall = true;
  world.put("three", ["b@example.net"]);
  for (let look = 0; look < 3; look++) await world.lookAgain();
  expect(world.settled.slice(1)).toEqual([
    { kind: "spool", names: ["three"], entry: "" },
    { kind: "forget", names: ["three"], entry: "" },
  ]);
});

const isBoth = (names: readonly string[]): boolean => names.toSorted().join() === "one,two";

test("what its owner puts behind a file while it is read is no part of it: it ends where it says", async () => {
  const world = new World();
  const content = utf8(`Subject: x\r\n\r\n${"y\r\n".repeat(100)}`);
  world.put("one", ["b@example.net"], content);
  let more = 0;
  world.spool.change = (octets) => (++more < 1000 ? concatBytes([octets, new Uint8Array(more * 64 * 1024)]) : octets);
  await world.look();
  expect(world.engine.queue.arrivals.map(({ content: kept }) => kept)).toEqual([content]);
  expect(more).toBeLessThan(3);
});

test("a file that its owner cuts while it is read is not taken in part", async () => {
  const world = new World();
  world.messageOctetsMax = 1_000_000;
  world.put("one", ["b@example.net"], utf8(`Subject: x\r\n\r\n${"y\r\n".repeat(50_000)}`));
  world.spool.change = (octets) => octets.subarray(0, 70_000);
  await world.look();
  expect(world.engine.queue.arrivals).toEqual([]);
  expect(world.events("spool.failed")).toMatchObject([{ file: "one", text: expect.stringContaining("shorter") }]);
});

test("of a file some of whose recipients are refused, and nobody hears of them, these alone are kept; put back it is theirs, of its user", async () => {
  const world = new World();
  route(world, "a.test");
  world.put("one", ["a@a.test", "b@b.test"]);
  await world.look();
  expect(world.engine.queue.arrivals).toMatchObject([{ deliveries: [{ recipient: "a@a.test" }] }]);
  expect([[...world.spool.files.keys()], world.spool.dead]).toEqual([[], []]);
  expect(world.events("spool.refused")).toMatchObject([{ file: "dead/part of one", recipients: 1 }]);
  route(world);
  world.spool.files.set("two", world.spool.parts.get("one")!);
  world.spool.owner = { uid: 0, isOurs: true };
  await world.look();
  expect(world.engine.queue.arrivals[1]).toMatchObject({ deliveries: [{ recipient: "b@b.test" }] });
  expect(JSON.parse(world.engine.queue.arrivals[1]!.envelope)).toMatchObject({ from: "u@h.test", subject: "x" });
  expect(world.owners).toEqual(["app 7", "user7 7"]);
});

test("who wanted no word, or is told, is not kept; a disk that is full keeps the file where it is, and that counts for nothing", async () => {
  const world = new World();
  route(world, "a.test");
  world.notice = (recipient) => (recipient === "c@b.test" ? "null-sender" : "not-asked");
  world.put("one", ["a@a.test", "b@b.test", "c@b.test", "d@b.test"]);
  world.spool.failure = new StorageError("full", "no room");
  await world.lookFor(10 * day, hour);
  expect([...world.spool.files.keys(), ...world.spool.dead]).toEqual(["one"]);
  world.spool.failure = undefined;
  await world.lookAgain();
  const part = new TextDecoder("utf-8").decode(world.spool.parts.get("one"));
  expect(part.match(/^RCPT .*$/gm)).toEqual(["RCPT TO:<c@b.test>"]);
  expect([world.spool.files.size, world.engine.queue.arrivals.length]).toEqual([0, 1]);
});

test("a file that is not the relay's own says in vain that it was another user's", async () => {
  const world = new World();
  world.put("one", ["a@a.test"]);
  const text = new TextDecoder("utf-8").decode(world.spool.files.get("one"));
  world.spool.files.set("one", utf8(text.replace("\r\n", "\r\nOF 0\r\n")));
  await world.look();
  expect([world.engine.queue.arrivals, world.spool.dead]).toEqual([[], ["one"]]);
});

test("a file whose name is known is removed, and that is said; killed before it could tell of those that were refused it is not", async () => {
  const world = new World();
  route(world, "a.test");
  world.spool.failure = new Error("killed here");
  world.put("one", ["a@a.test"]);
  world.put("two", ["a@a.test", "b@b.test"]);
  await world.look();
  expect([...world.known]).toEqual(["one", "two/!1"]);
  world.spool.failure = undefined;
  route(world);
  await world.look();
  expect(world.engine.queue.arrivals).toHaveLength(2);
  expect([world.events("spool.known"), world.spool.dead]).toEqual([[{ event: "spool.known", file: "one" }], ["two"]]);
  expect(world.events("spool.failed").at(-1)).toMatchObject({
    file: "dead/two",
    text: expect.stringContaining("killed"),
  });
});
