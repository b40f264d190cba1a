import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { isStracePresent } from "../../bench/fsync-order.ts";
import { plantedTree } from "../crash/patched-copy.ts";
import { AccountingSink } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { freePort } from "../support/free-port.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { PLAIN, configure } from "../support/scene.ts";
import { MessageFactory, SourceSession } from "../support/source.ts";

// What becomes of the queue's files behind the relay's back: while it is down, and while it runs.

const LARGE = 100_000; // a content with a file of its own
const factory = new MessageFactory("s", seeded(1), 1024 * 1024);

interface Place {
  readonly home: RelayHome;
  /** Where the smart host is to be: nothing listens there. */
  readonly sinkPort: number;
  readonly log: string;
  start(tree?: string): RelayProcess;
}

async function place(play: (place: Place) => Promise<void>): Promise<void> {
  const home = new RelayHome();
  const started: RelayProcess[] = [];
  const start = (tree?: string): RelayProcess => {
    const relay = new RelayProcess(home, tree === undefined ? {} : { tree });
    started.push(relay);
    return relay;
  };
  try {
    const sinkPort = await freePort();
    configure(home, sinkPort);
    await play({ home, sinkPort, log: `${home.queueFile}-wal`, start });
  } finally {
    for (const relay of started) {
      if (relay.isRunning) relay.kill("SIGKILL");
      await relay.exited;
    }
    home.remove();
  }
}

async function send(relay: RelayProcess, octets: number): Promise<{ readonly kind: string; readonly reply?: string }> {
  const session = await SourceSession.connect({ port: (await relay.ports())[PLAIN]! });
  const result = await session.send(factory.make(octets, 1));
  await session.quit();
  return result;
}

async function kill(relay: RelayProcess): Promise<void> {
  relay.kill("SIGKILL");
  await relay.exited;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}

/** A relay that was killed with a message in its queue whose content is a file; its store was closed in order once. */
async function killed({ start }: Place): Promise<void> {
  expect(await startedOnce(start)).toEqual({ code: 0, signal: null });
  const relay = start();
  expect(await send(relay, LARGE)).toMatchObject({ kind: "acknowledged" });
  await kill(relay);
}

async function startedOnce(start: Place["start"]): ReturnType<RelayProcess["stop"]> {
  const relay = start();
  await relay.ports();
  return await relay.stop();
}

test("after a kill nothing is said of a store that is whole, and its mail is delivered", () =>
  place(async (at) => {
    await killed(at);
    const sink = await AccountingSink.start({ port: at.sinkPort });
    const relay = at.start();
    await sink.until(({ copies }) => copies.length === 1);
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
    for (const name of ["store.log-missing", "contents.orphaned", "store.replaced"])
      expect(relay.events(name)).toEqual([]);
    await sink.close();
  }));

test.each([
  [
    "was removed",
    ({ home }: Place) => rmSync(home.queueFile),
    "is missing, and messages that were accepted have left 1 content in",
  ],
  [
    "was made empty",
    ({ home }: Place) => truncateSync(home.queueFile),
    "has no queue in it, and messages that were accepted have left 1 content in",
  ],
  [
    "has a folder in its place",
    ({ home }: Place) => {
      rmSync(home.queueFile);
      mkdirSync(home.queueFile);
    },
    "is not a file: move away what is there",
  ],
])(
  "a queue that %s beside contents keeps the relay from starting until it is put back, and nothing is lost",
  (_, lose, what) =>
    place(async (at) => {
      const { home, log, start } = at;
      await killed(at);
      const content = path.join(home.data, "content");
      const kept = path.join(home.folder, "kept");
      const before = filesBelow(content);
      expect(before.length).toBe(1);
      for (const [from, to] of [[home.queueFile, kept], [log, `${kept}-wal`]] as const) cpSync(from, to); // prettier-ignore
      lose(at);
      for (let n = 0; n < 2; n++) {
        const refused = start();
        expect(await refused.exited).toEqual({ code: 78, signal: null });
        expect(refused.errors).toContain(`${home.queueFile} ${what}`);
        expect(refused.errors).toContain("put queue.db and queue.db-wal ");
        expect(filesBelow(content)).toEqual(before);
        expect(readFileSync(log)).toEqual(readFileSync(`${kept}-wal`));
      }
      rmSync(home.queueFile, { recursive: true, force: true });
      cpSync(kept, home.queueFile);
      const sink = await AccountingSink.start({ port: at.sinkPort });
      const relay = start();
      await sink.until(({ copies }) => copies.length === 1);
      expect(await relay.stop()).toEqual({ code: 0, signal: null });
      await sink.close();
    }),
);

test("a planted bug that takes an empty queue beside contents for a new one shows", () =>
  place(async (at) => {
    await killed(at);
    truncateSync(at.home.queueFile);
    const { tree, remove } = plantedTree("store-lost-unseen");
    const relay = at.start(tree);
    await relay.ports();
    expect(relay.events("contents.orphaned")).toMatchObject([{ count: 1 }]);
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
    remove();
  }));

