import { expect, test } from "vitest";
import { type Config } from "../../core/config/config.ts";
import { parseConfig } from "../../core/config/parse.ts";
import { fallbacksOf, nextHopTerms, siteLimits } from "./next-hops.ts";

function configured(): Config {
  const parsed = parseConfig({
    hostname: "relay.example",
    data: "./data",
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    smarthosts: { a: { url: "smtp://a.example", connections: 3, source: "192.0.2.1" }, b: { url: "smtp://b.example" } },
    delivery: { connections: 7 },
    egress: { bulk: { ehlo: "bulk.example" }, six: { source: "2001:db8::9" } },
    routes: [
      { when: { sender: "<>" }, deliver: ["mx", "a"], egress: "bulk" },
      { when: { sender: "@c.example" }, deliver: ["b", "a"], egress: "six" },
      { deliver: ["a", "b"] },
    ],
  });
  if (parsed.kind === "invalid") throw new Error(JSON.stringify(parsed.issues));
  return parsed.config;
}

test("a site that is seen through an egress has the limits of its smart host, or those of delivery by MX", () => {
  const limitsOf = siteLimits(configured());
  const sites = ["smarthost/a", "smarthost/a@bulk", "mx.b.example", "mx.b.example@bulk", "smarthost/gone@bulk"];
  expect(sites.map((site) => limitsOf(site).connectionsMax)).toEqual([3, 3, 7, 7, 7]);
});

test("mail of a lane may go on to the other steps of the routes that have its egress", () => {
  const of = fallbacksOf(configured().routes);
  const [a, b] = ["a", "b"].map((name) => ({ kind: "smarthost", name }));
  const lanes = [
    "mx/x.example@bulk",
    "mx/x.example",
    "smarthost/b@six",
    "smarthost/a@six",
    "smarthost/a",
    "smarthost/b",
  ];
  expect(lanes.map((lane) => of(lane))).toEqual([[a], [], [a], [], [b], []]);
  expect(lanes.map((lane) => of(lane))).toEqual([[a], [], [a], [], [b], []]); // as remembered
});

test("next hops are shown what the egress says, and their own where it says nothing", () => {
  const config = configured();
  const { smartHost, exchangerTerms } = nextHopTerms({ config, authorities: {} } as never);
  expect(smartHost("a", "bulk")?.egress).toEqual({ source: "192.0.2.1", ehloName: "bulk.example", family: "ipv4" });
  expect(smartHost("a", "six")?.egress).toEqual({ source: "2001:db8::9", ehloName: undefined, family: "ipv6" });
  expect(exchangerTerms("six")).toMatchObject({ egress: { family: "ipv6" }, limits: { connectionsMax: 7 } });
  expect([smartHost("a", "gone"), smartHost("gone", "bulk"), exchangerTerms("gone")]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("every bound and every appearance of a smart host, and of delivery by MX, is the one that its key says", () => {
  const keys = {
    connections: 2,
    connections_per_minute: 3,
    messages_per_minute: 4,
    messages_per_connection: 5,
    ehlo: "shown.example",
    family: "ipv6",
  };
  const parsed = parseConfig({
    hostname: "relay.example",
    data: "./data",
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    smarthosts: { a: { url: "smtp://a.example", ...keys }, b: { url: "smtp://b.example", source: "192.0.2.1" } },
    delivery: { ...keys, source: "2001:db8::9" },
    egress: { bulk: { family: "ipv4" } },
    routes: [{ deliver: ["a", "b"], egress: "bulk" }],
  });
  if (parsed.kind === "invalid") throw new Error(JSON.stringify(parsed.issues));
  const { smartHost, exchangerTerms } = nextHopTerms({ config: parsed.config, authorities: {} } as never);
  const limits = { connectionsMax: 2, connectionsPerMinute: 3, messagesPerMinute: 4, messagesPerConnection: 5 };
  const egress = { source: undefined, ehloName: "shown.example", family: "ipv6" };
  expect(smartHost("a", undefined)).toMatchObject({ limits, egress });
  expect(smartHost("a", "bulk")?.egress).toMatchObject({ ehloName: "shown.example", family: "ipv4" });
  expect(smartHost("b", undefined)?.egress).toEqual({ source: "192.0.2.1", ehloName: undefined, family: "ipv4" });
  expect(exchangerTerms(undefined)).toMatchObject({ limits, egress: { ...egress, source: "2001:db8::9" } });
});
