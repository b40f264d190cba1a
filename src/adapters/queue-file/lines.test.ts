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

function read(recipients: readonly string[], from = "a@b.test"): unknown {
  const deliveries = recipients.map((recipient) => ({ ...DELIVERY, recipient }));
  const envelope = JSON.stringify({ ...ENVELOPE, from });
  const found = readMessage(JSON.stringify({ id: "1234567890abcd", receivedAt: 1, octets: 1, envelope, deliveries }));
  return "wrong" in found ? found.wrong : found.deliveries.map(({ recipient }) => recipient);
}

test("recipients are addresses as reception keeps them, and postmaster", () => {
  const all = ["c@d.test", "C@d.test", '"c d"@d.test', "b\u00e4ume@d.test", "c@[192.0.2.1]", "postmaster"];
  expect(read(all)).toEqual(all);
  expect(read(['"c"@D.test'])).toEqual(["c@D.test"]);
  expect(read(["c@d.test"], "")).toEqual(["c@d.test"]);
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
  expect(read(["c@d.test"], from)).toMatch(/envelope is not what it should be/);
});
