import { afterEach, expect, test } from "vitest";
import {
  abandonScenes,
  blockFor,
  fresh,
  lane,
  REPORT_LANE,
  scene,
  settle,
  type Scene,
  type SceneOptions,
} from "../../test/support/dispatching.ts";
import { START } from "../../test/support/fake-clock.ts";
import { parseReport } from "../../test/support/report-reader.ts";
import { octetText } from "../core/base/bytes.ts";
import { DSN, KiB } from "../core/base/limits.ts";
import { day, hour, minute } from "../core/base/time.ts";
import { type Mailbox, parseMailbox } from "../core/mail/path.ts";
import { type StoredEnvelope, storeOptions } from "../core/mail/stored.ts";
import type { Settlement } from "../ports/store.ts";
import type { Fresh } from "./dispatcher.ts";

afterEach(abandonScenes);

interface Entry {
  readonly outcome: string;
  readonly recipient: string;
  readonly reply: string;
  readonly note: string;
  readonly arrival: string;
}

const entryOf = ({ entry }: Settlement): Entry => JSON.parse(entry) as Entry;
const reportOf = (s: Scene, at: number): ReturnType<typeof parseReport> => parseReport(s.arrived[at]!.content!);
const addressesOf = (s: Scene, at: number): string[] =>
  reportOf(s, at).recipients.map((recipient) => recipient["final-recipient"]!.replace("rfc822; ", ""));

/** A scene whose next hop gives each of `replies` to one recipient, in order, and takes what is not named. */
function answering(replies: readonly (string | undefined)[], options: SceneOptions = {}): Scene {
  const s = scene(options);
  let at = 0;
  s.hop.answer = (command) => (command === "RCPT" ? replies[at++ % replies.length] : undefined);
  return s;
}

async function attempt(s: Scene, message: Fresh): Promise<void> {
  s.dispatcher.take(message);
  s.dispatcher.granted(lane, 1);
  for (let n = 0; n < 5; n++) await settle();
}

function withOptions(message: Fresh, options: readonly string[], envelope: Partial<StoredEnvelope> = {}): Fresh {
  return {
    ...message,
    envelope: { ...message.envelope, ...envelope },
    deliveries: message.deliveries.map((delivery, at) => ({ ...delivery, options: options[at] ?? "" })),
  };
}

const NEVER = storeOptions({ notify: "never" });
const SUCCESS = storeOptions({ notify: ["success"] });
const DELAY = storeOptions({ notify: ["failure", "delay"] });
const postmaster = parseMailbox("admin@example.org") as Mailbox;

test("all that fail in one attempt are in one report, recorded with their ends; who did not ask is not", async () => {
  const s = answering([undefined, "550 5.1.1 nobody", "551 5.7.1 not here", "450 4.2.1 later", "550 5.2.1 closed"]);
  await attempt(s, withOptions(fresh(5), ["", "", "", "", NEVER]));
  expect(s.arrived).toHaveLength(1);
  expect(addressesOf(s, 0)).toEqual(["r1@b.example", "r2@b.example"]);
  expect(reportOf(s, 0).recipients).toMatchObject([
    { status: "5.1.1", "diagnostic-code": "smtp; 550 5.1.1 nobody", "remote-mta": "dns; a.example" },
    { status: "5.7.1" },
  ]);
  const { id } = s.arrived[0]!;
  const noted = s.settlements.map((one) => [entryOf(one).recipient, one.kind, entryOf(one).note]);
  expect(Object.fromEntries(noted.map(([recipient, ...rest]) => [recipient, rest]))).toEqual({
    "r0@b.example": ["finish", ""],
    "r1@b.example": ["finish", `sender told in report ${id}`],
    "r2@b.example": ["finish", `sender told in report ${id}`],
    "r3@b.example": ["park", "next-hop-refused"],
    "r4@b.example": ["finish", "sender not told: it asked for no report of this (NOTIFY)"],
  });
  expect(s.settlements).toHaveLength(5);
  // How the message came is kept once for an attempt.
  const arrivals = s.settlements.map(entryOf).filter(({ arrival }) => arrival !== "");
  expect(arrivals).toMatchObject([{ recipient: "r0@b.example", arrival: '{"client":"192.0.2.9"}' }]);
  expect(s.arrived[0]!.deliveries).toMatchObject([{ lane: REPORT_LANE, recipient: "s@a.example" }]);
});

