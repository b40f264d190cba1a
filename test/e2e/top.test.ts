import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { seeded } from "../support/chance.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { TREE, runCommand } from "../support/relay.ts";
import { PLAIN, scene } from "../support/scene.ts";
import { MessageFactory, SourceSession } from "../support/source.ts";

const PROGRAM = path.join(TREE, "bin/waypost.mjs");
const hasScript = spawnSync("script", ["--version"]).status === 0;

interface Frame {
  readonly at: number;
  readonly sessions: number;
  readonly traffic: {
    readonly arrivedPerSecond: number;
    readonly deliveredPerSecond: number;
    readonly latency?: { readonly half: number; readonly most: number };
  };
  readonly sites: readonly { readonly site: string; readonly connections: number }[];
}

test("it says how much comes and goes while mail flows, a line a second, for as long as somebody reads", async () => {
  await scene({}, async ({ home, ports, sink }) => {
    const session = await SourceSession.connect({ port: ports[PLAIN]! });
    const factory = new MessageFactory("t", seeded(1), 1000);
    const flowing = { isWanted: true };
    const flow = (async () => {
      while (flowing.isWanted) expect((await session.send(factory.make(500, 1))).kind).toBe("acknowledged");
    })();
    const child = spawn(process.execPath, [PROGRAM, "top", "--json", "--config", home.configFile], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(child, "exit");
    const frames: Frame[] = [];
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const frame = JSON.parse(line) as Frame;
        frames.push(frame);
        if (frame.traffic.deliveredPerSecond > 1 && frames.length >= 3) break;
        if (frames.length > 30) throw new Error(`nothing flows: ${line}`);
      }
    } finally {
      flowing.isWanted = false;
      child.stdout.destroy();
      await flow;
    }
    expect(await ended).toEqual([0, null]);
    const { sessions, traffic, sites } = frames.at(-1)!;
    expect(sessions).toBe(1);
    expect(traffic.arrivedPerSecond).toBeGreaterThan(1);
    expect(traffic.latency?.half).toBeLessThanOrEqual(traffic.latency!.most);
    expect(sites.map(({ site }) => site)).toEqual(["smarthost/sink"]);
    const seconds = (frames.at(-1)!.at - frames[0]!.at) / 1000 / (frames.length - 1);
    expect(seconds).toBeGreaterThan(0.9);
    expect(sink.copies.length).toBeGreaterThan(0);

    const once1 = await runCommand(["top", "--once", "--config", home.configFile], { cwd: home.folder });
    expect(once1.output).toMatch(/^waypost \S+ on relay\.test .*\nQueue .*\nFlow .*\nLatency +p50 .*\nSessions 1\n/);
    expect((await runCommand(["top", "--config", home.configFile], { cwd: home.folder })).code).toBe(0);
    await session.quit();
    const away = await runCommand(["top", "--once", "--data", "nowhere"], { cwd: home.folder });
    expect([away.code, away.errors]).toEqual([69, expect.stringContaining("no relay runs on ")]);
  });
});

test.skipIf(!hasScript)(
  "on a terminal of 80 by 24 it draws, and gives the terminal back when q is pressed",
  async () => {
    await scene({}, async ({ home }) => {
      const program = `stty cols 80 rows 24; ${process.execPath} ${PROGRAM} top --config ${home.configFile}; echo code $?; stty -a`;
      const child = spawn("script", ["-qec", program, "/dev/null"], {
        stdio: ["pipe", "pipe", "inherit"],
        timeout: PATIENCE_MS,
      });
      let output = "";
      let isQuit = false;
      for await (const text of child.stdout.setEncoding("utf8")) {
        output += String(text);
        if (isQuit || output.split("\u001b[H").length < 4) continue;
        isQuit = true;
        child.stdin.write("q");
      }
      const [drawn = "", after = ""] = output.split("\u001b[?25h\u001b[?1049l");
      expect(drawn).toContain("\u001b[?1049h\u001b[?25l");
      const frame = drawn.split("\u001b[H").at(-1)!;
      expect(frame).toMatch(/waypost \S+ on relay\.test/);
      expect(frame.split("\r\n").length).toBeLessThanOrEqual(24);
      expect(after).toMatch(/code 0\r\n/);
      expect(after).toMatch(/ icanon /);
      expect(after).toMatch(/ echo /);
    });
  },
);
