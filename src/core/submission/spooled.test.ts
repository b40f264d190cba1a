import * as fc from "fast-check";
import { expect, test } from "vitest";
import { concatBytes, utf8 } from "../base/bytes.ts";
import { headOfRest, isSpoolName, readHead, spoolFile, spoolName } from "./spooled.ts";

const CONTENT = utf8("Subject: x\r\n\r\nhi\r\n.\r\nRCPT TO:<c@d.test>\r\n");

function file(recipients: readonly string[]): Uint8Array {
  const transaction = {
    reversePath: "u@h.test",
    recipients: recipients.map((forwardPath) => ({ forwardPath, notify: "never" as const })),
    octets: CONTENT.length,
    isEightBit: true,
    needsSmtpUtf8: false,
    ret: "hdrs" as const,
    envelopeId: "id",
  };
  return concatBytes(spoolFile(transaction, CONTENT));
}

test("what is written is read, with its parameters, and the content stands behind", () => {
  const octets = file(["a@b.test", '"x y"@b.test']);
  const head = readHead(octets);
  expect(head).toMatchObject({
    kind: "head",
    commands: [
      `MAIL FROM:<u@h.test> SIZE=${CONTENT.length} BODY=8BITMIME RET=HDRS ENVID=id\r\n`,
      "RCPT TO:<a@b.test> NOTIFY=NEVER\r\n",
      'RCPT TO:<"x y"@b.test> NOTIFY=NEVER\r\n',
    ],
    envelope: { reversePath: { text: "u@h.test" }, ret: "hdrs", envelopeId: "id" },
    recipients: [{ path: { text: "a@b.test" }, notify: "never" }, { path: { text: '"x y"@b.test' } }],
    octets: CONTENT.length,
  });
  if (head.kind === "head") expect(octets.subarray(head.contentAt)).toEqual(CONTENT);
});

test("what is left of a file has the same content, those recipients alone, and says whose it was", () => {
  const octets = file(["a@b.test", "c@d.test", "e@f.test"]);
  const head = readHead(octets);
  if (head.kind !== "head") throw new Error("it is a head");
  const rest = readHead(concatBytes([headOfRest(head, new Set([head.recipients[1]!]), 1000), CONTENT]));
  expect(rest).toMatchObject({ kind: "head", of: 1000, octets: CONTENT.length, envelope: head.envelope });
  expect(rest).toMatchObject({ recipients: [head.recipients[1]], commands: [head.commands[0], head.commands[2]] });
  expect(head.of).toBeUndefined();
});

test("every beginning of a head is unfinished", () => {
  const octets = file(["a@b.test"]);
  const head = readHead(octets);
  const end = head.kind === "head" ? head.contentAt : 0;
  for (let at = 0; at < end; at++) expect(readHead(octets.subarray(0, at)), String(at)).toEqual({ kind: "unfinished" });
});

const HEAD = "WAYPOST SPOOL 1\r\n";
test.each([
  ["anything", "it does not begin as a file of the spool does"],
  [`${HEAD}MAIL FROM:<a@b.test> SIZE=1\r\n\r\n`, "it has 0 recipients, and may have 1 to 500"],
  [`${HEAD}MAIL FROM:<a@b.test>\r\nRCPT TO:<a@b.test>\r\n\r\n`, "its MAIL is not as it should be"],
  [`${HEAD}MAIL FROM:<a@b.test> SIZE=1 X=Y\r\nRCPT TO:<a@b.test>\r\n\r\n`, "its MAIL is not as it should be"],
  [`${HEAD}AUTH PLAIN x\r\nRCPT TO:<a@b.test>\r\n\r\n`, "its MAIL is not as it should be"],
  [`${HEAD}MAIL FROM:<a@b.test> SIZE=1\r\nDATA\r\n\r\n`, "one of its RCPT is not as it should be"],
  [`${HEAD}MAIL FROM:<a@b.test> SIZE=1\r\nRCPT TO:<a@b.test>\nDATA\r\n\r\n`, "its head has control characters"],
  [`${HEAD}MAIL FROM:<a@b.test> SIZE=1\r\nRCPT TO:<a@b.test> \n\r\n\r\n`, "its head has control characters"],
  [`${HEAD}MAIL FROM:<a@b.test> SIZE=1 \t\r\nRCPT TO:<a@b.test>\r\n\r\n`, "its head has control characters"],
  [`${HEAD}MAIL FROM:<a@b.test> SIZE=1\r\nRCPT TO:<a@b.test> \r\r\n\r\n`, "its head has control characters"],
  [`${HEAD}MAIL FROM:<a@b.test> SIZE=1\r\n${"RCPT TO:<a@b.test>\r\n".repeat(501)}\r\n`, /^it has 501 recipients/],
  [`${HEAD}MAIL FROM:<${"x".repeat(5 * 1024 * 1024)}`, "its head has no end"],
])("what is no head says why (%#)", (text, why) => {
  const expected = typeof why === "string" ? why : expect.stringMatching(why);
  expect(readHead(utf8(text))).toEqual({ kind: "malformed", why: expected });
});

test("any octets behind the first line are a head, unfinished or malformed; commands of a head are MAIL and RCPT alone", () => {
  const pieces = fc.constantFrom(
    "MAIL FROM:<a@b.test> SIZE=1",
    "RCPT TO:<c@d.test>",
    "\r\n",
    "\n",
    "\r",
    "DATA",
    "\0",
    "é",
    " ",
  );
  fc.assert(
    fc.property(fc.array(pieces), (parts) => {
      const head = readHead(utf8(`${HEAD}${parts.join("")}`));
      if (head.kind !== "head") return;
      expect(head.commands.join("")).toMatch(/^MAIL FROM:<a@b\.test> SIZE=1 *\r\n(RCPT TO:<c@d\.test> *\r\n)+$/);
    }),
    { numRuns: 1000 },
  );
});

test("names are in the order of their times, and nothing else passes for one", () => {
  const chance = "0123456789abcdef".repeat(2);
  const [early, late] = [spoolName(1_800_000_000_000, chance), spoolName(1_800_000_000_001, chance)];
  expect(early < late && isSpoolName(early) && isSpoolName(late)).toBe(true);
  for (const name of ["", "dead", `${early}.new`, `../${early}`, `${early}\n`, early.toUpperCase()])
    expect(isSpoolName(name), name).toBe(false);
});
