import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../base/bytes.ts";
import { mimeFaults } from "../../../test/support/report-reader.ts";
import { day, hour, minute, second } from "../base/time.ts";
import { type Report, type ReportedRecipient, reportContent } from "./report.ts";

const NOW = Date.UTC(2026, 10, 22, 7, 30);

function recipient(more: Partial<ReportedRecipient> = {}): ReportedRecipient {
  return {
    address: "bob@example.com",
    originalRecipient: undefined,
    status: "5.1.1",
    remoteHost: "mx1.example.com",
    diagnostic: "550 5.1.1 no such user",
    lastAttempt: NOW,
    ...more,
  };
}

function report(more: Partial<Report> = {}): Report {
  return {
    action: "failed",
    id: "0VbgAAAAAAAAAA",
    now: NOW,
    hostname: "relay.example.com",
    audience: "sender",
    to: "app@example.org",
    envelopeId: undefined,
    subject: "Invoice 42",
    arrivedAt: NOW - hour,
    origin: undefined,
    recipients: [recipient()],
    triedUntil: undefined,
    isUtf8: false,
    returned: { kind: "header", octets: utf8("Subject: Invoice 42\r\n"), isCut: false },
    ...more,
  };
}

const text = (of: Report): string => new TextDecoder().decode(reportContent(of));

/** The parts between the boundaries, and the report's own header. */
function parts(of: Report): { readonly header: string; readonly parts: readonly string[] } {
  const whole = text(of);
  const boundary = /boundary="([^"]+)"/.exec(whole)![1]!;
  const [before, ...rest] = whole.split(`\r\n--${boundary}`);
  expect(rest.at(-1)).toBe("--\r\n");
  return { header: before!.slice(0, before!.indexOf("\r\n\r\n") + 2), parts: rest.slice(0, -1).map((p) => p.slice(2)) };
}

/** The part for people, in one line. */
function prose(of: Report): string {
  return parts(of).parts[0]!.replaceAll(/\r\n */g, " ");
}

/** Fields of the second part, block by block, unfolded. */
function blocks(of: Report): Record<string, string>[] {
  const body = parts(of).parts[1]!.split("\r\n\r\n").slice(1);
  return body.map((block) => {
    const lines = block.replaceAll("\r\n ", " ").split("\r\n").filter(Boolean);
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
    );
  });
}

test("a failure: whom it concerns, what was said, what to do", () => {
  const { header, parts: found } = parts(report());
  expect(header).toContain("To: <app@example.org>\r\n");
  expect(header).toContain("Auto-Submitted: auto-replied\r\n");
  expect(header).toContain("report-type=delivery-status");
  expect(found).toHaveLength(3);
  expect(found[0]).toBe(
    [
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: 7bit",
      "",
      'This is the mail relay at relay.example.com, about your message "Invoice 42"',
      "of Sun, 22 Nov 2026 06:30:00 +0000.",
      "",
      "It could not be delivered to:",
      "",
      "  <bob@example.com>",
      "      There is no such mailbox. Check the address for a slip of the pen, and",
      "      send the message again.",
      "      mx1.example.com said: 550 5.1.1 no such user",
      "",
    ].join("\r\n"),
  );
  expect(blocks(report())).toEqual([
    { "Reporting-MTA": "dns; relay.example.com", "Arrival-Date": "Sun, 22 Nov 2026 06:30:00 +0000" },
    {
      "Final-Recipient": "rfc822; bob@example.com",
      Action: "failed",
      Status: "5.1.1",
      "Remote-MTA": "dns; mx1.example.com",
      "Diagnostic-Code": "smtp; 550 5.1.1 no such user",
      "Last-Attempt-Date": "Sun, 22 Nov 2026 07:30:00 +0000",
    },
  ]);
  expect(found[2]).toContain("Content-Type: text/rfc822-headers\r\n");
  expect(found[2]).toContain("\r\n\r\nSubject: Invoice 42\r\n");
});

