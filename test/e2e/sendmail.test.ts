import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { leaveInSpool } from "../../src/adapters/spool/leave.ts";
import { utf8 } from "../../src/core/base/bytes.ts";
import { spoolFile } from "../../src/core/submission/spooled.ts";
import { AccountingSink, type Copy } from "../support/accounting-sink.ts";
import { freePort } from "../support/free-port.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { isProof } from "../support/proof.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { type SendmailEnd, SendmailTalk, linkSendmail, runSendmail } from "../support/sendmail.ts";

// sendmail as cron, PHP and mail programs call it: real processes, with a relay that runs, and with one that does not.

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
/** A mount of its own needs rights that not every machine gives. */
const mayMount = spawnSync("unshare", ["--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]).status === 0;
const OWN_NAME = os.userInfo().username;
/** A thousand calls on two cores, with forty starts of a relay among them. */
const PROOF_MS = isProof ? 15 * 60_000 : 3 * PATIENCE_MS;
const DONE: SendmailEnd = { code: 0, output: "", errors: "" };

interface Stage {
  readonly home: RelayHome;
  /** The launcher, called sendmail. */
  readonly link: string;
  readonly sink: AccountingSink;
  readonly spool: string;
  start(): Promise<RelayProcess>;
  /** As a program of this machine that knows where the configuration is. */
  send(
    args: readonly string[],
    input: string | Uint8Array,
    uid?: number,
    more?: Readonly<Record<string, string>>,
  ): Promise<SendmailEnd>;
  /** `-bs` */
  talk(): SendmailTalk;
  /** The messages as they came to the next hop. */
  mail(count: number): Promise<readonly Mail[]>;
}

interface Mail {
  readonly from: string;
  readonly recipients: readonly string[];
  readonly text: string;
}

async function stage(
  more: Record<string, unknown> = {},
  isOfMany = false,
  listener: Record<string, unknown> = {},
): Promise<Stage> {
  const home = new RelayHome();
  const sink = await AccountingSink.start({ keepsRaw: true });
  const port = await freePort();
  if (isOfMany) fs.chmodSync(home.folder, 0o755);
  const spool = path.join(home.folder, isOfMany ? "spool" : "data/spool");
  home.configure({
    listeners: [{ listen: `127.0.0.1:${port}`, tls: "none", ...listener }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { hop: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
    routes: [{ deliver: "hop" }],
    sendmail: { spool: isOfMany ? "./spool" : "./data/spool" },
    ...more,
  });
  onTestFinished(async () => {
    await sink.close();
    home.remove();
  });
  const link = linkSendmail(home.folder);
  const environment = { WAYPOST_CONFIG: home.configFile, HOME: home.folder };
  const others = { WAYPOST_SENDMAIL_SERVER: `127.0.0.1:${port}`, WAYPOST_SPOOL: spool };
  return {
    home,
    link,
    sink,
    spool,
    async start() {
      const relay = new RelayProcess(home);
      onTestFinished(async () => {
        relay.kill("SIGKILL");
        await relay.stop();
      });
      await relay.ports();
      return relay;
    },
    send: (args, input, uid, variables = {}) =>
      runSendmail(
        link,
        args,
        input,
        uid === undefined ? { environment: { ...environment, ...variables } } : { environment: others, uid },
      ),
    talk: () => new SendmailTalk(link, environment),
    async mail(count) {
      await sink.until(({ copies }) => copies.length >= count);
      return sink.copies.map(({ from, recipients, raw }) => ({ from, recipients, text: raw!.toString("latin1") }));
    },
  };
}

/** Files that wait in it. */
function waiting(spool: string): string[] {
  return fs.readdirSync(spool).filter((name) => name !== "dead");
}

test("PHP: recipients from the header, Bcc removed, LF made CR LF, what is missing added", async () => {
  const { start, send, mail } = await stage();
  const relay = await start();
  const input = "To: a@b.test, Bee <c@d.test>\nSubject: s\nCc: e@f.test\nBcc: g@h.test\n\nhello\n.\nbye\n";
  expect(await send(["-t", "-i"], input)).toEqual(DONE);
  const [found] = await mail(1);
  expect(found).toMatchObject({
    from: `${OWN_NAME}@relay.test`,
    recipients: ["a@b.test", "c@d.test", "e@f.test", "g@h.test"],
  });
  expect(found!.text).toMatch(
    /\r\nFrom: [^]*\r\nDate: .*\r\nMessage-ID: <\w+@relay\.test>\r\nTo: a@b\.test, Bee <c@d\.test>\r\n/,
  );
  expect(found!.text).toMatch(/\r\nCc: e@f\.test\r\n\r\nhello\r\n\.\r\nbye\r\n$/);
  expect(found!.text).not.toMatch(/bcc|g@h\.test/i);
  const accepted = await relay.event("message.accepted");
  expect(accepted).toMatchObject({ identity: "network 127.0.0.0/8", recipients: 4 });
});

test("cron: no header but its own, a name, the user's address, to root of this machine", async () => {
  const { start, send, mail } = await stage();
  await start();
  const input = "From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@h> job\n\n10%\r20%\rdone\n";
  expect(await send(["-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root"], input)).toEqual(DONE);
  expect(await send(["-F", 'A "B" <c@d.test>', "root@localhost"], "no header here\n.\nnot read\n")).toEqual(DONE);
  const [cron, plain] = await mail(2);
  expect(cron).toMatchObject({ from: `${OWN_NAME}@relay.test`, recipients: ["root@relay.test"] });
  expect(cron!.text).toMatch(/\r\nTo: root\r\n[^]*\r\n\r\n10%\r\n20%\r\ndone\r\n$/);
  expect(plain!.text).toContain(`\r\nFrom: "A \\"B\\" <c@d.test>"\r\n <${OWN_NAME}@relay.test>\r\n`);
  expect(plain!.text).toMatch(/\r\n\r\nno header here\r\n$/);
});

test("mutt and mail: -f, --, options of reports; the sender may be nobody", async () => {
  const { start, send, mail } = await stage();
  await start();
  const input = "From: x@y.test\nTo: -a@b.test\nSubject: s\n\nb\n";
  expect(
    await send(["-oem", "-oi", "-f", "x@y.test", "-N", "never", "-R", "hdrs", "-V", "id=1", "--", "-a@b.test"], input),
  ).toEqual(DONE);
  expect(await send(["-f", "", "-t"], "To: undisclosed-recipients:;\nBcc: c@d.test\n\nb\n")).toEqual(DONE);
  const [mutt, nobody] = await mail(2);
  expect(mutt).toMatchObject({ from: "x@y.test", recipients: ["-a@b.test"] });
  expect(nobody).toMatchObject({ from: "", recipients: ["c@d.test"] });
});

test("while the relay is down mail is kept, for its user alone; when it is there it takes it, as that user's", async () => {
  const { start, send, mail, spool } = await stage();
  await (await start()).stop();
  expect(fs.statSync(spool).mode & 0o7777).toBe(0o700); // in the data folder, which is closed
  expect(await send(["-t"], "To: a@b.test\nBcc: c@d.test\nSubject: kept\n\n.dot\n")).toEqual(DONE);
  const [name] = waiting(spool);
  expect(fs.statSync(path.join(spool, name!)).mode & 0o7777).toBe(0o440);
  const relay = await start();
  const [found] = await mail(1);
  expect(found).toMatchObject({ from: `${OWN_NAME}@relay.test`, recipients: ["a@b.test", "c@d.test"] });
  expect(found!.text).toMatch(/^Received: by relay\.test \(Waypost, from userid \d+\)\r\n\tid \w{14};\r\n/);
  expect(found!.text).toMatch(/\r\nSubject: kept\r\n\r\n\.dot\r\n$/);
  expect(await relay.event("message.accepted")).toMatchObject({ identity: `local ${OWN_NAME}`, listener: "spool" });
  await expect.poll(() => waiting(spool)).toEqual([]);
});

test("what comes into the spool while the relay runs is taken within moments", async () => {
  const { start, send, mail, spool, home } = await stage();
  const relay = await start();
  const config = fs.readFileSync(home.configFile, "utf8");
  fs.writeFileSync(
    home.configFile,
    config.replace(/127\.0\.0\.1:\d+(?=\n\s+tls: none\n)/, `127.0.0.1:${await freePort()}`),
  );
  expect(await send(["a@b.test"], `Subject: x\n\n${"line\n".repeat(50_000)}`)).toEqual(DONE);
  const [found] = await mail(1);
  expect(found!.text).toMatch(/\r\n\r\n(line\r\n){50000}$/);
  await expect.poll(() => waiting(spool)).toEqual([]);
  expect(relay.events("session.refused")).toEqual([]);
});

test("WAYPOST_SPOOL is where it is left, whatever the configuration says; an empty one is none", async () => {
  const { send, home, spool } = await stage();
  const other = path.join(home.folder, "other");
  for (const folder of [path.dirname(spool), spool, other]) fs.mkdirSync(folder);
  const sendWith = (environment: Record<string, string>): Promise<SendmailEnd> =>
    send(["a@b.test"], "Subject: x\n\nx\n", undefined, environment);
  expect(await sendWith({ WAYPOST_SPOOL: other })).toEqual(DONE);
  expect([waiting(other).length, waiting(spool).length]).toEqual([1, 0]);
  expect(await sendWith({ WAYPOST_SPOOL: "" })).toEqual(DONE);
  expect([waiting(other).length, waiting(spool).length]).toEqual([1, 1]);
  const nowhere = await sendWith({ WAYPOST_SPOOL: path.join(home.folder, "nowhere") });
  expect(nowhere).toMatchObject({ code: 75, errors: expect.stringMatching(/could not be kept in .*nowhere: ENOENT/) });
});

test.runIf(mayMount)("a spool that is full is 75, and holds nothing of it; when there is room it is kept", async () => {
  const { home, link } = await stage();
  const disk = path.join(home.folder, "disk");
  fs.mkdirSync(disk);
  const message = home.write("message", `Subject: large\n\n${"line\n".repeat(40_000)}`); // more than the disk has
  const steps = [
    `mount -t tmpfs -o size=128k tmpfs "${disk}"`,
    `"${process.execPath}" "${link}" a@b.test < "${message}"; echo code $?`,
    `ls -A "${disk}" | wc -l`,
    `mount -o remount,size=4m "${disk}"`,
    `"${process.execPath}" "${link}" a@b.test < "${message}"; echo code $?`,
    `ls -A "${disk}"`,
    `cp -p "${disk}"/* "${home.folder}/kept"`,
  ];
  const env = { PATH: process.env["PATH"], WAYPOST_CONFIG: home.configFile, WAYPOST_SPOOL: disk };
  const found = spawnSync("unshare", ["--mount", "sh", "-c", steps.join("\n")], { encoding: "utf8", env });
  expect(found.stderr).toMatch(/^sendmail: .* could not be kept in .*disk: ENOSPC.*\n$/);
  expect(found.stdout).toMatch(/^code 75\n\s*0\ncode 0\n[0-9a-z]{41}\n$/);
  expect(fs.readFileSync(path.join(home.folder, "kept"), "latin1")).toMatch(/\r\n\r\n(line\r\n){40000}$/);
});

test("killed again and again while it takes what is in the spool, the relay takes each file exactly once", async () => {
  // Nothing is delivered meanwhile, so that no window of delivery explains a second copy: there is to be none.
  const { start, home, spool, sink } = await stage();
  await (await start()).stop();
  const { port } = sink;
  await sink.close();
  const [count, rounds] = isProof ? [10_000, 40] : [1500, 6];
  const all = Array.from({ length: count }, (_, at) => `r${at}@b.test`);
  const content = utf8("Subject: x\r\n\r\nx\r\n");
  const reversePath = "u@relay.test";
  const terms = { reversePath, octets: content.length, isEightBit: false, needsSmtpUtf8: false, ret: undefined };
  for (const forwardPath of all)
    await leaveInSpool(spool, [
      spoolFile({ ...terms, envelopeId: undefined, recipients: [{ forwardPath, notify: undefined }] }, content),
    ]);
  let killedWithin = 0;
  for (let round = 0; round < rounds && waiting(spool).length > 0; round++) {
    const relay = await start();
    const before = waiting(spool).length;
    const deadline = performance.now() + PATIENCE_MS;
    while (waiting(spool).length === before && performance.now() < deadline) await turn();
    relay.kill("SIGKILL");
    await relay.exited;
    if (waiting(spool).length > 0) killedWithin++;
  }
  expect(killedWithin).toBeGreaterThanOrEqual(3);
  const hop = await AccountingSink.start({ port });
  onTestFinished(() => hop.close());
  const relay = await start();
  await runCommand(["queue", "retry", "--all", "--yes"], { cwd: home.folder });
  await hop.until(() => hop.recipients().length >= count);
  expect((await relay.stop()).code).toBe(0);
  expect(hop.recipients().toSorted()).toEqual(all.toSorted());
});

test("nowhere to keep it is 75, for whoever called tries again or says so", async () => {
  const { send, home } = await stage();
  const end = await send(["a@b.test"], "x\n");
  expect(end).toMatchObject({ code: 75, output: "" });
  expect(end.errors).toMatch(
    /^sendmail: the relay does not take it for now \(.*ECONNREFUSED.*\), and it could not be kept in .*spool: ENOENT.*\n$/,
  );
  fs.rmSync(home.configFile);
  expect(await send(["a@b.test"], "x\n")).toMatchObject({
    code: 78,
    errors: expect.stringMatching(/there is no such file\n$/),
  });
});

test("what the relay refuses is said, with a code that says why; the others are sent", async () => {
  const access = { networks: ["127.0.0.0/8"], senders: ["@relay.test"] };
  const routes = [{ when: { recipient: "@b.test" }, deliver: "hop" }];
  const { start, send, mail } = await stage({ access, routes });
  await start();
  const mixed = await send(["a@b.test", "c@elsewhere.test"], "x\n");
  expect(mixed).toMatchObject({
    code: 77,
    errors: expect.stringMatching(/^sendmail: <c@elsewhere\.test>: refused: 550 5\.7\.1 /),
  });
  expect((await mail(1))[0]!.recipients).toEqual(["a@b.test"]);
  expect(await send(["-f", "x@y.test", "a@b.test"], "x\n")).toMatchObject({ code: 77 });
  expect(await send(["a@localhost.test", "postmaster"], "x\n")).toMatchObject({
    code: expect.toSatisfy((code) => code === 67 || code === 77),
  });
});

test.each<[what: string, args: readonly string[], input: string, code: number, errors: RegExp]>([
  ["no recipient", [], "x", 64, /name a recipient, or -t/],
  ["no recipient in the header", ["-t"], "To: nobody:;\n\nx", 65, /there is no recipient/],
  ["a header that is no list", ["-t"], 'To: a@b.test, "x\n\nx', 65, /to: a@b\.test, "x: a quote has no end/],
  ["an address that is none", ["-t"], "To: a@b..test\n\nx", 65, /a@b\.\.test is no address: the domain is not valid/],
  ["an argument that is none", ["a@b..test"], "x", 64, /is no address/],
  ["a sender that is none", ["-f", "a b", "c@d.test"], "x", 64, /-f takes the address of the sender, and a b is none/],
  ["NUL", ["a@b.test"], "x\0y", 65, /NUL/],
  ["a long line", ["a@b.test"], "x".repeat(999), 65, /line 1 has 999 octets/],
  ["no such option", ["-Z", "a@b.test"], "x", 64, /no option -Z/],
  ["a mode that is not ours", ["-bd"], "", 69, /waypost start/],
  ["an envelope id with a line end", ["-V", "a\nb", "a@b.test"], "x", 64, /-V takes/],
  ["an escape in an address", ["a\x1b2J@b.test"], "x", 64, /a\\x1b2J@b\.test is no address/],
  ["a command in an address", ["a@b.test>\r\nRCPT TO:<c@d.test"], "x", 64, /a > has no <|is no address/],
])("%s: refused before anything is sent", async (_, args, input, code, errors) => {
  const { send } = await stage();
  expect(await send(args, input)).toEqual({ code, output: "", errors: expect.stringMatching(errors) });
});

test("arguments and header are data: nothing of them reaches a shell, a file name or another field", async () => {
  const { start, send, mail, home } = await stage();
  await start();
  const canary = path.join(home.folder, "canary");
  const evil = `$(touch ${canary})\`touch ${canary}\`;touch ${canary}|\r\nBcc: x@y.test\r\n\r\nbody`;
  expect(
    await send(
      ["-F", evil, "-O", evil, "-L", evil, "-X", evil, "a@b.test"],
      `Subject: ${evil.replaceAll("\r\n", " ")}\n\nx\n`,
    ),
  ).toEqual(DONE);
  const [found] = await mail(1);
  expect(found!.recipients).toEqual(["a@b.test"]);
  expect(found!.text.split("\r\n\r\n")[0]).not.toMatch(/^(bcc|body)/im);
  expect(fs.existsSync(canary)).toBe(false);
});

test("10,000 recipients of a header get it once each, over the relay and over the spool", async () => {
  const { start, send, sink, spool } = await stage();
  const relay = await start();
  const all = Array.from({ length: 10_000 }, (_, at) => `r${at}@b.test`);
  const input = `To: ${all.join(",\n ")}\nSubject: many\n\nx\n`;
  const came = (): string[] => sink.copies.flatMap(({ recipients }) => recipients);
  expect(await send(["-t"], input)).toEqual(DONE);
  await sink.until(() => came().length >= all.length);
  expect(came().toSorted()).toEqual(all.toSorted());
  await relay.stop();
  expect(await send(["-t"], input)).toEqual(DONE);
  expect(waiting(spool)).toHaveLength(20);
  await start();
  await sink.until(() => came().length >= 2 * all.length);
  expect(came().toSorted()).toEqual([...all, ...all].toSorted());
});

test("-bs is a session with the relay, whose every word comes through; without the relay a 421", async () => {
  const { start, talk, send, mail } = await stage();
  const relay = await start();
  const session = talk();
  expect(await session.heard(/^220 .*\r\n$/)).toBe("220 relay.test ESMTP Waypost\r\n");
  for (const [line, reply] of [
    ["EHLO here.test", /^250 LIMITS.*\r\n$/m],
    ["MAIL FROM:<a@b.test>", /^250 2\.1\.0 .*\r\n$/],
    ["RCPT TO:<c@d.test>", /^250 2\.1\.5 .*\r\n$/],
    ["DATA", /^354 .*\r\n$/],
    ["Subject: x\r\n\r\n..hi\r\n.", /^250 2\.0\.0 Queued as \w{14}\r\n$/],
    ["QUIT", /^221 .*\r\n$/],
  ] as const) {
    session.say(`${line}\r\n`);
    await session.heard(reply);
  }
  expect(await session.ended).toBe(0);
  expect((await mail(1))[0]).toMatchObject({ from: "a@b.test", text: expect.stringMatching(/\r\n\r\n\.hi\r\n$/) });
  await relay.stop();
  expect(await send(["-bs"], "EHLO here.test\r\n")).toEqual({
    code: 75,
    output: "421 4.3.2 The relay cannot be reached, try again later\r\n",
    errors: "",
  });
});

test("append_domain is what the relay puts behind an address without a domain, and sendmail too", async () => {
  const { start, send, mail, talk } = await stage({}, false, { append_domain: "b.test" });
  await start();
  expect(await send(["root"], "Subject: x\n\nx\n")).toEqual(DONE);
  const session = talk();
  for (const line of ["EHLO x.test", "MAIL FROM:<cron>", "RCPT TO:<app>", "DATA", "To: app\r\n\r\nx\r\n.", "QUIT"]) {
    await session.heard(/^(?:220|250|354) .*\r\n$/m);
    session.say(`${line}\r\n`);
  }
  expect(await session.ended).toBe(0);
  expect((await mail(2)).map(({ from, recipients }) => ({ from, recipients }))).toEqual([
    { from: `${OWN_NAME}@b.test`, recipients: ["root@b.test"] },
    { from: "cron@b.test", recipients: ["app@b.test"] },
  ]);
});

test("-bp lists the queue, -q has nothing to do", async () => {
  const { start, send, sink } = await stage();
  await start();
  await sink.close();
  expect(await send(["a@b.test"], "Subject: x\n\nx\n")).toEqual(DONE);
  await expect.poll(async () => (await send(["-bp"], "")).output).toContain("a@b.test");
  expect(await send(["-q"], "")).toEqual(DONE);
});

test(
  "many at once, and a relay that is killed and started among them: each is there, once where no kill explains more",
  async () => {
    const { start, send, sink, spool, home } = await stage();
    const count = isProof ? 1000 : 60;
    const together = 12;
    let relay = await start();
    let next = 0;
    let done = 0;
    const calls = new Map<string, Span>();
    const kills: number[] = [];
    const caller = async (): Promise<void> => {
      for (let number = next++; number < count; number = next++) {
        const from = performance.now();
        expect(await send(["-i", `r${number}@b.test`], `Subject: ${number}\n\nx\n`)).toEqual(DONE);
        calls.set(`r${number}@b.test`, { from, to: performance.now() });
        done++;
      }
    };
    const all = Promise.all(Array.from({ length: together }, caller));
    const trouble = async (): Promise<void> => {
      for (let at = 10; at < count; at += 25) {
        await expect.poll(() => done, { interval: 5, timeout: PATIENCE_MS }).toBeGreaterThanOrEqual(at);
        kills.push(performance.now());
        relay.kill("SIGKILL");
        await relay.exited;
        await expect
          .poll(() => done, { interval: 5, timeout: PATIENCE_MS })
          .toBeGreaterThanOrEqual(Math.min(at + 10, count));
        relay = await start();
      }
    };
    await Promise.all([all, trouble()]);
    const came = (): Set<string> => new Set(sink.recipients());
    await sink.until(() => came().size >= count);
    await expect.poll(() => waiting(spool), { timeout: PATIENCE_MS }).toEqual([]);
    const isQueueEmpty = async (): Promise<boolean> => {
      const { output } = await runCommand(["queue", "list", "--count", "--json"], { cwd: home.folder });
      return (JSON.parse(output) as { readonly deliveries: number }).deliveries === 0;
    };
    await expect.poll(isQueueEmpty, { timeout: PATIENCE_MS }).toBe(true);
    expect([...calls].flatMap(([recipient, call]) => unexplained(recipient, call, sink.copies, kills))).toEqual([]);
  },
  PROOF_MS,
);

/** Both by `performance.now()`. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** What a relay wrote before it was killed is in the socket, and is read when this process comes to it. */
const READ_LATE_MS = 2000;

/**
 * What came more than once, and not because of a kill. Two kinds are explained: a message of ours comes again where the relay was
 * killed between the next hop's answer and its record; and sendmail keeps a message in the spool that the relay has committed,
 * where the relay was killed while it was called, before the answer.
 */
function unexplained(recipient: string, call: Span, copies: readonly Copy[], kills: readonly number[]): string[] {
  const isKillWithin = ({ from, to }: Span): boolean => kills.some((at) => at >= from && at <= to);
  const messages = new Map<string, Copy[]>();
  for (const copy of copies.filter(({ recipients }) => recipients.includes(recipient))) {
    const id = /\bid (\w{14})\b/.exec(copy.raw!.toString("latin1"))![1]!; // of the field that the relay put on top
    messages.set(id, [...(messages.get(id) ?? []), copy]);
  }
  const again = [...messages].filter(([, of]) =>
    of.slice(1).some(({ dotAt }, at) => !isKillWithin({ from: of[at]!.dotAt - READ_LATE_MS, to: dotAt })),
  );
  const wrong = again.map(([id]) => `${recipient}: ${id} came again without a kill`);
  if (messages.size <= 1) return wrong;
  const spooled = [...messages.values()].filter(([copy]) => copy!.raw!.toString("latin1").includes("from userid"));
  const isExplained = messages.size === 2 && spooled.length === 1 && isKillWithin(call);
  return isExplained ? wrong : [...wrong, `${recipient}: ${messages.size} messages of one call`];
}

test.runIf(isRoot)("users leave mail without seeing each other's; whose it is the system says", async () => {
  const { start, send, mail, spool } = await stage({}, true);
  const relay = await start();
  await relay.stop();
  expect(await send(["a@b.test"], "Subject: x\n\nx\n", NOBODY)).toEqual(DONE);
  const [name] = waiting(spool);
  expect(fs.statSync(path.join(spool, name!))).toMatchObject({ uid: NOBODY });
  const asOther = (code: string): string => {
    try {
      return execFileSync(process.execPath, ["-e", code], {
        uid: 65_533,
        gid: 65_533,
        cwd: "/",
        stdio: "pipe",
      }).toString();
    } catch (error) {
      return String((error as { stderr: Buffer }).stderr);
    }
  };
  const file = JSON.stringify(path.join(spool, name!));
  expect(asOther(`fs.readdirSync(${JSON.stringify(spool)})`)).toContain("EACCES");
  expect(asOther(`fs.readFileSync(${file})`)).toContain("EACCES");
  expect(asOther(`fs.rmSync(${file})`)).toMatch(/EPERM|EACCES/);
  expect(asOther(`fs.renameSync(${file}, ${file} + "x")`)).toMatch(/EPERM|EACCES/);
  const again = await start();
  await mail(1);
  expect(await again.event("message.accepted")).toMatchObject({ identity: "local nobody" });
});

test.runIf(isRoot)("what root left in the data folder's spool is read by a relay that is not root", async () => {
  const { start, send, mail, home } = await stage({ user: `${NOBODY}:${NOBODY}` });
  fs.chmodSync(home.folder, 0o755);
  await (await start()).stop();
  expect(await send(["a@b.test"], "Subject: of root\n\nx\n")).toEqual(DONE);
  const relay = await start();
  expect((await mail(1))[0]!.text).toContain("Subject: of root");
  expect(relay.events("spool.failed")).toEqual([]);
});

test("what is refused from the spool goes back to its sender; where that cannot be, it is kept and said", async () => {
  const routes = [
    { when: { recipient: "@b.test" }, deliver: "hop" },
    { when: { recipient: "@relay.test" }, deliver: "hop" },
  ];
  const { start, send, mail, spool, sink } = await stage({ routes });
  await (await start()).stop();
  expect(await send(["a@b.test", "x@elsewhere.test"], "Subject: partly\n\nx\n")).toEqual(DONE);
  expect(await send(["-f", "", "y@elsewhere.test"], "Subject: of nobody\n\nx\n")).toEqual(DONE);
  expect(await send(["-N", "never", "z@elsewhere.test"], "Subject: no report\n\nx\n")).toEqual(DONE);
  const relay = await start();
  const found = await mail(2);
  expect(found.find(({ from }) => from !== "")!.recipients).toEqual(["a@b.test"]);
  const report = found.find(({ from }) => from === "")!;
  expect(report.recipients).toEqual([`${OWN_NAME}@relay.test`]);
  expect(report.text).toMatch(/Final-Recipient: rfc822; ?x@elsewhere\.test[^]*Status: 5\.7\.1/);
  await expect.poll(() => relay.events("spool.refused")).toHaveLength(3);
  const buried = relay.events("spool.refused").filter((event) => "file" in event);
  expect(buried).toMatchObject([
    { from: "", dsn: "nobody told: the message has no sender", reply: expect.stringMatching(/^550 5\.7\.1/) },
  ]);
  expect(fs.readFileSync(buried[0]!["file"] as string, "utf8")).toContain("Subject: of nobody");
  expect(waiting(spool)).toEqual([]);
  expect(sink.copies).toHaveLength(2);
});

test("a spool that anybody may write to holds what anybody wrote: links, pipes, nonsense and lies are kept apart, and nothing waits behind them", async () => {
  const { start, send, mail, spool, home } = await stage();
  await (await start()).stop();
  const name = (digit: string): string => path.join(spool, `000000000${digit.repeat(32)}`);
  const secret = home.write("secret", "WAYPOST SPOOL 1\r\nMAIL FROM:<a@b.test> SIZE=1\r\nRCPT TO:<c@d.test>\r\n\r\nx");
  fs.symlinkSync(secret, name("0"));
  fs.linkSync(secret, name("1"));
  execFileSync("mkfifo", [name("2")]);
  fs.mkdirSync(name("3"));
  fs.writeFileSync(name("4"), "nonsense");
  fs.writeFileSync(name("5"), "WAYPOST SPOOL 1\r\nMAIL FROM:<a@b.test> SIZE=9\r\nRCPT TO:<c@d.test>\r\n\r\nx");
  fs.writeFileSync(name("6"), "");
  fs.writeFileSync(path.join(spool, "other"), "no name of a file");
  fs.writeFileSync(
    name("7"),
    "WAYPOST SPOOL 1\r\nMAIL FROM:<a@b.test> SIZE=18\r\nRCPT TO:<c@d.test>\r\n\r\nx\n.\nMAIL FROM:<q>\n",
  );
  expect(await send(["a@b.test"], "Subject: good\n\nx\n")).toEqual(DONE);
  const relay = await start();
  const found = await mail(2);
  expect(found.filter(({ from }) => from !== "")).toMatchObject([{ text: expect.stringContaining("Subject: good") }]);
  expect(found.find(({ from }) => from === "")!.text).toContain("Status: 5.5.2"); // of the bare LF
  await expect.poll(() => waiting(spool)).toEqual(["other"]);
  expect(relay.events("spool.failed").length).toBeGreaterThanOrEqual(7);
  expect(relay.isRunning).toBe(true);
});
