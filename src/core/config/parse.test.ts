import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ANY_SENDER } from "../policy/address-pattern.ts";
import { FREE_TERMS } from "../routing/site-terms.ts";
import type { Config } from "./config.ts";
import { GiB } from "../base/limits.ts";
import { day, hour, minute, second } from "../base/time.ts";
import { DELIVERY_RETRY } from "../queue/backoff.ts";
import { configPathText } from "./issue.ts";
import { nearest } from "../base/nearest.ts";
import { parseConfig } from "./parse.ts";

const SMALLEST = {
  hostname: "relay.example.com",
  data: "./data",
  listeners: [{ listen: "127.0.0.1:2525", tls: "none" }],
};

function valid(input: object): { readonly config: Config; readonly warnings: readonly string[] } {
  const parsed = parseConfig({ ...SMALLEST, ...input });
  if (parsed.kind === "invalid") throw new Error(JSON.stringify(parsed.issues));
  return {
    config: parsed.config,
    warnings: parsed.warnings.map(({ path, message }) => `${configPathText(path)}: ${message}`),
  };
}

function errors(input: unknown): readonly string[] {
  const parsed = parseConfig(input);
  if (parsed.kind === "config") return [];
  return parsed.issues.map(({ path, message }) => `${configPathText(path)}: ${message}`);
}

function errorsWith(input: object): readonly string[] {
  return errors({ ...SMALLEST, ...input });
}

