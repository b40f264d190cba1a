import { describe, expect, test } from "vitest";
import { octets, testListener } from "../support/listener.ts";
import { Machine } from "../support/machine.ts";
import { tally } from "../support/recorded.ts";

const counted = tally("open-relay");

// Promise P4 against the known ways to find an open relay. H is the relay's name, I its address, X a foreign domain.

const H = "relay.test";
const I = "[192.0.2.1]";
const PROBES: readonly (readonly [row: number, from: string, to: string])[] = [
  [1, "<>", "<u@x.test>"],
  [2, "<s@x.test>", "<u@x.test>"],
  [3, `<s@${H}>`, "<u@x.test>"],
  [4, `<s@${I}>`, "<u@x.test>"],
  [5, `<s@${I}>`, `<u%x.test@${I}>`],
  [6, `<s@${I}>`, `<u%x.test@${H}>`],
  [7, `<s@${I}>`, '<"u@x.test">'],
  [8, `<s@${I}>`, '<"u%x.test">'],
  [9, `<s@${I}>`, `<u@x.test@${I}>`],
  [10, `<s@${I}>`, `<"u@x.test"@${I}>`],
  [11, `<s@${I}>`, `<u@x.test@${H}>`],
  [12, `<s@${I}>`, `<@${I}:u@x.test>`],
  [13, `<s@${I}>`, `<@${H}:u@x.test>`],
  [14, `<s@${I}>`, "<x.test!u>"],
  [15, `<s@${I}>`, `<x.test!u@${I}>`],
  [16, `<s@${I}>`, `<x.test!u@${H}>`],
  [17, `<s@${I}>`, `<"u@x.test"@${H}>`],
  [18, `<s@${I}>`, `<u%x.test%${H}@${H}>`],
  [19, `<s@${I}>`, "<u%x.test@localhost>"],
  [22, "<s@x.test>", `<@${H},@x.test:u@x.test>`],
  [23, `<@${H}:s@${H}>`, "<u@x.test>"],
];

const LISTENERS = [
  { name: "a port without passwords", words: "" },
  { name: "a port with STARTTLS and passwords", words: "starttls auth" },
  { name: "the same once TLS stands", words: "starttls auth", isSecured: true },
  { name: "a port with TLS from the start", words: "secure auth" },
  { name: "a port that requires TLS", words: "starttls auth require_tls" },
];

/** What a prober does first. */
const OPENINGS: readonly (readonly [name: string, ...lines: string[]])[] = [
  ["EHLO", "EHLO prober.test"],
  ["HELO", "HELO prober.test"],
  ["EHLO with the relay's own name", `EHLO ${H}`],
  ["EHLO with the relay's own address", `EHLO ${I}`],
  ["a wrong password", "EHLO prober.test", "AUTH PLAIN AGFwcDEAd3Jvbmc="],
  ["AUTH given up", "EHLO prober.test", "AUTH LOGIN", "*"],
  ["a claim by XCLIENT", "EHLO prober.test", "XCLIENT ADDR=127.0.0.1 LOGIN=app1"],
  ["a claim by XFORWARD", "EHLO prober.test", "XFORWARD ADDR=127.0.0.1"],
  ["a PROXY header", "PROXY TCP4 127.0.0.1 127.0.0.1 1 2", "EHLO prober.test"],
  ["an abandoned transaction", "EHLO prober.test", "MAIL FROM:<>", "RSET"],
];

function opened(words: string, isSecured: boolean, lines: readonly string[]): Machine {
  const machine = new Machine(testListener(words)).open();
  if (isSecured) {
    machine.receive(octets("EHLO prober.test\r\n")).receive(octets("STARTTLS\r\n"));
    machine.secured();
  }
  for (const line of lines) machine.receive(octets(`${line}\r\n`));
  machine.replies();
  return machine;
}

function say(machine: Machine, line: string): string {
  return machine.receive(octets(`${line}\r\n`)).replies();
}

describe.for(LISTENERS)("$name relays nothing for a stranger", ({ words, isSecured = false }) => {
  test.for(OPENINGS)("after %s", ([, ...lines]) => {
    for (const [row, from, to] of PROBES) {
      const machine = opened(words, isSecured, lines);
      const mail = say(machine, `MAIL FROM:${from}`);
      const rcpt = say(machine, `RCPT TO:${to}`);
      counted.add("probes");
      const probe = `row ${row}: ${mail}${rcpt}`;
      expect(rcpt, probe).toMatch(/^5[0-9]{2} /);
      say(machine, "DATA");
      say(machine, "text");
      say(machine, ".");
      say(machine, "BDAT 4 LAST\r\ntext");
      counted.add("relayed", machine.stored.length);
      expect(machine.stored, probe).toEqual([]);
    }
  });
});

test("rows 20 and 21: a login that was not finished, and an EHLO that claims to be us, change nothing", () => {
  const machine = opened("secure auth", false, [
    "EHLO prober.test",
    "AUTH PLAIN",
    "*",
    `EHLO ${H}`,
    "AUTH LOGIN",
    "YXBwMQ==",
    "*",
  ]);
  expect(say(machine, `MAIL FROM:<s@${I}>`)).toMatch(/^530 5\.7\.0 /);
  expect(say(machine, "RCPT TO:<u@x.test>")).toMatch(/^503 5\.5\.1 /);
});

test("XCLIENT, XFORWARD and PROXY are no commands for anybody", () => {
  const machine = opened("trusted", false, ["EHLO friend.test"]);
  for (const line of ["XCLIENT ADDR=127.0.0.1", "XFORWARD ADDR=127.0.0.1", "PROXY UNKNOWN"])
    expect(say(machine, line)).toMatch(/^500 5\.5\.1 /);
  expect(say(machine, "EHLO friend.test")).not.toMatch(/XCLIENT|XFORWARD/);
});

test("the control: who may relay is not refused by these probes as such", () => {
  const machine = opened("trusted", false, ["EHLO friend.test"]);
  expect(say(machine, "MAIL FROM:<s@x.test>")).toMatch(/^250 /);
  expect(say(machine, "RCPT TO:<u@x.test>")).toMatch(/^250 /);
});
