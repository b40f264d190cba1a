import { expect, test } from "vitest";
import { settle } from "../../test/support/dispatching.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { DNS } from "../core/base/limits.ts";
import { unreachable } from "../core/base/invariant.ts";
import { type Network, parseNetwork } from "../core/policy/network.ts";
import { type MxRecord, candidatesOf } from "../core/routing/exchangers.ts";
import type { Egress } from "../core/routing/site-terms.ts";
import type { Answer, Resolver } from "../ports/resolver.ts";
import { type Destination, DestinationFinder } from "./destination.ts";

const NO_NAME: Answer<never> = { kind: "absent", hasName: false };
const NOTHING: Answer<never> = { kind: "absent", hasName: true };
const FAILED: Answer<never> = { kind: "failed", text: "SERVFAIL" };

/** `example.com MX 10 a.example`, `a.example A 8.8.8.8`, `b.example A !` for a lookup without an answer. */
function zone(...lines: readonly string[]): Resolver {
  const rows = lines.map((line) => line.split(" "));
  const answer = (name: string, type: string): Answer<string> => {
    const own = rows.filter(([owner]) => owner === name);
    const records = own.filter((row) => row[1] === type).map((row) => row.slice(2).join(" "));
    if (records.includes("!")) return FAILED;
    if (records.length > 0) return { kind: "found", records };
    return own.length > 0 ? NOTHING : NO_NAME;
  };
  return {
    exchangers: (domain) => {
      const found = answer(domain, "MX");
      if (found.kind !== "found") return Promise.resolve(found);
      const records = found.records.map((text): MxRecord => {
        const [preference, exchange] = text.split(" ");
        return { preference: Number(preference), exchange: exchange ?? "" };
      });
      return Promise.resolve({ kind: "found", records });
    },
    addresses: (host, family) => Promise.resolve(answer(host, family === 4 ? "A" : "AAAA")),
  };
}

const clock = new FakeClock();
const US = new Set(["relay.example", "8.8.0.1"]);

function find(
  domain: string,
  resolver: Resolver,
  permitted: readonly Network[] = [],
  family: Egress["family"] = "any",
): Promise<Destination> {
  const entropy = { fraction: () => 0, octets: () => new Uint8Array(0) };
  const isUs = (name: string): boolean => US.has(name);
  const finder = new DestinationFinder({ resolver, clock, entropy, isUs, permitted });
  return finder.find(domain, family);
}

async function found(domain: string, ...lines: readonly string[]): Promise<string> {
  const destination = await find(domain, zone(...lines));
  switch (destination.kind) {
    case "hosts":
      return candidatesOf(destination.hosts, () => 0)
        .map(({ host, address }) => `${host}/${address}`)
        .join(" ");
    case "refused":
      return destination.status;
    case "unknown":
      return `unknown: ${destination.detail}`;
    default:
      return unreachable(destination);
  }
}

const D = "example.com";

test.each<[string, string[], string]>([
  [
    "the preferred host comes first",
    [`${D} MX 20 b`, `${D} MX 10 a`, "a A 8.8.8.8", "b A 8.8.4.4"],
    "a/8.8.8.8 b/8.8.4.4",
  ],
  ["both families take turns", [`${D} MX 1 a`, "a A 8.8.8.8", "a AAAA 2606::1"], "a/2606::1 a/8.8.8.8"],
  ["without MX records the domain is the host", [`${D} A 8.8.8.8`], "example.com/8.8.8.8"],
  ["no such domain", [], "5.1.2"],
  ["a domain without a host", [`${D} TXT x`], "5.1.2"],
  ["null MX", [`${D} MX 0`], "5.1.10"],
  ["MX records that name nothing", [`${D} MX 1 a`], "5.4.4"],
  ["a host without an address is passed over", [`${D} MX 1 a`, `${D} MX 2 b`, "b A 8.8.8.8"], "b/8.8.8.8"],
  ["no answer about the records", [`${D} MX !`], "unknown: SERVFAIL"],
  ["no answer about the only host", [`${D} MX 1 a`, "a A !"], "unknown: SERVFAIL"],
  ["no answer about one host of two", [`${D} MX 1 a`, `${D} MX 2 b`, "a A !", "b A 8.8.8.8"], "b/8.8.8.8"],
  ["no answer about one family", [`${D} MX 1 a`, "a AAAA !", "a A 8.8.8.8"], "a/8.8.8.8"],
  ["we by name, and what is behind us", [`${D} MX 1 relay.example`, `${D} MX 2 b`, "b A 8.8.8.8"], "5.4.6"],
  ["we by address", [`${D} MX 1 a`, `${D} MX 2 b`, "a A 8.8.0.1", "b A 8.8.8.8"], "5.4.6"],
  [
    "we by address as the second, and our equals",
    [`${D} MX 1 a`, `${D} MX 2 b`, `${D} MX 2 c`, "a A 8.8.8.8", "b A 8.8.0.1", "c A 8.8.4.4"],
    "a/8.8.8.8",
  ],
  ["loopback", [`${D} MX 1 a`, "a A 127.0.0.1"], "5.4.4"],
  ["loopback beside a public address", [`${D} MX 1 a`, "a A 127.0.0.1", "a A 8.8.8.8"], "a/8.8.8.8"],
  ["IPv4 in an IPv6 address", [`${D} MX 1 a`, "a AAAA ::ffff:127.0.0.1"], "5.4.4"],
  [
    "a network of ours that the configuration forgot is not the recipient's fault",
    [`${D} MX 1 a`, "a A 10.0.0.1"],
    "unknown: mail for strangers is not sent to 10.0.0.1 (private); delivery.private_networks permits it",
  ],
  [
    "at most three addresses of a host and five in all",
    [`${D} MX 1 a`, `${D} MX 2 b`, ...[1, 2, 3, 4].flatMap((n) => [`a A 8.8.8.${n}`, `b A 8.8.4.${n}`])],
    "a/8.8.8.1 a/8.8.8.2 a/8.8.8.3 b/8.8.4.1 b/8.8.4.2",
  ],
])("%s", async (_, lines, expected) => {
  expect(await found(D, ...lines)).toBe(expected);
});