describe("a valid configuration", () => {
  test("has a default for everything that is not said", () => {
    expect(valid({}).config).toEqual({
      hostname: "relay.example.com",
      data: "./data",
      listeners: [
        {
          name: "127.0.0.1:2525",
          listen: { host: "127.0.0.1", port: 2525 },
          tls: "none",
          certificates: [],
          bareNewlines: "reject",
          isTlsRequired: false,
          messageOctetsMax: 52_428_800,
          appendDomain: undefined,
        },
      ],
      access: { networks: [], senders: ANY_SENDER },
      credentials: [],
      sendmail: { spool: "./data/spool" },
      smartHosts: [],
      egresses: [],
      routes: [],
      threads: "auto",
      dns: { servers: [] },
      delivery: {
        privateNetworks: [],
        permitsLiterals: false,
        port: 25,
        limits: {
          connectionsMax: 20,
          connectionsPerMinute: 100,
          messagesPerMinute: undefined,
          messagesPerConnection: 100,
        },
        egress: { source: undefined, ehloName: undefined, family: "any" },
      },
      limits: {
        sessionsPerListener: 10_000,
        sessionsPerAddress: 50,
        recipientsPerMessage: 1000,
        messagesPerConnection: 100,
      },
      postmaster: undefined,
      retry: { schedule: DELIVERY_RETRY.schedule, expire: 5 * day, delayNotice: undefined },
      isSoftBounce: false,
      history: { keptFor: 14 * day, octetsMax: 10 * GiB },
      logs: { level: "info", addresses: "full" },
    });
  });

  test("crosses to another thread as it is", () => {
    const { config } = valid({
      smarthosts: { a: { url: "smtps://u:p@relay.example" } },
      routes: [{ when: { sender: "<>" }, deliver: "a" }],
      credentials: [{ username: "app", password: "x", senders: ["@example.com"] }],
    });
    expect(structuredClone(config)).toEqual(config);
  });

  test.each([
    [{ url: "smtp://relay.example" }, "opportunistic"],
    [{ url: "smtp://u:p@relay.example" }, "verify"],
    [{ url: "smtps://relay.example" }, "verify"],
    [{ url: "smtp://relay.example", tls_ca: "./ca.pem" }, "verify"],
    [{ url: "smtps://relay.example", tls: "opportunistic" }, "opportunistic"],
    [{ url: "smtp://relay.example", tls: "none" }, "none"],
  ])("the TLS policy of %j is %s", (smartHost, tls) => {
    expect(valid({ smarthosts: { a: smartHost } }).config.smartHosts[0]!.tls).toBe(tls);
  });

  test("a route may have several steps, and delivery by MX its own servers and networks", () => {
    const { config } = valid({
      smarthosts: { a: { url: "smtp://a.example" } },
      routes: [{ deliver: ["mx", "a"] }],
      dns: { servers: ["192.0.2.53", "[2001:db8::53]:5353", "2001:db8::54"] },
      delivery: { private_networks: ["10.0.0.0/8"], address_literals: true, port: 2525 },
    });
    expect(config.routes[0]!.steps).toEqual([{ kind: "mx" }, { kind: "smarthost", name: "a" }]);
    expect(config.dns.servers).toEqual([
      { host: "192.0.2.53", port: 53 },
      { host: "2001:db8::53", port: 5353 },
      { host: "2001:db8::54", port: 53 },
    ]);
    expect(config.delivery).toMatchObject({ privateNetworks: ["10.0.0.0/8"], permitsLiterals: true, port: 2525 });
  });

  test("a smart host has terms of its own; a source address says which family is tried", () => {
    const { config } = valid({
      smarthosts: {
        a: {
          url: "smtp://a.example",
          connections: 3,
          connections_per_minute: 10,
          messages_per_minute: 60,
          messages_per_connection: 5,
          source: "2001:db8::7",
          ehlo: "Out.example",
        },
        b: { url: "smtp://b.example", family: "ipv4" },
      },
    });
    const [a, b] = config.smartHosts;
    expect(a!.limits).toEqual({
      connectionsMax: 3,
      connectionsPerMinute: 10,
      messagesPerMinute: 60,
      messagesPerConnection: 5,
    });
    expect(a!.egress).toEqual({ source: "2001:db8::7", ehloName: "out.example", family: "ipv6" });
    expect(b!.limits).toEqual({ ...a!.limits, ...FREE_TERMS.limits });
    expect(b!.egress).toEqual({ ...FREE_TERMS.egress, family: "ipv4" });
  });

  test("an egress has what it says, the family of its source too; a route names it", () => {
    const { config, warnings } = valid({
      egress: { bulk: { source: "192.0.2.9", ehlo: "Bulk.example" }, six: { family: "ipv6" } },
      routes: [{ when: { sender: "<>" }, deliver: "mx", egress: "bulk" }, { deliver: "mx" }],
    });
    expect(config.egresses).toEqual([
      { name: "bulk", source: "192.0.2.9", ehloName: "bulk.example", family: "ipv4" },
      { name: "six", source: undefined, ehloName: undefined, family: "ipv6" },
    ]);
    expect(config.routes.map(({ egress }) => egress)).toEqual(["bulk", undefined]);
    expect(warnings.filter((warning) => warning.startsWith("egress"))).toEqual([
      "egress.six: no route names it: nothing is sent through it",
    ]);
  });

  test("egresses that share an address are warned of: limits protect an address", () => {
    const { warnings } = valid({
      egress: {
        one: { source: "192.0.2.9" },
        two: { source: "192.0.2.9", ehlo: "b.example" },
        three: { ehlo: "c.example" },
      },
      routes: ["one", "two", "three"].map((egress) => ({
        when: { sender: `@${egress}.example` },
        deliver: "mx",
        egress,
      })),
    });
    const { warnings: beside } = valid({
      delivery: { source: "192.0.2.8" },
      egress: { one: { source: "192.0.2.8" } },
      routes: [{ deliver: "mx", egress: "one" }],
    });
    const text = (name: string, from: string): string =>
      `egress.${name}: connects from the address that ${from} has: limits of a next hop hold for each of them`;
    expect(warnings.filter((warning) => warning.startsWith("egress"))).toEqual([
      text("two", "egress.one"),
      text("three", "mail without an egress"),
    ]);
    expect(beside.filter((warning) => warning.startsWith("egress"))).toEqual([text("one", "delivery")]);
  });

  test("what an egress says goes before what the next hop says, of the family too", () => {
    const six = { source: "2001:db8::9" };
    expect(
      errorsWith({
        egress: { six },
        delivery: { family: "ipv4" },
        smarthosts: { a: { url: "smtp://a.example", source: "192.0.2.1" } },
        routes: [{ deliver: ["mx", "a"], egress: "six" }],
      }),
    ).toEqual([]);
  });

  test("routes lead to their smart host", () => {
    const { config } = valid({
      smarthosts: { a: { url: "smtp://h" } },
      routes: [{ when: { recipient: "@X.example" }, deliver: "a" }],
    });
    expect(config.routes).toEqual([
      {
        recipient: { kind: "domain", domain: "x.example" },
        sender: undefined,
        priority: "normal",
        steps: [{ kind: "smarthost", name: "a" }],
      },
    ]);
  });

  test("a credential without senders may use every address, not the null reverse-path", () => {
    expect(valid({ credentials: [{ username: "app", password: "x" }] }).config.credentials[0]!.senders).toEqual([
      { kind: "any" },
    ]);
  });
});

