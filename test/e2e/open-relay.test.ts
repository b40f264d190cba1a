import { expect, test } from "vitest";
import { seeded } from "../support/chance.ts";
import { tally } from "../support/recorded.ts";
import { IMPLICIT, PLAIN, STARTTLS, type Scene, USER, scene } from "../support/scene.ts";
import { ConnectionLostError, MessageFactory, SourceSession } from "../support/source.ts";

// Promise P4: no identity, no relaying, on every listener, in every state. The probes are nmap's and those of MAPS and
// abuse.net; a relay that takes one of them is found and abused within hours.

const counted = tally("open-relay-sockets");

const HOST = "relay.test";
const LITERAL = "[127.0.0.1]";
const VICTIM = "victim.test";

interface Probe {
  readonly from: string;
  readonly to: string;
  readonly hello?: string;
  readonly isAuthCancelled?: boolean;
}

const PROBES: readonly Probe[] = [
  { from: "<>", to: `<u@${VICTIM}>` },
  { from: `<s@${VICTIM}>`, to: `<u@${VICTIM}>` },
  { from: `<s@${HOST}>`, to: `<u@${VICTIM}>` },
  ...[
    `<u@${VICTIM}>`,
    `<u%${VICTIM}@${LITERAL}>`,
    `<u%${VICTIM}@${HOST}>`,
    `<"u@${VICTIM}">`,
    `<"u%${VICTIM}">`,
    `<u@${VICTIM}@${LITERAL}>`,
    `<"u@${VICTIM}"@${LITERAL}>`,
    `<u@${VICTIM}@${HOST}>`,
    `<@${LITERAL}:u@${VICTIM}>`,
    `<@${HOST}:u@${VICTIM}>`,
    `<${VICTIM}!u>`,
    `<${VICTIM}!u@${LITERAL}>`,
    `<${VICTIM}!u@${HOST}>`,
    `<"u@${VICTIM}"@${HOST}>`,
    `<u%${VICTIM}%localhost@localhost>`,
    `<u%${VICTIM}@localhost>`,
  ].map((to) => ({ from: `<s@${LITERAL}>`, to })),
  { from: `<s@${HOST}>`, to: `<@${HOST},@${VICTIM}:u@${VICTIM}>` },
  { from: `<@${HOST}:s@${HOST}>`, to: `<u@${VICTIM}>` },
  { from: `<s@${LITERAL}>`, to: `<u@${VICTIM}>`, isAuthCancelled: true },
  { from: `<s@${LITERAL}>`, to: `<u@${VICTIM}>`, hello: LITERAL },
  { from: `<s@${LITERAL}>`, to: `<u@${VICTIM}>`, hello: HOST },
];

/** What happens before a probe. Refusals in it are part of it. */
const PRELUDES: readonly { readonly name: string; readonly play: (session: SourceSession) => Promise<unknown> }[] = [
  { name: "none", play: () => Promise.resolve() },
  { name: "HELO", play: (session) => session.command("HELO probe.test") },
  { name: "EHLO", play: (session) => session.hello() },
  {
    name: "after failed AUTH",
    async play(session) {
      await session.hello();
      return session.command(`AUTH PLAIN ${base64(`\0${USER.username}\0wrong`)}`);
    },
  },
  { name: "after STARTTLS", play: secure },
  {
    name: "after STARTTLS and EHLO",
    async play(session) {
      await secure(session);
      await session.hello();
    },
  },
  {
    name: "after RSET",
    async play(session) {
      await session.hello();
      await session.command(`MAIL FROM:<s@${HOST}>`);
      await session.command("RSET");
    },
  },
  {
    name: "after XCLIENT",
    async play(session) {
      await session.hello();
      await session.command(`XCLIENT ADDR=127.0.0.1 LOGIN=${USER.username}`);
    },
  },
  {
    name: "after PROXY",
    async play(session) {
      await session.command("PROXY TCP4 10.0.0.1 10.0.0.2 1024 25");
      await session.hello();
    },
  },
  {
    name: "after AUTH and *",
    async play(session) {
      await session.hello();
      await cancelAuth(session);
    },
  },
];

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

async function secure(session: SourceSession): Promise<void> {
  await session.hello();
  if ((await session.command("NOOP")).startsWith("250") && (await offersStartTls(session))) await session.startTls();
}

async function offersStartTls(session: SourceSession): Promise<boolean> {
  return (await session.hello()).includes("STARTTLS");
}

async function cancelAuth(session: SourceSession): Promise<void> {
  if ((await session.command("AUTH LOGIN")).startsWith("334")) await session.command("*");
}

/** Answers what the relay said to MAIL, RCPT and DATA. Where DATA is granted, content follows. */
async function probe(
  port: number,
  isImplicit: boolean,
  play: (typeof PRELUDES)[number]["play"],
  row: Probe,
): Promise<string[]> {
  const session = await SourceSession.open(port, isImplicit);
  try {
    await session.expect(220);
    await play(session);
    if (row.hello !== undefined) await session.command(`HELO ${row.hello}`);
    if (row.isAuthCancelled === true) await cancelAuth(session);
    const replies = [await session.command(`MAIL FROM:${row.from}`), await session.command(`RCPT TO:${row.to}`)];
    replies.push(await session.command("DATA"));
    if (replies[2]!.startsWith("354")) replies.push(await session.command("Subject: probe\r\n\r\nprobe\r\n."));
    return replies;
  } catch (error) {
    if (error instanceof ConnectionLostError) return ["", "", "closed"];
    throw error;
  } finally {
    session.destroy();
  }
}

