import { expect, test } from "vitest";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { mimeFaults, parseReport } from "../../test/support/report-reader.ts";
import { octetText, utf8 } from "../core/base/bytes.ts";
import { DSN, KiB } from "../core/base/limits.ts";
import { hour } from "../core/base/time.ts";
import { sevenBitObstacle } from "../core/dsn/returned.ts";
import type { Event } from "../core/events.ts";
import { HeaderExaminer } from "../core/mail/header.ts";
import { type Mailbox, parseMailbox } from "../core/mail/path.ts";
import type { StoredEnvelope } from "../core/mail/stored.ts";
import type { Route } from "../core/routing/route.ts";
import { parseAddressPattern } from "../core/policy/address-pattern.ts";
import { StorageError } from "../ports/content.ts";
import type { Arrival } from "../ports/store.ts";
import type { DeliveryInHand, MessageInHand } from "./load.ts";
import { type Fared, Notifier, type NotifierParts, type NotifierTerms } from "./notifier.ts";

interface Scene {
  readonly notifier: Notifier;
  readonly clock: FakeClock;
  readonly events: Event[];
}

function scene({ postmaster, ...parts }: Partial<NotifierParts & NotifierTerms> = {}): Scene {
  const clock = new FakeClock();
  const events: Event[] = [];
  let ids = 0;
  const notifier = new Notifier({
    clock,
    entropy: { octets: (n) => new Uint8Array(n).fill(++ids), fraction: () => 0.5 },
    recorder: { record: (event) => void events.push(event) },
    files: {
      open: () => {
        throw new Error("no content is in a file here");
      },
    },
    terms: () => ({ hostname: "relay.example", postmaster, delayNotice: undefined }),
    routes: () => [
      {
        recipient: undefined,
        sender: undefined,
        priority: "normal",
        steps: [{ kind: "smarthost", name: "a" }],
        egress: undefined,
      },
    ],
    ...parts,
  });
  return { notifier, clock, events };
}

const HEADER = "From: <app@example.com>\r\nSubject: Hello\r\n";

function message(envelope: Partial<StoredEnvelope> = {}, content = `${HEADER}\r\nbody\r\n`): MessageInHand {
  return {
    id: "0VbgAAAAAAAAAA",
    receivedAt: Date.UTC(2026, 10, 20),
    octets: content.length,
    envelope: {
      from: "app@example.com",
      identity: "user app",
      client: "192.0.2.9",
      prefix: "Received: x\r\n",
      isEightBit: false,
      isUtf8: false,
      subject: "Hello",
      ...envelope,
    },
    content: utf8(content),
    claimedFrom: undefined,
    left: 1,
  };
}

let messages = 0;
const another = (of: MessageInHand): MessageInHand => ({ ...of, id: `${++messages}`.padStart(14, "0") });

const inFile = (envelope: Partial<StoredEnvelope> = {}): MessageInHand => ({
  ...message(envelope),
  content: undefined,
});

function fared(more: Partial<Fared> & { readonly recipient?: string; readonly options?: string } = {}): Fared {
  const { recipient = "bob@example.net", options = "", ...rest } = more;
  return {
    delivery: { row: 1, recipient, options, priority: "normal", attempts: 1, isTold: false, wish: "none" },
    status: "5.1.1",
    remoteHost: "mx.example.net",
    diagnostic: "550 5.1.1 no such user",
    ...rest,
  };
}

async function written(notifier: Notifier, of: MessageInHand, some: readonly Fared[] = [fared()]): Promise<Arrival> {
  const { report } = await notifier.report(of, "failed", some);
  expect(mimeFaults(report!.content!)).toEqual([]);
  return report!;
}

const envelopeOf = (arrival: Arrival): StoredEnvelope => JSON.parse(arrival.envelope) as StoredEnvelope;
const mailbox = (text: string): Mailbox => parseMailbox(text) as Mailbox;

