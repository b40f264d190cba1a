import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import net from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { IMPORT } from "../../src/core/base/limits.ts";
import { plantedTree } from "../crash/patched-copy.ts";
import { AccountingSink, NO_FAULTS } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { PLAIN, configure } from "../support/scene.ts";
import { MessageFactory, type SourceMessage, SourceSession } from "../support/source.ts";

// A queue leaves one machine as a file, and is taken up on another: by what a source was told and a sink got.

const factory = new MessageFactory("q", seeded(7), 512 * 1024);
const REFUSED = { tempfail: 1, permfail: 0, closeAfterDot: 0 } as const;

/** Two machines: nothing of the first arrives. */
interface Places {
  readonly old: RelayHome;
  readonly next: RelayHome;
  /** Of the second one. */
  readonly sink: AccountingSink;
  readonly file: string;
}

async function places(play: (places: Places) => Promise<void>): Promise<void> {
  const [old, next] = [new RelayHome(), new RelayHome()];
  const dead = await AccountingSink.start({ faults: REFUSED, chance: () => 0 });
  const sink = await AccountingSink.start({ faults: NO_FAULTS });
  const hop = (port: number): object => ({ url: `smtp://127.0.0.1:${port}`, tls: "none" });
  configure(old, dead.port, { smarthosts: { before: hop(dead.port) }, routes: [{ deliver: "before" }] });
  configure(next, sink.port, { smarthosts: { after: hop(sink.port) }, routes: [{ deliver: "after" }] });
  try {
    await play({ old, next, sink, file: path.join(old.folder, "queue.waypost") });
  } finally {
    await Promise.all([dead.close(), sink.close()]);
    old.remove();
    next.remove();
  }
}

interface Sent extends SourceMessage {
  readonly relayId: string;
}

/** So many messages, each seventh with a content that is a file. Ends where the relay takes no more. */
async function send(port: number, count: number): Promise<Sent[]> {
  const session = await SourceSession.connect({ port });
  const sent: Sent[] = [];
  for (let n = 0; n < count; n++) {
    const message = factory.make(n % 7 === 0 ? 200_000 : 1500, 1 + (n % 3));
    const result = await session.send(message);
    if (result.kind !== "acknowledged") break;
    sent.push({ ...message, relayId: result.reply.split(" ").at(-1)! });
  }
  await session.quit().catch(() => undefined);
  return sent;
}

async function run(home: RelayHome, args: readonly string[], tree?: string): ReturnType<typeof runCommand> {
  return await runCommand([...args, "--config", home.configFile], {
    cwd: home.folder,
    ...(tree === undefined ? {} : { tree }),
  });
}

async function json(home: RelayHome, ...args: string[]): Promise<Record<string, unknown>> {
  const { code, output, errors } = await run(home, [...args, "--json"]);
  expect({ code, errors }, args.join(" ")).toEqual({ code: 0, errors: "" });
  return JSON.parse(output) as Record<string, unknown>;
}

function pairs(messages: readonly { readonly hash: string; readonly recipients: readonly string[] }[]): string[] {
  return messages.flatMap(({ hash, recipients }) => recipients.map((recipient) => `${hash} ${recipient}`)).toSorted();
}

function recipients(messages: readonly SourceMessage[]): number {
  return messages.reduce((sum, message) => sum + message.recipients.length, 0);
}

/** A queue of so many on the old machine, which is lost then. */
async function leave({ old, file }: Places, count: number): Promise<Sent[]> {
  const relay = new RelayProcess(old);
  try {
    const sent = await send((await relay.ports())[PLAIN]!, count);
    expect(sent.length).toBe(count);
    expect(await json(old, "queue", "export", file)).toMatchObject({ messages: count, deliveries: recipients(sent) });
    return sent;
  } finally {
    relay.kill("SIGKILL");
    await relay.stop();
  }
}

