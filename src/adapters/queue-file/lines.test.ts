import { expect, test } from "vitest";
import { readMessage } from "./lines.ts";

const ENVELOPE = {
  from: "a@b.test",
  identity: "app",
  client: "",
  prefix: "",
  isEightBit: false,
  isUtf8: false,
  subject: "s",
};
const DELIVERY = {
  options: "",
  lane: "mx/b.test",
  attempts: 0,
  priority: "normal",
  isHeld: false,
  isExpiring: false,
  isTold: false,
  last: "",
};

function read(recipients: readonly string[], more: Partial<typeof ENVELOPE> = {}): unknown {
  const deliveries = recipients.map((recipient) => ({ ...DELIVERY, recipient }));
  const envelope = JSON.stringify({ ...ENVELOPE, ...more });
  const found = readMessage(JSON.stringify({ id: "1234567890abcd", receivedAt: 1, octets: 1, envelope, deliveries }));
  return "wrong" in found ? found.wrong : found.deliveries.map(({ recipient }) => recipient);
}

test("recipients are addresses as reception keeps them, and postmaster", () => {
  const all = ["c@d.test", "C@d.test", '"c d"@d.test', "b\u00e4ume@d.test", "c@[192.0.2.1]", "postmaster"];
  expect(read(all)).toEqual(all);
  expect(read(['"c"@D.test'])).toEqual(["c@D.test"]);
  expect(read(["c@d.test"], { from: "" })).toEqual(["c@d.test"]);
});

test.each<[what: string, recipients: readonly string[], why: RegExp]>([
  ["no domain", ["c@d.test", "root"], /^this is no message: deliveries\.1\.recipient: "root" is no address: no @/],
  ["nothing", [""], /deliveries\.0\.recipient: "" is no address/],
  ["a bracket", ["c@d.test> NOTIFY=NEVER"], /is no address/],
  ["a line end", ["c@d.test\r\nDATA"], /deliveries\.0\.recipient is not what it should be/],
  [
    "twice",
    ["c@d.test", "e@f.test", "c@d.test"],
    /deliveries\.2\.recipient: "c@d\.test" is the same as deliveries\.0\.recipient/,
  ],
  [
    "twice in two spellings",
    ["c@d.test", '"c"@D.test.'],
    /deliveries\.1\.recipient: .* is the same as deliveries\.0\.recipient/,
  ],
])("no recipient: %s", (_, recipients, why) => {
  expect(read(recipients)).toMatch(why);
});

test.each(["root", "a@b.test> SIZE=1", "postmaster"])("%s is no sender", (from) => {
  expect(read(["c@d.test"], { from })).toMatch(/envelope\.from is not what it should be/);
});

const TRACE = "Received: from a.test ([192.0.2.1])\r\n\tby b.test (Waypost) with ESMTP id x;\r\n\tMon, 1 Jan 2029\r\n";

test.each(["", TRACE, `${TRACE}Date: x\r\nMessage-ID: <a@b>\r\n`, `${TRACE}\r\n`, "X : b\u00e4ume\r\n"])(
  "%j goes before content",
  (prefix) => {
    expect(read(["c@d.test"], { prefix })).toEqual(["c@d.test"]);
  },
);

test.each([
  ["a NUL", "X: \0\r\n", "it has a NUL"],
  ["a lone LF", "X: a\nY: b\r\n", "it has a CR or LF alone"],
  ["a lone CR", "X: a\rb\r\n", "it has a CR or LF alone"],
  ["a long line", `X: ${"x".repeat(5000)}\r\n`, "it has a line of 5003 octets"],
  ["a line that is long in octets", `X: ${"\u00e4".repeat(500)}\r\n`, "it has a line of 1003 octets"],
  ["the end of the header", "Subject: x\r\n\r\nbody\r\n", "it has an empty line, which ends the header"],
  ["two empty lines", `${TRACE}\r\n\r\n`, "it has an empty line, which ends the header"],
  ["an empty line alone", "\r\n", "it has an empty line, which ends the header"],
  ["an escape sequence", "X: \u001b[31m\r\n", "it has a control character"],
  ["a line without an end", "X: a", "it does not end with a line end"],
  ["a body", `${TRACE}buy this\r\n`, "it has a line that is no header field: line 4"],
  ["a field that goes on from nothing", " x: y\r\n", "it has a line that is no header field: line 1"],
  ["a line of spaces", "X: a\r\n \r\n", "it has a line that is no header field: line 2"],
  ["a header that is too long", "X: a\r\n".repeat(200_000), "it has 1200000 octets"],
])("no fields to go before content: %s", (_, prefix, why) => {
  expect(read(["c@d.test"], { prefix })).toContain(`this is no message: envelope.prefix: ${why}`);
});