test("a report: from nobody, to the sender, with a trace field, and nothing is to be said of it", async () => {
  const { notifier, clock, events } = scene();
  const { note, report } = await notifier.report(message({ envelopeId: "QQ" }), "failed", [fared()]);
  expect(note).toBe(`sender told in report ${report!.id}`);
  expect(report).toMatchObject({ receivedAt: clock.now(), octets: report!.content!.length });
  expect(report!.deliveries).toMatchObject([
    { lane: "smarthost/a", recipient: "app@example.com", options: '{"notify":"never"}', due: clock.now() },
  ]);
  expect(envelopeOf(report!)).toMatchObject({ from: "", identity: "mailer-daemon", isEightBit: false, isUtf8: false });
  const examiner = new HeaderExaminer();
  examiner.examine(utf8(envelopeOf(report!).prefix));
  examiner.examine(report!.content!);
  expect(examiner.finish()).toMatchObject({ received: 1, hasDate: true, hasMessageId: true, needsSeparator: false });
  expect(parseReport(report!.content!)).toMatchObject({
    header: { to: "<app@example.com>", "auto-submitted": "auto-replied" },
    message: { "original-envelope-id": "QQ" },
    recipients: [{ "final-recipient": "rfc822; bob@example.net", action: "failed", status: "5.1.1" }],
  });
  expect(events).toMatchObject([{ event: "dsn.queued", id: report!.id, about: "0VbgAAAAAAAAAA", returned: "header" }]);
});

test("what goes back: all of a small message to who asked and is trusted, else its header", async () => {
  const { notifier } = scene();
  const returned = async (of: MessageInHand): Promise<string> =>
    octetText(parseReport((await written(notifier, of)).content!).returned!);
  const whole = `Received: x\r\n${HEADER}\r\nbody\r\n`;
  const header = `Received: x\r\n${HEADER}`;
  expect(await returned(message({ ret: "full" }))).toBe(whole);
  expect(await returned(message({ ret: "full", identity: "network 10.0.0.0/8" }))).toBe(whole);
  expect(await returned(message({ ret: "full", identity: "none" }))).toBe(header);
  expect(await returned(message({ ret: "hdrs" }))).toBe(header);
  expect(await returned(message())).toBe(header);
  const large = `${HEADER}\r\n${"x".repeat(70)}\r\n`.padEnd(DSN.returnedOctetsMax, "y\r\n");
  expect(await returned(message({ ret: "full" }, large))).toBe(header);
  const told = await notifier.report(message({ ret: "full" }), "relayed", [fared({ status: "2.0.0" })]);
  expect(octetText(parseReport(told.report!.content!).returned!)).toBe(header);
});

test("RET=FULL of what a server of 7 bits could not get: the header alone, and why; not where it needs 8 bits anyway", async () => {
  const { notifier, events } = scene();
  const signed = (text: string): string =>
    [
      `${HEADER}Content-Type: multipart/signed; boundary=s\r\n\r\n--s`,
      `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${text}`,
      "--s\r\nContent-Type: application/pgp-signature\r\n\r\nsignature\r\n--s--\r\n",
    ].join("\r\n");
  const told = async (from: string, content: string): Promise<string> => {
    const { note, report } = await notifier.report(message({ ret: "full", from }, content), "failed", [fared()]);
    expect(sevenBitObstacle(report!.content!) === undefined).toBe(from === "app@example.com");
    return note.slice(note.indexOf(report!.id) + 14);
  };
  const why = ", with the header alone: a server of 7 bits could not get all of the message:";
  expect(await told("app@example.com", signed("plain"))).toBe("");
  expect(await told("app@example.com", signed("gr\u00fc\u00dfe"))).toBe(
    `${why} it is signed, and would not be any more`,
  );
  expect(await told("app@example.com", `X: gr\u00fc\r\n${HEADER}\r\nbody\r\n`)).toBe(
    `${why} a header in it has characters beyond ASCII`,
  );
  expect(await told("app@example.com", `${HEADER}\r\ngr\u00fc\u00dfe\r\n`)).toBe("");
  expect(await told("gr\u00fcn@example.com", signed("gr\u00fc\u00dfe"))).toBe("");
  expect(events.map((event) => "returned" in event && event.returned)).toEqual([
    "whole",
    "header: a server of 7 bits could not get all of the message: it is signed, and would not be any more",
    "header: a server of 7 bits could not get all of the message: a header in it has characters beyond ASCII",
    "whole",
    "whole",
  ]);
});

