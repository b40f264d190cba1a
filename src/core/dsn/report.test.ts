import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../base/bytes.ts";
import { mimeFaults } from "../../../test/support/report-reader.ts";
import { day, hour, minute } from "../base/time.ts";
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
    recipients: [recipient()],
    triedUntil: undefined,
    isUtf8: false,
    returned: { kind: "header", octets: utf8("Subject: Invoice 42\r\n") },
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
  expect(parts(of).parts[0]).toContain("tried for another 4 days, to:");
  expect(parts(of).parts[0]).toContain("do not send it again");
  expect(blocks(of)[1]).toMatchObject({ Action: "delayed", "Will-Retry-Until": "Thu, 26 Nov 2026 11:30:00 +0000" });
});

test.each([
  [1, "1 minute"],
  [89 * 1000, "1 minute"],
  [90 * 1000, "2 minutes"],
  [minute * 119, "119 minutes"],
  [2 * hour, "2 hours"],
  [47.9 * hour, "48 hours"],
  [2 * day, "2 days"],
])("a delay of %i ms more is shown as %s", (span, shown) => {
  const of = report({ action: "delayed" });
  const text = parts({ ...of, triedUntil: of.now + span }).parts[0]!;
  expect(text.replaceAll("\r\n", " ")).toContain(`tried for another ${shown}, to:`);
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
  const of = report({ returned: { kind: "whole", octets } });
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