test("with the contents moved away as well the relay begins anew", () =>
  place(async (at) => {
    const { home, log } = at;
    await killed(at);
    rmSync(home.queueFile);
    rmSync(log);
    renameSync(path.join(home.data, "content"), path.join(home.folder, "away"));
    expect(await startedOnce(at.start)).toEqual({ code: 0, signal: null });
  }));

test.each([
  ["went", (log: string) => rmSync(log), "missing"],
  ["was garbled", (log: string) => writeFileSync(log, Buffer.alloc(100_000, "x")), "garbled"],
])("a log that %s after a kill is said, and what it named is put aside, and no content of a backup", (_, lose, fault) =>
  place(async (at) => {
    const { home, log, start } = at;
    await killed(at);
    const [content = ""] = filesBelow(path.join(home.data, "content"));
    lose(log);
    const relay = start();
    await relay.ports();
    expect(relay.events("store.log-missing")).toMatchObject([{ level: "warn", file: log, fault }]);
    const folder = path.join(home.data, "content", "orphans");
    expect(relay.events("contents.orphaned")).toMatchObject([{ level: "warn", count: 1, folder }]);
    expect(filesBelow(path.join(home.data, "content"))).toEqual([path.join("orphans", path.basename(content))]);
    const copied = await runCommand(["backup", "copy", "--json", "--config", home.configFile], { cwd: home.folder });
    expect(JSON.parse(copied.output)).toMatchObject({ messages: 0, files: 0 });
    expect(existsSync(path.join(home.folder, "copy", "content", "orphans"))).toBe(false);
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
    const next = start();
    await next.ports();
    for (const name of ["store.log-missing", "contents.orphaned"]) expect(next.events(name)).toEqual([]);
    expect(await next.stop()).toEqual({ code: 0, signal: null });
  }),
);

test("a log that goes after the very first start is said, too, though nobody ever closed its store", () =>
  place(async ({ home, log, start }) => {
    const first = start();
    expect(await send(first, 3000)).toMatchObject({ kind: "acknowledged" });
    await kill(first);
    rmSync(log);
    const relay = start();
    await relay.ports();
    expect(relay.events("store.log-missing")).toMatchObject([{ file: log, fault: "missing" }]);
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
    expect(existsSync(home.queueFile)).toBe(true);
  }));

// SQLite makes a store under a journal, which it removes twice.
const skipped = isStracePresent ? "" : " (skipped: no strace)";
test.skipIf(!isStracePresent).each([1, 2])(
  `a relay that is killed while it makes its store starts again: removal %i of the journal${skipped}`,
  (when) =>
    place(async ({ home, start }) => {
      const inject = ["-e", "trace=unlink", "-e", `inject=unlink:signal=SIGKILL:when=${when}`];
      const journal = `${home.queueFile}-journal`;
      const killed = new RelayProcess(home, {
        under: ["strace", "-f", "-qq", "-o", "/dev/null", "-P", journal, ...inject],
      });
      await killed.exited;
      expect(killed.events("relay.started")).toEqual([]);
      expect(existsSync(home.queueFile)).toBe(true);
      const relay = start();
      expect(await send(relay, LARGE)).toMatchObject({ kind: "acknowledged" });
      for (const name of ["store.log-missing", "contents.orphaned"]) expect(relay.events(name)).toEqual([]);
      expect(await relay.stop()).toEqual({ code: 0, signal: null });
    }),
);

test.each(["message", "delivery", "lane"])(
  "where the table %s is damaged the relay ends with 78 and what to do, whenever it shows",
  (table) =>
    place(async (at) => {
      const { home, start, sinkPort } = at;
      const relay = start();
      expect(await send(relay, 3000)).toMatchObject({ kind: "acknowledged" });
      expect(await relay.stop()).toEqual({ code: 0, signal: null });
      const database = new DatabaseSync(home.queueFile);
      const pageSize = Number(database.prepare("PRAGMA page_size").get()?.["page_size"]);
      const root = Number(
        database.prepare("SELECT rootpage FROM sqlite_master WHERE name = ?").get(table)?.["rootpage"],
      );
      database.close();
      const octets = readFileSync(home.queueFile);
      writeFileSync(home.queueFile, Buffer.from(octets).fill(0xa5, (root - 1) * pageSize, root * pageSize));
      const sink = await AccountingSink.start({ port: sinkPort });
      const damaged = start();
      expect(await damaged.exited).toEqual({ code: 78, signal: null });
      const died = damaged.events("relay.died").map(({ text }) => String(text));
      expect([damaged.errors, ...died].join("\n")).toContain(`${home.queueFile} is damaged: put a backup`);
      writeFileSync(home.queueFile, octets);
      const next = start();
      await sink.until(({ copies }) => copies.length === 1);
      expect(await next.stop()).toEqual({ code: 0, signal: null });
      await sink.close();
    }),
);

