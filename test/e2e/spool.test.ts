import { execFileSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { leaveInSpool } from "../../src/adapters/spool/leave.ts";
import { utf8 } from "../../src/core/base/bytes.ts";
import { SPOOL } from "../../src/core/base/limits.ts";
import { spoolFile } from "../../src/core/submission/spooled.ts";
import { plantedTree } from "../crash/patched-copy.ts";
import { AccountingSink } from "../support/accounting-sink.ts";
import { freePort } from "../support/free-port.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { programForAll } from "../support/program-for-all.ts";
import { isProof } from "../support/proof.ts";
import { RelayHome, RelayProcess, type SpawnOptions, runCommand } from "../support/relay.ts";
import { DONE, NOBODY, OWN_NAME, isRoot, stage, waiting } from "../support/sendmail-stage.ts";
import { type Call, arrivedOf, unexplained } from "./second-copies.ts";

/** Each call is a start of Node, some 0.3 s of a core: more of them at once take longer each, and all together as long. */
const TOGETHER = Math.min(4 * os.availableParallelism(), 12);
/** A thousand calls, with forty starts of a relay among them: a minute and a half on two cores, and others may use these too. */
const PROOF_MS = isProof ? 8 * 60_000 : 3 * PATIENCE_MS;

// What sendmail leaves in the spool while the relay is not there, and how the relay takes it in.

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

test("a server at which nobody listens: all goes over the spool, also while the relay runs", async () => {
  const { start, send, mail, spool } = await stage();
  await start();
  const alone = { WAYPOST_SENDMAIL_SERVER: "127.0.0.1:1" };
  expect(await send(["a@b.test"], "Subject: alone\n\nx\n", undefined, alone)).toEqual(DONE);
  expect((await mail(1))[0]!.text).toMatch(/^Received: by relay\.test \(Waypost, from userid \d+\)/);
  await expect.poll(() => waiting(spool)).toEqual([]);
});

/** Deliveries in the queue. */
async function queued({ folder }: RelayHome): Promise<number> {
  const { output } = await runCommand(["queue", "list", "--count", "--json"], { cwd: folder });
  return (JSON.parse(output) as { readonly deliveries: number }).deliveries;
}

/** A file of the spool. */
function fileTo(forwardPath: string, content: Uint8Array): Uint8Array[] {
  const recipients = [{ forwardPath, notify: undefined }];
  const envelope = { reversePath: "u@relay.test", recipients, octets: content.length };
  const terms = { isEightBit: false, needsSmtpUtf8: false, ret: undefined, envelopeId: undefined };
  return spoolFile({ ...envelope, ...terms }, content);
}

/** Whom mail came to that lay in the spool of a relay that was killed again and again while it took it in. */
async function afterKills(count: number, rounds: number, options: SpawnOptions = {}): Promise<Killed> {
  // Nothing is delivered meanwhile, so that no window of delivery explains a second copy: there is to be none.
  const { start, home, spool, sink } = await stage();
  await (await start(options)).stop();
  const { port } = sink;
  await sink.close();
  const sent: string[] = [];
  const content = utf8("Subject: x\r\n\r\nx\r\n");
  const leave = async (): Promise<void> => {
    for (let left = count; left > 0; left--) {
      sent.push(`r${sent.length}@b.test`);
      await leaveInSpool(spool, [fileTo(sent.at(-1)!, content)]);
    }
  };
  await leave();
  let killedWithin = 0;
  for (let round = 0; round < rounds || killedWithin < KILLS_MIN; round++) {
    if (waiting(spool).length === 0) {
      if (killedWithin >= KILLS_MIN || round > 3 * rounds) break;
      await leave(); // a kill came too late: the machine is busy
    }
    const before = waiting(spool).length;
    const relay = await start(options); // by which some may be taken
    const deadline = performance.now() + PATIENCE_MS;
    while (waiting(spool).length === before && performance.now() < deadline) await turn();
    relay.kill("SIGKILL");
    await relay.exited;
    if (waiting(spool).length > 0) killedWithin++;
  }
  const hop = await AccountingSink.start({ port });
  onTestFinished(() => hop.close());
  const relay = await start(options);
  await runCommand(["queue", "retry", "--all", "--yes"], { cwd: home.folder });
  await hop.until(() => new Set(hop.recipients()).size >= sent.length);
  await expect.poll(() => queued(home), { timeout: PATIENCE_MS }).toBe(0); // a second copy may come last
  expect((await relay.stop()).code).toBe(0);
  return { killedWithin, sent, came: hop.recipients() };
}

/** With some files taken and some not. */
const KILLS_MIN = 3;

interface Killed {
  /** Kills with some files taken and some not. */
  readonly killedWithin: number;
  readonly sent: readonly string[];
  readonly came: readonly string[];
}

test("killed again and again while it takes what is in the spool, the relay takes each file exactly once", async () => {
  const { killedWithin, sent, came } = await (isProof ? afterKills(10_000, 40) : afterKills(1500, 6));
  expect(killedWithin).toBeGreaterThanOrEqual(KILLS_MIN);
  expect(came.toSorted()).toEqual(sent.toSorted());
});

test("planted: a relay that forgets the names of the files that it took is found", async () => {
  const { tree, remove } = plantedTree("pickup-forgets");
  try {
    const { sent, came } = await afterKills(1500, 8, { tree });
    expect(came.length).toBeGreaterThan(sent.length);
  } finally {
    remove();
  }
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

test(
  "many at once, and a relay that is killed and started among them: each is there, once where no kill explains more",
  async () => {
    const { start, send, sink, spool, home } = await stage();
    const count = isProof ? 1000 : 60;
    let relay = await start();
    let next = 0;
    let done = 0;
    const calls: Call[] = [];
    /** By the number of the relay. */
    const killedAt: number[] = [];
    const caller = async (): Promise<void> => {
      for (let number = next++; number < count; number = next++) {
        const [recipient, from] = [`r${number}@b.test`, performance.now()];
        expect(await send(["-i", recipient], `Subject: ${number}\n\nx\n`)).toEqual(DONE);
        calls.push({ recipient, from, to: performance.now() });
        done++;
      }
    };
    const all = Promise.all(Array.from({ length: TOGETHER }, caller));
    const trouble = async (): Promise<void> => {
      for (let at = 10; at < count; at += 25) {
        await expect.poll(() => done, { interval: 5, timeout: PATIENCE_MS }).toBeGreaterThanOrEqual(at);
        killedAt.push(performance.now());
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
    await expect.poll(() => queued(home), { timeout: PATIENCE_MS }).toBe(0);
    const copiesTo = (recipient: string) => sink.copies.filter(({ recipients }) => recipients.includes(recipient));
    const found = calls.flatMap((call) => unexplained(call, copiesTo(call.recipient).map(arrivedOf), killedAt));
    expect(found).toEqual([]);
  },
  PROOF_MS,
);

test.runIf(isRoot)("users leave mail without seeing each other's; whose it is the system says", async () => {
  const { start, send, mail, spool } = await stage({}, true);
  const relay = await start();
  await relay.stop();
  expect(await send(["a@b.test"], "Subject: x\n\nx\n", NOBODY)).toEqual(DONE);
  const [name] = waiting(spool);
  expect(fs.statSync(path.join(spool, name!))).toMatchObject({ uid: NOBODY });
  const asOther = (code: string): string => {
    try {
      return execFileSync(programForAll().node, ["-e", code], {
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
  const { tree } = programForAll();
  await (await start({ tree })).stop();
  expect(await send(["a@b.test"], "Subject: of root\n\nx\n")).toEqual(DONE);
  const relay = await start({ tree });
  expect((await mail(1))[0]!.text).toContain("Subject: of root");
  expect(relay.events("spool.failed")).toEqual([]);
});

test("what is refused from the spool goes back to its sender; where that cannot be, it is kept and said", async () => {
  const routes = [
    { when: { recipient: "@b.test" }, deliver: "hop" },
    { when: { recipient: "@relay.test" }, deliver: "hop" },
  ];
  const { start, send, mail, spool, sink, home } = await stage({ routes });
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
  const folder = path.join(spool, "dead");
  const { output } = await runCommand(["status", "--json"], { cwd: home.folder });
  const { dead } = JSON.parse(output) as { readonly dead: { readonly oldest: number } };
  expect(dead).toEqual({ folder, files: 1, oldest: expect.any(Number) });
  expect(Math.abs(Date.now() - dead.oldest)).toBeLessThan(PATIENCE_MS);
  expect((await runCommand(["status"], { cwd: home.folder })).output).toContain(`Spool: 1 file in ${folder}`);
});

test("mail in `dead` that is moved back, as the page says, goes to those who have not got it, and to nobody twice", async () => {
  const onlyA = [{ when: { recipient: "@a.test" }, deliver: "hop" }];
  const { start, send, mail, spool, sink, home } = await stage({ routes: onlyA });
  await (await start()).stop();
  expect(await send(["-f", "", "a@a.test", "b@b.test"], "Subject: partly\n\nx\n")).toEqual(DONE);
  expect(await send(["-f", "", "c@b.test"], "Subject: not at all\n\nx\n")).toEqual(DONE);
  const relay = await start();
  await expect.poll(() => relay.events("spool.refused"), { timeout: PATIENCE_MS }).toHaveLength(2);
  await mail(1);
  const config = fs.readFileSync(home.configFile, "utf8");
  fs.writeFileSync(home.configFile, config.replace(/when:\s+recipient: .*\s+deliver/, "deliver"));
  expect((await runCommand(["reload"], { cwd: home.folder })).code).toBe(0);
  execFileSync("sh", ["-c", `mv ${spool}/dead/* ${spool}/`]);
  await sink.until(() => sink.recipients().length >= 3);
  await expect.poll(() => waiting(spool), { timeout: PATIENCE_MS }).toEqual([]);
  expect(sink.recipients().toSorted()).toEqual(["a@a.test", "b@b.test", "c@b.test"]);
  const found = await mail(3);
  const uid = process.getuid!();
  for (const { text } of found) expect(text).toContain(`(Waypost, from userid ${uid})`);
  expect(found.filter(({ text }) => text.includes("Subject: partly\r\n\r\nx\r\n"))).toHaveLength(2);
  for (const { identity } of relay.events("message.accepted")) expect(identity).toBe(`local ${OWN_NAME}`);
});

test("status says what waits in the spool; what a backup and an export have not, they say, and what to do", async () => {
  const { start, send, spool, home } = await stage();
  const relay = await start();
  const run = (...args: string[]): ReturnType<typeof runCommand> => runCommand(args, { cwd: home.folder });
  expect((await run("status")).output).not.toContain("Spool");
  await run("pause", "inbound");
  for (const to of ["a@b.test", "c@d.test"]) expect(await send([to], "Subject: x\n\nx\n")).toEqual(DONE);
  expect((await run("status")).output).toContain(`Spool: 2 files in ${spool} to be taken`);
  expect(JSON.parse((await run("status", "--json")).output)).toMatchObject({
    spool: { folder: spool, files: 2, hasMore: false },
  });
  await relay.stop();
  const left = `not in it: 2 files of mail in the spool ${spool}: `;
  const copy = await run("backup", path.join(home.folder, "copy"));
  expect([copy.code, copy.errors]).toEqual([0, expect.stringContaining(`${left}a relay that runs takes it in`)]);
  const gone = await run("queue", "export", path.join(home.folder, "file"));
  expect([gone.code, gone.errors]).toEqual([0, expect.stringContaining(`${left}copy it into the spool of the other`)]);
  for (const name of waiting(spool)) fs.rmSync(path.join(spool, name));
  const none = await run("backup", path.join(home.folder, "copy2"));
  expect([none.code, none.errors]).toEqual([0, ""]);
});

test("a stop while a look into the spool waits for the store: a session hears of it at once", async () => {
  const { start, spool, home } = await stage();
  const relay = await start();
  const [port = 0] = await relay.ports();
  const client = net.connect(port, "127.0.0.1");
  let heard = "";
  client.on("error", () => undefined).on("data", (octets) => (heard += octets.toString()));
  await expect.poll(() => heard).toMatch(/^220 /);
  const other = new DatabaseSync(home.queueFile);
  other.exec("BEGIN IMMEDIATE");
  try {
    const content = utf8("Subject: x\r\n\r\nx\r\n");
    for (let n = 0; n < 10 * SPOOL.together; n++) await leaveInSpool(spool, [fileTo(`r${n}@b.test`, content)]);
    await relay.event("store.failed"); // after five seconds; the next of them wait now
    const from = performance.now();
    relay.kill("SIGTERM");
    await expect.poll(() => heard, { interval: 10, timeout: PATIENCE_MS }).toMatch(/^421 /m);
    expect(performance.now() - from).toBeLessThan(2500);
  } finally {
    other.exec("ROLLBACK");
    other.close();
    client.destroy();
  }
  expect((await relay.stop()).code).toBe(0);
});

test("a second relay on a spool does not start, and says which has it; killed, that one has it no more", async () => {
  const { start, spool, home, sink } = await stage();
  const relay = await start();
  await expect.poll(() => fs.existsSync(path.join(spool, "dead/.process"))).toBe(true);
  const other = new RelayHome();
  onTestFinished(() => other.remove());
  other.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    smarthosts: { hop: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
    routes: [{ deliver: "hop" }],
    sendmail: { spool },
  });
  const second = new RelayProcess(other);
  expect(await second.exited).toEqual({ code: 78, signal: null });
  expect(second.errors).toContain(
    `waypost: another Waypost, process ${relay.pid}, takes mail from the spool ${spool}; it may run on the same data folder`,
  );
  const same = new RelayProcess(home);
  expect(await same.exited).toEqual({ code: 75, signal: null }); // the data folder is what it hears of
  expect(same.errors).toContain("runs on");
  // Whoever removes what it has locked there has not ended it: the next one touches nothing of its queue.
  for (const name of ["lock.db", "waypost.pid"]) fs.rmSync(path.join(home.data, name));
  for (const _ of ["the lock", "the lock that the one before made"]) {
    const unlocked = new RelayProcess(home);
    expect(await unlocked.exited).toEqual({ code: 78, signal: null });
    expect(unlocked.errors).toContain(
      `process ${relay.pid}, takes mail from the spool ${spool}; it may run on the same`,
    );
  }
  relay.kill("SIGKILL");
  await relay.exited;
  const third = new RelayProcess(other);
  await third.ports();
  expect((await third.stop()).code).toBe(0);
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
