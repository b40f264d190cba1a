import { expect, test } from "vitest";
import { longestGap, phasesOf } from "./attempt-times.ts";

const WHOLE = [
  "+0 *: connecting to mx.test at 192.0.2.1:25",
  "+20 S: 220 mx.test",
  "+20 C: EHLO relay.test",
  "+25 S: 250 mx.test / STARTTLS",
  "+25 C: STARTTLS",
  "+30 S: 220 go on",
  "+44 *: TLSv1.3 verified",
  "+45 C: MAIL FROM:<a@b.test>",
  "+45 C: RCPT TO:<c@d.test>",
  "+45 C: DATA",
  "+50 S: 250 ok",
  "+51 S: 250 ok",
  "+52 S: 354 go on",
  "+4052 S: 250 queued",
  "+4060 *: ended",
].join("\n");

test("the phases of an attempt, and its longest silence", () => {
  expect(phasesOf(WHOLE)).toEqual([
    { name: "connect", took: 20 },
    { name: "session", took: 25 },
    { name: "envelope", took: 7 },
    { name: "content", took: 4000 },
  ]);
  expect(longestGap(WHOLE)).toEqual({ took: 4000, after: "354 go on", before: "250 queued" });
});

test("a connection that stands takes no time to connect", () => {
  const text =
    "+0 *: over the connection to a:25 that stands\n+0 C: RSET\n+2 S: 250 ok\n+3 C: MAIL FROM:<>\n+9 S: 450 no";
  expect(phasesOf(text)).toEqual([
    { name: "session", took: 3 },
    { name: "envelope", took: 6 },
  ]);
});

test("nobody to connect to, no transcript, lines left out", () => {
  expect(phasesOf("+0 *: connecting\n+300 *: connect-failed: refused")).toEqual([{ name: "connect", took: 300 }]);
  expect([phasesOf(""), longestGap("")]).toEqual([[], undefined]);
  expect([phasesOf("(3 lines left out)"), longestGap("+0 S: 220 x\n+0 S: 250 y")]).toEqual([[], undefined]);
});
