import { spawnSync } from "node:child_process";
import PostalMime from "postal-mime";
import { expect, test } from "vitest";
import { DnsServerScript } from "../support/dns-server.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { mimeFaults, parseReport } from "../support/report-reader.ts";
import { ScriptedHost, type TakenMessage } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// Who is told what: real relays between a client and next hops that refuse, put off and forget.

/** What the next hop says to a command line, or to `DOT`; undefined for the usual. */
type HopAnswer = (line: string) => string | undefined;

interface Scene {
  readonly home: RelayHome;
  readonly relay: RelayProcess;
  readonly hop: ScriptedHost;
  readonly port: number;
}

interface SceneOptions {
  readonly answer: HopAnswer;
  readonly keywords?: readonly string[];
  readonly config?: Readonly<Record<string, unknown>>;
  /** Of another next hop, for routes that name it. */
  readonly otherPort?: number;
}

async function scene(options: SceneOptions, play: (scene: Scene) => Promise<void>): Promise<void> {
  const home = new RelayHome();
  const { answer, keywords = [] } = options;
  const hop = await ScriptedHost.start({
    keywords: [...keywords, "8BITMIME"],
    script: (place, { line }) => (place === "CONNECT" ? undefined : answer(place === "CONTENT" ? "DOT" : line)),
  });
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: {
      hop: { url: `smtp://127.0.0.1:${hop.port}`, tls: "none" },
      other: { url: `smtp://127.0.0.1:${options.otherPort ?? hop.port}`, tls: "none" },
    },
    routes: [{ deliver: "hop" }],
    threads: 1,
    ...options.config,
  });
  const relay = new RelayProcess(home);
  try {
    const [port = 0] = await relay.ports();
    await play({ home, relay, hop, port });
  } finally {
    relay.kill("SIGKILL");
    await relay.stop();
    await hop.close();
    home.remove();
  }
}

const HEADER = "From: <app@example.com>\r\nSubject: Invoice 42\r\nX-Own: kept\r\n";

interface Letter {
  /** What follows `MAIL FROM:`. */
  readonly from?: string;
  /** What follows `RCPT TO:`. */
  readonly to: readonly string[];
  readonly header?: string;
  /** With the empty line before it, where it has a header of its own. */
  readonly body?: string;
}

/** Answers the relay's id of the message. */
async function send(
  port: number,
  { from = "<app@example.com>", to, header = `${HEADER}\r\n`, body = "body\r\n" }: Letter,
): Promise<string> {
  const session = await SourceSession.connect({ port });
  await session.expect(250, `MAIL FROM:${from}`);
  for (const recipient of to) await session.expect(250, `RCPT TO:${recipient}`);
  await session.expect(354, "DATA");
  const reply = await session.expect(250, `${header}${body}.`);
  await session.quit();
  return reply.split(" ").at(-1)!;
}

interface Shown {
  readonly deliveries: readonly { readonly recipient: string; readonly state: string; readonly reason: string }[];
  readonly history: readonly { readonly recipient: string; readonly state: string; readonly reason: string }[];
}

async function json(home: RelayHome, ...args: string[]): Promise<unknown> {
  const { code, output } = await runCommand([...args, "--json", "--config", home.configFile], { cwd: home.folder });
  expect(code).toBe(0);
  return JSON.parse(output);
}

/** The last word of history on each recipient, once the queue is empty. */
async function ends(home: RelayHome, id: string, count: number): Promise<Record<string, string>> {
  await expect.poll(() => json(home, "queue", "list")).toEqual({ deliveries: [] });
  const shown = async (): Promise<Shown> => (await json(home, "queue", "show", id)) as Shown;
  await expect.poll(async () => (await shown()).deliveries.length).toBe(count);
  const { deliveries } = await shown();
  return Object.fromEntries(deliveries.map(({ recipient, state, reason }) => [recipient, `${state}: ${reason}`]));
}

/** Those from the null sender. */
const reportsTo = (host: ScriptedHost): readonly TakenMessage[] => host.messages.filter(({ from }) => from === "");

/** As it was written, without the `Received` fields of its way. */
const octetsOf = ({ content }: TakenMessage): Uint8Array =>
  new Uint8Array(Buffer.from(content.slice(content.indexOf("From: Mail delivery")), "latin1"));

const read = (message: TakenMessage): ReturnType<typeof parseReport> => parseReport(octetsOf(message));

const whom = (report: ReturnType<typeof parseReport>): string[] =>
  report.recipients.map((recipient) => recipient["final-recipient"]!.replace(/^.*; /, ""));

