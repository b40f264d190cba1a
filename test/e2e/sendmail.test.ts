import { execFile, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { type Script, ScriptedHost } from "../support/scripted-host.ts";
import { DONE, OWN_NAME, stage, waiting } from "../support/sendmail-stage.ts";
import type { SendmailEnd } from "../support/sendmail.ts";

// sendmail as cron, PHP and mail programs call it: real processes, with a relay that runs, and with one that does not.

/** A mount of its own needs rights that not every machine gives. */
const mayMount = spawnSync("unshare", ["--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]).status === 0;

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

/** A relay that takes mail for a@b.test and for nobody else now; what it does before that takes `latencyMs`. */
async function choosy(latencyMs = 0, atData = (): void => undefined): Promise<string> {
  const script: Script = (place, { line }) => {
    if (place === "DATA") atData();
    return place === "RCPT" && !line.includes("a@b.test") ? "450 4.2.1 not now" : undefined;
  };
  const host = await ScriptedHost.start({ script, latencyMs });
  onTestFinished(() => host.close());
  return `127.0.0.1:${host.port}`;
}

test("some taken and others not: these are kept, and nobody is sent to again; where they cannot be, it is said who has it", async () => {
  const { send, spool } = await stage();
  const server = { WAYPOST_SENDMAIL_SERVER: await choosy() };
  fs.mkdirSync(spool, { recursive: true });
  expect(await send(["c@d.test", "a@b.test", "e@f.test"], "x\n", undefined, server)).toEqual(DONE);
  const [kept, ...others] = waiting(spool);
  expect(others).toEqual([]);
  const head = fs.readFileSync(path.join(spool, kept!), "utf8").split("\r\n\r\n")[0]!;
  expect(head.match(/(?<=RCPT TO:)\S+/g)).toEqual(["<c@d.test>", "<e@f.test>"]);
  expect(await send(["a@b.test"], "x\n", undefined, server)).toEqual(DONE);
  expect(waiting(spool)).toEqual([kept]); // what was taken leaves nothing behind
  const nowhere = { ...server, WAYPOST_SPOOL: path.join(spool, "nowhere") };
  expect(await send(["c@d.test", "a@b.test"], "x\n", undefined, nowhere)).toEqual({
    code: 75,
    output: "",
    errors: expect.stringMatching(
      /^sendmail: the relay does not take it for now \(450 4\.2\.1 not now\), and it could not be kept in .*ENOENT.*\n<a@b\.test>: taken, do not send it there again\n$/,
    ),
  });
});

test.runIf(mayMount)("a spool that gets full while a message is sent has room for what is left of it", async () => {
  const { home, link } = await stage();
  const disk = path.join(home.folder, "disk");
  fs.mkdirSync(disk);
  const message = home.write("message", `Subject: large\n\n${"line\n".repeat(40_000)}`);
  const steps = [
    `mount -t tmpfs -o size=400k tmpfs "${disk}"`,
    `"${process.execPath}" "${link}" a@b.test c@d.test < "${message}" &`,
    `until [ -e "${home.folder}/content" ]; do sleep 0.02; done`,
    `cat /dev/zero > "${disk}/ballast"`,
    `wait $!; echo code $?`,
    `rm "${disk}/ballast"; ls -A "${disk}"`,
    `grep -ao "RCPT TO:.*@.*>" "${disk}"/*`,
    `tail -qc 12 "${disk}"/*`,
  ];
  const server = { WAYPOST_SENDMAIL_SERVER: await choosy(2000, () => void home.write("content", "comes")) }; // the disk is filled in 2 s
  const env = { PATH: process.env["PATH"], WAYPOST_CONFIG: home.configFile, WAYPOST_SPOOL: disk, ...server };
  const { stdout, stderr } = await promisify(execFile)("unshare", ["--mount", "sh", "-c", steps.join("\n")], { env });
  expect(stderr).toMatch(/No space left on device/); // of cat
  expect(stderr).not.toMatch(/sendmail:/);
  expect(stdout).toMatch(/^code 0\n[0-9a-z]{41}\nRCPT TO:<c@d\.test>\nline\r\nline\r\n$/);
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