describe("lengths of time", () => {
  test("are what they say", () => {
    const retry = { schedule: ["30s", "2m", "3h", "7d"], expire: "30d", delay_notice: "90m" };
    expect(valid({ retry }).config.retry).toEqual({
      schedule: [30 * second, 2 * minute, 3 * hour, 7 * day],
      expire: 30 * day,
      delayNotice: 90 * minute,
    });
    expect(valid({ retry: { delay_notice: "never" } }).config.retry.delayNotice).toBe("never");
  });

  test.each(["0s", "5", "5 m", "1w", "-1m", "1.5h", "", "8d", "999999999d"])("%j is none for a schedule", (text) => {
    expect(errorsWith({ retry: { schedule: [text] } })).toEqual([
      expect.stringMatching(/^retry\.schedule\[0\]: (expected a length of time|has to be)/),
    ]);
  });

  test("have bounds", () => {
    expect(errorsWith({ retry: { schedule: [], expire: "31d", delay_notice: "later" } })).toEqual([
      "retry.schedule: needs one entry at least",
      "retry.expire: has to be 30d at most",
      "retry.delay_notice: expected never, or a length of time such as 4h, 1s to 30d",
    ]);
    expect(errorsWith({ retry: { schedule: Array(51).fill("1m") } })).toEqual([
      "retry.schedule: may have 50 entries at most",
    ]);
  });
});

test("postmaster is an address that routes can take", () => {
  expect(valid({ postmaster: "Admin@Example.com" }).config.postmaster).toMatchObject({ text: "Admin@Example.com" });
  expect(errorsWith({ postmaster: "root" })).toEqual(["postmaster: expected an address such as admin@example.com"]);
  expect(errorsWith({ postmaster: "root@[192.0.2.1]" })).toEqual([
    "postmaster: address literals are not routed; name a domain",
  ]);
});