const PYTHON = `
import email, email.policy, json, sys
message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
defects = [str(d) for part in message.walk() for d in part.defects]
text, status, returned = list(message.iter_parts())
blocks = [dict(block.items()) for block in status.get_payload()]
print(json.dumps({
  "defects": defects, "type": message.get_content_type(), "report": message["Content-Type"].params["report-type"],
  "types": [part.get_content_type() for part in message.iter_parts()],
  "blocks": blocks, "text": text.get_content(), "returned": returned.get_content(),
}))
`;
const hasPython = spawnSync("python3", ["--version"]).status === 0;

interface PythonReport {
  readonly defects: readonly string[];
  readonly type: string;
  readonly report: string;
  readonly types: readonly string[];
  readonly blocks: readonly Readonly<Record<string, string>>[];
  readonly text: string;
  readonly returned: string;
}

function byPython({ content }: TakenMessage): PythonReport {
  const { stdout, stderr } = spawnSync("python3", ["-c", PYTHON], {
    input: Buffer.from(content, "latin1"),
    encoding: "utf8",
  });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as PythonReport;
}

/** One message to six recipients, of which each fares in its own way. */
function sixFates(): HopAnswer {
  const asked = new Map<string, number>();
  return (line) => {
    if (!line.startsWith("RCPT")) return undefined;
    const recipient = /<(.*?)@/.exec(line)?.[1] ?? "";
    const times = (asked.get(recipient) ?? 0) + 1;
    asked.set(recipient, times);
    if (recipient === "refused" || recipient === "never")
      return `550 5.1.1 <${recipient}> \x1b[31mno\xfc such <b>user</b>`;
    if (recipient === "later" && times <= 2) return "450 4.2.1 greylisted";
    if (recipient === "crowd" && times === 1) return "452 4.5.3 too many recipients";
    return recipient === "expired" ? "451 4.3.0 not today" : undefined;
  };
}

const SIX = {
  answer: sixFates(),
  config: { retry: { schedule: ["1s", "2s"], expire: "7s" } },
};

test(`one message, six recipients, six fates${hasPython ? "" : " (without Python's email: no python3 here)"}`, async () => {
  await scene(SIX, async ({ home, relay, hop, port }) => {
    const names = ["delivered", "refused", "later", "crowd", "never", "expired"];
    const id = await send(port, {
      from: "<app@example.com> RET=HDRS ENVID=QQ+2B314",
      to: names.map((name) => {
        const options = name === "never" ? " NOTIFY=NEVER" : "";
        return `<${name}@example.net>${options} ORCPT=rfc822;first+2B${name}@example.org`;
      }),
    });
    const ended = await ends(home, id, 6);
    expect(reportsTo(hop)).toHaveLength(2);
    const reports = reportsTo(hop).map((message) => ({ message, read: read(message) }));
    const about = (name: string): (typeof reports)[number][] =>
      reports.filter((report) => whom(report.read).includes(`${name}@example.net`));
    // Each that failed in exactly one report; nobody else in any.
    expect(names.map((name) => [name, about(name).length])).toEqual([
      ["delivered", 0],
      ["refused", 1],
      ["later", 0],
      ["crowd", 0],
      ["never", 0],
      ["expired", 1],
    ]);
    const idOf = (name: string): string => about(name)[0]!.read.header["message-id"]!.slice(1, 15);
    expect(ended).toEqual({
      "delivered@example.net": "delivered: ",
      "refused@example.net": `failed: sender told in report ${idOf("refused")}`,
      "later@example.net": "delivered: ",
      "crowd@example.net": "delivered: ",
      "never@example.net": "failed: sender not told: it asked for no report of this (NOTIFY)",
      "expired@example.net": `failed: expired; sender told in report ${idOf("expired")}`,
    });
    expect(about("refused")[0]!.read.recipients).toMatchObject([
      { status: "5.1.1", "original-recipient": "rfc822; first+refused@example.org", "remote-mta": "dns; [127.0.0.1]" },
    ]);
    expect(about("expired")[0]!.read.recipients).toMatchObject([
      { status: "4.4.7", action: "failed", "diagnostic-code": "smtp; 451 4.3.0 not today" },
    ]);
    for (const { message, read: report } of reports) {
      expect(mimeFaults(octetsOf(message))).toEqual([]);
      expect(message.to).toEqual(["app@example.com"]);
      expect(message.content).toMatch(/^Received: by relay\.test \(Waypost\) id /);
      expect(message.content.includes("\x1b")).toBe(false);
      expect(report.message["original-envelope-id"]).toBe("QQ+314");
      const returned = Buffer.from(report.returned!).toString("latin1");
      expect(returned).toMatch(/^Received: from source\.test/);
      expect(returned.endsWith(HEADER)).toBe(true);
      expect(returned).not.toContain("body");
      const { subject, text, attachments } = await PostalMime.parse(octetsOf(message));
      expect(subject).toBe(report.header["subject"]);
      expect(text).toContain(whom(report)[0]);
      expect(attachments.map(({ mimeType }) => mimeType)).toEqual(["message/delivery-status", "text/rfc822-headers"]);
      const status = new TextDecoder().decode(attachments[0]!.content as ArrayBuffer);
      expect([...status.matchAll(/^Final-Recipient: rfc822; (.*?)\r?$/gm)].map(([, address]) => address)).toEqual(
        whom(report),
      );
      if (hasPython) {
        const python = byPython(message);
        expect(python.defects).toEqual([]);
        expect(python).toMatchObject({ type: "multipart/report", report: "delivery-status" });
        expect(python.types).toEqual(["text/plain", "message/delivery-status", "text/rfc822-headers"]);
        expect(python.blocks[0]!["Original-Envelope-Id"]).toBe("QQ+314");
        expect(python.blocks.slice(1).map((block) => block["Final-Recipient"])).toEqual(
          whom(report).map((address) => `rfc822; ${address}`),
        );
      }
    }
    expectPlanned(relay, hop);
  });
});