test("a failure and an expiry of one attempt are in one report, which shows what was said last", async () => {
  const s = answering(["550 5.1.1 nobody", "450 4.2.1 later", undefined]);
  await attempt(s, { ...fresh(3), receivedAt: START - 5 * day });
  expect(s.arrived).toHaveLength(1);
  expect(reportOf(s, 0).recipients).toMatchObject([
    { status: "5.1.1" },
    { action: "failed", status: "4.4.7", "diagnostic-code": "smtp; 450 4.2.1 later" },
  ]);
  const expired = s.settlements.map(entryOf).find(({ recipient }) => recipient === "r1@b.example");
  expect(expired).toMatchObject({
    outcome: "failed",
    reply: "450 4.2.1 later",
    note: expect.stringMatching(/^expired; sender told in report/) as string,
  });
  expect(s.events).toContainEqual(expect.objectContaining({ event: "delivery.failed", cause: "expired" }));
});

test("the last attempt is at the end of the message's life, and none later", async () => {
  const s = answering(["450 4.2.1 later"]);
  await attempt(s, { ...fresh(), receivedAt: START - 5 * day + 30_000 });
  expect(s.settlements).toMatchObject([{ kind: "park", due: START + 30_000 }]);
});

test("what waits for a blocked lane ends with it when it is too old, in one report; what the lane met may be another's", async () => {
  const s = scene();
  s.dispatcher.take({ ...fresh(2), receivedAt: START - 5 * day });
  s.dispatcher.take({ ...fresh(1), receivedAt: START - 5 * day + 1 });
  const met = "relay-denied: 554 5.7.1 <secret@other.example>: denied";
  s.dispatcher.blocked(lane, blockFor(s.clock, 5000, met));
  await settle();
  expect(s.settlements).toMatchObject([
    { kind: "park", due: START + 1, isTold: false, last: expect.stringContaining(met) as string },
    { kind: "finish", entry: expect.stringContaining(met) as string },
    { kind: "finish" },
  ]);
  expect(octetText(s.arrived[0]!.content!)).not.toContain("secret@other.example");
  expect(addressesOf(s, 0)).toEqual(["r0@b.example", "r1@b.example"]);
  expect(reportOf(s, 0).recipients[0]).toMatchObject({
    status: "4.4.7",
    "diagnostic-code": "x-waypost; the next server could not be reached, or took no mail from this relay",
  });
  expect(reportOf(s, 0).recipients[0]).not.toHaveProperty("remote-mta");
});

test("mail whose next hop is gone for ever ends too", async () => {
  const s = scene();
  s.hosts = new Map();
  s.dispatcher.take({ ...fresh(), receivedAt: START - 5 * day + minute });
  expect(s.settlements).toMatchObject([{ kind: "park", due: START + minute }]);
  s.dispatcher.take({ ...fresh(), receivedAt: START - 5 * day });
  await settle();
  expect(s.settlements[1]).toMatchObject({ kind: "finish" });
  expect(s.arrived).toHaveLength(1);
});

test("a clock that jumps by days expires nothing", async () => {
  const s = answering(["450 4.2.1 later"]);
  s.dispatcher.take(fresh());
  s.clock.jump(30 * day);
  s.dispatcher.granted(lane, 1);
  await settle();
  expect(s.settlements).toMatchObject([{ kind: "park", due: START + 30 * day + 2 * minute }]);
  expect(s.events).toMatchObject([{ event: "clock.jumped" }, { event: "delivery.deferred" }]);
});

