import { describe, expect, test } from "vitest";
import { octets, testListener } from "../support/listener.ts";
import { Machine } from "../support/machine.ts";
import { tally } from "../support/recorded.ts";
import { H, I, LISTENERS, OPENINGS, PROBES } from "./open-relay-probes.ts";

const counted = tally("open-relay");

// Promise P4 against the known ways to find an open relay.

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
