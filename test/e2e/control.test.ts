import { mkdirSync, readFileSync, readdirSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { plantedTree } from "../crash/patched-copy.ts";
import { AccountingSink } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { RelayHome, RelayProcess, type SpawnOptions, runCommand } from "../support/relay.ts";
import { PLAIN, configure, scene } from "../support/scene.ts";
import { MessageFactory, SourceSession } from "../support/source.ts";

// History and commands: what fails there is told and tried again, and never touches mail.

const factory = new MessageFactory("c", seeded(1), 1024 * 1024);

async function send(port: number): Promise<string> {
  const session = await SourceSession.connect({ port });
  const result = await session.send(factory.make(3000, 1));
  await session.quit();
  expect(result).toMatchObject({ kind: "acknowledged" });
  return "reply" in result ? result.reply.split(" ").at(-1)! : "";
}

function command(home: RelayHome, ...args: string[]): ReturnType<typeof runCommand> {
  return runCommand([...args, "--json", "--config", home.configFile], { cwd: home.folder });
}

async function play(
  prepare: (home: RelayHome) => void,
  then: (home: RelayHome, relay: RelayProcess, port: number) => Promise<void>,
  options: SpawnOptions = {},
) {
  const home = new RelayHome();
  const sink = await AccountingSink.start();
  configure(home, sink.port);
  mkdirSync(home.data, { mode: 0o700 });
  prepare(home);
  const relay = new RelayProcess(home, options);
  try {
    const ports = await relay.ports();
    await then(home, relay, ports[PLAIN]!);
  } finally {
    if (relay.isRunning) await relay.stop();
    await sink.close();
    home.remove();
  }
}

test("a history that cannot be written: mail goes on, commands are answered, and nothing is missing afterwards", async () => {
  await play(
    (home) => home.write("data/history", "in the way"),
    async (home, relay, port) => {
      const id = await send(port);
      await relay.event("delivery.delivered");
      expect(await relay.event("history.failed")).toMatchObject({ retryMs: 1000 });
      expect(await relay.event("history.failed", ({ retryMs }) => retryMs === 2000)).toBeTruthy();
      expect(await command(home, "status")).toMatchObject({ code: 0, errors: "" });
      rmSync(path.join(home.data, "history"));
      await expect.poll(async () => (await command(home, "queue", "show", id)).output).toContain('"state":"delivered"');
      expect(relay.events("control.failed")).toEqual([]);
    },
  );
});

/** A copy of the program of which one thread's modules cannot be loaded. */
function treeWithout(thread: string): {
  readonly tree: string;
  readonly mend: () => void;
  readonly remove: () => void;
} {
  const { tree, remove } = plantedTree("thread-ends");
  const file = path.join(tree, `src/main/threads/${thread}.ts`);
  const whole = readFileSync(file);
  writeFileSync(file, 'throw new Error("it is broken");\n');
  return { tree, mend: () => writeFileSync(file, whole), remove };
}

test("a control thread that cannot be loaded: mail flows, and it is started again until it can", async () => {
  const { tree, mend, remove } = treeWithout("control");
  try {
    await play(
      () => undefined,
      async (home, relay, port) => {
        expect(await relay.event("control.failed")).toMatchObject({ text: expect.stringContaining("it is broken") });
        await send(port);
        await relay.event("delivery.delivered");
        mend();
        await expect.poll(async () => (await command(home, "status")).code).toBe(0);
        expect(await relay.stop()).toEqual({ code: 0, signal: null });
      },
      { tree },
    );
  } finally {
    remove();
  }
});

test.each(["store", "queue", "mail"])("without its %s thread a relay does not start, and says so", async (thread) => {
  const { tree, remove } = treeWithout(thread);
  const home = new RelayHome();
  configure(home, 1);
  const relay = new RelayProcess(home, { tree });
  try {
    expect(await relay.exited).toEqual({ code: 78, signal: null });
    expect(relay.errors).toContain(`the ${thread} thread cannot start on ${home.data}: Error: it is broken`);
  } finally {
    relay.kill("SIGKILL");
    home.remove();
    remove();
  }
});

test("a control thread that cannot start is told each time, started again later and later, and then works", async () => {
  const inTheWay = (home: RelayHome): string => path.join(home.data, "control.sock");
  await play(
    (home) => mkdirSync(inTheWay(home)),
    async (home, relay, port) => {
      expect(await relay.event("control.failed")).toMatchObject({ retryMs: 1000 });
      expect(await relay.event("control.failed", ({ retryMs }) => retryMs === 2000)).toBeTruthy();
      await send(port);
      await relay.event("delivery.delivered");
      rmdirSync(inTheWay(home));
      await expect.poll(async () => (await command(home, "status")).code).toBe(0);
      expect(await command(home, "pause", "inbound")).toMatchObject({ code: 0 }); // the store's answers find it too
      expect((await command(home, "status")).output).toContain('"sites":[]'); // and the queue thread's
      expect(await relay.stop()).toEqual({ code: 0, signal: null });
    },
  );
});

test("a stopped relay is looked into without a trace of who looks", async () => {
  await scene({}, async ({ home, relay, sink, ports }) => {
    const id = await send(ports[PLAIN]!);
    await sink.until(({ copies }) => copies.length > 0);
    await relay.stop();
    const history = path.join(home.data, "history");
    const [day = ""] = readdirSync(history);
    const written = statSync(path.join(history, day)).mtimeMs;
    expect((await command(home, "queue", "show", id)).output).toContain('"state":"delivered"');
    expect(statSync(path.join(history, day)).mtimeMs).toBe(written);
    rmSync(history, { recursive: true });
    expect((await command(home, "queue", "show", id)).code).toBe(1);
    expect(readdirSync(home.data)).not.toContain("history");
  });
});

test("a data folder whose path is longer than a socket's may be: commands are answered all the same", async () => {
  const home = new RelayHome();
  configure(home, 1, { data: `./${"long".repeat(25)}` });
  const relay = new RelayProcess(home);
  try {
    await relay.ports();
    expect(await command(home, "status")).toMatchObject({ code: 0, errors: "" });
  } finally {
    await relay.stop();
    home.remove();
  }
});