describe("warnings", () => {
  const smarthosts = { a: { url: "smtp://h" } };
  const tls = { certificate: "c", key: "k" };
  const credentials = [{ username: "a", password: "b" }];
  const working = { smarthosts, routes: [{ deliver: "a" }], access: { networks: ["127.0.0.0/8"] } };

  test("none where there is nothing odd", () => {
    expect(valid(working).warnings).toEqual([]);
  });

  test("mail in clear on a public listener, where nobody can log in", () => {
    const listeners = [{ listen: "0.0.0.0:25", tls: "none" }, { listen: "0.0.0.0:587" }];
    expect(valid({ ...working, listeners, tls }).warnings).toEqual([]);
    expect(valid({ ...working, listeners, tls, credentials }).warnings).toEqual([
      "listeners[0].tls: other machines reach this listener and it has no TLS: nobody can log in here, mail can be read on the way, and so can the password of a client that sends it unasked",
    ]);
  });

  test("port 465 without TLS from the beginning", () => {
    const listeners = [
      { listen: "127.0.0.1:465", tls: "none" },
      { listen: "127.0.0.2:465" },
      { listen: "127.0.0.3:465", tls: "implicit" },
    ];
    const why = expect.stringMatching(/clients begin with TLS at port 465, and this listener does not/) as string;
    expect(valid({ ...working, listeners, tls }).warnings).toEqual([why, why]);
  });

  test("passwords that nobody can give", () => {
    const why = "credentials: nobody can log in: AUTH is offered over TLS only, and every listener has tls: none";
    expect(valid({ ...working, credentials }).warnings).toEqual([why]);
  });

  test("nobody may relay, nothing goes anywhere", () => {
    expect(valid({}).warnings).toEqual([
      ": nobody may relay: there are neither access.networks nor credentials",
      ": no mail goes anywhere: there are no routes",
    ]);
  });

  test("senders of networks that are not there", () => {
    const listeners = [{ listen: "127.0.0.1:2587" }];
    const access = { senders: ["@example.com"] };
    expect(valid({ ...working, access, credentials, listeners, tls }).warnings).toEqual([
      "access.senders: binds nobody: it is about clients of access.networks, and there are none",
    ]);
  });

  test("routes behind one that matches everything", () => {
    expect(valid({ ...working, routes: [{ deliver: "a" }, { deliver: "a" }] }).warnings).toEqual([
      "routes[1]: is never reached: routes[0] matches everything",
    ]);
  });

  test("an open relay that was asked for", () => {
    const access = { networks: ["0.0.0.0/0"], open_to_everyone: "I know what I am doing" };
    expect(valid({ ...working, access }).warnings).toEqual([
      "access.open_to_everyone: whoever reaches a listener from access.networks may send mail to anybody",
    ]);
  });

  test("networks so wide that many others have addresses in them", () => {
    const access = { networks: ["11.0.0.0/8", "10.0.0.0/8", "2600::/16", "203.0.113.0/24"] };
    const why = (at: number, text: string): string =>
      `access.networks[${at}]: ${text} holds public addresses of many others, who may relay then; name the networks that are yours`;
    expect(valid({ ...working, access }).warnings).toEqual([why(0, "11.0.0.0/8"), why(2, "2600::/16")]);
  });

  test("hashes of different cost", () => {
    const hash = (m: number) => `$argon2id$v=19$m=${m},t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b27hA`;
    const hashed = [19_456, 19_456, 32_768].map((m, i) => ({ username: `u${i}`, password_hash: hash(m) }));
    const listeners = [{ listen: "127.0.0.1:587" }];
    expect(valid({ ...working, listeners, tls, credentials: hashed }).warnings).toEqual([
      "credentials[2].password_hash: costs more or less than that of credentials[0]: the time of an answer tells strangers which user names exist",
    ]);
  });
});

