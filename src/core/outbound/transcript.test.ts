import { expect, test } from "vitest";
import { OUTBOUND } from "../base/limits.ts";
import type { ServerReply } from "../smtp/reply-decoder.ts";
import { Transcript } from "./transcript.ts";

const reply = (code: number, ...lines: readonly string[]): ServerReply => ({
  kind: "reply",
  code,
  status: undefined,
  lines,
});

test("who said what, and when", () => {
  const transcript = new Transcript(1000);
  transcript.event("connected", 1002.4);
  transcript.heard(reply(220, "mx.test"), 1010);
  transcript.heard({ ...reply(250, "2.1.0 ok", "2.1.0 really"), status: "2.1.0" }, 1010);
  transcript.sent("MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n", false, 1011);
  expect(transcript.text().split("\n")).toEqual([
    "+2 *: connected",
    "+10 S: 220 mx.test",
    "+10 S: 250 2.1.0 ok / 2.1.0 really",
    "+11 C: MAIL FROM:<a@b.test>",
    "+11 C: RCPT TO:<c@d.test>",
  ]);
});

test("no secret gets in, and nothing that a terminal would obey", () => {
  const transcript = new Transcript(0);
  transcript.sent("AUTH PLAIN AHVzZXIAc2VjcmV0\r\n", true, 0);
  transcript.sent("c2VjcmV0\r\n", true, 0);
  transcript.heard(reply(550, "\u001b[31mred"), 0);
  expect(transcript.text()).toBe("+0 C: AUTH PLAIN [redacted]\n+0 C: [redacted]\n+0 S: 550 \\x1b[31mred");
});

test("of a long one the beginning and the end are kept", () => {
  const transcript = new Transcript(0);
  for (let n = 0; n < 1000; n++) transcript.sent(`RCPT TO:<${n}@d.test>\r\n`, false, n);
  transcript.heard(reply(250, "x".repeat(10_000)), 1000);
  const lines = transcript.text().split("\n");
  expect(lines).toHaveLength(OUTBOUND.transcriptLinesMax + 1);
  expect(lines[0]).toBe("+0 C: RCPT TO:<0@d.test>");
  expect(lines.at(-1)!.length).toBeLessThan(OUTBOUND.transcriptLineMax + 20);
  expect(transcript.text()).toContain(`(${1001 - OUTBOUND.transcriptLinesMax} lines left out)`);
});