const LISTENERS = [
  { name: "plain", at: PLAIN, tls: "none" },
  { name: "STARTTLS", at: STARTTLS, tls: "starttls" },
  { name: "implicit TLS", at: IMPLICIT, tls: "implicit" },
] as const;

const AT_A_TIME = 8;

async function probeAll({ ports }: Scene): Promise<{ readonly probed: number; readonly wrong: string[] }> {
  const jobs = LISTENERS.flatMap((listener) =>
    PRELUDES.flatMap((prelude) => PROBES.map((row) => ({ listener, prelude, row }))),
  );
  const wrong: string[] = [];
  let probed = 0;
  const work = async (): Promise<void> => {
    for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) {
      const { listener, prelude, row } = job;
      const replies = await probe(ports[listener.at]!, listener.tls === "implicit", prelude.play, row);
      probed++;
      const [mail = "", rcpt = "", data = ""] = replies;
      const isRefused = /^5\d\d /.test(mail.startsWith("2") ? rcpt : mail) && /^5\d\d /.test(rcpt);
      if (!isRefused || !/^5\d\d /.test(data))
        wrong.push(`${listener.name}, ${prelude.name}, ${row.from} ${row.to}: ${replies.join(" | ")}`);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return { probed, wrong };
}

const factory = new MessageFactory("o", seeded(2), 10_000);
const AUTH = { mechanism: "PLAIN", ...USER } as const;

test("no probe is relayed through any listener after any prelude, and permitted mail is", async () => {
  await scene({ config: { access: { networks: [] } } }, async (found) => {
    const { relay, sink, ports } = found;
    const { probed, wrong } = await probeAll(found);
    expect(wrong).toEqual([]);
    expect(probed).toBe(3 * PRELUDES.length * PROBES.length);
    counted.add("probes", probed);
    counted.add("relayed", sink.copies.length + relay.events("message.accepted").length);
    expect(relay.events("message.accepted")).toEqual([]);
    // The same relay, the same sink: what may go, goes.
    for (const { at, tls } of LISTENERS.slice(1)) {
      const session = await SourceSession.connect({ port: ports[at]!, tls, auth: AUTH });
      expect(await session.send(factory.make(2000, 1))).toMatchObject({ kind: "acknowledged" });
      await session.quit();
    }
    await sink.until(({ copies }) => copies.length === 2);
    expect(sink.recipients().every((recipient) => recipient.endsWith("@dest.test"))).toBe(true);
  });
  await scene({}, async ({ sink, ports }) => {
    for (const { at, tls } of LISTENERS) {
      const session = await SourceSession.connect({ port: ports[at]!, tls });
      expect(await session.send(factory.make(2000, 1))).toMatchObject({ kind: "acknowledged" });
      await session.quit();
    }
    await sink.until(({ copies }) => copies.length === 3);
    counted.add("listeners", LISTENERS.length);
    counted.add("permitted", new Set(sink.recipients()).size);
  });
});

/** What a client that wants in without TLS says, and whether it goes on where it was told no. */
async function authInClear({ relay, ports }: Scene, goesOn: boolean): Promise<void> {
  const plain = base64(`\0${USER.username}\0${USER.password}`);
  const login = base64(USER.password);
  for (const at of [PLAIN, STARTTLS]) {
    const session = await SourceSession.open(ports[at]!, false);
    await session.expect(220);
    expect(await session.hello()).not.toContain("AUTH");
    // 538 where TLS would help, 503 where AUTH is never offered.
    const refusal = at === STARTTLS ? /^(?:538|530) / : /^503 /;
    expect(await session.command(`AUTH PLAIN ${plain}`)).toMatch(refusal);
    expect(await session.command(`AUTH LOGIN ${base64(USER.username)}`)).toMatch(refusal);
    expect(await session.command("AUTH PLAIN")).toMatch(refusal);
    if (goesOn) expect(await session.command(plain)).toMatch(/^5/);
    expect(await session.command("AUTH LOGIN")).toMatch(refusal);
    if (goesOn) expect(await session.command(base64(USER.username))).toMatch(/^5/);
    if (goesOn) expect(await session.command(login)).toMatch(/^5/);
    expect(await session.command(`MAIL FROM:<s@${HOST}>`)).toMatch(at === STARTTLS ? /^530 / : /^2/);
    await session.quit();
  }
  await relay.stop();
  const log = relay.lines.join("\n") + relay.errors;
  expect(relay.events("session.refused").length).toBeGreaterThan(0);
  for (const secret of [USER.password, plain, login]) {
    // Also a part of it, and whatever became of its case.
    expect(log.toLowerCase()).not.toContain(secret.slice(0, 12).toLowerCase());
  }
}

const CLOSED = { access: { networks: [] }, logs: { level: "debug" } };

test("AUTH before TLS is refused, and the password is in no log line", async () => {
  await scene({ config: CLOSED }, (found) => authInClear(found, false));
});

// The next line that such a client sends is its password in base64, and to us an unknown command.
test("a client that sends its password although AUTH was refused: it is in no log line", async () => {
  await scene({ config: CLOSED }, (found) => authInClear(found, true));
});