test("a message without a sender: no report, ever, and a day at most", async () => {
  const s = answering(["550 5.1.1 nobody", "450 4.2.1 later"]);
  const nobody = withOptions(fresh(2), [], { from: "", identity: "mailer-daemon" });
  await attempt(s, { ...nobody, receivedAt: START - day });
  expect(s.arrived).toEqual([]);
  expect(s.settlements.map((one) => entryOf(one).note)).toEqual([
    "nobody told: the message has no sender",
    "expired; nobody told: the message has no sender",
  ]);
  expect(s.events.filter(({ event }) => event === "dsn.refused")).toMatchObject([
    { recipient: "r0@b.example", cause: "rcpt-refused" },
    { recipient: "r1@b.example", cause: "expired" },
  ]);
});

test("postmaster hears of it, and not of what fails on the way to postmaster", async () => {
  const s = answering(["550 5.1.1 nobody"], { reports: { postmaster } });
  await attempt(s, withOptions(fresh(), [NEVER], { from: "", identity: "mailer-daemon" }));
  expect(s.arrived).toMatchObject([{ deliveries: [{ recipient: "admin@example.org" }] }]);
  const notice = s.arrived[0]!;
  const envelope = JSON.parse(notice.envelope) as StoredEnvelope;
  await attempt(s, { ...fresh(), envelope, content: notice.content });
  expect(s.arrived).toHaveLength(1);
  expect(s.settlements.map((one) => entryOf(one).note)).toEqual([
    `postmaster told in report ${notice.id}`,
    "nobody told: it was the notice to postmaster",
  ]);
  expect(s.events.filter(({ event }) => event === "dsn.refused")).toMatchObject([
    { recipient: "r0@b.example", dsn: `postmaster told in report ${notice.id}` },
    { recipient: "r0@b.example", dsn: "nobody told: it was the notice to postmaster" },
  ]);
});

test("a smart host that refuses the null sender: the report ends visibly, and makes no other", async () => {
  const s = scene();
  s.hop.answer = (command) => (command === "MAIL" ? "501 5.1.7 who are you" : undefined);
  await attempt(s, withOptions(fresh(), [NEVER], { from: "", identity: "mailer-daemon" }));
  expect(s.arrived).toEqual([]);
  expect(s.settlements.map(entryOf)).toMatchObject([{ outcome: "failed", reply: "501 5.1.7 who are you" }]);
  expect(s.events).toContainEqual(expect.objectContaining({ event: "dsn.refused", reply: "501 5.1.7 who are you" }));
});

test("NOTIFY=SUCCESS: relayed where the next hop knows no reports, passed on where it does", async () => {
  const s = scene();
  await attempt(s, withOptions(fresh(3), [SUCCESS, "", storeOptions({ notify: ["success", "failure"] })]));
  expect(s.arrived).toHaveLength(1);
  expect(addressesOf(s, 0)).toEqual(["r0@b.example", "r2@b.example"]);
  expect(reportOf(s, 0).recipients[0]).toMatchObject({ action: "relayed", status: "2.0.0" });
  const known = scene();
  known.hop.answer = (command) => (command === "EHLO" ? "250-x\r\n250-DSN\r\n250 PIPELINING" : undefined);
  await attempt(known, withOptions(fresh(1), [SUCCESS]));
  expect(known.arrived).toEqual([]);
  expect(known.settlements.map((one) => entryOf(one).note)).toEqual([
    "sender not told by us: the next hop offers DSN and has the request",
  ]);
});

