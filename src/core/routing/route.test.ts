import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Mailbox, parseMailbox } from "../mail/path.ts";
import { parseAddressPattern } from "../policy/address-pattern.ts";
import { domainLane, literalLane, parseLane, smartHostLane, through, withoutEgress } from "./lane.ts";
import { type Route, lanesFor, routeFor, stepsBehind } from "./route.ts";

function mailbox(text: string): Mailbox {
  const parsed = parseMailbox(text);
  if (parsed.kind === "malformed") throw new Error(parsed.why);
  return parsed;
}

function route(name: string, when: { recipient?: string; sender?: string } = {}): Route {
  const pattern = (text: string | undefined) => (text === undefined ? undefined : parseAddressPattern(text));
  return {
    recipient: pattern(when.recipient),
    sender: pattern(when.sender),
    priority: "normal",
    steps: [{ kind: "smarthost", name }],
    egress: undefined,
  };
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
    expect(lanesFor(routes, from === "" ? { kind: "null" } : mailbox(from), mailbox(to))).toEqual([
      smartHostLane(lane),
    ]);
  });

  test("which one it is", () => {
    const place = (to: string): number => routeFor(routes.slice(0, 2), mailbox("a@x.example"), mailbox(to));
    expect([place("b@partner.example"), place("b@other.example")]).toEqual([0, -1]);
  });

  test("no match is no lane", () => {
    expect(lanesFor(routes.slice(0, 1), { kind: "null" }, mailbox("b@other.example"))).toEqual([]);
    expect(lanesFor([], { kind: "null" }, mailbox("b@other.example"))).toEqual([]);
  });

  test("a route without conditions takes all that the routes before it leave", () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/);
    fc.assert(
      fc.property(name, name, fc.boolean(), (local, label, isNull) => {
        const from = isNull ? ({ kind: "null" } as const) : mailbox(`${local}@${label}.example`);
        expect(lanesFor(routes, from, mailbox(`${local}@${label}.example`))).toHaveLength(1);
      }),
    );
  });
});

describe("steps", () => {
  const list: Route = {
    recipient: undefined,
    sender: undefined,
    priority: "normal",
    steps: [{ kind: "mx" }, { kind: "smarthost", name: "backup" }],
    egress: undefined,
  };

  test.each([
    ["a@Example.COM", "mx/example.com"],
    ["a@b\u00fccher.example", "mx/xn--bcher-kva.example"],
    ["a@[192.0.2.1]", "mx/[192.0.2.1]"],
    ["a@[IPv6:2001:DB8::1]", "mx/[2001:db8::1]"],
  ])("mail for %s goes to %s, and then to the next step", (to, lane) => {
    expect(lanesFor([list], { kind: "null" }, mailbox(to))).toEqual([lane, "smarthost/backup"]);
  });

  test("what has a step behind it somewhere", () => {
    const of = (kind: string) => stepsBehind([route("alone"), list], undefined, (step) => step.kind === kind);
    expect([of("mx"), of("smarthost")]).toEqual([[{ kind: "smarthost", name: "backup" }], []]);
  });

  test("a route's egress is that of all its steps, and of no other route's", () => {
    const bulk: Route = { ...list, egress: "bulk" };
    const lanes = lanesFor([bulk], { kind: "null" }, mailbox("a@[IPv6:2001:DB8::1]"));
    expect(lanes).toEqual(["mx/[2001:db8::1]@bulk", "smarthost/backup@bulk"]);
    const behind = (egress: string | undefined) => stepsBehind([bulk], egress, (step) => step.kind === "mx");
    expect([behind("bulk"), behind("news"), behind(undefined)]).toEqual([bulk.steps.slice(1), [], []]);
  });
});

describe("lanes", () => {
  test("what they lead to comes back", () => {
    expect(parseLane(domainLane("example.com"))).toEqual({ kind: "mx", domain: "example.com" });
    expect(parseLane(literalLane("2001:DB8::1"))).toEqual({ kind: "mx", domain: "2001:db8::1" });
  });

  test("the name comes back", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[^@]+$/), (name) => {
        expect(parseLane(smartHostLane(name))).toEqual({ kind: "smarthost", name });
        expect(parseLane(through("bulk", smartHostLane(name)))).toEqual({ kind: "smarthost", name, egress: "bulk" });
      }),
    );
  });

  test("with an egress too, which is taken off again", () => {
    const lanes = [domainLane("example.com"), literalLane("2001:DB8::1")];
    expect(lanes.map((lane) => parseLane(through("b-1", lane)))).toEqual([
      { kind: "mx", domain: "example.com", egress: "b-1" },
      { kind: "mx", domain: "2001:db8::1", egress: "b-1" },
    ]);
    for (const lane of lanes) expect([withoutEgress(lane), withoutEgress(through("b-1", lane))]).toEqual([lane, lane]);
  });

  test.each(["", "smarthost", "smarthost/", "mx/", "group/a", "mx/a@", "mx/@b", "mx/u@example.com", "smarthost/@b"])(
    "%j is no lane of this version",
    (text) => {
      expect(parseLane(text)).toBeUndefined();
    },
  );
});