/** Every attempt of a recipient beside the time that was planned for it. */
function expectPlanned(relay: RelayProcess, hop: ScriptedHost): void {
  const lines: string[] = [];
  for (const name of ["later", "expired"]) {
    const recipient = `${name}@example.net`;
    const tried = hop.heard.filter(({ line }) => line.startsWith(`RCPT TO:<${recipient}>`)).map(({ at }) => at);
    const planned = relay
      .events("delivery.deferred")
      .filter((event) => event["recipient"] === recipient)
      .map((event) => Date.parse(String(event["due"])));
    expect(tried).toHaveLength(planned.length + 1); // the first one was not planned
    for (const [at, due] of planned.entries()) {
      const lateMs = tried[at + 1]! - due;
      lines.push(`${recipient} attempt ${at + 2}: planned ${new Date(due).toISOString()}, ${lateMs} ms later`);
      expect(lateMs).toBeGreaterThanOrEqual(-5);
      expect(lateMs).toBeLessThan(5000); // milliseconds where the machine is quick
    }
    if (name === "later") expect(planned).toHaveLength(2);
    // Waits of 1 s and 2 s, 2 s..., and the last attempt at the end of the message's 7 s.
    else expect(tried.at(-1)! - tried[0]!).toBeGreaterThan(6500);
  }
  console.log(lines.join("\n"));
}

test("a message without a sender: no report, and history says why; with a postmaster one notice, and nothing of its failure", async () => {
  const answer: HopAnswer = (line) => (line.startsWith("RCPT") ? "550 5.1.1 nobody" : undefined);
  await scene({ answer }, async ({ home, hop, port }) => {
    const id = await send(port, { from: "<>", to: ["<b@example.net>"] });
    expect(await ends(home, id, 1)).toEqual({ "b@example.net": "failed: nobody told: the message has no sender" });
    expect(hop.heard.filter(({ line }) => line.startsWith("MAIL"))).toHaveLength(1);
  });
  await scene({ answer, config: { postmaster: "admin@example.org" } }, async ({ home, relay, hop, port }) => {
    const id = await send(port, { from: "<>", to: ["<b@example.net>"] });
    const refused = await relay.event("dsn.refused");
    expect(refused).toMatchObject({ recipient: "admin@example.org", reply: "550 5.1.1 nobody" });
    expect(await ends(home, id, 1)).toEqual({
      "b@example.net": `failed: postmaster told in report ${String(refused["id"])}`,
    });
    expect(await ends(home, String(refused["id"]), 1)).toEqual({
      "admin@example.org": "failed: nobody told: it was the notice to postmaster",
    });
    expect(hop.heard.filter(({ line }) => line.startsWith("MAIL"))).toHaveLength(2);
  });
});

