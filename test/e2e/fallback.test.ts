import fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { selfSigned } from "../support/certificates.ts";
import { DnsServerScript } from "../support/dns-server.ts";
import { type RelayEvent, RelayHome, RelayProcess, TREE } from "../support/relay.ts";
import { type HostOptions, type Script, ScriptedHost } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// Which failure of a step moves mail on to the next: what docs/operating/routing.md says is what happens.

/** How the first step fails; the second one takes everything. */
interface Case {
  readonly host?: HostOptions;
  /** Keys of the first smart host besides its url, and what its url has before the host. */
  readonly keys?: Readonly<Record<string, string>>;
  readonly login?: string;
  /** Nobody listens. */
  readonly isAway?: boolean;
  readonly content?: string;
  /** The first step is delivery by MX, and this is what the DNS says of the domain; `mx` is a name of its own. */
  readonly dns?: (dns: DnsServerScript, domain: string, mx: string) => unknown;
}

const certificate = selfSigned("localhost", "DNS:localhost,IP:127.0.0.1");
const says =
  (at: string, answer: string): Script =>
  (place) =>
    place === at ? answer : undefined;
const fails = (at: string, answer: string): Case => ({ host: { script: says(at, answer) } });
const OWN_NAME = "relay.test";

/** The cases of each row of the table; a row with several is what all of them do. */
const CASES: Readonly<Record<string, readonly Case[]>> = {
  "no connection, or none from our `source` address": [{ isAway: true }, { keys: { source: "192.0.2.77" } }],
  "no DNS answer, special addresses, or ourselves": [
    { dns: (dns, domain) => dns.on("MX", domain, { code: "SERVFAIL" }) },
    { dns: (dns, domain) => dns.on("MX", domain, { code: "REFUSED" }) },
    { dns: (dns, domain) => dns.on("MX", domain, { silence: true }) },
    { dns: (dns, domain, mx) => dns.mx(domain, [10, mx]).on("A", mx, { code: "SERVFAIL" }) },
    { dns: (dns, domain, mx) => dns.mx(domain, [10, mx]).a(mx, "127.0.0.1") },
    { dns: (dns, domain, mx) => dns.mx(domain, [10, mx]).a(mx, "169.254.1.1").aaaa(mx, "fe80::1") },
    { dns: (dns, domain, mx) => dns.mx(domain, [10, mx]).a(mx, "10.1.2.3") },
    { dns: (dns, domain, mx) => dns.mx(domain, [10, mx]) },
    { dns: (dns, domain) => dns.mx(domain, [10, OWN_NAME]).a(OWN_NAME, "198.51.100.1") },
  ],
  "no such domain, null MX": [
    { dns: (dns, domain) => dns.on("MX", domain, { code: "NXDOMAIN", soa: 60 }) },
    { dns: (dns, domain) => dns.mx(domain, [0, "."]) },
  ],
  "TLS that is a condition fails": [{ keys: { tls: "verify" } }, { keys: { tls: "verify" }, host: { certificate } }],
  "4yz or 5yz to the connection, greeting or EHLO": [
    fails("CONNECT", "421 4.3.2 too busy"),
    fails("CONNECT", "554 5.3.2 no"),
    fails("EHLO", "450 4.0.0 later"),
    { host: { script: (place) => (place === "EHLO" || place === "HELO" ? "550 5.0.0 no" : undefined) } },
  ],
  "4yz or 5yz to AUTH, or no mechanism in common": [
    { login: "u:p@", host: { certificate, keywords: ["AUTH PLAIN"], script: says("AUTH", "535 5.7.8 wrong") } },
    { login: "u:p@", host: { certificate, keywords: ["AUTH PLAIN"], script: says("AUTH", "454 4.7.0 later") } },
    { login: "u:p@", host: { certificate, keywords: ["AUTH GSSAPI"] } },
  ],
  "530, 534, 535 or 538 to MAIL: our login": [fails("MAIL", "530 5.7.0 authenticate")],
  "4yz to MAIL": [fails("MAIL", "451 4.3.0 later")],
  "the connection ends, or hangs, before the final dot": [
    fails("MAIL", "close"),
    fails("RCPT", "close"),
    fails("DATA", "close"),
  ],
  "421 before the final dot": [fails("RCPT", "421 4.3.2 going")],
  "too large, or 8BITMIME or SMTPUTF8 are not offered": [
    { host: { keywords: ["SIZE 10"] } },
    { host: { keywords: ["PIPELINING"] }, content: "Subject: Gr\xfc\xdfe\r\n\r\nx\r\n" },
  ],
  "5yz to MAIL": [fails("MAIL", "550 5.7.1 no")],
  "4yz to RCPT": [fails("RCPT", "450 4.2.0 later")],
  "5yz to RCPT": [fails("RCPT", "550 5.1.1 nobody")],
  "4yz to DATA or to the content": [fails("DATA", "451 4.3.0 later"), fails("CONTENT", "451 4.3.0 later")],
  "5yz to DATA or to the content": [fails("DATA", "554 5.3.0 no"), fails("CONTENT", "554 5.6.0 no")],
  "the connection ends after the final dot, unanswered": [fails("CONTENT", "close")],
  "421 after the final dot": [fails("CONTENT", "421 4.3.2 going")],
};

