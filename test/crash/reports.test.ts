import { expect, test } from "vitest";
import { type ReportBooks, type ReportCopy, judgeReports, reportOf } from "./reports.ts";

const RECIPIENTS = ["a.0@dest.test", "a.1@dest.test"];

const BOOKS: ReportBooks = {
  sent: [
    { from: "app1@example.test", recipients: RECIPIENTS, hash: "a" },
    { from: "app2@example.test", recipients: ["b.0@dest.test"], hash: "b" },
  ],
  reports: [],
  failed: new Set(["a.1@dest.test"]),
  couldFail: new Set(["a.1@dest.test"]),
  lives: { killedAt: [10_000, Number.POSITIVE_INFINITY], signs: Array.from({ length: 600 }, (_, n) => 20 * n) },
};

function report(more: Partial<ReportCopy> = {}): ReportCopy {
  return {
    id: "<1@relay.test>",
    to: ["app1@example.test"],
    about: ["a.1@dest.test"],
    hash: "r",
    loggedAt: 5000,
    epoch: 0,
    wasClosed: false,
    ...more,
  };
}

function verdict(...reports: readonly ReportCopy[]): ReturnType<typeof judgeReports> {
  return judgeReports({ ...BOOKS, reports });
}

test("each recipient that failed is in one report, which goes to the sender of its message", () => {
  expect(verdict(report())).toEqual({
    reports: 1,
    untold: [],
    toldTwice: [],
    wronglyTold: [],
    misdirected: [],
    reportsUnexplained: [],
    reportsAltered: [],
  });
  expect(verdict().untold).toEqual(["a.1@dest.test"]);
  expect(verdict(report(), report({ id: "<2@relay.test>" })).toldTwice).toEqual(["a.1@dest.test"]);
});

test("a report that names another recipient than the one that was refused is seen", () => {
  expect(verdict(report({ about: ["a.0@dest.test"] }))).toMatchObject({
    untold: ["a.1@dest.test"],
    wronglyTold: ["a.0@dest.test"],
  });
  const recordedOnly = judgeReports({ ...BOOKS, couldFail: new Set(), reports: [report()] });
  expect(recordedOnly.wronglyTold).toEqual(["a.1@dest.test"]);
});

test("so is one that goes to somebody else, about nothing, or about two messages", () => {
  for (const wrong of [{ to: ["app2@example.test"] }, { about: [] }, { about: ["a.1@dest.test", "b.0@dest.test"] }])
    expect(verdict(report(wrong)).misdirected).toMatchObject([expect.stringMatching(/^<1@relay\.test> to /)]);
});

test("a second copy of a report needs the excuse that mail needs, and is the same", () => {
  const again = report({ loggedAt: 11_000, epoch: 1 });
  expect(verdict(report(), again).reportsUnexplained).toEqual(["<1@relay.test>"]);
  expect(verdict(report({ loggedAt: 9990 }), again)).toMatchObject({ reportsUnexplained: [], reportsAltered: [] });
  expect(verdict(report({ loggedAt: 9990 }), { ...again, hash: "x" }).reportsAltered).toEqual(["<1@relay.test>"]);
});

test("only failures count as told", () => {
  const raw = Buffer.from(
    [
      "Message-ID: <1@relay.test>",
      "",
      "Final-Recipient: rfc822; a.0@dest.test",
      "Action: delayed",
      "Final-Recipient: rfc822; a.1@dest.test",
      "Action: failed",
      "",
    ].join("\r\n"),
  );
  const copy = { from: "", recipients: ["app1@example.test"], hash: "", bodyHash: "r", octets: 1, dotAt: 1 };
  expect(reportOf({ ...copy, loggedAt: 5000, epoch: 0, wasClosed: false, raw })).toEqual(report());
});