test("one block for each recipient", () => {
  const found = blocks(report({ recipients: [recipient(), recipient({ address: "eve@example.com" })] }));
  expect(found.map((block) => block["Final-Recipient"])).toEqual([
    undefined,
    "rfc822; bob@example.com",
    "rfc822; eve@example.com",
  ]);
});

test("ENVID and ORCPT come back as the sender wrote them", () => {
  const of = report({ envelopeId: "QQ+2B314", recipients: [recipient({ originalRecipient: "rfc822;Bob+40X" })] });
  expect(blocks(of)[0]!["Original-Envelope-Id"]).toBe("QQ+314");
  expect(blocks(of)[1]!["Original-Recipient"]).toBe("rfc822; Bob@X");
});

test("the part for programs has 7 bits, whatever a client said: it may not be encoded", () => {
  const said = {
    envelopeId: "Q+FC",
    recipients: [recipient({ originalRecipient: "rfc822;+FC@x", diagnostic: "\u00fc" })],
  };
  expect(parts(report(said)).parts[1]).toMatch(
    /^Content-Type: message\/delivery-status\r\nContent-Transfer-Encoding: 7bit\r\n/,
  );
  expect(blocks(report(said))[0]).toMatchObject({ "Original-Envelope-Id": "Q\\u{fc}" });
});

test("where no server was reached, the words are ours", () => {
  const of = report({ recipients: [recipient({ remoteHost: "", diagnostic: "no such domain", status: "5.1.2" })] });
  expect(blocks(of)[1]).toMatchObject({ "Diagnostic-Code": "x-waypost; no such domain" });
  expect(blocks(of)[1]).not.toHaveProperty("Remote-MTA");
});

test.each([
  ["192.0.2.1", "dns; [192.0.2.1]"],
  ["2001:db8::1", "dns; [IPv6:2001:db8::1]"],
])("a server that is known by its address: %s", (remoteHost, name) => {
  expect(blocks(report({ recipients: [recipient({ remoteHost })] }))[1]!["Remote-MTA"]).toBe(name);
});

test("a delay says how long it goes on, and that there is nothing to do", () => {
  const of = report({ action: "delayed", triedUntil: NOW + 100 * hour });
  expect(prose(of)).toContain("will be tried for about 4 days more, to:");
  expect(prose(of)).toContain("It is tried again by itself; do not send it again.");
  expect(blocks(of)[1]).toMatchObject({ Action: "delayed", "Will-Retry-Until": "Thu, 26 Nov 2026 11:30:00 +0000" });
});

test.each([
  [1, "less than a minute"],
  [59.9 * second, "less than a minute"],
  [minute, "1 minute"],
  [89 * second, "about 1 minute"],
  [90 * second, "about 2 minutes"],
  [minute * 119, "119 minutes"],
  [minute * 119.6, "about 2 hours"],
  [2 * hour, "2 hours"],
  [2 * hour + 1, "about 2 hours"],
  [47.4 * hour, "about 47 hours"],
  [47.9 * hour, "about 2 days"],
  [2 * day, "2 days"],
])("a delay of %i ms more is shown as %s", (span, shown) => {
  expect(prose(report({ action: "delayed", triedUntil: NOW + span }))).toContain(
    `will be tried for ${shown} more, to:`,
  );
});

test("what waits on after its time for this machine's repair is not said to be tried until then", () => {
  const of = report({ action: "delayed", triedUntil: NOW - 1 });
  expect(prose(of)).toContain("It could not be delivered yet, and will be tried again, to:");
  expect(blocks(of)[1]).not.toHaveProperty("Will-Retry-Until");
});

test.each([
  ["4.2.2", "mx1.example.com", "The mailbox is full. There is nothing for you to do, unless"],
  ["4.4.1", "", "The receiving server cannot be reached. There is nothing for you to do."],
  ["4.4.0", "", "The way to the receiving server is closed for now. There is nothing for you to do."],
  [
    "4.7.1",
    "mx1.example.com",
    "let it in yet; many put off senders that they do not know. There is nothing for you to do.",
  ],
  ["4.1.8", "mx1.example.com", "The sender's address is not accepted there for now. If you do not know why, show"],
  ["4.1.1", "mx1.example.com", "take mail for this address now. Check the address for a slip of the pen;"],
  ["4.3.0", "mx1.example.com", "The receiving server put it off. There is nothing for you to do."],
  ["4.3.0", "", "It could not be handed over yet. There is nothing for you to do."],
])("a delay with %s is explained to people, with what to do", (status, remoteHost, shown) => {
  const of = report({ action: "delayed", recipients: [recipient({ status, remoteHost })], triedUntil: NOW + day });
  expect(prose(of)).toContain(shown);
});