test("the queue of a relay under load goes to another machine: each once, held ones held, found by the old id", async () => {
  await places(async ({ old, next, sink, file }) => {
    const relay = new RelayProcess(old);
    let sent: Sent[];
    let one: Sent;
    try {
      const port = (await relay.ports())[PLAIN]!;
      sent = await send(port, 30);
      one = sent[0]!;
      expect(await json(old, "queue", "hold", one.relayId)).toMatchObject({ changed: one.recipients.length });
      await relay.event("delivery.deferred", (event) => event["id"] === sent[5]!.relayId);
      // The load ends where the export shuts the door: with 421 or a refusal, and nothing after it is acknowledged.
      const flow = send(port, 100_000);
      const report = await json(old, "queue", "export", file);
      sent.push(...(await flow));
      expect(report).toMatchObject({ file, messages: sent.length, deliveries: recipients(sent), unreadable: [] });
      expect(await json(old, "status")).toMatchObject({
        inHand: 0,
        paused: [{ target: "inbound" }, { target: "outbound" }],
      });
    } finally {
      relay.kill("SIGKILL");
      await relay.stop();
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(old.folder).filter((name) => name.includes("unfinished"))).toEqual([]);

    const other = new RelayProcess(next);
    try {
      await other.ports();
      expect(await json(next, "queue", "import", file)).toMatchObject({
        messages: sent.length,
        deliveries: recipients(sent),
        known: 0,
      });
      await sink.until((taken) => taken.recipients().length >= recipients(sent) - one.recipients.length);
      expect(await json(next, "queue", "show", one.relayId)).toMatchObject({
        wasId: one.relayId,
        from: one.from,
        deliveries: one.recipients.map((recipient): unknown => expect.objectContaining({ recipient, state: "held" })),
      });
      // Its lane is one of the other machine, which nobody here knows.
      const held = await run(next, ["queue", "show", one.relayId]);
      expect(held.output).toMatch(/> {2}not routed here yet \(smarthost\/before where it came from\): held /);
      expect(await json(next, "queue", "release", one.relayId)).toMatchObject({ changed: one.recipients.length });
      await sink.until((taken) => taken.recipients().length >= recipients(sent));
      await other.event("delivery.delivered", (event) => event["recipient"] === one.recipients[0]);
      expect(pairs(sink.copies)).toEqual(pairs(sent));
      // Delivered long ago, and found by the id that its sender got; what was tried there counts here.
      const last = sent[5]!;
      const shown = await json(next, "queue", "show", last.relayId);
      expect(shown).toMatchObject({ wasId: last.relayId, from: last.from });
      expect(shown["deliveries"]).toContainEqual(expect.objectContaining({ state: "delivered", attempts: 2 }));
      expect(shown["receivedAt"]).toBeLessThan(statSync(file).mtimeMs);
      const trace = await run(next, ["trace", last.relayId]);
      expect(trace.output).toContain(`it was taken by another relay, as ${last.relayId}`);
      const reasons = other.events("delivery.rerouted").map(({ reason }) => reason);
      expect([...new Set(reasons)]).toEqual(["imported"]);
      expect(
        other
          .events("message.imported")
          .map(({ was }) => String(was))
          .toSorted(),
      ).toEqual(sent.map(({ relayId }) => relayId).toSorted());
      // The whole file once more: nothing of it is taken.
      expect(await json(next, "queue", "import", file)).toMatchObject({ messages: 0, known: sent.length });
      const probe = await send((await other.ports())[PLAIN]!, 1);
      await sink.until((taken) => taken.copies.some(({ hash }) => hash === probe[0]!.hash));
      expect(pairs(sink.copies)).toEqual(pairs([...sent, ...probe]));
    } finally {
      await other.stop();
    }
    // What stays behind delivers nothing, also after a start.
    const again = new RelayProcess(old);
    await again.ports();
    expect(await json(old, "status")).toMatchObject({ paused: [{ target: "inbound" }, { target: "outbound" }] });
    expect((await run(old, ["queue", "import", file])).errors).toContain("the file was exported here");
    await again.stop();
  });
});

test("a message whose content is under way when the queue is exported stays with its client", async () => {
  await places(async (place) => {
    const { old, file } = place;
    const relay = new RelayProcess(old);
    const client = net.connect((await relay.ports())[PLAIN]!, "127.0.0.1");
    const replies = createInterface({ input: client })[Symbol.asyncIterator]();
    const said = async (command: string): Promise<string> => {
      client.write(`${command}\r\n`);
      return String((await replies.next()).value);
    };
    try {
      await replies.next();
      for (const command of ["HELO client.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>"])
        expect(await said(command)).toMatch(/^250 /);
      expect(await said("DATA")).toMatch(/^354 /);
      client.write("Subject: under way\r\n\r\nx\r\n");
      expect(await json(old, "queue", "export", file)).toMatchObject({ messages: 0 });
      expect(await said(".")).toMatch(/^451 4\.3\.2 /);
      expect(await relay.event("message.refused")).toMatchObject({ reason: "paused" });
      expect(await json(old, "status")).toMatchObject({ waiting: 0, inHand: 0 });
    } finally {
      client.destroy();
      await relay.stop();
    }
  });
});