describe("warnings of what cannot work", () => {
  const smarthosts = { a: { url: "smtp://a.example" } };
  const access = { networks: ["127.0.0.0/8"] };
  const routes = [{ deliver: "a" }];
  const warningsOf = (input: object): readonly string[] => valid({ smarthosts, access, routes, ...input }).warnings;

  test.each([
    ["admin@example.org", routes, []],
    ["admin@example.org", [{ when: { recipient: "@x.example" }, deliver: "a" }], ["no route"]],
    ["admin@example.org", [{ when: { sender: "@example.org" }, deliver: "a" }], ["no route"]],
    ["admin@example.org", [{ when: { sender: "<>" }, deliver: "a" }], []],
    ["admin@RELAY.example.com", [{ deliver: "mx" }], ["its domain is this relay's own name"]],
    ["admin@relay.example.com", routes, ["its domain is this relay's own name"]],
    ["admin@relay.example.com", [{ when: { recipient: "@relay.example.com" }, deliver: "a" }], []],
    ["admin@relay.example.com", [{ when: { recipient: "@*.example.com" }, deliver: "mx" }], ["its domain is"]],
    ["admin@example.com", [{ deliver: "mx" }], []],
  ])("postmaster %s with the routes %j: %j", (postmaster, found, warnings) => {
    expect(warningsOf({ postmaster, routes: found })).toEqual(
      warnings.map((text) => expect.stringContaining(`postmaster: ${text}`) as string),
    );
  });

  test("a notice of delays that is never sent, a retry that never is", () => {
    expect(warningsOf({ retry: { delay_notice: "4h", expire: "4h" } })).toEqual([
      "retry.delay_notice: is never sent: no message waits for longer than expire (4h)",
    ]);
    expect(warningsOf({ retry: { delay_notice: "4h", expire: "5h" } })).toEqual([]);
    expect(warningsOf({ retry: { delay_notice: "never", expire: "5h" } })).toEqual([]);
    expect(warningsOf({ retry: { schedule: ["6h", "1m"], expire: "5h" } })).toEqual([
      "retry: the first wait of schedule (6h) is longer than expire (5h): what is not taken at once is tried only once more, when its time is over",
    ]);
    expect(warningsOf({ retry: { schedule: ["5h"], expire: "5h" } })).toEqual([]);
    expect(warningsOf({ retry: { expire: "1m" } })).toEqual([expect.stringMatching(/^retry: the first wait of .*2m/)]);
  });

  test.each([
    ["10.0.0.0/8", ""],
    ["fd00::/8", ""],
    ["192.168.1.7", ""],
    ["0.0.0.0/0", "this machine"],
    ["::/0", "this machine"],
    ["0.0.0.0/1", "this machine"],
    ["127.0.0.0/8", "this machine"],
    ["127.0.0.2", "this machine"],
    ["0.0.0.0", "this machine"],
    ["::1", "this machine"],
    ["::ffff:127.0.0.1", "this machine"],
    ["::ffff:0:0/96", "this machine"],
    ["128.0.0.0/1", "the networks of others"],
    ["::ffff:10.0.0.0/104", "the networks of others"],
  ])("delivery to the network %s, which holds %j", (network, what) => {
    expect(warningsOf({ delivery: { private_networks: ["10.0.0.0/8", network] } })).toEqual(
      what === "" ? [] : [expect.stringMatching(new RegExp(`^delivery\\.private_networks\\[1\\]: .* holds ${what}`))],
    );
  });
});

test.each([
  ["127.0.0.1:2525", "smtp://localhost:2525"],
  ["[::1]:2525", "smtp://localhost:2525"],
  ["0.0.0.0:2525", "smtp://localhost:2525"],
  ["127.0.0.1:2525", "smtp://0.0.0.0:2525"],
  ["0.0.0.0:2525", "smtp://0.0.0.0:2525"],
  ["[::]:2525", "smtp://0.0.0.0:2525"],
  ["[::]:2525", "smtp://[::]:2525"],
  ["[::1]:2525", "smtp://[::]:2525"],
  ["[::1]:2525", "smtp://[0:0:0:0:0:0:0:1]:2525"],
  ["127.0.0.1:2525", "smtp://[::ffff:127.0.0.1]:2525"],
  ["0.0.0.0:2525", "smtp://[::ffff:127.0.0.9]:2525"],
  ["192.0.2.1:2525", "smtp://[::ffff:192.0.2.1]:2525"],
  ["[2001:db8::1]:2525", "smtp://[2001:db8:0::1]:2525"],
])("with a listener at %s the smart host %s is ourselves; at another port or address it is not", (listen, url) => {
  const told = (at: string, to: string): readonly string[] =>
    errorsWith({ listeners: [{ listen: at, tls: "none" }], smarthosts: { a: { url: to } } });
  expect(told(listen, url)).toEqual(["smarthosts.a.url: is this relay itself: mail would come back to it"]);
  expect(told(listen, url.replace("2525", "2526"))).toEqual([]);
  expect(told("192.0.2.9:2525", url)).toEqual([]);
});