test("a header that is too long ends with a whole line", async () => {
  const { notifier } = scene();
  const long = Array.from({ length: 2000 }, (_, n) => `X-${n}: ${"v".repeat(60)}\r\n`).join("");
  const { content } = await written(notifier, message({}, `${long}\r\nbody`));
  const { returned } = parseReport(content!);
  expect(returned!.length).toBeLessThanOrEqual(DSN.returnedOctetsMax);
  expect(returned!.length).toBeGreaterThan(DSN.returnedOctetsMax - 100);
  expect(octetText(returned!)).toMatch(/v{60}\r\n$/);
});

test("that a header was cut is said in the report and in the log, also where it is in a file", async () => {
  const line = utf8(`X: ${"v".repeat(61)}\r\n`); // 66 octets
  const files = (lines: number): NotifierParts["files"] => ({
    open: () => ({ read: () => Promise.resolve(lines-- > 0 ? line : undefined), close: () => {} }),
  });
  const fitting = Math.floor(DSN.returnedOctetsMax / line.length);
  const told = async (lines: number): Promise<unknown> => {
    const { notifier, events } = scene({ files: files(lines) });
    const { content } = await written(notifier, inFile({ prefix: "" }));
    const isSaid = parseReport(content!).text.includes("too long to be attached whole");
    return [isSaid, events.map((event) => "returned" in event && event.returned)];
  };
  expect(await told(fitting)).toEqual([false, ["header"]]);
  expect(await told(fitting + 1)).toEqual([true, ["header, cut because it is too long"]]);
});

test("the header of a content that is in a file is read from there, and no more of it than that", async () => {
  const pieces = [utf8("A: 1\r\nB"), utf8(": 2\r\n\r\nbody"), utf8("more")];
  let reads = 0;
  let isClosed = false;
  const files = { open: () => ({ read: () => Promise.resolve(pieces[reads++]), close: () => void (isClosed = true) }) };
  const { content } = await written(scene({ files }).notifier, inFile({ ret: "full" }));
  expect(octetText(parseReport(content!).returned!)).toBe("Received: x\r\nA: 1\r\nB: 2\r\n");
  expect({ reads, isClosed }).toEqual({ reads: 2, isClosed: true });
});

test("our disk does not give it back: the sender is told all the same, and that the header is missing (promise P5)", async () => {
  const files = {
    open: () => ({ read: () => Promise.reject(new StorageError("failed", "reading content: EIO")), close: () => {} }),
  };
  const { notifier, events } = scene({ files });
  const { note, report } = await notifier.report(inFile(), "failed", [fared()]);
  expect(note).toBe(`sender told in report ${report!.id}, without its header: reading content: EIO`);
  expect(events).toMatchObject([{ event: "dsn.queued", returned: "nothing: reading content: EIO" }]);
  expect(mimeFaults(report!.content!)).toEqual([]);
  const { text, returned } = parseReport(report!.content!);
  expect(returned).toBeUndefined();
  expect(text).toContain("Its header is not attached: it could not be read here.");
});

test("a header of raw 8-bit text goes back as it came, and the report says that it is 8-bit", async () => {
  const { notifier } = scene();
  const of = message();
  const raw = new Uint8Array([...utf8("Subject: gr"), 0xfc, 0xdf, 0x0d, 0x0a, 0x0d, 0x0a]);
  const report = await written(notifier, { ...of, content: raw });
  expect(envelopeOf(report)).toMatchObject({ isEightBit: true, isUtf8: false });
  expect(parseReport(report.content!).returned!.slice(-4)).toEqual(new Uint8Array([0xfc, 0xdf, 0x0d, 0x0a]));
});

