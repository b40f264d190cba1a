import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { selfSigned } from "../support/certificates.ts";
import { RelayHome, RelayProcess, TREE } from "../support/relay.ts";
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
}

const certificate = selfSigned("localhost", "DNS:localhost,IP:127.0.0.1");
const says =
  (at: string, answer: string): Script =>
  (place) =>
    place === at ? answer : undefined;
const fails = (at: string, answer: string): Case => ({ host: { script: says(at, answer) } });

/** The cases of each row of the table; a row with several is what all of them do. */
const CASES: Readonly<Record<string, readonly Case[]>> = {
  "no connection, or none from our `source` address": [{ isAway: true }, { keys: { source: "192.0.2.77" } }],
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

/** Rows that need the DNS; test/e2e/mx.test.ts and the units of `engine` show them. */
const ELSEWHERE = ["no DNS answer, special addresses, or ourselves", "no such domain, null MX"];

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

async function happens(one: Case): Promise<boolean> {
  const first = await ScriptedHost.start(one.host);
  const second = await ScriptedHost.start();
  const { port } = first;
  if (one.isAway === true) await first.close();
  const home = new RelayHome();
  home.write("authority.pem", certificate.certificate);
  // Without an authority that signed it the certificate is not good.
  const trusts = one.login === undefined ? {} : { tls_ca: "./authority.pem" };
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: {
      first: { url: `smtp://${one.login ?? ""}127.0.0.1:${port}`, ...trusts, ...one.keys },
      second: { url: `smtp://127.0.0.1:${second.port}`, tls: "none" },
    },
    routes: [{ deliver: ["first", "second"] }],
  });
  const relay = new RelayProcess(home);
  try {
    const [listener = 0] = await relay.ports();
    const session = await SourceSession.connect({ port: listener });
    const content = Buffer.from(one.content ?? "Subject: x\r\n\r\nbody\r\n", "latin1");
    const sent = await session.send({ id: "", from: "s@here.test", recipients: ["r@there.test"], content, hash: "" });
    await session.quit();
    expect(sent.kind).toBe("acknowledged");
    const end = await Promise.race([
      relay.event("delivery.delivered"),
      relay.event("delivery.failed"),
      relay.event("delivery.deferred", ({ reason }) => reason !== "next-step" && reason !== "no-connection"),
    ]);
    expect(second.messages.length).toBe(end.event === "delivery.delivered" ? 1 : 0);
    return end.event === "delivery.delivered" && end["lane"] === "smarthost/second";
  } finally {
    await relay.stop();
    await Promise.all([first.close().catch(() => undefined), second.close()]);
    home.remove();
  }
}

test("every row of the page is tried", () => {
  expect([...documented().keys()].toSorted()).toEqual([...Object.keys(CASES), ...ELSEWHERE].toSorted());
});

test.for([...documented()].filter(([what]) => what in CASES))(
  "%s: the next step takes it: %s",
  async ([what, isTaken]) => {
    for (const one of CASES[what]!) expect({ what, one, isTaken: await happens(one) }).toEqual({ what, one, isTaken });
  },
);
