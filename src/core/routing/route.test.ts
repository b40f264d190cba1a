import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Mailbox, parseMailbox } from "../mail/path.ts";
import { parseAddressPattern } from "../policy/address-pattern.ts";
import { parseLane, smartHostLane } from "./lane.ts";
import { type Route, routeFor } from "./route.ts";

function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text);
  if (parsed.kind === "malformed") throw new Error(parsed.why);
  return parsed;
}

function route(lane: string, when: { recipient?: string; sender?: string } = {}): Route {
  const pattern = (text: string | undefined) => (text === undefined ? undefined : parseAddressPattern(text));
  return { recipient: pattern(when.recipient), sender: pattern(when.sender), lane };
}

describe("routes", () => {
  const routes = [
    route("partner", { recipient: "@partner.example" }),
    route("bounces", { sender: "<>" }),
    route("billing", { sender: "@billing.example", recipient: "@*.customer.example" }),
    route("rest"),
    route("never", { recipient: "@after.example" }),
  ];

  test.each([
    ["a@x.example", "b@partner.example", "partner"],
    ["", "b@partner.example", "partner"],
    ["", "b@other.example", "bounces"],
    ["a@billing.example", "b@eu.customer.example", "billing"],
    ["a@billing.example", "b@customer.example", "rest"],
    ["a@x.example", "b@after.example", "rest"],
  ])("<%s> to <%s> takes %s: the first that matches", (from, to, lane) => {
    expect(routeFor(routes, from === "" ? { kind: "null" } : mailbox(from), mailbox(to))).toBe(lane);
  });

  test("no match is no lane", () => {
    expect(routeFor(routes.slice(0, 1), { kind: "null" }, mailbox("b@other.example"))).toBeUndefined();
    expect(routeFor([], { kind: "null" }, mailbox("b@other.example"))).toBeUndefined();
  });

  test("a route without conditions takes all that the routes before it leave", () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/);
    fc.assert(
      fc.property(name, name, fc.boolean(), (local, label, isNull) => {
        const from = isNull ? ({ kind: "null" } as const) : mailbox(`${local}@${label}.example`);
        expect(routeFor(routes, from, mailbox(`${local}@${label}.example`))).toBeDefined();
      }),
    );
  });
});

describe("lanes", () => {
  test("the name comes back", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (name) => {
        expect(parseLane(smartHostLane(name))).toEqual({ kind: "smarthost", name });
      }),
    );
  });

  test.each(["", "smarthost", "smarthost/", "mx/example.com"])("%j is no lane of this version", (text) => {
    expect(parseLane(text)).toBeUndefined();
  });
});