test("addresses beyond ASCII: a report of RFC 6533, which needs SMTPUTF8 where its own header has one", async () => {
  const { notifier } = scene();
  const recipient = "jürgen@bücher.example";
  const toAscii = await written(notifier, message({ isUtf8: true }), [fared({ recipient })]);
  expect(envelopeOf(toAscii)).toMatchObject({ isEightBit: true, isUtf8: false });
  expect(octetText(toAscii.content!)).toContain("Content-Type: message/global-delivery-status");
  const toUtf8 = await written(notifier, message({ isUtf8: true, from: "grün@example.com" }), [fared({ recipient })]);
  expect(envelopeOf(toUtf8)).toMatchObject({ isEightBit: true, isUtf8: true });
});

test("no route takes it: that is said, and nothing is queued", async () => {
  const only: readonly Route[] = [
    {
      recipient: parseAddressPattern("@example.org"),
      sender: undefined,
      priority: "normal",
      steps: [{ kind: "smarthost", name: "a" }],
      egress: undefined,
    },
  ];
  const { notifier, events } = scene({ routes: () => only });
  expect(await notifier.report(message(), "failed", [fared(), fared()])).toEqual({
    note: "sender not told: no route takes a report to <app@example.com>",
    report: undefined,
  });
  expect(events).toEqual([
    { event: "dsn.unplaced", about: "0VbgAAAAAAAAAA", action: "failed", to: "app@example.com", recipients: 2 },
  ]);
  const literal = scene();
  const { report } = await literal.notifier.report(message({ from: "a@[192.0.2.1]" }), "failed", [fared()]);
  expect(report).toBeUndefined();
});

test("reports go by routes for the null sender", async () => {
  const routes: readonly Route[] = [
    {
      recipient: undefined,
      sender: parseAddressPattern("<>"),
      priority: "normal",
      steps: [{ kind: "smarthost", name: "reports" }],
      egress: undefined,
    },
    {
      recipient: undefined,
      sender: undefined,
      priority: "normal",
      steps: [{ kind: "smarthost", name: "a" }],
      egress: undefined,
    },
  ];
  const report = await written(scene({ routes: () => routes }).notifier, message());
  expect(report.deliveries).toMatchObject([{ lane: "smarthost/reports" }]);
});

test("a hundred thousand messages with a forged sender are told of in a thousand reports an hour, and in one event", async () => {
  const { notifier, clock, events } = scene();
  const notes = new Map<string, number>();
  const tell = async (from: string): Promise<boolean> => {
    const { note, report } = await notifier.report(another(message({ from })), "failed", [fared()]);
    if (report === undefined) notes.set(note, (notes.get(note) ?? 0) + 1);
    return report !== undefined;
  };
  let told = 0;
  for (let n = 0; n < 3000; n++) if (await tell(n % 2 === 0 ? "victim@example.com" : "VICTIM@example.com")) told++;
  expect(told).toBe(DSN.perSenderMax);
  expect(await tell("other@example.com")).toBe(true);
  expect([...notes]).toEqual([["sender not told: too many reports went there in this hour", 2000]]);
  expect(events.filter(({ event }) => event === "dsn.suppressed")).toMatchObject([{ limit: DSN.perSenderMax }]);
  clock.advance(hour);
  expect(await tell("victim@example.com")).toBe(true);
});

test("of a message that its sender was told of all else is told, however much that is; of successes so many", async () => {
  const { notifier } = scene();
  const first = message();
  const isTold = async (of: MessageInHand, action: "failed" | "delayed" | "relayed", row = 1): Promise<boolean> => {
    const one = fared();
    const { report } = await notifier.report(of, action, [{ ...one, delivery: { ...one.delivery, row } }], 0);
    return report !== undefined;
  };
  expect(await isTold(first, "failed")).toBe(true);
  for (let n = 1; n < DSN.perSenderMax; n++) await notifier.report(another(first), "failed", [fared()]);
  expect(await isTold(another(first), "failed")).toBe(false);
  expect([await isTold(first, "failed"), await isTold(first, "delayed")]).toEqual([true, true]);
  let relayed = 0;
  for (let row = 0; row < DSN.successesPerSenderMax + 10; row++) if (await isTold(first, "relayed", row)) relayed++;
  expect(relayed).toBe(DSN.successesPerSenderMax);
});

