import net from "node:net";
import tls from "node:tls";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { testListener } from "../support/listener.ts";
import { isProof } from "../support/proof.ts";
import { tally } from "../support/recorded.ts";
import { TestServer } from "../support/socket-wire.ts";

// What an attacker puts between two octets of a victim, over real sockets, at every moment from 0 to 50 ms after them.

const counted = tally("races");

/** What an attacker has answered, or run as commands, he has got through. */
interface Row {
  readonly name: string;
  readonly words: string;
  /** What goes before the race, each answered. */
  readonly before: readonly string[];
  /** What the victim says, and what the attacker says behind it. */
  readonly victim: string;
  readonly injected: string;
  /** What the relay may say to both in clear, if it says anything. */
  readonly permitted: RegExp;
}

const EHLO = "EHLO victim.test\r\n";
const LOGIN = `AUTH PLAIN ${Buffer.from("\0app1\0correcthorse").toString("base64")}\r\n`;
const GREETED = /^(220 2\.0\.0 [^\r]*\r\n)?(554 5\.5\.0 [^\r]*\r\n)?$/;

const REFUSED = /^(5\d\d [^\r]*\r\n)+(221 [^\r]*\r\n)?$/;

const ROWS: readonly Row[] = [
  {
    name: "T-S-1: a command behind STARTTLS",
    words: "starttls auth trusted",
    before: [EHLO],
    victim: "STARTTLS\r\n",
    injected: "NOOP\r\n",
    permitted: GREETED,
  },
  {
    name: "T-S-3: a transaction behind STARTTLS",
    words: "starttls auth trusted",
    before: [EHLO],
    victim: "STARTTLS\r\n",
    injected: "MAIL FROM:<a@x.test>\r\nRCPT TO:<v@x.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n",
    permitted: GREETED,
  },
  {
    name: "T-S-8: garbage behind STARTTLS",
    words: "starttls auth trusted",
    before: [EHLO],
    victim: "STARTTLS\r\n",
    injected: "\x16\x03\x01\xff\xffgarbage\r\nNOOP\r\n",
    permitted: GREETED,
  },
  {
    name: "T-S-3: a login and a chunk behind STARTTLS",
    words: "starttls auth trusted",
    before: [EHLO],
    victim: "STARTTLS\r\n",
    injected: `${LOGIN}MAIL FROM:<a@x.test>\r\nRCPT TO:<v@x.test>\r\nBDAT 3 LAST\r\nabc`,
    permitted: GREETED,
  },
  // Whoever takes STARTTLS out of what the victim hears would have its password, and its mail, in clear.
  {
    name: "T-S-6: a password in clear, where TLS has to come first",
    words: "starttls auth",
    before: [EHLO],
    victim: LOGIN,
    injected: "MAIL FROM:<a@x.test>\r\nRCPT TO:<v@x.test>\r\nDATA\r\nQUIT\r\n",
    permitted: REFUSED,
  },
  {
    name: "T-S-6: mail in clear, where TLS is required",
    words: "starttls auth trusted require_tls",
    before: [EHLO],
    victim: "MAIL FROM:<a@x.test>\r\n",
    injected: "RCPT TO:<v@x.test>\r\nDATA\r\nQUIT\r\n",
    permitted: REFUSED,
  },
];

let server: TestServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

const DELAYS = Array.from({ length: 51 }, (_, ms) => ms).filter((ms) => isProof || ms % 5 === 0);

/** All that came, until the connection ended. */
function heardBy(socket: net.Socket): { text(): string; readonly gone: Promise<unknown> } {
  let text = "";
  socket.on("data", (octets: Buffer) => void (text += octets.toString("latin1")));
  socket.on("error", () => undefined); // `close` follows
  return { text: () => text, gone: once(socket, "close") };
}

async function answered(heard: { text(): string }, socket: net.Socket, already: number): Promise<void> {
  while (!/^\d{3} [^\r]*\r\n$/m.test(heard.text().slice(already)) && !socket.destroyed)
    await new Promise((resolve) => socket.once("data", resolve));
}