test("what a client may bring in every form goes through a file: no header, no sender, DSN parameters, UTF-8", async () => {
  await places(async ({ old, next, sink, file }) => {
    const relay = new RelayProcess(old);
    const client = net.connect((await relay.ports())[PLAIN]!, "127.0.0.1");
    const replies = createInterface({ input: client })[Symbol.asyncIterator]();
    const said = async (command: string): Promise<string> => {
      client.write(`${command}\r\n`);
      for (;;) {
        const line = String((await replies.next()).value);
        if (line[3] !== "-") return line;
      }
    };
    const forms = [
      ["MAIL FROM:<>", "RCPT TO:<plain@c.test>", "no header at all"],
      ["MAIL FROM:<>", 'RCPT TO:<"a b"@c.test>', "\r\nan empty header"],
      [
        "MAIL FROM:<a@b.test> RET=HDRS ENVID=QQ+3D1",
        "RCPT TO:<dsn@c.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;dsn@c.test",
        "Subject: x\r\n\r\ny",
      ],
      ["MAIL FROM:<grün@b.test> SMTPUTF8 BODY=8BITMIME", "RCPT TO:<bäume@c.test>", "Subject: grün\r\n\r\ngrün"],
    ] as const;
    try {
      await replies.next();
      await json(old, "pause", "outbound"); // the dead one takes reports
      await said("EHLO client.test");
      for (const [mail, rcpt, content] of forms) {
        for (const command of [mail, rcpt]) expect(await said(command)).toMatch(/^250 /);
        expect(await said("DATA")).toMatch(/^354 /);
        expect(await said(`${content}\r\n.`)).toMatch(/^250 /);
      }
    } finally {
      client.destroy();
    }
    expect(await json(old, "queue", "export", file)).toMatchObject({ messages: forms.length, unreadable: [] });
    await relay.stop();
    const other = new RelayProcess(next);
    try {
      await other.ports();
      expect(await json(next, "queue", "import", file)).toMatchObject({ messages: forms.length });
      // It reads octets. A report of success to a@b.test may be there already.
      const imported = (): string[] => {
        const all = sink.recipients().map((recipient) => Buffer.from(recipient, "latin1").toString());
        return all.filter((recipient) => recipient.endsWith("@c.test"));
      };
      await sink.until(({ refused }) => imported().length === forms.length || refused.length > 0);
      const got = imported();
      expect(got.toSorted()).toEqual(['"a b"@c.test', "bäume@c.test", "dsn@c.test", "plain@c.test"]);
    } finally {
      await other.stop();
    }
  });
});

/** Kills the relay once it has taken something of the file, and lets it have the whole file again. Answers what it got. */
async function brokenOff(place: Places, tree?: string): Promise<readonly [got: string[], wanted: string[]]> {
  const { next, sink, file } = place;
  const sent = await leave(place, 300);
  const first = new RelayProcess(next, tree === undefined ? {} : { tree });
  await first.ports();
  await json(next, "pause", "outbound");
  const importing = run(next, ["queue", "import", file], tree);
  await first.event("message.imported");
  first.kill("SIGKILL");
  await first.stop();
  const broken = await importing;
  expect([broken.code, broken.errors]).toEqual([69, expect.stringContaining("import the whole file once more")]);
  const second = new RelayProcess(next, tree === undefined ? {} : { tree });
  try {
    await second.ports();
    const found = await json(next, "queue", "import", file);
    expect(found["known"]).toBeGreaterThanOrEqual(tree === undefined ? 1 : 0);
    await json(next, "resume", "outbound");
    await second.event("delivery.delivered");
    await sink.until(() => {
      const taken = new Set(pairs(sink.copies));
      return pairs(sent).every((pair) => taken.has(pair));
    });
    for (let left = 1; left > 0;) {
      const { waiting, inHand } = await json(next, "status");
      left = Number(waiting) + Number(inHand);
    }
    return [pairs(sink.copies), pairs(sent)];
  } finally {
    await second.stop();
  }
}

