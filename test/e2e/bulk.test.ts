import { statSync } from "node:fs";
import { expect, test } from "vitest";
import { AccountingSink } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { isProof } from "../support/proof.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { PLAIN, configure } from "../support/scene.ts";
import { seedQueue } from "../support/seeded-queue.ts";
import { MessageFactory, SourceSession } from "../support/source.ts";

// An operator and a long queue: `npm run bulk` has 100,000 messages.

const QUEUED = isProof ? 100_000 : 2_000;
const OCTETS = isProof ? 1_000 : 10_000; // more than the store keeps free, so that the file shrinks
const LANE = "smarthost/slow";

function diskUsed(home: RelayHome): number {
  return ["", "-wal"].reduce(
    (sum, suffix) => sum + (statSync(`${home.queueFile}${suffix}`, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

test("a long queue is listed at once, page by page, and cancelled while fresh mail flows; the disk is given back", async () => {
  const home = new RelayHome();
  const live = await AccountingSink.start();
  configure(home, live.port, {
    smarthosts: {
      live: { url: `smtp://127.0.0.1:${live.port}`, tls: "none" },
      slow: { url: "smtp://127.0.0.1:1", tls: "none" },
    },
    routes: [{ when: { recipient: "@slow.test" }, deliver: "slow" }, { deliver: "live" }],
  });
  seedQueue(home, { count: QUEUED, lane: LANE, octets: OCTETS });
  const before = diskUsed(home);
  const relay = new RelayProcess(home);
  const command = async (
    ...args: string[]
  ): Promise<{ readonly answer: Readonly<Record<string, unknown>>; readonly ms: number }> => {
    const started = performance.now();
    const { code, output, errors } = await runCommand([...args, "--json", "--config", home.configFile], {
      cwd: home.folder,
    });
    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    return { answer: JSON.parse(output) as Record<string, unknown>, ms: performance.now() - started };
  };
  try {
    const port = (await relay.ports())[PLAIN]!;
    const started = performance.now();
    await runCommand(["version"], { cwd: home.folder });
    const startUp = performance.now() - started;
    const list = await command("queue", "list");
    expect(list.ms - startUp).toBeLessThan(1000);
    const next = await command("queue", "list", "--after", String(list.answer["after"]));
    const ids = [list, next].flatMap(({ answer }) => (answer["deliveries"] as { id: string }[]).map(({ id }) => id));
    expect(new Set(ids).size).toBe(100);
    const count = await command("queue", "list", "--count");
    const lanes = [{ lane: LANE, deliveries: QUEUED }];
    expect(count.answer).toEqual({ deliveries: QUEUED, messages: QUEUED, lanes });

    const session = await SourceSession.connect({ port });
    const factory = new MessageFactory("b", seeded(1), 4096);
    const flow = async (work: Promise<unknown>): Promise<number> => {
      let sent = 0;
      const working = { isDone: false };
      void work.finally(() => (working.isDone = true)).catch(() => undefined);
      const started = performance.now();
      while (!working.isDone) {
        const result = await session.send({ ...factory.make(500, 1), recipients: [`f${sent++}@live.test`] });
        expect(result.kind).toBe("acknowledged");
      }
      return (sent / (performance.now() - started)) * 1000;
    };
    const alone = await flow(command("queue", "list", "--count"));
    const cancelling = command("queue", "cancel", "--all", "--yes");
    const beside = await flow(cancelling);
    const { answer, ms } = await cancelling;
    expect(answer).toEqual({ action: "cancel", changed: QUEUED, inHand: 0, hasMatch: true });
    await session.quit();
    console.log(
      `${QUEUED} queued: list ${(list.ms - startUp).toFixed(0)} ms, count ${(count.ms - startUp).toFixed(0)} ms, cancel ${((QUEUED / ms) * 1000).toFixed(0)}/s; fresh mail, one session: ${beside.toFixed(0)}/s beside it, ${alone.toFixed(0)}/s beside a count`,
    );
    expect((await command("queue", "list", "--count")).answer).toMatchObject({ deliveries: 0 });
    await expect
      .poll(() => diskUsed(home), { timeout: isProof ? 180_000 : 60_000, interval: 500 })
      .toBeLessThan(before * 0.75);
    console.log(`disk: ${(before / 1e6).toFixed(0)} MB before, ${(diskUsed(home) / 1e6).toFixed(0)} MB after`);
    expect((await relay.stop()).code).toBe(0);
  } finally {
    relay.kill("SIGKILL");
    await relay.stop();
    await live.close();
    home.remove();
  }
}, 600_000);