test("a delay is told once, after four hours, to who asked, in one report an attempt", async () => {
  const s = answering(["450 4.2.1 later"]);
  const late = { receivedAt: START - 4 * hour };
  await attempt(s, { ...withOptions(fresh(), [DELAY]), receivedAt: START - 4 * hour + 1 });
  expect(s.arrived).toEqual([]);
  await attempt(s, { ...withOptions(fresh(3), [DELAY, "", DELAY]), ...late });
  expect(s.arrived).toHaveLength(1);
  expect(addressesOf(s, 0)).toEqual(["r0@b.example", "r2@b.example"]);
  const { recipients } = reportOf(s, 0);
  expect(recipients[0]).toMatchObject({
    action: "delayed",
    status: "4.2.1",
    "diagnostic-code": "smtp; 450 4.2.1 later",
    "will-retry-until": "Wed, 25 Nov 2026 20:00:00 +0000",
  });
  const told = s.settlements.slice(1).map((one) => [entryOf(one).recipient, one.kind === "park" && one.isTold]);
  expect(new Map(told as [string, boolean][])).toEqual(
    new Map([
      ["r0@b.example", true],
      ["r1@b.example", false],
      ["r2@b.example", true],
    ]),
  );
  expect(s.settlements.map((one) => entryOf(one).note)).toContain(
    `next-hop-refused; delay: sender told in report ${s.arrived[0]!.id}`,
  );
});

test("who was told is not told again; a blocked lane delays too", async () => {
  const s = scene();
  const message = withOptions(fresh(2), [DELAY, DELAY]);
  const deliveries = message.deliveries.map((one, at) => ({
    ...one,
    attempts: 3,
    isTold: at === 0,
    wish: "none" as const,
  }));
  s.dispatcher.claimed([
    {
      message: { ...message, receivedAt: START - 9 * hour, envelope: JSON.stringify(message.envelope) },
      deliveries,
    },
  ]);
  s.dispatcher.blocked(lane, blockFor(s.clock, 5000, "connect-failed: refused"));
  s.clock.advance(DSN.gatherFor);
  await settle();
  expect(addressesOf(s, 0)).toEqual(["r1@b.example"]);
  const { recipients, text } = reportOf(s, 0);
  expect(recipients[0]).toMatchObject({ action: "delayed", status: "4.4.0" }); // its time is not over (4.4.7)
  expect(text).toContain("The way to the receiving server is closed for now.");
  expect(s.settlements).toMatchObject([
    { kind: "park", isTold: true, entry: "" },
    { kind: "park", isTold: true },
  ]);
  expect(entryOf(s.settlements[1]!)).toMatchObject({
    outcome: "delayed",
    note: expect.stringMatching(/^lane-blocked; delay: sender told/) as string,
  });
});

test.each([
  ["everybody who did not say otherwise", 2 * hour, ["r0@b.example", "r2@b.example"]],
  ["nobody", "never" as const, []],
])("delay_notice: %s", async (_, delayNotice, told) => {
  const s = answering(["450 4.2.1 later"], { reports: { delayNotice } });
  const message = withOptions(fresh(4), ["", NEVER, DELAY, SUCCESS]);
  await attempt(s, { ...message, receivedAt: START - 2 * hour });
  expect(s.arrived.flatMap((_, at) => addressesOf(s, at))).toEqual(told);
});

test("with soft_bounce what is refused waits and says so, until the message expires", async () => {
  const s = answering(["550 5.1.1 nobody"], { policy: { isSoftBounce: true } });
  await attempt(s, fresh());
  expect(s.settlements).toMatchObject([{ kind: "park", due: START + 2 * minute }]);
  expect(entryOf(s.settlements[0]!)).toMatchObject({ outcome: "deferred", note: "soft-bounce" });
  await attempt(s, { ...fresh(), receivedAt: START - 5 * day });
  expect(reportOf(s, 0).recipients).toMatchObject([{ status: "4.4.7", "diagnostic-code": "smtp; 550 5.1.1 nobody" }]);
});

test("no route for the report: the end is recorded without it, and says so", async () => {
  const s = answering(["550 5.1.1 nobody"], { reports: { routes: () => [] } });
  await attempt(s, fresh());
  expect(s.arrived).toEqual([]);
  expect(entryOf(s.settlements[0]!).note).toBe("sender not told: no route takes a report to <s@a.example>");
});

