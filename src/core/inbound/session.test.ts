import { expect, test } from "vitest";
import { settingsFor, testListener } from "../../../test/support/listener.ts";
import { utf8 } from "../base/bytes.ts";
import { INBOUND } from "../base/limits.ts";
import { renderReply } from "../smtp/reply.ts";
import { Session } from "./session.ts";
import { ACCEPT, type Effect } from "./state.ts";

/** Says lines to a machine whose questions are all answered with yes; answers the last reply. */
function lastReply(session: Session, ...lines: string[]): string {
  let last = "";
  const run = (effects: readonly Effect[]): void => {
    for (const effect of effects) {
      if (effect.kind === "reply") last = renderReply(effect.reply);
      else if (effect.kind === "ask") run(session.answer(ACCEPT));
    }
  };
  for (const line of lines) run(session.receive(utf8(`${line}\r\n`)));
  return last;
}

function opened(words: string): Session {
  const session = new Session(settingsFor(testListener(words)));
  session.open();
  session.answer(ACCEPT);
  lastReply(session, "EHLO client.test");
  return session;
}

// Whoever may name recipients without being trusted: what policy lets in is not the machine's to know.
test("a stranger that goes on naming recipients after a thousand too many is shown out", () => {
  const session = opened("recipients=1");
  lastReply(session, "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>");
  const again = Array.from({ length: INBOUND.excessRecipientsMax }, () => "RCPT TO:<c@example.net>");
  expect(lastReply(session, ...again)).toMatch(/^452 4\.5\.3 /);
  expect(lastReply(session, "RCPT TO:<c@example.net>")).toMatch(/^421 4\.7\.0 /);
});

test.each([
  ["a stranger's", "", "421 4.7.0 "],
  ["of who is trusted is not a", "trusted", "550 5.5.2 "],
])("refused content %s error", (_, words, twentieth) => {
  const session = opened(words);
  const bare = ["MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>", "DATA", "a\nb\r\n."];
  for (let i = 1; i < INBOUND.errorsHard; i++) expect(lastReply(session, ...bare)).toMatch(/^550 5\.5\.2 /);
  expect(lastReply(session, ...bare).startsWith(twentieth)).toBe(true);
});