test("a relay that is killed in the middle of an import gets each once from the whole file", async () => {
  await places(async (place) => {
    const [got, wanted] = await brokenOff(place);
    expect(got).toEqual(wanted);
  });
});

test("a stop in the middle of an import: the log names each message that was taken", async () => {
  await places(async (place) => {
    const { next, file } = place;
    await leave(place, 600);
    const relay = new RelayProcess(next);
    await relay.ports();
    await json(next, "pause", "outbound");
    const importing = run(next, ["queue", "import", file]);
    await relay.event("message.imported");
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
    const { code, errors } = await importing;
    expect([code === 69 || code === 75, errors]).toEqual([
      true,
      expect.stringContaining("import the whole file once more"),
    ]);
    const { messages } = await json(next, "queue", "list", "--count");
    expect(messages).toBeLessThan(600); // else the stop came too late to show something
    expect(relay.events("message.imported").length).toBe(messages);
  });
});

test("planted: a relay that forgets what it took is found", async () => {
  const { tree, remove } = plantedTree("import-forgets");
  try {
    await places(async (place) => {
      const [got, wanted] = await brokenOff(place, tree);
      expect(got.length).toBeGreaterThan(wanted.length);
    });
  } finally {
    remove();
  }
});

/** The file with other octets in place of each line end of its first content, and the check sum of that. */
function withContent(whole: Buffer, octets: string): Buffer {
  const text = whole.toString("latin1");
  const start = text.indexOf("\n", text.indexOf("\n") + 1) + 1;
  const length = Number(/"octets":(\d+)/.exec(text)![1]);
  const content = text.slice(start, start + length).replaceAll("\r\n", octets);
  const changed = text.slice(0, start) + content + text.slice(start + length);
  const end = changed.lastIndexOf("\n", changed.length - 2) + 1;
  const sum = createHash("sha256").update(changed.slice(0, end), "latin1").digest("hex");
  return Buffer.from(changed.slice(0, end) + changed.slice(end).replace(/[0-9a-f]{64}/, sum), "latin1");
}