const NXDOMAIN = { kind: "refused", status: "5.1.2", detail: "there is no such domain" } as const;

/** A message to one recipient of each of so many domains. */
function toDomains(s: Scene, count: number): Fresh {
  const message = fresh(count);
  const deliveries = message.deliveries.map((delivery, n) => ({
    ...delivery,
    lane: `mx/d${n}.example`,
    recipient: `r@d${n}.example`,
  }));
  for (let n = 0; n < count; n++) s.destinations.set(`d${n}.example`, NXDOMAIN);
  return { ...message, deliveries };
}

function claim(s: Scene, { deliveries, ...message }: Fresh, at: readonly number[], receivedAt = START): void {
  const found = at.map((n) => ({ ...deliveries[n]!, attempts: 3, isTold: false, wish: "none" as const }));
  s.dispatcher.claimed([
    { message: { ...message, receivedAt, envelope: JSON.stringify(message.envelope) }, deliveries: found },
  ]);
}

test("a message to 1,200 domains that do not exist: each recipient in one of a few reports, at once", async () => {
  const s = scene();
  s.dispatcher.take(toDomains(s, 1200));
  for (let n = 0; n < 5; n++) await settle();
  const told = s.arrived.flatMap((_, at) => addressesOf(s, at));
  expect(told.toSorted()).toEqual(Array.from({ length: 1200 }, (_, n) => `r@d${n}.example`).toSorted());
  expect(s.settlements.map(({ kind }) => kind)).toEqual(Array.from({ length: 1200 }, () => "finish"));
  expect(s.arrived.length).toBeLessThan(8);
  for (const { octets } of s.arrived) expect(octets).toBeLessThan(DSN.aboutOctetsMax + 4 * KiB);
  expect(s.events.filter(({ event }) => event === "dsn.suppressed")).toEqual([]);
});

test("what fails within a second of the first is told with it; what fails later is told apart; nothing is ended before", async () => {
  const s = scene();
  const [found, lookUp] = [new Map<string, () => void>(), s.destinations];
  const message = toDomains(s, 4);
  for (let n = 0; n < 4; n++) lookUp.delete(`d${n}.example`);
  lookUp.get = (domain) => {
    const wait = new Promise<typeof NXDOMAIN>((resolve) => found.set(domain, () => resolve(NXDOMAIN)));
    return wait as never; // the finder gives it on as it is
  };
  const fail = async (n: number): Promise<void> => {
    found.get(`d${n}.example`)!();
    await settle();
  };
  s.dispatcher.take(message);
  await settle();
  await fail(0);
  s.clock.advance(DSN.gatherFor - 1);
  await fail(2);
  expect({ told: s.arrived.length, ended: s.settlements.length }).toEqual({ told: 0, ended: 0 });
  s.clock.advance(1);
  await settle();
  expect(addressesOf(s, 0)).toEqual(["r@d0.example", "r@d2.example"]);
  expect(s.settlements).toHaveLength(2);
  await fail(1);
  expect(s.arrived).toHaveLength(1);
  await fail(3); // nothing else of it is in hand
  expect(addressesOf(s, 1)).toEqual(["r@d1.example", "r@d3.example"]);
  expect(s.settlements).toHaveLength(4);
});

test("what is claimed lane by lane and too old is told together; a message to one is told of at once", async () => {
  const s = scene();
  const [many, one] = [toDomains(s, 5), toDomains(s, 1)];
  for (const n of [3, 1, 2, 4]) claim(s, many, [n], START - 5 * day);
  await settle();
  expect(s.arrived).toEqual([]);
  claim(s, one, [0], START - 5 * day);
  await settle();
  expect(s.arrived.map((_, at) => addressesOf(s, at))).toEqual([["r@d0.example"]]);
  s.clock.advance(DSN.gatherFor);
  await settle();
  expect(addressesOf(s, 1)).toEqual([3, 1, 2, 4].map((n) => `r@d${n}.example`));
  expect(s.settlements).toHaveLength(5);
});