/** It is said why the first step did not take it; more follows. */
const ON_THE_WAY = ["next-step", "no-connection"];

/** The rows of the page: what happened, and whether the next step takes it. */
function documented(): Map<string, boolean> {
  const page = fs.readFileSync(path.join(TREE, "docs/operating/routing.md"), "utf8");
  const table = page.slice(page.indexOf("| what happened to a step"));
  const rows = table.split("\n\n")[0]!.split("\n").slice(2);
  return new Map(
    rows.map((row) => {
      const [, what = "", then = ""] = row.split("|").map((cell) => cell.trim());
      return [what, then === "takes it"];
    }),
  );
}

interface Tried {
  readonly what: string;
  readonly one: Case;
  readonly domain: string;
  readonly first: ScriptedHost;
  readonly port: number;
}

let tried: readonly Tried[] = [];
let second: ScriptedHost;
let dns: DnsServerScript;
let home: RelayHome;
let relay: RelayProcess;

/** All cases with one relay: a domain and a first step of its own for each. */
beforeAll(async () => {
  second = await ScriptedHost.start();
  dns = await DnsServerScript.start();
  home = new RelayHome();
  home.write("authority.pem", certificate.certificate);
  const cases = Object.entries(CASES).flatMap(([what, list]) => list.map((one) => ({ what, one })));
  tried = await Promise.all(
    cases.map(async ({ what, one }, n) => {
      const first = await ScriptedHost.start(one.host);
      const { port } = first;
      if (one.isAway === true) await first.close();
      one.dns?.(dns, `case${n}.test`, `mx${n}.test`);
      return { what, one, domain: `case${n}.test`, first, port };
    }),
  );
  const smarthosts = tried.map(({ one, port }, n) => {
    // Without an authority that signed it the certificate is not good.
    const trusts = one.login === undefined ? {} : { tls_ca: "./authority.pem" };
    return [`first${n}`, { url: `smtp://${one.login ?? ""}127.0.0.1:${port}`, ...trusts, ...one.keys }] as const;
  });
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    dns: { servers: [`127.0.0.1:${dns.port}`] },
    smarthosts: {
      ...Object.fromEntries(smarthosts),
      second: { url: `smtp://127.0.0.1:${second.port}`, tls: "none" },
    },
    routes: tried.map(({ one, domain }, n) => ({
      when: { recipient: `@${domain}` },
      deliver: [one.dns === undefined ? `first${n}` : "mx", "second"],
    })),
  });
  relay = new RelayProcess(home);
  const [listener = 0] = await relay.ports();
  const session = await SourceSession.connect({ port: listener });
  for (const { one, domain } of tried) {
    const content = Buffer.from(one.content ?? "Subject: x\r\n\r\nbody\r\n", "latin1");
    const sent = await session.send({ id: "", from: "s@here.test", recipients: [`r@${domain}`], content, hash: "" });
    expect(sent.kind).toBe("acknowledged");
  }
  await session.quit();
});

afterAll(async () => {
  relay.kill("SIGKILL");
  await relay.exited;
  await Promise.all(tried.map(({ first }) => first.close().catch(() => undefined)));
  await second.close();
  dns.close();
  home.remove();
});

async function isTakenBySecond({ domain }: Tried): Promise<boolean> {
  const recipient = `r@${domain}`;
  const isIts = (event: RelayEvent): boolean => event["recipient"] === recipient;
  const end = await Promise.race([
    relay.event("delivery.delivered", isIts),
    relay.event("delivery.failed", isIts),
    relay.event("delivery.deferred", (event) => isIts(event) && !ON_THE_WAY.includes(String(event["reason"]))),
  ]);
  const isTaken = second.messages.some(({ to }) => to.includes(recipient));
  expect(isTaken).toBe(end.event === "delivery.delivered");
  return isTaken && end["lane"] === "smarthost/second";
}

test("every row of the page is tried", () => {
  expect([...documented().keys()].toSorted()).toEqual(Object.keys(CASES).toSorted());
});

test.for([...documented()])("%s: the next step takes it: %s", async ([what, isTaken]) => {
  for (const one of tried.filter((other) => other.what === what))
    expect({ what, case: one.one, isTaken: await isTakenBySecond(one) }).toEqual({ what, case: one.one, isTaken });
});
