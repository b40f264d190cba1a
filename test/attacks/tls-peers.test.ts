import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import path from "node:path";
import tls from "node:tls";
import { expect, test } from "vitest";
import { PATIENCE_MS } from "../support/patience.ts";
import { IMPLICIT, type Scene, scene } from "../support/scene.ts";
import { tally } from "../support/recorded.ts";

// TLS that Node's own client cannot do wrong: by OpenSSL's and Python's. Each against a running relay.

tally("tls-peers");

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const hasPython = spawnSync("python3", ["-c", "import ssl"]).status === 0;
const without = (program: string): string => ` (skipped: no ${program})`;

/** `openssl s_client` on the port with TLS from the start; what it printed comes with its end. */
class OpensslClient {
  readonly #child: ChildProcess;
  #text = "";
  #isOver = false;
  readonly over: Promise<string>;

  constructor(port: number, ...options: readonly string[]) {
    this.#child = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...options]);
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.setEncoding("latin1").on("data", (text: string) => (this.#text += text));
    this.#child.stdin!.on("error", () => undefined);
    this.over = once(this.#child, "close").then(() => {
      this.#isOver = true;
      return this.#text;
    });
  }

  say(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  end(): void {
    this.#child.stdin!.end();
  }

  /** What it printed from `from` on, once `pattern` is in it; or at its end. */
  async until(pattern: RegExp, from = 0): Promise<string> {
    while (!pattern.test(this.#text.slice(from)) && !this.#isOver)
      await new Promise((resolve) => setTimeout(resolve, 1));
    return this.#text.slice(from);
  }

  get printed(): number {
    return this.#text.length;
  }
}

async function stillGreets({ ports }: Scene): Promise<void> {
  const socket = tls.connect({ host: "127.0.0.1", port: ports[IMPLICIT]!, rejectUnauthorized: false });
  const [octets] = (await once(socket, "data")) as [Buffer];
  expect(octets.toString()).toMatch(/^220 /);
  socket.destroy();
}

test.skipIf(!hasOpenssl)(`row 11: renegotiation is refused${hasOpenssl ? "" : without("openssl")}`, () =>
  scene({}, async (found) => {
    const client = new OpensslClient(found.ports[IMPLICIT]!, "-tls1_2", "-crlf");
    await client.until(/220 [^\n]*\n/);
    const before = client.printed;
    client.say("R"); // s_client's word for it
    const said = await client.until(/no renegotiation|no_renegotiation|error|closed/i, before);
    expect(said).toContain("RENEGOTIATING");
    expect(said).not.toMatch(/verify return|New, TLS/); // of a second handshake
    client.end();
    await client.over;
    await stillGreets(found);
  }),
);

const KEY_UPDATES = 1000;

test.skipIf(!hasOpenssl)(`row 11: a thousand key updates cost little${hasOpenssl ? "" : without("openssl")}`, () =>
  scene({}, async (found) => {
    const client = new OpensslClient(found.ports[IMPLICIT]!, "-tls1_3", "-crlf");
    await client.until(/220 [^\n]*\n/);
    const before = client.printed;
    const started = performance.now();
    for (let n = 0; n < KEY_UPDATES; n++) {
      const already = client.printed;
      client.say("K"); // asks for the other side's, too
      await client.until(/KEYUPDATE/, already);
    }
    client.say("NOOP");
    expect(await client.until(/250 2\.0\.0|closed/, before)).toMatch(/250 2\.0\.0/);
    expect(performance.now() - started).toBeLessThan(PATIENCE_MS);
    client.end();
    await client.over;
    await stillGreets(found);
  }),
);

test.skipIf(!hasOpenssl)(`row 11: early data is not taken${hasOpenssl ? "" : without("openssl")}`, () =>
  scene({}, async (found) => {
    const { home, ports, relay, sink } = found;
    const session = path.join(home.folder, "session.pem");
    const early = path.join(home.folder, "early.txt");
    writeFileSync(early, "EHLO early.test\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n");
    const first = new OpensslClient(ports[IMPLICIT]!, "-tls1_3", "-crlf", "-sess_out", session);
    await first.until(/New Session Ticket[^]*New Session Ticket|220 [^\n]*\n/);
    first.say("NOOP");
    await first.until(/503|250 2\.0\.0|500/);
    first.end();
    await first.over;
    const second = new OpensslClient(ports[IMPLICIT]!, "-tls1_3", "-crlf", "-sess_in", session, "-early_data", early);
    const said = await second.until(/220 [^\n]*\n/);
    expect(said).toMatch(/Early data was not sent|Early data was rejected/);
    second.end();
    await second.over;
    expect(relay.events("message.accepted")).toEqual([]);
    expect(sink.copies).toEqual([]);
    await stillGreets(found);
  }),
);

/** Whether a ticket that was got at `from` is good at `to`. */
async function isResumed(from: number, to: number): Promise<boolean> {
  const options = { host: "127.0.0.1", rejectUnauthorized: false } as const;
  const first = tls.connect({ ...options, port: from });
  const [ticket] = (await once(first, "session")) as [Buffer];
  first.destroy();
  const second = tls.connect({ ...options, port: to, session: ticket });
  await once(second, "secureConnect");
  const isReused = second.isSessionReused();
  second.destroy();
  return isReused;
}

test("row 12: a ticket of one listener is none at another", async () => {
  const listeners = ["one", "other"].map((name) => ({ name, listen: "127.0.0.1:0", tls: "implicit" }));
  await scene({ config: { listeners } }, async ({ ports: [one = 0, other = 0] }) => {
    expect(await isResumed(one, one)).toBe(true); // the control: at its own it is
    expect(await isResumed(one, other)).toBe(false);
    expect(await isResumed(other, one)).toBe(false);
  });
});

/** TLS is closed inside a chunk, and the rest of it comes in clear. */
const CLOSES_INSIDE = `
import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
raw = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
stream = context.wrap_socket(raw, suppress_ragged_eofs=True)
def say(line):
    stream.sendall(line)
    return stream.recv(4096)
stream.recv(4096)
for line in (b"EHLO c.test\\r\\n", b"MAIL FROM:<a@x.test>\\r\\n", b"RCPT TO:<b@x.test>\\r\\n"):
    print(say(line)[:3].decode())
stream.sendall(b"BDAT 100 LAST\\r\\nSubject: cut\\r\\n")
try:
    plain = stream.unwrap()
except (ssl.SSLError, OSError):
    plain = raw
try:
    plain.sendall(b"x" * 86 + b"NOOP\\r\\n")
    plain.settimeout(5)
    print("said", plain.recv(4096)[:3].decode("latin-1"))
except OSError:
    print("said nothing")
`;

test.skipIf(!hasPython)(
  `BD-15: what comes in clear behind the end of TLS is no part of a chunk${hasPython ? "" : without("python3")}`,
  () =>
    scene({}, async (found) => {
      const { ports, relay, sink } = found;
      const client = spawn("python3", ["-c", CLOSES_INSIDE, String(ports[IMPLICIT]!)]);
      let text = "";
      client.stdout.setEncoding("latin1").on("data", (more: string) => (text += more));
      await once(client, "close");
      expect(text).toMatch(/^250\n250\n250\nsaid (nothing)?\n/);
      await relay.event("session.failed");
      expect(relay.events("message.accepted")).toEqual([]);
      expect(sink.copies).toEqual([]);
      await stillGreets(found);
    }),
);