test("a report is about so many recipients that no server finds it too large", async () => {
  const { notifier } = scene();
  const all = Array.from({ length: 1000 }, (_, n) =>
    fared({ recipient: `r${n}@b.example`, diagnostic: `550 ${"\u00fc".repeat(n)}` }),
  );
  const parts = notifier.parts(message(), "failed", all);
  expect(parts.flat()).toEqual(all);
  expect(parts.length).toBeGreaterThan(5);
  const sizes: number[] = [];
  for (const part of parts) sizes.push((await written(notifier, message(), part)).content!.length);
  expect(Math.max(...sizes)).toBeLessThan(DSN.aboutOctetsMax + 4 * KiB);
  expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThan(DSN.aboutOctetsMax - 32 * KiB);
  expect(notifier.parts(message(), "failed", [])).toEqual([]);
  const worst = fared({ diagnostic: "\u202e".repeat(10_000), remoteHost: "\u202e".repeat(1000) });
  expect(notifier.parts(message({ isUtf8: true }), "failed", [worst, worst, worst])).toHaveLength(1);
});

test("a message without a sender: nobody is told, or postmaster is, a few times an hour, and never of its own notices", async () => {
  const nobody = message({ from: "" });
  expect(scene().notifier.notice(nobody, "failed", asking(fared().delivery))).toBe("null-sender");
  const { notifier, events } = scene({ postmaster: mailbox("admin@example.org") });
  const never = fared({ options: '{"notify":"never"}' });
  expect(notifier.notice(nobody, "failed", asking(never.delivery))).toBe("report");
  expect(notifier.notice(nobody, "delayed", asking(never.delivery))).toBe("null-sender");
  const { note, report } = await notifier.report(nobody, "failed", [never]);
  expect(note).toBe(`postmaster told in report ${report!.id}`);
  expect(report!.deliveries).toMatchObject([{ recipient: "admin@example.org" }]);
  const envelope = envelopeOf(report!);
  expect(envelope).toMatchObject({ from: "", isNotice: true });
  expect(notifier.notice(message(envelope), "failed", asking(never.delivery))).toBe("to-postmaster");
  expect(parseReport(report!.content!).text).toContain("it came from 192.0.2.9 as mail of user app.");
  for (let n = 0; n < 100; n++) await notifier.report(another(nobody), "failed", [never]);
  expect(events.filter(({ event }) => event === "dsn.queued")).toHaveLength(DSN.doubleBouncesMax);
  expect(events.filter(({ event }) => event === "dsn.suppressed")).toHaveLength(1);
});

test("the notice of a report that failed names the message that the report was about, as far as it is kept", async () => {
  const { notifier } = scene({ postmaster: mailbox("admin@example.org") });
  const many = Array.from({ length: DSN.keptRecipientsMax + 3 }, (_, n) => fared({ recipient: `r${n}@example.net` }));
  const report = await written(notifier, message(), many);
  const failed = { ...message(envelopeOf(report)), id: report.id, content: report.content! };
  const notice = await written(notifier, failed, [fared({ recipient: "app@example.com" })]);
  const text = parseReport(notice.content!).text.replaceAll(/\r\n */g, " ");
  expect(text).toContain(`Its id here is ${report.id}. It is a report of this relay`);
  expect(text).toContain('the message 0VbgAAAAAAAAAA "Hello" from that address to <r0@example.net>, <r1@example.net>');
  expect(text).toContain("<r9@example.net> and 3 more could not be delivered.");
  expect(envelopeOf(notice)).not.toHaveProperty("about");
});

