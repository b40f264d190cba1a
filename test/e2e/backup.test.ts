import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { SqliteQueueStore } from "../../src/adapters/store-sqlite/queue-store.ts";
import { AccountingSink, NO_FAULTS } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { PLAIN, configure } from "../support/scene.ts";
import { seedQueue } from "../support/seeded-queue.ts";
import { MessageFactory, type SourceMessage, SourceSession } from "../support/source.ts";

const factory = new MessageFactory("k", seeded(1), 512 * 1024);
const REFUSED = { tempfail: 1, permfail: 0, closeAfterDot: 0 } as const;

interface Place {
  readonly home: RelayHome;
  readonly sink: AccountingSink;
}

async function place(play: (place: Place) => Promise<void>): Promise<void> {
  const home = new RelayHome();
  const sink = await AccountingSink.start({ faults: REFUSED, chance: () => 0 });
  const terms = { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" };
  configure(home, sink.port, { smarthosts: { sink: terms }, routes: [{ deliver: "sink" }] });
  try {
    await play({ home, sink });
  } finally {
    await sink.close();
    home.remove();
  }
}

interface Report {
  readonly messages: number;
  readonly deliveries: number;
  readonly files: number;
  readonly historyEntries: number;
}

async function backUp(home: RelayHome, to: string, ...more: string[]): Promise<Report> {
  const args = ["backup", to, "--json", "--config", home.configFile, ...more];
  const { code, output, errors } = await runCommand(args, { cwd: home.folder });
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  return JSON.parse(output) as Report;
}

/** Sends so many messages, each third with a content that is a file. */
async function send(port: number, count: number): Promise<SourceMessage[]> {
  const session = await SourceSession.connect({ port });
  const sent: SourceMessage[] = [];
  for (let n = 0; n < count; n++) {
    const message = factory.make(n % 3 === 0 ? 100_000 : 2000, 1 + (n % 2));
    expect((await session.send(message)).kind).toBe("acknowledged");
    sent.push(message);
  }
  await session.quit();
  return sent;
}

/** As the documentation says: unpack, start. */
function restore(home: RelayHome, backup: string): RelayProcess {
  rmSync(home.data, { recursive: true, force: true });
  cpSync(backup, home.data, { recursive: true });
  return new RelayProcess(home);
}

/** Each recipient of these got its message, octet for octet. */
function expectDelivered(sink: AccountingSink, messages: readonly SourceMessage[]): void {
  const got = new Set(sink.copies.flatMap(({ hash, recipients }) => recipients.map((one) => `${hash} ${one}`)));
  const wanted = messages.flatMap(({ hash, recipients }) => recipients.map((one) => `${hash} ${one}`));
  expect(wanted.filter((one) => !got.has(one))).toEqual([]);
}

test("a backup of a relay that runs, under load, is restored elsewhere: everything is delivered", async () => {
  await place(async ({ home, sink }) => {
    seedQueue(home, { count: 2000, lane: "smarthost/other" }); // so that the copy takes some steps
    const relay = new RelayProcess(home);
    let before: SourceMessage[];
    const backup = path.join(home.folder, "backup");
    try {
      const port = (await relay.ports())[PLAIN]!;
      before = await send(port, 30);
      const held = ["queue", "hold", "--recipient", before[0]!.recipients[0]!, "--config", home.configFile];
      expect((await runCommand(held, { cwd: home.folder })).output).toContain("1 delivery");
      // What was tried is in history a second later.
      await expect.poll(() => readdirSync(path.join(home.data, "history"))).not.toEqual([]);
      const flowing = { isWanted: true };
      const flow = (async () => {
        while (flowing.isWanted) await send(port, 3);
      })();
      const report = await backUp(home, backup).finally(() => (flowing.isWanted = false));
      await flow;
      expect(report.messages).toBeGreaterThanOrEqual(2030);
      expect(report.files).toBeGreaterThanOrEqual(10);
      expect(report.historyEntries).toBeGreaterThan(0);
    } finally {
      relay.kill("SIGKILL"); // this machine is lost
      await relay.stop();
    }
    expect(statSync(backup).mode & 0o777).toBe(0o700);
    expect(statSync(path.join(backup, "queue.db")).mode & 0o777).toBe(0o600);
    expect(readdirSync(home.folder).filter((name) => name.includes("unfinished"))).toEqual([]);
    const again = await runCommand(["backup", backup, "--data", home.data], { cwd: home.folder });
    expect([again.code, again.errors]).toEqual([64, expect.stringContaining("is there already")]);

    sink.faults = NO_FAULTS;
    sink.copies.length = 0;
    const restored = restore(home, backup);
    try {
      await restored.ports();
      for (const args of [
        ["release", "--state", "held"],
        ["retry", "--lane", "smarthost/sink"],
      ])
        await runCommand(["queue", ...args, "--config", home.configFile], { cwd: home.folder });
      const wanted = before.reduce((sum, { recipients }) => sum + recipients.length, 0);
      await sink.until(({ copies }) => {
        const hashes = new Set(before.map(({ hash }) => hash));
        const got = copies.filter(({ hash }) => hashes.has(hash)).flatMap(({ recipients }) => recipients);
        return new Set(got).size === wanted;
      });
      expectDelivered(sink, before);
    } finally {
      await restored.stop();
    }
  });
});

test("a backup of a relay that does not run, without history, is a whole one", async () => {
  await place(async ({ home, sink }) => {
    const relay = new RelayProcess(home);
    const sent = await send((await relay.ports())[PLAIN]!, 6);
    for (const { recipients } of sent)
      await relay.event("delivery.deferred", (event) => event["recipient"] === recipients[0]);
    await relay.stop();
    const backup = path.join(home.folder, "backup");
    const report = await backUp(home, backup, "--no-history");
    expect(report).toMatchObject({ messages: 6, deliveries: 9, files: 2, historyEntries: 0 });
    expect(existsSync(path.join(backup, "history"))).toBe(false);
    sink.faults = NO_FAULTS;
    const restored = restore(home, backup);
    try {
      await restored.ports();
      await runCommand(["queue", "retry", "--all", "--config", home.configFile], { cwd: home.folder });
      await sink.until((taken) => new Set(taken.recipients()).size === 9);
      expectDelivered(sink, sent);
    } finally {
      await restored.stop();
    }
  });
});

test("what cannot be copied is said, and nothing is left", async () => {
  await place(async ({ home }) => {
    const relay = new RelayProcess(home);
    await send((await relay.ports())[PLAIN]!, 1);
    await relay.stop();
    rmSync(path.join(home.data, "content"), { recursive: true });
    const run = (...args: string[]): ReturnType<typeof runCommand> => runCommand(args, { cwd: home.folder });
    const missing = await run("backup", "backup", "--data", home.data);
    expect([missing.code, missing.errors]).toEqual([
      69,
      expect.stringMatching(/the content of message \w+ is missing/),
    ]);
    expect((await run("backup", "gone/backup", "--data", home.data)).code).toBe(64);
    expect((await run("backup", "backup", "--data", "nowhere")).code).toBe(69);
    expect(readdirSync(home.folder).filter((name) => name.startsWith("backup"))).toEqual([]);
  });
});

test("a place where no backup can be is refused in a sentence that says what to do", async () => {
  await place(async ({ home }) => {
    mkdirSync(path.join(home.data, "content"), { recursive: true });
    new SqliteQueueStore(home.queueFile, () => undefined).close();
    symlinkSync(home.data, path.join(home.folder, "link"));
    const refused = async (to: string): Promise<unknown> => {
      const { code, output, errors } = await runCommand(["backup", to], { cwd: home.folder });
      return [code, output, errors];
    };
    for (const inside of ["data/copy", "data/content/copy", "link/copy", "./data/../data/copy"])
      expect(await refused(inside), inside).toEqual([64, "", expect.stringContaining("would be in the data folder")]);
    for (const empty of ["", " "])
      expect(await refused(empty)).toEqual([64, "", expect.stringContaining("takes the path of a new folder")]);
    // No folder can be made there, whoever asks.
    expect(await refused("/proc/copy")).toEqual([
      69,
      "",
      expect.stringMatching(/no folder can be made in \/proc: [a-z ]+; nothing is left of it\. Name a place /),
    ]);
    expect(readdirSync(home.data).filter((name) => name.includes("copy"))).toEqual([]);
    expect((await runCommand(["backup", "data-copy"], { cwd: home.folder })).code).toBe(0); // beside it
  });
});
