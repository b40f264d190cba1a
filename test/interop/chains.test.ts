import { spawnSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { AccountingSink, type Copy, sha256 } from "../support/accounting-sink.ts";
import { type Certificate, selfSigned } from "../support/certificates.ts";
import { between, seeded } from "../support/chance.ts";
import { Exim, isEximPresent } from "../support/exim.ts";
import { SENDER } from "../support/letters.ts";
import { compareParts } from "../support/mime-parts.ts";
import { PasswordServer } from "../support/password-server.ts";
import { Postfix, isPostfixPresent } from "../support/postfix.ts";
import { isProof } from "../support/proof.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { parseReport } from "../support/report-reader.ts";
import { Signer } from "../support/signatures.ts";
import { SourceSession } from "../support/source.ts";
import {
  type Letter,
  MiB,
  SEVEN_BIT_PART,
  SIGNED_PART,
  TEXT,
  letterOf,
  lettersFor,
  mimeLetter,
  partOf,
  randomPart,
} from "../support/varied-letters.ts";

// Mail servers that others wrote on both sides of the relay: what the first one took is what the last one gives to a sink,
// octet for octet. STARTTLS with verified certificates and AUTH on both legs: each server is the relay's client or smart
// host as it would be in earnest. A thousand messages in all.

const runs = (program: string): boolean => spawnSync(program, ["--version"]).status === 0;
const missing = [
  ...(isPostfixPresent ? [] : ["Postfix"]),
  ...(isEximPresent ? [] : ["Exim"]),
  ...["gpg", "python3"].filter((program) => !runs(program)),
];
const hasAll = missing.length === 0;
const skipped = hasAll ? "" : ` (skipped: no ${missing.join(", ")}, or not root)`;

const HERE: Certificate = selfSigned("relay.test", "DNS:relay.test,DNS:localhost,IP:127.0.0.1");
const THERE: Certificate = selfSigned("localhost", "DNS:localhost,IP:127.0.0.1");
const USER = { username: "app", password: "s3cret-Word" } as const;
const ACCOUNT = { username: "relay", password: "an0ther-Word" } as const;

let signer: Signer;
beforeAll(() => {
  if (hasAll) signer = new Signer(SENDER);
});
afterAll(() => signer?.close());

const toEnd: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of toEnd.splice(0).toReversed()) await end();
});

// The chain

interface Chain {
  readonly sink: AccountingSink;
  readonly last: Postfix;
  readonly relay: RelayProcess;
  readonly port: number;
  readonly logins: readonly string[];
}

/** The relay, whose smart host is a Postfix, whose relay host is a sink. */
async function chain(): Promise<Chain> {
  const sink = await AccountingSink.start({ keepsRaw: true });
  toEnd.push(() => sink.close());
  const passwords = await PasswordServer.start(ACCOUNT);
  toEnd.push(() => passwords.close());
  const settings = {
    relayhost: `[127.0.0.1]:${sink.port}`,
    mynetworks: "",
    smtpd_relay_restrictions: "permit_sasl_authenticated, reject",
    smtpd_tls_security_level: "encrypt",
    smtpd_tls_chain_files: "FOLDER/etc/chain.pem",
    smtpd_tls_auth_only: "yes",
    smtpd_sasl_auth_enable: "yes",
    smtpd_sasl_type: "dovecot",
    smtpd_sasl_path: `inet:127.0.0.1:${passwords.port}`,
  };
  const last = await Postfix.start(settings, { "chain.pem": THERE.key + THERE.certificate });
  toEnd.push(() => last.stop());
  const url = `smtp://${ACCOUNT.username}:${ACCOUNT.password}@localhost:${last.port}`;
  const { relay, port } = await relayTo({ url, tls_ca: "./there.pem" });
  return { sink, last, relay, port, logins: passwords.accepted };
}