test("a forged sender and a server's reply in full: no line, field, part or address comes of them", async () => {
  const { notifier } = scene();
  const nasty = [
    "550 a\r\nBcc: victim@example.org\r\n\r\n<script>alert(1)</script>",
    "550 \u001b]0;title\u0007 \u202e txt.exe \u0000 \u0085",
    `550 ${"x".repeat(4 * KiB)}`,
    `550 ${"--waypost-report-0 ".repeat(200)}`,
    "550 \u00fc\u00df \ud83d\ude00 \ud800",
    "550 Action: delivered\n\nFinal-Recipient: rfc822; other@example.net",
  ];
  for (const from of ['"a> , <b"@example.com', '"x\\" y"@example.com', "a'--<!--@example.com"]) {
    if (parseMailbox(from).kind === "malformed") continue;
    for (const diagnostic of nasty) {
      const of = message({ from, subject: diagnostic });
      const report = await written(notifier, of, [fared({ diagnostic, remoteHost: "mx\r\nX: 1" })]);
      const text = octetText(report.content!);
      for (const line of text.split("\r\n")) {
        expect(line.length).toBeLessThanOrEqual(998);
        expect(line).not.toMatch(/[\0-\x08\x0a-\x1f\x7f]/);
      }
      expect(text).not.toContain("\xe2\x80\xae"); // U+202E
      const found = parseReport(report.content!);
      expect(found.recipients).toHaveLength(1);
      expect(found.recipients[0]).toMatchObject({ action: "failed", "final-recipient": "rfc822; bob@example.net" });
      expect(Object.keys(found.header)).not.toContain("bcc");
      expect(report.content!.length).toBeLessThan(16 * KiB);
    }
  }
});

test("a notice that would go to the address that failed, or in circles, is not made", () => {
  const { notifier } = scene({ postmaster: parseMailbox("Pm@a.example") as Mailbox });
  const nobody = message({ from: "" });
  const { delivery } = fared();
  expect(notifier.notice(nobody, "failed", asking(delivery))).toBe("report");
  expect(notifier.notice(nobody, "failed", asking({ ...delivery, recipient: "pm@A.example" }))).toBe("postmasters-own");
  expect(notifier.notice(nobody, "failed", { ...asking(delivery), status: "5.4.6" })).toBe("went-in-circles");
  expect(notifier.notice(nobody, "failed", { ...asking(delivery), status: "5.4.6", remoteHost: "" })).toBe("report");
  expect(notifier.notice(message({ from: "s@a.example" }), "failed", { ...asking(delivery), status: "5.4.6" })).toBe(
    "report",
  );
});

function asking(delivery: DeliveryInHand): Parameters<Notifier["notice"]>[2] {
  return { delivery, status: "5.1.1", remoteHost: "mx.example", isPassedOn: false };
}

test.each([
  ["a NUL", "X: a\0b\r\n"],
  ["a CR or LF alone", "X: a\nb\r\n"],
  ["a line of 2003 octets", `X: ${"x".repeat(2000)}\r\n`],
])("a header with %s goes back in a form that every server takes, and the reader is told", async (what, line) => {
  for (const audience of ["sender", "postmaster"] as const) {
    const { notifier, events } = scene({ postmaster: mailbox("admin@example.com") });
    const envelope: Partial<StoredEnvelope> = { ret: "full", ...(audience === "postmaster" ? { from: "" } : {}) };
    const { content } = await written(notifier, message(envelope, `${line}Subject: Hello\r\n\r\nbody\r\n`));
    const { text, returned } = parseReport(content!);
    expect(octetText(returned!)).toMatch(/Subject: Hello\r\n$/);
    expect(text.replaceAll("\r\n", " ")).toContain(`Its header has ${what}, which mail may not have`);
    expect(events).toMatchObject([{ returned: expect.stringContaining(`header, mended because it has ${what}`) }]);
  }
});

test("of a message with a NUL in its body the header alone goes back, and the note says why", async () => {
  const { notifier } = scene();
  const { note, report } = await notifier.report(message({ ret: "full" }, `${HEADER}\r\nbo\0dy\r\n`), "failed", [
    fared(),
  ]);
  expect(mimeFaults(report!.content!)).toEqual([]);
  expect(octetText(parseReport(report!.content!).returned!)).toBe(`Received: x\r\n${HEADER}`);
  expect(note).toContain("with the header alone: the message has a NUL");
});
