import { expect, test } from "vitest";
import { type NoticeFacts, SILENCE, noticeOf, reportIn, toldNote } from "./notice.ts";

const facts = (more: Partial<NoticeFacts>): NoticeFacts => ({
  action: "failed",
  reversePath: "app@example.com",
  notify: undefined,
  isPassedOn: false,
  tellsDelays: false,
  ...more,
});

test.each<[string, Partial<NoticeFacts>, string]>([
  ["who says nothing hears of failures", {}, "report"],
  ["and of nothing else", { action: "relayed" }, "not-asked"],
  ["not of delays, unless the configuration says so", { action: "delayed" }, "not-asked"],
  ["the configuration says so", { action: "delayed", tellsDelays: true }, "report"],
  ["NEVER is never", { notify: "never", tellsDelays: true }, "not-asked"],
  ["a message without a sender is never answered", { reversePath: "" }, "null-sender"],
  ["whatever it asks for", { reversePath: "", notify: ["failure"] }, "null-sender"],
  ["SUCCESS alone is not FAILURE", { notify: ["success"] }, "not-asked"],
  [
    "FAILURE alone is not DELAY, whatever the configuration says",
    { action: "delayed", notify: ["failure"], tellsDelays: true },
    "not-asked",
  ],
  ["DELAY asked for", { action: "delayed", notify: ["delay"] }, "report"],
  ["SUCCESS, where the next hop knows no reports", { action: "relayed", notify: ["success"] }, "report"],
  ["SUCCESS, where it does", { action: "relayed", notify: ["success"], isPassedOn: true }, "passed-on"],
])("%s", (_, more, expected) => {
  expect(noticeOf(facts(more))).toBe(expected);
});

test("the report that told somebody is found in what history says, alone and among other words", () => {
  const id = "0UzvMQ2k000001";
  for (const lacks of ["", ", without its header: reading content: EIO"]) {
    const note = toldNote("sender", id, lacks);
    expect([note, `expired; ${note}`, `next-hop-refused; delay: ${note}`].map(reportIn)).toEqual([id, id, id]);
    expect(reportIn(`${note}; the certificate was not verified`)).toBe(id);
  }
  expect(reportIn(toldNote("postmaster", id, ""))).toBe(id);
  expect(["", "next-hop-refused", "sender told in report x", ...Object.values(SILENCE)].map(reportIn)).toEqual(
    expect.not.arrayContaining([expect.anything()]),
  );
});
