import { describe, expect, test } from "vitest";
import { OUTBOUND } from "../base/limits.ts";
import type { ServerReply } from "../smtp/reply-decoder.ts";
import { Doubts } from "./doubts.ts";
import { type Outcome, delivered, loss, refused, trouble } from "./outcome.ts";

const said = (code: number, text: string): ServerReply => ({ kind: "reply", code, status: undefined, lines: [text] });
const hungUp = loss("finalDot", "connection-lost", "", true);
const paused = refused("finalDot", "content-refused", "message", said(554, "Sending paused for this account"), true);
const denied = (): Outcome => refused("rcpt", "rcpt-refused", "recipient", said(550, "relaying denied"), true);
const taken = delivered(said(250, "ok"), false);

function verdicts(...transactions: readonly (readonly Outcome[])[]): (Outcome | undefined)[] {
  const doubts = new Doubts();
  return transactions.map((outcomes) => doubts.judge(outcomes));
}

describe("held against the site at once", () => {
  test.each([
    loss("greeting", "connection-lost", ""),
    trouble("mail", "timed-out", "session", ""),
    refused("mail", "mail-refused", "message", said(550, "relaying denied"), true),
    refused("mail", "mail-refused", "message", said(530, "log in first"), true),
  ])("$phase, $cause", (failure) => expect(verdicts([failure])).toEqual([failure]));
});

test("never: what is about a recipient or a message", () => {
  const nobody = refused("rcpt", "rcpt-refused", "recipient", said(550, "no such user"), true);
  const spam = refused("finalDot", "content-refused", "message", said(550, "spam"), true);
  expect(verdicts(...Array.from({ length: 9 }, () => [nobody, spam]))).toEqual(Array.from({ length: 9 }));
});

describe("after several messages in a row: what may be the message's own", () => {
  test.each([[hungUp], [paused]])("$cause", (failure) => {
    const everyTime = Array.from({ length: OUTBOUND.doubtsMax + 1 }, () => [failure, failure]);
    const expected = Array.from({ length: OUTBOUND.doubtsMax - 1 }).map(() => undefined);
    expect(verdicts(...everyTime)).toEqual([...expected, failure, failure]);
  });

  test("each recipient that is denied counts, also of one message", () => {
    const [one, two, three] = [denied(), denied(), denied()];
    expect(verdicts([one, two], [three])).toEqual([undefined, three]);
    expect(verdicts([one, two, three])).toEqual([three]);
  });

  test("not where one was delivered in between", () => {
    expect(verdicts([hungUp], [hungUp], [taken], [hungUp], [paused])).toEqual(Array.from({ length: 5 }));
  });
});