async function race(port: number, { before, victim, injected }: Row, delayMs: number): Promise<string> {
  const socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
  const heard = heardBy(socket);
  await answered(heard, socket, 0);
  for (const line of before) {
    const already = heard.text().length;
    socket.write(line);
    await answered(heard, socket, already);
  }
  const already = heard.text().length;
  socket.write(victim, "latin1");
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  socket.write(injected, "latin1");
  await heard.gone;
  return heard.text().slice(already);
}

test.for(ROWS)("$name is never answered and never done, whenever it comes", async (row) => {
  server = new TestServer(testListener(row.words));
  const port = await server.listen();
  await Promise.all(
    DELAYS.map(async (delayMs) => {
      const said = await race(port, row, delayMs);
      counted.add("races");
      // Past the 220 there is only TLS: an alert is octets of its kind, and no text.
      const clear = said.replace(/[\x14-\x17]\x03[\x00-\x04][^]*$/, "");
      counted.add("answered", row.permitted.test(clear) ? 0 : 1);
      expect(clear, `after ${delayMs} ms`).toMatch(row.permitted);
    }),
  );
  counted.add("accepted", server.engine.queue.arrivals.length);
  expect(server.engine.queue.arrivals).toEqual([]);
});

test("the control: a victim whom nobody disturbs gets its TLS, and its mail is taken", async () => {
  server = new TestServer(testListener("starttls auth trusted"));
  const port = await server.listen();
  const raw = net.connect({ host: "127.0.0.1", port, noDelay: true });
  const clear = heardBy(raw);
  await answered(clear, raw, 0);
  for (const line of [EHLO, "STARTTLS\r\n"]) {
    const already = clear.text().length;
    raw.write(line);
    await answered(clear, raw, already);
  }
  raw.removeAllListeners("data");
  const socket = tls.connect({ socket: raw, rejectUnauthorized: false });
  const heard = heardBy(socket);
  await once(socket, "secureConnect");
  for (const line of [
    EHLO,
    "MAIL FROM:<a@x.test>\r\n",
    "RCPT TO:<v@x.test>\r\n",
    "DATA\r\n",
    "Subject: x\r\n\r\nx\r\n.\r\n",
  ]) {
    const already = heard.text().length;
    socket.write(line);
    await answered(heard, socket, already);
  }
  expect(server.engine.queue.arrivals).toHaveLength(1);
  counted.add("undisturbed");
  socket.end("QUIT\r\n");
  await heard.gone;
});

/** Row 7.1: bytes before the greeting; 7.4: content before the 354. Whether they were early is the network's to say: both ends are legal. */
test("PL-1: who talks before the greeting is sent away, and nothing is kept of it", async () => {
  server = new TestServer(testListener("trusted"));
  const port = await server.listen();
  await Promise.all(
    DELAYS.map(async (delayMs) => {
      const socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
      const heard = heardBy(socket);
      await once(socket, "connect");
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      socket.write("EHLO early.test\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<v@x.test>\r\nQUIT\r\n");
      await heard.gone;
      counted.add("earlyTalkers");
      // Once the greeting is out they are a client's words like others, and there is no content in them.
      expect(heard.text(), `after ${delayMs} ms`).toMatch(/^(554 5\.5\.0 |220 [^\r]*\r\n(554 5\.5\.0 |250))/);
    }),
  );
  expect(server.engine.queue.arrivals).toEqual([]);
});

test("PL-4: content behind DATA in one segment is not taken for mail, nor for commands", async () => {
  server = new TestServer(testListener("trusted"));
  const port = await server.listen();
  const row = {
    name: "",
    words: "",
    before: [EHLO, "MAIL FROM:<a@x.test>\r\n", "RCPT TO:<v@x.test>\r\n"],
    victim: "DATA\r\nSubject: x\r\n\r\nMAIL FROM:<b@x.test>\r\n.\r\n",
    injected: "QUIT\r\n",
    permitted: /^554 5\.5\.0 /,
  };
  for (const delayMs of DELAYS.slice(0, 3)) {
    expect(await race(port, row, delayMs)).toMatch(row.permitted);
    counted.add("races");
  }
  expect(server.engine.queue.arrivals).toEqual([]);
});