test("a report that cannot be delivered: the notice to postmaster names the message that it was about", async () => {
  const answer: HopAnswer = (line) =>
    line.startsWith("RCPT") && !line.includes("<admin@") ? "550 5.1.1 nobody" : undefined;
  await scene({ answer, config: { postmaster: "admin@example.org" } }, async ({ home, relay, hop, port }) => {
    const id = await send(port, { to: ["<b@example.net>", "<c@example.net>"] });
    const refused = await relay.event("dsn.refused");
    const report = String(refused["id"]);
    await ends(home, id, 2);
    expect(reportsTo(hop)).toHaveLength(1);
    const { header, text } = read(reportsTo(hop)[0]!);
    expect(header["subject"]).toBe("Undelivered: a message without a sender did not reach app@example.com");
    expect(text).toContain('"Undelivered: your message did not reach 2 recipients"');
    expect(text.replaceAll(/\r\n */g, " ")).toContain(
      `Its id here is ${report}. It is a report of this relay that <app@example.com> did not get: the message ${id}` +
        ' "Invoice 42" from that address to <b@example.net>, <c@example.net> could not be delivered.',
    );
  });
});

test("a header that is longer than what goes back is cut, and the report says so", async () => {
  const answer: HopAnswer = (line) => (line.includes("@example.net") ? "550 5.1.1 nobody" : undefined);
  await scene({ answer }, async ({ home, relay, hop, port }) => {
    const header = `${HEADER}${`X-Long: ${"v".repeat(70)}\r\n`.repeat(1000)}\r\n`;
    const id = await send(port, { to: ["<b@example.net>"], header });
    await ends(home, id, 1);
    const { text, returned } = read(reportsTo(hop)[0]!);
    expect(text.replaceAll("\r\n", " ")).toContain(
      `Its header is too long to be attached whole: what is attached ends after ${returned!.length} octets.`,
    );
    expect(relay.events("dsn.queued")).toMatchObject([{ returned: "header, cut because it is too long" }]);
  });
});

test("mail for <postmaster> goes to the address that the configuration has for it", async () => {
  const config = { postmaster: "admin@example.org" };
  await scene({ answer: () => undefined, config }, async ({ home, hop, port }) => {
    const id = await send(port, { to: ["<Postmaster>"] });
    expect(await ends(home, id, 1)).toEqual({ "admin@example.org": "delivered: " });
    expect(hop.messages.map(({ to }) => to)).toEqual([["admin@example.org"]]);
  });
});

test("NOTIFY=SUCCESS: relayed where the next hop knows no reports, passed on where it does", async () => {
  const to = ["<b@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@example.net", "<c@example.net>"];
  const answer: HopAnswer = () => undefined;
  await scene({ answer }, async ({ home, hop, port }) => {
    const id = await send(port, { from: "<app@example.com> ENVID=abc", to });
    await ends(home, id, 2);
    expect(reportsTo(hop)).toHaveLength(1);
    const report = read(reportsTo(hop)[0]!);
    expect(whom(report)).toEqual(["b@example.net"]);
    expect(report.recipients[0]).toMatchObject({ action: "relayed", status: "2.0.0" });
  });
  await scene({ answer, keywords: ["DSN"] }, async ({ home, hop, port }) => {
    const id = await send(port, { from: "<app@example.com> ENVID=abc", to });
    expect(await ends(home, id, 2)).toMatchObject({
      "b@example.net": "delivered: sender not told by us: the next hop offers DSN and has the request",
    });
    expect(hop.messages).toHaveLength(1);
    expect(hop.messages[0]!.commands[0]).toBe("MAIL FROM:<app@example.com> ENVID=abc");
    expect(hop.messages[0]!.commands[1]).toBe(
      "RCPT TO:<b@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@example.net",
    );
  });
});

test("a smart host that answers 501 to the null sender: visible, and no loop; a route for <> takes reports elsewhere", async () => {
  const answer: HopAnswer = (line) => {
    if (line.startsWith("MAIL FROM:<>")) return "501 5.1.7 sender required";
    return line.startsWith("RCPT") ? "550 5.1.1 nobody" : undefined;
  };
  await scene({ answer }, async ({ home, relay, hop, port }) => {
    const id = await send(port, { to: ["<b@example.net>"] });
    const refused = await relay.event("dsn.refused");
    expect(refused).toMatchObject({ recipient: "app@example.com", reply: "501 5.1.7 sender required" });
    expect(await ends(home, id, 1)).toEqual({
      "b@example.net": `failed: sender told in report ${String(refused["id"])}`,
    });
    const { history } = (await json(home, "queue", "show", String(refused["id"]))) as Shown;
    expect(history).toMatchObject([{ state: "failed", text: "501 5.1.7 sender required" }]);
    expect(hop.heard.filter(({ line }) => line.startsWith("MAIL FROM:<>"))).toHaveLength(1);
  });
  const other = await ScriptedHost.start();
  try {
    const routes = [{ when: { sender: "<>" }, deliver: "other" }, { deliver: "hop" }];
    await scene({ answer, otherPort: other.port, config: { routes } }, async ({ home, port }) => {
      const id = await send(port, { to: ["<b@example.net>"] });
      await ends(home, id, 1);
      expect(reportsTo(other).map((message) => whom(read(message)))).toEqual([["b@example.net"]]);
    });
  } finally {
    await other.close();
  }
});

