import { expect, test } from "vitest";
import { seeded } from "../support/chance.ts";
import { octets, testListener } from "../support/listener.ts";
import { Machine } from "../support/machine.ts";

// CONN-8: whatever a stranger says, its connection comes to an end. Each reply gives it 5 minutes at most
// (INBOUND_TIME.command), so a bound of commands is one of time.

/** Two hundred commands without effect, errors and messages, and what may stand between them. */
const COMMANDS_MAX = 500;

const WORDS = [
  "NOOP",
  "RSET",
  "EHLO stranger.test",
  "HELO stranger.test",
  "HELP",
  "VRFY somebody",
  "MAIL FROM:<>",
  "MAIL FROM:<a@stranger.test>",
  "RCPT TO:<b@elsewhere.test>",
  "DATA",
  "AUTH PLAIN AGEAYg==",
  "AUTH LOGIN",
  "*",
  "nonsense",
];

/** How many commands it could say. */
function said(machine: Machine, next: () => string): number {
  let commands = 0;
  while (!machine.isClosed && commands <= COMMANDS_MAX) {
    machine.receive(octets(`${next()}\r\n`));
    commands++;
  }
  return commands;
}

test.for(["", "auth secure", "starttls auth"])("any mixture of commands ends (%s)", (words) => {
  for (let seed = 1; seed <= 200; seed++) {
    const chance = seeded(seed);
    // Some like few words: what is harmless alone may be said for ever.
    const liked = WORDS.filter(() => chance() < 0.4);
    const chosen = liked.length === 0 ? WORDS : liked;
    const next = (): string => chosen[Math.floor(chance() * chosen.length)]!;
    expect(
      said(new Machine(testListener(words)).open(), next),
      `seed ${seed}: ${chosen.join(", ")}`,
    ).toBeLessThanOrEqual(COMMANDS_MAX);
  }
});

test("the control: who may relay is not bound so", () => {
  const lines = ["MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA", "text", "."];
  const machine = new Machine(testListener("trusted")).open();
  machine.receive(octets("EHLO a.test\r\n"));
  let at = 0;
  expect(said(machine, () => lines[at++ % lines.length]!)).toBeGreaterThan(COMMANDS_MAX);
});