test("an address as the domain is where it says, under the same rules", async () => {
  expect(await found("8.8.8.8")).toBe("8.8.8.8/8.8.8.8");
  expect(await found("127.0.0.1")).toBe("5.4.4");
  expect(await found("8.8.0.1")).toBe("5.4.6");
});

test("a private network that is permitted", async () => {
  const permitted = [parseNetwork("10.0.0.0/8") as Network];
  const destination = await find(D, zone(`${D} MX 1 a`, "a A 10.0.0.1"), permitted);
  expect(destination.kind).toBe("hosts");
});

test("domains with the same hosts are one site, in whatever order; what wants them in one order may share connections", async () => {
  const hosts = ["a A 8.8.8.8", "b A 8.8.4.4", "c A 1.1.1.1"];
  const ask = (...records: readonly string[]): Promise<Destination> =>
    find(D, zone(...records.map((record) => `${D} MX ${record}`), ...hosts));
  expect(await ask("1 a", "2 b", "2 c")).toMatchObject({ site: "a,b,c", order: "a>b,c" });
  expect(await ask("10 c", "10 b", "5 a")).toMatchObject({ site: "a,b,c", order: "a>b,c" });
  expect(await ask("2 a", "1 b", "1 c")).toMatchObject({ site: "a,b,c", order: "b,c>a" });
});

async function findSlowly(lines: readonly string[], silentAbout: 4 | 6): Promise<Destination | undefined> {
  const answers = zone(...lines);
  const resolver: Resolver = {
    ...answers,
    addresses: (host, family) =>
      family === silentAbout ? new Promise<never>(() => undefined) : answers.addresses(host, family),
  };
  let destination: Destination | undefined;
  void find(D, resolver).then((found) => (destination = found));
  await settle();
  clock.advance(DNS.ipv6Patience - 1);
  await settle();
  expect(destination).toBeUndefined();
  clock.advance(1);
  await settle();
  return destination;
}

test("a name server that is silent about IPv6 costs a second where there are IPv4 addresses; else both are waited for", async () => {
  const both = [`${D} MX 10 a`, "a A 8.8.8.8", "a AAAA 2606::1"];
  expect(await findSlowly(both, 6)).toMatchObject({ kind: "hosts", hosts: [{ addresses: ["8.8.8.8"] }] });
  expect(await findSlowly(both, 4)).toBeUndefined();
  expect(await findSlowly([`${D} MX 10 a`, "a AAAA 2606::1"], 6)).toBeUndefined();
});

test("only addresses of the family count; a domain without one may have others, so that another step may take it", async () => {
  const lines = zone(`${D} MX 10 a.example`, "a.example A 8.8.8.8", "plain.example A 8.8.4.4");
  const four = await find(D, lines, [], "ipv4");
  expect(four).toMatchObject({ kind: "hosts", hosts: [{ addresses: ["8.8.8.8"] }] });
  for (const domain of [D, "plain.example"])
    expect(await find(domain, lines, [], "ipv6")).toEqual({
      kind: "refused",
      status: "5.4.4",
      detail: `${domain} has no mail server with an IPv6 address, and only those are connected to`,
    });
});

test("an address as a domain is of the family that is connected to, or nothing is tried", async () => {
  const nothing = zone();
  expect(await find("8.8.8.8", nothing, [], "ipv4")).toMatchObject({ kind: "hosts" });
  expect(await find("2001:4860:4860::8888", nothing, [], "ipv6")).toMatchObject({ kind: "hosts" });
  expect(await find("8.8.8.8", nothing, [], "ipv6")).toMatchObject({ kind: "refused", status: "5.4.4" });
  expect(await find("2001:4860:4860::8888", nothing, [], "ipv4")).toMatchObject({ kind: "refused", status: "5.4.4" });
});

test("no name in the DNS makes a site that is another one's, seen through an egress", async () => {
  const found = await find(D, zone(`${D} MX 10 a.example`, `${D} MX 20 b.example@bulk`, "a.example A 8.8.8.8"));
  expect(found).toMatchObject({ kind: "hosts", site: "a.example,b.example?bulk" });
});