test("RET=FULL: a small message comes back whole, of one in a file its header", async () => {
  const answer: HopAnswer = (line) => (line.includes("@example.net") ? "550 5.1.1 nobody" : undefined);
  await scene({ answer }, async ({ home, hop, port }) => {
    const small = await send(port, { from: "<app@example.com> RET=FULL", to: ["<b@example.net>"] });
    await ends(home, small, 1);
    const body = `${"x".repeat(70)}\r\n`.repeat(3000);
    const large = await send(port, { from: "<app@example.com> RET=FULL", to: ["<c@example.net>"], body });
    await ends(home, large, 1);
    const [whole, header] = reportsTo(hop).map((message) => Buffer.from(read(message).returned!).toString("latin1"));
    expect(whole!.endsWith(`${HEADER}\r\nbody\r\n`)).toBe(true);
    expect(header!.endsWith(HEADER)).toBe(true);
  });
});

const SIGNED = [
  'Content-Type: multipart/signed; micalg=sha-256; protocol="application/pgp-signature"; boundary=s',
  "Content-Transfer-Encoding: 8bit",
  "",
  "--s",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: 8bit",
  "",
  "gr\u00fc\u00dfe",
  "--s",
  "Content-Type: application/pgp-signature",
  "",
  "signature",
  "--s--",
  "",
].join("\r\n");

test("RET=FULL where the sender's server takes 7 bits only: whole what gets through, of the rest the header, and why", async () => {
  const answer: HopAnswer = (line) =>
    line.startsWith("EHLO") ? "250 hop.test" : line.includes("@example.net") ? "550 5.1.1 nobody" : undefined;
  await scene({ answer }, async ({ home, relay, hop, port }) => {
    const returned = async (header: string, body: string): Promise<{ whole: string; note: string; told: unknown }> => {
      const before = reportsTo(hop).length;
      const from = "<app@example.com> RET=FULL BODY=8BITMIME";
      const id = await send(port, { from, to: ["<b@example.net>"], header, body });
      const ended = await ends(home, id, 1);
      expect(reportsTo(hop)).toHaveLength(before + 1);
      const message = reportsTo(hop).at(-1)!;
      expect(/^[\x00-\x7f]*$/.test(message.content)).toBe(true);
      const whole = Buffer.from(read(message).returned!).toString("latin1");
      const told = relay.events("dsn.queued").at(-1)!["returned"];
      return { whole, note: ended["b@example.net"]!.replace(/report \S{14}/, "report ID"), told };
    };
    const why = "it is signed, and would not be any more";
    const signed = await returned(`${HEADER}MIME-Version: 1.0\r\n`, SIGNED);
    expect(signed.whole).toMatch(/^Received: from source\.test/);
    expect(signed.whole).toContain(HEADER);
    expect(signed.whole).not.toContain("--s");
    expect(signed).toMatchObject({
      told: `header: a server of 7 bits could not get all of the message: ${why}`,
      note: `failed: sender told in report ID, with the header alone: a server of 7 bits could not get all of the message: ${why}`,
    });
    const raw = await returned(`${HEADER}X-Raw: gr\u00fc\u00dfe\r\n`, "\r\nbody\r\n");
    expect(raw.whole).toContain("X-Raw: gr=C3=BC=C3=9Fe"); // the part as quoted-printable
    expect(raw.told).toBe(
      "header: a server of 7 bits could not get all of the message: a header in it has characters beyond ASCII",
    );
    const eight = await returned(HEADER, "\r\ngr\u00fc\u00dfe to all of you\r\n");
    expect(eight.whole).toContain("gr=C3=BC=C3=9Fe");
    expect(eight).toMatchObject({ told: "whole", note: "failed: sender told in report ID" });
    const seven = await returned(HEADER, "\r\nplain\r\n");
    expect(seven.whole.endsWith(`${HEADER}\r\nplain\r\n`)).toBe(true);
    expect(seven.told).toBe("whole");
  });
});