test.each<[Partial<Report>, string]>([
  [{}, "Undelivered: your message did not reach bob@example.com"],
  [{ action: "delayed" }, "Delayed: your message is still on its way to bob@example.com"],
  [{ action: "relayed" }, "Relayed: your message to bob@example.com was handed on"],
  [{ audience: "postmaster" }, "Undelivered: a message without a sender did not reach bob@example.com"],
  [{ recipients: [recipient(), recipient(), recipient()] }, "Undelivered: your message did not reach 3 recipients"],
  [
    { recipients: [recipient({ address: "j\u00fcrgen@example.com" })] },
    "Undelivered: your message did not reach one recipient",
  ],
  [
    { recipients: [recipient({ address: "=?utf-8?q?you?=@example.com" })] },
    "Undelivered: your message did not reach one recipient",
  ],
  [
    { recipients: [recipient({ address: `${"b".repeat(100)}@x` })] },
    "Undelivered: your message did not reach one recipient",
  ],
])("%j has the subject %s", (more, subject) => {
  const { header } = parts(report(more));
  expect(/^Subject: (.*(?:\r\n .*)*)\r\n/m.exec(header)![1]!.replaceAll("\r\n ", " ")).toBe(subject);
});

test("a header that was cut is said to be", () => {
  const cut = report({ returned: { kind: "header", octets: utf8("A: 1\r\n"), isCut: true } });
  expect(prose(cut)).toContain("Its header is too long to be attached whole: what is attached ends after 6 octets.");
  expect(prose(report())).not.toContain("attached");
});

test("a subject of encoded words is shown decoded, and nothing that hides in it acts", () => {
  const subject = "=?utf-8?B?UmVjaG51bmcgZsO8cg==?= =?utf-8?Q?_Gr=C3=BC=C3=9Fe?=";
  expect(parts(report({ subject })).parts[0]!.replaceAll("\r\n", " ")).toContain('"Rechnung f\u00fcr Gr\u00fc\u00dfe"');
  const nasty = "=?utf-8?Q?a=0D=0ABcc:_x=1B[31m=E2=80=AEb?=";
  const text = parts(report({ subject: nasty })).parts[0]!.replaceAll("\r\n", " ");
  expect(text).toContain('"a\\x0d\\x0aBcc: x\\x1b[31m\\u{202e}b"');
  expect(mimeFaults(reportContent(report({ subject: nasty })))).toEqual([]);
});

test("what was handed on to a server without reports is relayed", () => {
  const of = report({ action: "relayed", recipients: [recipient({ status: "2.0.0", diagnostic: "250 ok" })] });
  expect(blocks(of)[1]).toMatchObject({ Action: "relayed", Status: "2.0.0" });
});

test("the whole message where that is asked for", () => {
  const octets = utf8("Subject: x\r\n\r\nbody\r\n");
  const of = report({ returned: { kind: "whole", octets, isCut: false } });
  expect(parts(of).parts[2]).toContain("Content-Type: message/rfc822\r\n");
  expect(parts(of).parts[2]).toContain("\r\n\r\nSubject: x\r\n\r\nbody\r\n");
});

test("a header that could not be read is not attached, and the report says so", () => {
  const found = parts(report({ returned: undefined })).parts;
  expect(found).toHaveLength(2);
  expect(found[0]).toContain("Its header is not attached: it could not be read here.\r\n");
});