test("failures and delays of a message are gathered apart; a success is recorded at once", async () => {
  const s = answering([undefined, "550 5.1.1 nobody", "450 4.2.1 later"]);
  const message = withOptions(fresh(3), [SUCCESS, "", DELAY]);
  const other = { ...message.deliveries[0]!, row: message.deliveries[0]!.row + 3, lane: "mx/slow.example" };
  const slow = new Promise<never>(() => undefined);
  s.destinations.get = () => slow as never;
  const late = { ...message, receivedAt: START - 4 * hour, deliveries: [...message.deliveries, other] };
  await attempt(s, late);
  expect(s.settlements.map((one) => entryOf(one).recipient)).toEqual(["r0@b.example"]);
  expect(reportOf(s, 0).recipients).toMatchObject([{ action: "relayed" }]);
  s.clock.advance(DSN.gatherFor);
  await settle();
  expect(s.arrived.map((_, at) => reportOf(s, at).recipients)).toMatchObject([
    [{ action: "relayed" }],
    [{ action: "failed", "final-recipient": "rfc822; r1@b.example" }],
    [{ action: "delayed", "final-recipient": "rfc822; r2@b.example" }],
  ]);
  expect(s.settlements).toHaveLength(3);
});

test("a stop does not wait for what might be gathered", async () => {
  const s = scene();
  const message = toDomains(s, 5);
  claim(s, message, [1], START - 5 * day);
  await settle();
  expect(s.arrived).toEqual([]);
  const stopped = s.dispatcher.stop();
  claim(s, message, [2], START - 5 * day);
  await stopped;
  expect(s.arrived.map((_, at) => addressesOf(s, at))).toEqual([["r@d1.example"], ["r@d2.example"]]);
  expect(s.settlements).toHaveLength(2);
});

test("a delivery stays in hand until its report is written, and the stop waits for it", async () => {
  let readOn = (): void => undefined;
  const stall = new Promise<undefined>((resolve) => (readOn = () => resolve(undefined)));
  const files = { open: () => ({ read: () => stall, close: () => undefined }) };
  const s = answering(["550 5.1.1 nobody"], { reports: { files } });
  await attempt(s, { ...fresh(), content: undefined });
  expect(s.settlements).toEqual([]);
  let isStopped = false;
  const stopped = s.dispatcher.stop().then(() => (isStopped = true));
  await settle();
  expect(isStopped).toBe(false);
  readOn();
  await stopped;
  expect(s.settlements).toMatchObject([{ kind: "finish" }]);
  expect(s.arrived).toHaveLength(1);
});

test("while reports wait for their disk, only so many are being made", async () => {
  let open = 0;
  let mostOpen = 0;
  let readOn = (): void => undefined;
  const stall = new Promise<undefined>((resolve) => (readOn = () => resolve(undefined)));
  const files = {
    open: () => {
      mostOpen = Math.max(mostOpen, ++open);
      return { read: () => stall, close: () => void open-- };
    },
  };
  const s = answering([], { reports: { files } });
  s.hop.answer = (command) =>
    command === "RCPT" ? "550 5.1.1 nobody" : command === "DATA" ? "503 5.5.1 no" : undefined;
  for (let n = 0; n < 200; n++) s.dispatcher.take({ ...fresh(), content: undefined });
  s.dispatcher.granted(lane, 1);
  for (let n = 0; n < 200; n++) await settle();
  expect({ open, settled: s.settlements.length }).toEqual({ open: DSN.underWayMax, settled: 0 });
  readOn();
  for (let n = 0; n < 50; n++) await settle();
  expect(s.settlements).toHaveLength(200);
  expect(mostOpen).toBe(DSN.underWayMax);
});