/** A relay that takes mail over TLS and with a login only. */
async function relayTo(host: Readonly<Record<string, string>>): Promise<{ relay: RelayProcess; port: number }> {
  const home = new RelayHome();
  toEnd.push(() => home.remove());
  home.write("cert.pem", HERE.certificate);
  home.write("key.pem", HERE.key);
  home.write("there.pem", THERE.certificate);
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "starttls", require_tls: true }],
    tls: { certificate: "./cert.pem", key: "./key.pem" },
    access: { networks: [] },
    credentials: [{ ...USER, senders: ["*", "<>"] }], // reports pass through too
    smarthosts: { last: host },
    routes: [{ deliver: "last" }],
  });
  const relay = new RelayProcess(home);
  toEnd.push(async () => {
    relay.kill("SIGKILL");
    await relay.stop();
  });
  const [port = 0] = await relay.ports();
  return { relay, port };
}

/** A Postfix that takes everything and gives it to the relay. */
async function postfixBefore(port: number): Promise<Postfix> {
  const relayhost = `[127.0.0.1]:${port}`;
  const settings = {
    relayhost,
    smtp_tls_security_level: "secure",
    smtp_tls_secure_cert_match: "relay.test",
    smtp_tls_CAfile: "FOLDER/etc/authority.pem",
    smtp_tls_loglevel: "1",
    smtp_sasl_auth_enable: "yes",
    smtp_sasl_password_maps: "texthash:FOLDER/etc/passwords",
    smtp_sasl_security_options: "noanonymous",
  };
  const postfix = await Postfix.start(settings, {
    passwords: `${relayhost} ${USER.username}:${USER.password}\n`,
    "authority.pem": HERE.certificate,
  });
  toEnd.push(() => postfix.stop());
  return postfix;
}

async function sendAll(port: number, letters: readonly Letter[], sessions = 4): Promise<void> {
  const waiting = [...letters];
  const work = async (): Promise<void> => {
    const session = await SourceSession.connect({ port });
    for (let letter = waiting.shift(); letter !== undefined; letter = waiting.shift()) {
      const result = await session.send(letter);
      if (result.kind !== "acknowledged" || result.recipients.length < letter.recipients.length)
        throw new Error(`${letter.id}: ${JSON.stringify(result)}`);
    }
    await session.quit();
  };
  await Promise.all(Array.from({ length: sessions }, work));
}

function utf8(octets: string): string {
  return Buffer.from(octets, "latin1").toString();
}

/** Each letter arrived once at each recipient, from its sender, with its body. */
function expectAll(letters: readonly Letter[], copies: readonly Copy[], bodyOfLetter = (l: Letter) => l.body): void {
  const got = copies.flatMap(({ from, recipients, bodyHash }) =>
    recipients.map((recipient) => `${utf8(recipient)} from <${utf8(from)}> ${bodyHash}`),
  );
  const sent = letters.flatMap((letter) =>
    letter.recipients.map((recipient) => `${recipient} from <${letter.from}> ${sha256(bodyOfLetter(letter))}`),
  );
  expect(got.toSorted()).toEqual(sent.toSorted());
}

function countOf(letters: readonly Letter[]): number {
  return letters.reduce((sum, { recipients }) => sum + recipients.length, 0);
}

async function arrived(found: Chain, letters: readonly Letter[], log: () => string): Promise<void> {
  const wanted = countOf(letters);
  let count = 0;
  let seen = 0;
  const isThere = ({ copies }: AccountingSink): boolean => {
    for (; seen < copies.length; seen++) count += copies[seen]!.recipients.length;
    return count >= wanted;
  };
  await found.sink.until(isThere, 100_000).catch((error: unknown) => {
    const relay = found.relay.lines.slice(-5).join("\n");
    throw new Error(`${count} of ${wanted}\n${log().slice(-2000)}\n${relay}\n${found.last.log.slice(-2000)}`, {
      cause: error,
    });
  });
}

