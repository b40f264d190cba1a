import { createRequire } from "node:module";
import type net from "node:net";
import type { Readable } from "node:stream";
import { expect, test } from "vitest";
import { AccountingSink, sha256 } from "../support/accounting-sink.ts";
import { selfSigned } from "../support/certificates.ts";
import { type Letter, SENDER, expectAll, letters } from "../support/letters.ts";
import { Postfix, isPostfixPresent } from "../support/postfix.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { SourceSession } from "../support/source.ts";

// Servers that others wrote take the relay's mail as its smart hosts.

interface SmartHost {
  readonly url: string;
  readonly authority: string;
  readonly tls?: string;
}

/** A relay with this smart host only; sends all letters through it, and then `play` judges. */
async function relayTo(
  host: SmartHost,
  sent: readonly Letter[],
  play: (relay: RelayProcess) => Promise<void>,
): Promise<void> {
  const home = new RelayHome();
  home.write("authority.pem", host.authority);
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { peer: { url: host.url, tls_ca: "./authority.pem" } },
    routes: [{ deliver: "peer" }],
  });
  const relay = new RelayProcess(home);
  try {
    const [port = 0] = await relay.ports();
    const session = await SourceSession.connect({ port });
    for (const { recipient, message } of sent) {
      const result = await session.send({ id: "", from: SENDER, recipients: [recipient], content: message, hash: "" });
      expect(result.kind).toBe("acknowledged");
    }
    await session.quit();
    await play(relay);
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
    expect(relay.events("delivery.delivered")).toHaveLength(sent.length);
    expect(relay.events("delivery.failed")).toEqual([]);
  } catch (error) {
    throw new Error(`${String(error)}\n${relay.lines.slice(-5).join("\n")}`, { cause: error });
  } finally {
    relay.kill("SIGKILL");
    await relay.stop();
    home.remove();
  }
}

const PEER = selfSigned("localhost", "DNS:localhost,IP:127.0.0.1");

test.skipIf(!isPostfixPresent)(
  `Postfix, STARTTLS verified${isPostfixPresent ? "" : " (skipped: no Postfix, or not root)"}`,
  async () => {
    const sink = await AccountingSink.start();
    const settings = {
      relayhost: `[127.0.0.1]:${sink.port}`,
      smtpd_tls_security_level: "encrypt",
      smtpd_tls_chain_files: "FOLDER/etc/chain.pem",
    };
    const postfix = await Postfix.start(settings, { "chain.pem": PEER.key + PEER.certificate });
    try {
      const sent = letters("to-postfix", 60);
      await relayTo({ url: `smtp://127.0.0.1:${postfix.port}`, authority: PEER.certificate }, sent, async () => {
        await sink
          .until(({ copies }) => copies.length >= sent.length, 60_000)
          .catch((error: unknown) => {
            throw new Error(postfix.log.slice(-2000), { cause: error });
          });
      });
      expectAll(
        sent,
        sink.copies.flatMap(({ recipients, bodyHash }) => recipients.map((recipient) => ({ recipient, bodyHash }))),
      );
    } finally {
      postfix.stop();
      await sink.close();
    }
  },
);

interface ServerSession {
  readonly secure: boolean;
  readonly user?: string;
  readonly envelope: { readonly rcptTo: readonly { readonly address: string }[] };
}

interface SmtpServer {
  readonly server: net.Server;
  listen(port: number, host: string, ready: () => void): void;
  close(done: () => void): void;
}

const { SMTPServer } = createRequire(import.meta.url)("smtp-server") as {
  SMTPServer: new (options: object) => SmtpServer;
};

const LOGIN = { username: "relay user", password: "p@ss/word: ü" } as const;

test.for([
  { name: "STARTTLS", isImplicit: false, methods: ["PLAIN"] },
  { name: "STARTTLS", isImplicit: false, methods: ["LOGIN"] },
  { name: "implicit TLS", isImplicit: true, methods: ["PLAIN", "LOGIN"] },
])("smtp-server, $name, with a password by $methods", async ({ isImplicit, methods }) => {
  const got: { recipient: string; bodyHash: string }[] = [];
  const sessions: ServerSession[] = [];
  const wake: (() => void)[] = [];
  const server = new SMTPServer({
    secure: isImplicit,
    key: PEER.key,
    cert: PEER.certificate,
    authMethods: methods,
    authOptional: false,
    size: 20_000_000,
    onAuth(
      auth: { readonly username: string; readonly password: string },
      _session: object,
      done: (error: Error | null, found?: object) => void,
    ) {
      const isRight = auth.username === LOGIN.username && auth.password === LOGIN.password;
      if (isRight) done(null, { user: auth.username });
      else done(new Error(`wrong login ${JSON.stringify(auth)}`));
    },
    onData(stream: Readable, session: ServerSession, done: () => void) {
      const pieces: Buffer[] = [];
      stream.on("data", (piece: Buffer) => pieces.push(piece));
      stream.on("end", () => {
        const content = Buffer.concat(pieces);
        const bodyHash = sha256(content.subarray(content.indexOf("\r\n\r\n") + 4));
        for (const { address } of session.envelope.rcptTo) got.push({ recipient: address, bodyHash });
        sessions.push(session);
        done();
        for (const ring of wake.splice(0)) ring();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.server.address() as net.AddressInfo;
  try {
    const sent = letters(`to-smtp-server-${isImplicit}-${methods.length}`, 30);
    const login = `${encodeURIComponent(LOGIN.username)}:${encodeURIComponent(LOGIN.password)}`;
    const url = `${isImplicit ? "smtps" : "smtp"}://${login}@127.0.0.1:${port}`;
    await relayTo({ url, authority: PEER.certificate }, sent, async (relay) => {
      while (got.length < sent.length) {
        await Promise.race([
          new Promise<void>((resolve) => wake.push(resolve)),
          relay.event("site.blocked").then((event) => Promise.reject(new Error(JSON.stringify(event)))),
        ]);
      }
    });
    expectAll(sent, got);
    expect(sessions.every((session) => session.secure && session.user === LOGIN.username)).toBe(true);
  } finally {
    await new Promise<void>((resolve) => server.close(resolve));
  }
});