test("one message to 300 domains that do not exist: a handful of reports, and each recipient in one", async () => {
  const dns = await DnsServerScript.start();
  const config = {
    dns: { servers: [`127.0.0.1:${dns.port}`] },
    routes: [{ when: { sender: "<>" }, deliver: "hop" }, { deliver: "mx" }],
  };
  try {
    await scene({ answer: () => undefined, config }, async ({ home, hop, port }) => {
      const addresses = Array.from({ length: 300 }, (_, n) => `u@d${n}.test`);
      const id = await send(port, { to: addresses.map((address) => `<${address}>`) });
      const ended = await ends(home, id, 300);
      const reports = reportsTo(hop).map(read);
      expect(reports.flatMap(whom).toSorted()).toEqual(addresses.toSorted());
      expect(reports.length).toBeLessThanOrEqual(5);
      for (const { recipients } of reports)
        expect(recipients.every(({ status }) => status === "5.1.2" || status === "5.4.4")).toBe(true);
      const told = new Set(Object.values(ended));
      expect([...told].every((note) => note.startsWith("failed: sender told in report "))).toBe(true);
      expect(told.size).toBe(reports.length);
    });
  } finally {
    dns.close();
  }
});

test("a next hop that is away until the message expires: its sender is told, and the operator what was met", async () => {
  const gone = await ScriptedHost.start();
  const { port: nobody } = gone;
  await gone.close();
  const config = {
    retry: { expire: "2s" },
    routes: [{ when: { sender: "<>" }, deliver: "hop" }, { deliver: "other" }],
  };
  await scene({ answer: () => undefined, otherPort: nobody, config }, async ({ home, hop, port, relay }) => {
    const id = await send(port, { to: ["<b@example.net>", "<c@example.net>"] });
    expect(Object.values(await ends(home, id, 2))).toEqual([
      expect.stringMatching(/^failed: expired; sender told in report /),
      expect.stringMatching(/^failed: expired; sender told in report /),
    ]);
    expect(reportsTo(hop)).toHaveLength(1);
    const report = read(reportsTo(hop)[0]!);
    expect(whom(report)).toEqual(["b@example.net", "c@example.net"]);
    expect(report.recipients[0]!["diagnostic-code"]).toContain("x-waypost; the next server could not be reached");
    for (const { reply } of relay.events("delivery.failed")) expect(reply).toContain("connect-failed: ");
    expect(relay.events("delivery.failed")).toHaveLength(2);
  });
});

test("delay_notice: senders hear of it while the message waits", async () => {
  const answer: HopAnswer = (line) => (line.startsWith("RCPT TO:<b@") ? "451 4.3.0 not today" : undefined);
  const config = { retry: { schedule: ["2s"], expire: "30d", delay_notice: "1s" } };
  await scene({ answer, config }, async ({ relay, hop, port }) => {
    await send(port, { to: ["<b@example.net>"] });
    await relay.event("dsn.queued", ({ action }) => action === "delayed");
    await expect.poll(() => reportsTo(hop).length).toBe(1);
    const report = read(reportsTo(hop)[0]!);
    expect(report.recipients).toMatchObject([{ action: "delayed", status: "4.3.0" }]);
    expect(report.header["subject"]).toBe("Delayed: your message is still on its way to b@example.net");
    const text = report.text.replaceAll(/\r\n */g, " ");
    expect(text).toContain("will be tried for about 30 days more, to:");
    expect(text).toContain("<b@example.net> The receiving server put it off. There is nothing for you to do.");
    expect(text).toContain("It is tried again by itself; do not send it again.");
  });
});

test("soft_bounce: what is refused waits, and says so", async () => {
  const answer: HopAnswer = (line) => (line.startsWith("RCPT") ? "550 5.1.1 nobody" : undefined);
  await scene({ answer, config: { soft_bounce: true } }, async ({ home, relay, hop, port }) => {
    await send(port, { to: ["<b@example.net>"] });
    await relay.event("delivery.deferred", ({ reason }) => reason === "soft-bounce");
    await expect
      .poll(() => json(home, "queue", "list"))
      .toMatchObject({ deliveries: [{ state: "waiting", reason: expect.stringMatching(/^soft-bounce: /) as string }] });
    expect(reportsTo(hop)).toEqual([]);
  });
});