/** What holds of every chain once everything arrived; ends it. Answers how many signatures are good. */
async function judge({ relay, sink, logins }: Chain, letters: readonly Letter[]): Promise<number> {
  expect(await relay.stop()).toEqual({ code: 0, signal: null }); // then its log is complete
  const accepted = relay.events("message.accepted");
  expect(accepted.length).toBeGreaterThanOrEqual(letters.length); // a server may part the recipients of one
  expect(new Set(accepted.map(({ identity }) => identity))).toEqual(new Set(["user app"]));
  const delivered = relay.events("delivery.delivered");
  expect(delivered.every(({ tls }) => /^TLSv1\.[23] verified$/.test(String(tls)))).toBe(true);
  expect(relay.events("delivery.failed")).toEqual([]);
  expect(new Set(logins)).toEqual(new Set([ACCOUNT.username]));
  const signed = new Map(
    sink.copies
      .filter(({ raw }) => raw!.includes("multipart/signed"))
      .map(({ bodyHash, raw }) => [bodyHash, raw!] as const),
  );
  for (const raw of signed.values()) signer.verify(raw);
  return signed.size;
}

function tell(name: string, letters: readonly Letter[], signed: number, began: number): void {
  const octets = letters.reduce((sum, { content }) => sum + content.length, 0);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(
    `${name}: ${letters.length} messages to ${countOf(letters)} recipients, ${(octets / MiB).toFixed(1)} MiB in ${seconds} s; ${signed} signatures good`,
  );
}

test.skipIf(!hasAll)(`Postfix, the relay, Postfix${skipped}`, async () => {
  const began = performance.now();
  const letters = lettersFor("postfix", isProof ? 700 : 150, 1, signer);
  const found = await chain();
  const first = await postfixBefore(found.port);
  await sendAll(first.port, letters);
  await arrived(found, letters, () => first.log);
  expectAll(letters, found.sink.copies);
  expect(first.log).toMatch(/Verified TLS connection established to /);
  const signed = await judge(found, letters);
  expect(signed).toBe(2);
  tell("Postfix, relay, Postfix", letters, signed, began);
});

test.skipIf(!hasAll)(`Exim with BDAT, the relay, Postfix${skipped}`, async () => {
  const began = performance.now();
  const letters = lettersFor("exim", isProof ? 200 : 60, 2, signer);
  const found = await chain();
  const first = await Exim.start({ port: found.port, authority: HERE.certificate, login: USER });
  toEnd.push(() => first.stop());
  await sendAll(first.port, letters);
  await arrived(found, letters, () => first.log);
  expectAll(letters, found.sink.copies);
  const gone = first.log.split("\n").filter((line) => / [=-]> /.test(line));
  // Chunks, a verified certificate, a login.
  expect(gone.filter((line) => !(/ K /.test(line) && / CV=yes /.test(line) && / A=plain /.test(line)))).toEqual([]);
  const signed = await judge(found, letters);
  expect(signed).toBe(2);
  tell("Exim, relay, Postfix", letters, signed, began);
});

test.skipIf(!hasAll)(`chunks without a line end at the end, the relay, Postfix${skipped}`, async () => {
  const began = performance.now();
  const chance = seeded(3);
  const letters = lettersFor("chunks", isProof ? 98 : 40, 3, signer).concat(
    // Nothing is left behind the line end that ends the header, and nothing but a dot.
    ["", "."].map((body, at) => letterOf("end", at, Buffer.from(body), [], chance)),
  );
  const sent = letters.map((letter, at) => {
    const isSigned = letter.content.includes("multipart/signed");
    const cut = isSigned || letter.body.length < 2 ? 0 : 2;
    return {
      ...letter,
      body: letter.body.subarray(0, letter.body.length - cut),
      content: letter.content.subarray(0, letter.content.length - cut),
      cuts: at % 3 === 0 ? [] : [between(chance, 1, 100), between(chance, 100, letter.content.length - cut - 1)],
    };
  });
  const found = await chain();
  const session = await SourceSession.connect({
    port: found.port,
    tls: "starttls",
    auth: { mechanism: "PLAIN", ...USER },
  });
  for (const letter of sent) await session.sendChunks(letter, letter.cuts);
  await session.quit();
  await arrived(found, sent, () => "");
  // DATA, which Postfix gets, ends with a line end (RFC 5321 section 4.1.1.4).
  const ended = ({ body }: Letter): Buffer =>
    body.length === 0 || body.subarray(-2).toString() === "\r\n" ? body : Buffer.concat([body, Buffer.from("\r\n")]);
  expectAll(sent, found.sink.copies, ended);
  const signed = await judge(found, sent);
  expect(signed).toBe(2);
  tell("chunks, relay, Postfix", sent, signed, began);
});