test("commands that look into the queue of a newer Waypost say so, and make nothing of it", () =>
  place(async ({ home, start }) => {
    const relay = start();
    expect(await send(relay, 3000)).toMatchObject({ kind: "acknowledged" });
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
    const database = new DatabaseSync(home.queueFile);
    database.exec("PRAGMA user_version = 99");
    database.close();
    for (const command of [
      ["queue", "list", "--count"],
      ["queue", "export", "file"],
      ["backup", "copy"],
    ]) {
      const { code, errors } = await runCommand([...command, "--config", home.configFile], { cwd: home.folder });
      expect(`${code} ${errors}`).toMatch(
        /^(69|75|78) [^\n]*the queue store has schema 99, this Waypost knows \d+: use a newer Waypost/,
      );
      expect(errors).not.toContain("Name a place with room"); // that would not help
    }
    expect(existsSync(path.join(home.folder, "file"))).toBe(false);
    expect(existsSync(path.join(home.folder, "copy"))).toBe(false);
  }));

test.each([
  ["queue.db", ({ home }: Place) => home.queueFile],
  ["queue.db-wal", ({ log }: Place) => log],
])(
  "%s that is moved away under the relay: 451 to new mail, what is queued leaves, and all is well when it is back",
  (_, which) =>
    place(async (at) => {
      const { home, start } = at;
      const file = which(at);
      const relay = start();
      expect(await send(relay, 3000)).toMatchObject({ kind: "acknowledged" });
      expect(await send(relay, LARGE)).toMatchObject({ kind: "acknowledged" });
      const status = async (): Promise<{ readonly output: string }> =>
        await runCommand(["status", "--config", home.configFile], { cwd: home.folder });
      expect((await status()).output).not.toContain("Store");
      renameSync(file, `${file}.away`);
      expect(await relay.event("store.replaced")).toMatchObject({ level: "error", file });
      expect(await send(relay, 3000)).toMatchObject({ kind: "refused", reply: expect.stringMatching(/^451 4\.3\.0 /) });
      expect((await status()).output).toMatch(/^Store: .* mail is refused with 451, /m);
      cpSync(`${file}.away`, file); // a copy is another file
      const sink = await AccountingSink.start({ port: at.sinkPort });
      await sink.until(({ copies }) => copies.length === 2);
      expect(await send(relay, 3000)).toMatchObject({ kind: "refused" });
      renameSync(`${file}.away`, file);
      expect(await relay.event("store.restored")).toMatchObject({ level: "info", file });
      expect(await send(relay, 3000)).toMatchObject({ kind: "acknowledged" });
      await sink.until(({ copies }) => copies.length === 3);
      expect((await status()).output).not.toContain("Store");
      expect(relay.events("store.replaced").length).toBe(1);
      expect(relay.events("relay.died")).toEqual([]);
      expect(await relay.stop()).toEqual({ code: 0, signal: null });
      await sink.close();
      // What was recorded meanwhile is in the files that are back: nothing is sent again.
      const next = start();
      await next.ports();
      expect((await status()).output).toContain("Queue: 0 waiting, 0 in hand");
      expect(await next.stop()).toEqual({ code: 0, signal: null });
    }),
);

test("a control thread that starts after a file of the store was replaced knows of it", () =>
  place(async ({ home, log, start }) => {
    const relay = start();
    await relay.ports();
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
    const inTheWay = path.join(home.data, "control.sock");
    rmSync(inTheWay, { force: true });
    mkdirSync(inTheWay);
    const next = start();
    await next.event("control.failed");
    renameSync(log, `${log}.away`);
    await next.event("store.replaced");
    rmdirSync(inTheWay);
    const status = async (): Promise<string> =>
      (await runCommand(["status", "--config", home.configFile], { cwd: home.folder })).output;
    await expect.poll(status).toMatch(/^Store: .* mail is refused with 451, /m);
    renameSync(`${log}.away`, log);
    await next.event("store.restored");
    expect(await next.stop()).toEqual({ code: 0, signal: null });
  }));

test("where the queue is removed for good under the relay what is queued leaves, and the next start begins anew", () =>
  place(async (at) => {
    const { home, log, start } = at;
    const relay = start();
    for (const octets of [3000, LARGE]) expect(await send(relay, octets)).toMatchObject({ kind: "acknowledged" });
    for (const file of [home.queueFile, log, `${home.queueFile}-shm`]) rmSync(file);
    await relay.event("store.replaced");
    const sink = await AccountingSink.start({ port: at.sinkPort });
    await sink.until(({ copies }) => copies.length === 2);
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
    expect(relay.events("relay.died")).toEqual([]);
    expect(filesBelow(path.join(home.data, "content"))).toEqual([]);
    const next = start();
    expect(await send(next, LARGE)).toMatchObject({ kind: "acknowledged" });
    await sink.until(({ copies }) => copies.length === 3);
    for (const name of ["store.log-missing", "contents.orphaned"]) expect(next.events(name)).toEqual([]);
    expect(await next.stop()).toEqual({ code: 0, signal: null });
    await sink.close();
  }));