test("what postmaster reads of a message without a sender", () => {
  const { header, parts: found } = parts(report({ audience: "postmaster", to: "admin@example.com" }));
  expect(header).toContain("To: <admin@example.com>\r\n");
  expect(header).toContain("Subject: Undelivered: a message without a sender did not");
  expect(found[0]).toContain("about a message without a");
  expect(found[0]).toContain("this goes to you as postmaster");
  expect(found[0]).toContain("There is no such mailbox.\r\n");
  expect(found[0]).not.toContain("send the message again"); // whoever wrote it does not read this
});

test("of a report that failed postmaster reads whose message it was about, of other mail where it came from", () => {
  const about = {
    id: "0VbfBBBBBBBBBB",
    action: "failed" as const,
    subject: "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=",
    recipients: ["bob@example.net", "eve@example.net"],
    count: 5,
  };
  const origin = { kind: "report", id: "0VbgCCCCCCCCCC", about, reader: "app@example.org" } as const;
  const toPostmaster = { audience: "postmaster", to: "admin@example.com" } as const;
  const failed = prose(report({ ...toPostmaster, origin }));
  expect(failed).toContain(
    "Its id here is 0VbgCCCCCCCCCC. It is a report of this relay that <app@example.org> did not get: the message" +
      ' 0VbfBBBBBBBBBB "Gr\u00fc\u00dfe" from that address to <bob@example.net>, <eve@example.net> and 3 more could not be delivered.',
  );
  const two = { ...about, action: "delayed", subject: "", count: 2 } as const;
  expect(prose(report({ ...toPostmaster, origin: { ...origin, about: two } }))).toContain(
    "the message 0VbfBBBBBBBBBB from that address to <bob@example.net>, <eve@example.net> is late.",
  );
  const client = { kind: "client", id: "0VbgCCCCCCCCCC", client: "192.0.2.9", identity: "user app" } as const;
  expect(prose(report({ ...toPostmaster, origin: client }))).toContain(
    "Its id here is 0VbgCCCCCCCCCC; it came from 192.0.2.9 as mail of user app.",
  );
});

test("addresses beyond ASCII make it a report of RFC 6533", () => {
  const of = report({ isUtf8: true, recipients: [recipient({ address: "jürgen@bücher.example" })] });
  expect(text(of)).toContain("Content-Type: message/global-delivery-status\r\n");
  expect(text(of)).toContain("Content-Type: message/global-headers\r\n");
  expect(blocks(of)[1]!["Final-Recipient"]).toBe("utf-8; jürgen@bücher.example");
  const orcpt = recipient({ originalRecipient: "utf-8;j\\x{FC}rgen@example.com" });
  expect(blocks(report({ isUtf8: true, recipients: [orcpt] }))[1]!["Original-Recipient"]).toBe(
    "utf-8; jürgen@example.com",
  );
});

test("in a report that is ASCII, what a server said in other letters is escaped where programs read", () => {
  const of = report({ recipients: [recipient({ diagnostic: "550 Benutzer unbekannt, schöne Grüße" })] });
  expect(blocks(of)[1]!["Diagnostic-Code"]).toBe("smtp; 550 Benutzer unbekannt, sch\\u{f6}ne Gr\\u{fc}\\u{df}e");
});

describe("whatever a server says", () => {
  const nasty = fc.string({
    unit: fc.constantFrom(
      "\r",
      "\n",
      "\0",
      " ",
      "a",
      ".",
      "--",
      "é",
      "\u202e",
      "Action: delivered",
      "😀",
      "x".repeat(99),
    ),
    maxLength: 60,
  });

  test("no field, part or line comes of it, and no line is too long", () => {
    fc.assert(
      fc.property(nasty, fc.boolean(), (said, isUtf8) => {
        const of = report({ isUtf8, subject: said, recipients: [recipient({ diagnostic: said, remoteHost: said })] });
        expect(parts(of).parts).toHaveLength(3);
        const [, block] = blocks(of);
        expect(block!["Action"]).toBe("failed");
        for (const line of text(of).split("\r\n")) {
          expect(utf8(line).length).toBeLessThanOrEqual(998);
          expect(line).not.toMatch(/[\r\n\0\u202e]/);
        }
      }),
    );
  });
});