// To a server that takes 7 bits only

function isAscii(octets: Buffer): boolean {
  return octets.every((octet) => octet < 0x80);
}

test.skipIf(!hasAll)(
  `to a server that takes 7 bits only: converted, and the same; what is signed, not${skipped}`,
  async () => {
    const chance = seeded(4);
    const sink = await AccountingSink.start({ keepsRaw: true, hasEightBitMime: false });
    toEnd.push(() => sink.close());
    const { relay, port } = await relayTo({ url: `smtp://127.0.0.1:${sink.port}`, tls: "none" });
    const first = await postfixBefore(port);
    const signed = [signer.smime(SEVEN_BIT_PART), signer.pgp(SEVEN_BIT_PART)];
    // The text before what is signed is converted.
    const around = signed.map((part) => {
      const text = Buffer.from(
        `\r\n--around\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${TEXT}\r\n--around\r\n`,
      );
      const parts = [text, part.subarray("MIME-Version: 1.0\r\n".length), Buffer.from("\r\n--around--\r\n")];
      return partOf(["Content-Type: multipart/mixed; boundary=around"], Buffer.concat(parts));
    });
    const unconvertible = [signer.smime(SIGNED_PART), signer.pgp(SIGNED_PART)];
    const sent = [...Array.from({ length: 100 }, () => randomPart(chance, 3)), ...signed, ...around];
    const letters = sent.map((part, at) => mimeLetter(at, part));
    const refused = unconvertible.map((part, at) => mimeLetter(letters.length + at, part));
    await sendAll(first.port, [...letters, ...refused]);
    await sink
      .until(({ copies }) => copies.length >= letters.length + refused.length, 60_000)
      .catch((error: unknown) => {
        throw new Error(`${relay.lines.slice(-5).join("\n")}\n${first.log.slice(-2000)}`, { cause: error });
      });
    expect(sink.copies.filter(({ raw }) => !isAscii(raw!))).toEqual([]);
    const reports = sink.copies.filter(({ from }) => from === "").map(({ raw }) => parseReport(raw!));
    const refusals = reports.flatMap(({ recipients }) => recipients);
    expect(refusals.map((fields) => `${fields["final-recipient"]} ${fields["status"]}`).toSorted()).toEqual(
      refused.map(({ recipients }) => `rfc822; ${recipients[0]} 5.6.3`),
    );
    const rawOf = new Map(sink.copies.map(({ recipients, raw }) => [recipients[0]!, raw!]));
    const pairs = letters.map(({ recipients, content }) => ({ sent: content, got: rawOf.get(recipients[0]!)! }));
    const parts = compareParts(pairs);
    const converted = letters.filter(({ body }) => !isAscii(body)).length;
    expect(converted).toBeGreaterThan(70);
    expectAll(
      letters.filter(({ body }) => isAscii(body)),
      sink.copies.filter(({ recipients }) => letters.some((l) => l.recipients[0] === recipients[0] && isAscii(l.body))),
    );
    for (const { got } of pairs.slice(100, 102)) signer.verify(got);
    for (const { got } of pairs.slice(102)) {
      const inner = got.subarray(got.indexOf("Content-Type: multipart/signed"), got.indexOf("\r\n--around--"));
      signer.verify(Buffer.concat([Buffer.from("MIME-Version: 1.0\r\n"), inner]));
    }
    console.log(
      `to 7 bits: ${letters.length} messages, ${parts} parts, ${converted} messages converted; 4 signatures good, ${reports.length} refused with 5.6.3`,
    );
  },
);
