import * as fc from "fast-check";
import { expect, test } from "vitest";
import { addressKey, withHashedAddresses } from "./event-addresses.ts";
import type { Event } from "./events.ts";

const hash = (key: string): string => {
  let sum = 7;
  for (let at = 0; at < key.length; at++) sum = (sum * 31 + key.charCodeAt(at)) >>> 0;
  return `h:${sum.toString(16)}`;
};
const of = (address: string): string => hash(addressKey(address));

function refused(reply: string, from = ""): Event {
  return {
    event: "message.refused",
    id: "1",
    listener: "in",
    client: "::1",
    identity: "none",
    from,
    reason: "x",
    reply,
  };
}

function replyOf(reply: string, from?: string): unknown {
  return (withHashedAddresses(refused(reply, from), hash) as { readonly reply: string }).reply;
}

test.each([
  ["550 5.1.1 <alice@a.test>: no such user", `550 5.1.1 <${of("alice@a.test")}@a.test>: no such user`],
  ["no alice@a.test.", `no ${of("alice@a.test")}@a.test.`],
  ["for 'alice@a.test'", `for '${of("alice@a.test")}@a.test'`],
  ["to=alice@a.test, x", `to=${of("alice@a.test")}@a.test, x`],
  ["RCPT TO:alice@[192.0.2.1]", `RCPT TO:${of("alice@[192.0.2.1]")}@[192.0.2.1]`],
  ['<"a @ b"@a.test>', `<${of('"a @ b"@a.test')}@a.test>`],
  ["rfc822;alice+40a.test", `rfc822;${of("alice@a.test")}+40a.test`],
  ["<@r.test:alice@a.test>", `<@r.test:${of("alice@a.test")}@a.test>`],
  ["<jürgen@bücher.test>", `<${of("jürgen@xn--bcher-kva.test")}@bücher.test>`],
  ["a@b c", `${of("a@b")}@b c`],
  ["said <alic…", `said <${hash("alic…")}…`],
  ["250 ok: queued as 4F<x>", "250 ok: queued as 4F<x>"],
])("%s", (text, hashed) => {
  expect(replyOf(text)).toBe(hashed);
});

test("a server that speaks of the local part alone tells it no more than one with the whole address", () => {
  expect(replyOf("550 Alice... unknown, malice is not", "alice@a.test")).toBe(
    `550 ${of("alice@a.test")} unknown, malice is not`,
  );
});

test("nor does one that speaks of a quoted local part", () => {
  const from = '"a lice @ x"@a.test';
  expect(replyOf(`550 "a lice @ x" or a lice @ x, <${from}>`, from)).toBe(
    `550 ${of(from)} or ${of(from)}, <${of(from)}@a.test>`,
  );
});

test("spellings of one address have one hash", () => {
  for (const spelling of ["Alice@A.TEST", '"alice"@a.test', '"al\\ice"@a.test'])
    expect(of(spelling)).toBe(of("alice@a.test"));
  expect(of("alice@b.test")).not.toBe(of("alice@a.test"));
});

test("fields that are addresses are hashed whole; lanes and the null sender stay", () => {
  const event: Event = {
    event: "delivery.rerouted",
    id: "1",
    recipient: '"secret@canary b"@a.test',
    lane: "mx/a.test@office",
    reason: "rerouted",
  };
  expect(withHashedAddresses(event, hash)).toEqual({ ...event, recipient: `${of(event.recipient)}@a.test` });
  const accepted = { ...refused("x"), identity: "user canary b@a.test" };
  expect(withHashedAddresses(accepted, hash)).toMatchObject({
    from: "",
    identity: `user ${of("canary b@a.test")}@a.test`,
  });
});

test("no address gets through, whatever stands around it, and it takes no long time", () => {
  const around = fc.string({ unit: fc.constantFrom(...Array.from(" <>()[],;:\"'@\\=+…x\n")) });
  fc.assert(
    fc.property(around, around, (before, after) => {
      expect(replyOf(`${before} canary@a.test ${after}`)).not.toContain("canary");
      expect(replyOf(`${before}<canary@a.test>${after}`)).not.toContain("canary");
    }),
  );
  for (const text of ['"\\', "a", "@", "a@", "<", '"'].map((part) => part.repeat(100_000))) replyOf(text);
});