describe("errors", () => {
  test("all of them are told", () => {
    expect(
      errorsWith({
        listeners: [{ listen: "0.0.0.0:25" }, { listen: "0.0.0.0:25", tls: "none", require_tls: true }],
        access: { networks: ["::/0", 5] },
        credentials: [{ username: "a" }, { username: "a", password: "x", password_hash: 12 }],
        smarthosts: { a: { url: "smtp://u:p@h", tls: "none" }, b: { url: "smtp://h", tls: "none", tls_ca: "x" } },
        routes: [{ deliver: "c" }, { when: {}, deliver: "a" }],
        hostnam: "x",
      }),
    ).toEqual([
      "access.networks[1]: expected text; found a number; put it in quotes",
      "credentials[1].password_hash: expected text; found a number; put it in quotes",
      "hostnam: unknown key 'hostnam'; did you mean 'hostname'?",
      "listeners[1].listen: listeners[0] listens there already",
      "listeners[0]: tls: starttls needs tls.certificate and tls.key",
      "listeners[1].require_tls: cannot hold on a listener with tls: none",
      "credentials[0]: needs password or password_hash",
      "smarthosts.a.tls: none would give the password in the url to anybody on the way; use verify",
      "smarthosts.b.tls_ca: has no effect with tls: none; use verify",
      "routes[0].deliver: there is no smart host of that name in smarthosts",
      "routes[1].when: needs recipient or sender; without `when` the route matches everything",
      'access.networks[0]: ::/0 would let strangers relay; if that is meant, set access.open_to_everyone: "I know what I am doing"',
    ]);
  });

  test("a name that the parts of every object have is none, and nothing that is passed over", () => {
    const section = JSON.parse(
      '{ "__proto__": { "url": "smtp://h" }, "constructor": { "url": "smtp://h" } }',
    ) as object;
    const why = "is no name: letters, digits, hyphens and underscores, 63 at most";
    expect(errorsWith({ smarthosts: section, routes: [{ deliver: "constructor" }] })).toEqual([
      `smarthosts.__proto__: '__proto__' ${why}`,
    ]);
    expect(errorsWith({ egress: JSON.parse('{ "__proto__": {} }') as object, threads: -1 })).toContain(
      `egress.__proto__: '__proto__' ${why}`,
    );
  });

  test.each(["0.0.0.0/0", "::/0", "2002::/16", "64:ff9b::/96", "2000::/12", "0.0.0.0/1", "::ffff:0:0/96"])(
    "%s needs the explicit key",
    (network) => {
      expect(errorsWith({ access: { networks: [network] } })).toEqual([
        `access.networks[0]: ${network} would let strangers relay; if that is meant, set access.open_to_everyone: "I know what I am doing"`,
      ]);
    },
  );

  test("a key named like a part of every object is unknown all the same", () => {
    expect(errors(JSON.parse('{"__proto__": {"hostname": "relay.example.com"}, "constructor": 1}'))).toHaveLength(5);
  });

  test("whatever the file holds gives a configuration or errors, and never throws", () => {
    fc.assert(fc.property(fc.anything(), (input) => void errors(input)));
    const sections = fc.record(
      Object.fromEntries(Object.keys(valid({}).config).map((key) => [key.toLowerCase(), fc.anything()])),
      { requiredKeys: [] },
    );
    fc.assert(fc.property(sections, (input) => void errorsWith(input)));
  });

  test("no secret is repeated", () => {
    const secret = "kept-secret";
    const told = errorsWith({
      credentials: [{ username: "a", password: ["kept-secret"], password_hash: secret }],
      smarthosts: { a: { url: `smtp://u:${secret}@h..x` } },
    });
    expect(told).not.toEqual([]);
    expect(told.join("\n")).not.toContain(secret);
  });
});

test("the nearest word is the one surely meant", () => {
  const known = ["listeners", "hostname", "tls", "url", "credentials"];
  expect(nearest("listner", known)).toBe("listeners");
  expect(nearest("Listeners", known)).toBe("listeners");
  expect(nearest("hostnmae", known)).toBe("hostname");
  expect(nearest("tsl", known)).toBe("tls");
  expect(nearest("port", known)).toBeUndefined();
  expect(nearest("x".repeat(100_000), known)).toBeUndefined();
});