test("of a file that is not whole nothing is taken, and its place is said", async () => {
  await places(async (place) => {
    const { next, file } = place;
    await leave(place, 12);
    const whole = readFileSync(file);
    const relay = new RelayProcess(next);
    try {
      await relay.ports();
      const refused = async (text: Buffer | string, why: string): Promise<void> => {
        const broken = next.write("broken", "");
        writeFileSync(broken, text);
        const { code, errors } = await run(next, ["queue", "import", broken]);
        expect([code, errors]).toEqual([65, expect.stringContaining(why)]);
        expect(errors).toContain("nothing was taken");
      };
      for (const octets of [1, 40, 5000, whole.length - 200]) await refused(whole.subarray(0, octets), "");
      await refused(whole.subarray(0, whole.length - 1), "it ends in a line");
      const changed = Buffer.from(whole);
      const at = changed.indexOf("\r\n\r\n") + 60;
      changed[at] = changed[at]! ^ 1;
      await refused(changed, "its check sum is wrong");
      await refused(Buffer.concat([whole, Buffer.from("more")]), "");
      await refused("", "it is empty");
      await refused(whole.subarray(0, whole.indexOf("\n") + 1), "it ends behind its first line, without its last line");
      await refused(
        whole.toString("latin1").replace('"receivedAt":', '"receivedAt":"x","was":'),
        "message 1 of the file, at octet 90: this is no message: receivedAt",
      );
      await refused('{"hello":1}\n', "no file of `waypost queue export`");
      await refused(whole.toString("latin1").replace('"version":1', '"version":9'), "use a newer Waypost");
      await refused(
        whole.toString("latin1").replace(/"recipient":"/, '"recipient":"a\\r\\nRCPT TO:<'),
        "message 1 of the file, at octet",
      );
      const named = whole.toString("latin1").replace(/("recipient":"[^@"]+)@[^"]+/, "$1");
      await refused(named, "is no address: no @ in the address. Export the queue anew");
      // With a check sum that is right: nothing is sent on that no client could have brought.
      const forged = next.write("forged", "");
      for (const [octets, why] of [
        ["x\n", "a CR or LF alone"],
        ["\rx", "a CR or LF alone"],
        ["x\0", "a NUL"],
        ["xy", "a line of "],
      ] as const) {
        writeFileSync(forged, withContent(whole, octets));
        const { code, errors } = await run(next, ["queue", "import", forged]);
        expect([code, errors]).toEqual([65, expect.stringContaining(`: its content has ${why}`)]);
        expect(errors).toMatch(/: message 1 of the file, at octet 90, \w{14}: .* Cancel it .*; nothing was taken\n$/);
        expect(errors).not.toContain("once more");
      }
      expect(await json(next, "status")).toMatchObject({ waiting: 0, inHand: 0, held: 0 });
      expect((await run(next, ["queue", "import", path.join(next.folder, "no\nsuch")])).errors).toMatch(/^[^\n]*\n?$/);
      const pipe = path.join(next.folder, "pipe");
      execFileSync("mkfifo", [pipe]);
      for (const none of [pipe, next.folder]) {
        const { code, errors } = await run(next, ["queue", "import", none]);
        expect([code, errors]).toEqual([64, expect.stringContaining("is no file")]);
      }
      expect(await json(next, "queue", "import", file)).toMatchObject({ messages: 12 });
    } finally {
      await relay.stop();
    }
    const none = await run(next, ["queue", "import", file]);
    expect([none.code, none.errors]).toEqual([69, expect.stringContaining("no relay runs")]);
  });
});

test("a relay that does not run is exported too; what its disk has lost is named, and the rest is taken", async () => {
  await places(async ({ old, next, sink, file }) => {
    const relay = new RelayProcess(old);
    const sent = await send((await relay.ports())[PLAIN]!, 10);
    await relay.event("delivery.deferred", (event) => event["id"] === sent.at(-1)!.relayId);
    relay.kill("SIGKILL");
    await relay.stop();
    // The first and the eighth have files: one is gone, one is cut.
    const files = readdirSync(path.join(old.data, "content"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name));
    expect(files.length).toBe(2);
    rmSync(files.find((name) => name.endsWith(sent[0]!.relayId))!);
    truncateSync(
      files.find((name) => name.endsWith(sent[7]!.relayId))!,
      1000,
    );
    const { code, output } = await run(old, ["queue", "export", file, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(output)).toMatchObject({
      messages: 8,
      unreadable: [
        { id: sent[0]!.relayId, why: expect.stringContaining("ENOENT") },
        { id: sent[7]!.relayId, why: expect.stringContaining("has 1000 octets") },
      ],
    });
    expect((await run(old, ["queue", "export", file])).code).toBe(64);
    // A disk that takes no more writes: the queue is written all the same, and the operator is told.
    const lock = path.join(old.data, "lock.db");
    renameSync(lock, `${lock}.away`);
    mkdirSync(lock);
    const unpaused = await run(old, ["queue", "export", `${file}.more`]);
    expect(unpaused.output).toContain(`do not start a relay on ${old.data} again`);
    rmSync(lock, { recursive: true });
    renameSync(`${lock}.away`, lock);
    const rest = sent.filter((_, n) => n !== 0 && n !== 7);
    const other = new RelayProcess(next);
    try {
      await other.ports();
      expect(await json(next, "queue", "import", file)).toMatchObject({ messages: 8, known: 0 });
      await sink.until((taken) => taken.recipients().length >= recipients(rest));
      expect(pairs(sink.copies)).toEqual(pairs(rest));
    } finally {
      await other.stop();
    }
    const again = new RelayProcess(old);
    await again.ports();
    expect(await json(old, "status")).toMatchObject({ paused: [{ target: "inbound" }, { target: "outbound" }] });
    await again.stop();
  });
});

test("a relay forgets what it imported long ago, though nothing is imported any more", async () => {
  await places(async ({ next }) => {
    const relay = new RelayProcess(next);
    await relay.ports();
    const store = new DatabaseSync(path.join(next.data, "queue.db"));
    try {
      const insert = store.prepare("INSERT INTO imported (was, id, at) VALUES (?, 'x', ?)");
      const count = (): unknown => store.prepare("SELECT count(*) AS n FROM imported").get()!["n"];
      insert.run("young", Date.now());
      insert.run("old", Date.now() - IMPORT.knownFor - 1000);
      await expect.poll(count).toBe(1);
      expect(store.prepare("SELECT was FROM imported").all()).toMatchObject([{ was: "young" }]);
    } finally {
      store.close();
      await relay.stop();
    }
  });
});
