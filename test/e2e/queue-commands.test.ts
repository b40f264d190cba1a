import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { PATIENCE_MS } from "../support/patience.ts";
import { RelayHome, RelayProcess, TREE, runCommand } from "../support/relay.ts";
import { configure } from "../support/scene.ts";
import { seedQueue } from "../support/seeded-queue.ts";

// What an operator means, and what is asked before it is done.

const hasScript = spawnSync("script", ["--version"]).status === 0;
const COUNT = 30;

interface Desk {
  readonly home: RelayHome;
  readonly relay: RelayProcess;
  json(...args: string[]): Promise<unknown>;
  run(...args: string[]): Promise<{ readonly code: number | null; readonly output: string; readonly errors: string }>;
}

test("a relay whose data folder has a path of 300 octets takes commands, before and after a restart", async () => {
  const home = new RelayHome();
  const data = path.join(home.folder, "x".repeat(150), "y".repeat(150));
  configure(home, 1, { data });
  const status = (): ReturnType<typeof runCommand> =>
    runCommand(["status", "--json", "--data", data], { cwd: home.folder });
  try {
    for (let n = 0; n < 2; n++) {
      const relay = new RelayProcess(home);
      await relay.ports();
      expect(await status()).toMatchObject({ code: 0, output: expect.stringContaining("relay.test") });
      if (n === 0) relay.kill("SIGKILL"); // and leaves its socket
      await relay.stop();
      expect(existsSync(path.join(data, "control.sock"))).toBe(n === 0);
      expect((await status()).code).toBe(69);
    }
  } finally {
    home.remove();
  }
});

async function desk(play: (desk: Desk) => Promise<void>): Promise<void> {
  const home = new RelayHome();
  const url = "smtp://127.0.0.1:1";
  configure(home, 1, { smarthosts: { a: { url }, b: { url } }, routes: [{ deliver: "a" }] });
  seedQueue(home, { count: COUNT, lane: "smarthost/a", since: Date.now() - 7_200_000 });
  seedQueue(home, { count: COUNT, lane: "smarthost/b" });
  const relay = new RelayProcess(home);
  const run: Desk["run"] = (...args) => runCommand([...args, "--config", home.configFile], { cwd: home.folder });
  try {
    await relay.ports();
    await play({
      home,
      relay,
      run,
      json: async (...args) => JSON.parse((await run(...args, "--json")).output) as unknown,
    });
  } finally {
    await relay.stop();
    home.remove();
  }
}

test("filters narrow what is listed, counted and changed; all of them hold", async () => {
  await desk(async ({ json, run, relay, home }) => {
    const both = { deliveries: 2 * COUNT, messages: 2 * COUNT };
    const one = { deliveries: COUNT, messages: COUNT };
    expect(await json("queue", "list", "--count")).toMatchObject(both);
    expect(await json("queue", "list", "--count", "--older-than", "1h")).toMatchObject({
      ...one,
      lanes: [{ lane: "smarthost/a" }],
    });
    expect(await json("queue", "list", "--count", "--newer-than", "1h", "--lane", "smarthost/a")).toMatchObject({
      deliveries: 0,
    });
    expect(await json("queue", "hold", "--older-than", "1h", "--recipient", "q7@slow.test")).toMatchObject({
      changed: 1,
    });
    expect(await json("queue", "list", "--state", "held")).toMatchObject({
      deliveries: [{ recipient: "q7@slow.test" }],
    });
    expect(await json("queue", "list", "--count", "--reason", "held")).toMatchObject({ deliveries: 1 });
    expect(await relay.event("queue.changed")).toMatchObject({
      selection: expect.stringMatching(/^recipient q7@slow\.test, older than 2\d{3}-.*Z$/),
    });
    const table = (await run("queue", "list", "--count")).output;
    expect(table).toBe(
      `${2 * COUNT} deliveries of ${2 * COUNT} messages in 2 lanes\n  ${COUNT}  smarthost/a\n  ${COUNT}  smarthost/b\n`,
    );
    const wrong = await run("queue", "list", "--reason", "hled");
    expect([wrong.code, wrong.errors]).toEqual([64, "waypost: --reason hled is none; did you mean held?\n"]);
    await relay.stop();
    expect(await json("queue", "list", "--count", "--state", "waiting", "--data", home.data)).toMatchObject({
      deliveries: 2 * COUNT - 1,
    });
  });
});

test("what cannot be taken back takes --yes where there is nobody to ask; --dry-run touches nothing", async () => {
  await desk(async ({ json, run }) => {
    const refused = await run("queue", "cancel", "--all");
    expect([refused.code, refused.output]).toEqual([64, ""]);
    expect(refused.errors).toContain("60 deliveries of 60 messages in 2 lanes out of the queue: give --yes");
    expect((await run("queue", "expire", "--lane", "smarthost/a", "--json")).code).toBe(64);
    expect(await json("queue", "cancel", "--lane", "smarthost/b", "--dry-run")).toEqual({
      deliveries: COUNT,
      messages: COUNT,
      lanes: [{ lane: "smarthost/b", deliveries: COUNT }],
    });
    expect(await json("queue", "list", "--count")).toMatchObject({ deliveries: 2 * COUNT });
    expect(await json("queue", "hold", "--lane", "smarthost/b")).toMatchObject({ changed: COUNT });
    expect((await run("queue", "cancel", "--recipient", "q1@slow.test", "--older-than", "1h")).output).toBe(
      "1 delivery cancelled\n",
    ); // one message is not many
    expect(await json("queue", "cancel", "--state", "held", "--yes")).toMatchObject({ changed: COUNT });
    expect(await json("queue", "list", "--count")).toMatchObject({ deliveries: COUNT - 1 });
  });
});

/** Runs a command on a terminal, where a person types `answer` once it is asked. */
async function onTerminal(home: RelayHome, command: string, answer: string): Promise<string> {
  const program = `${process.execPath} ${path.join(TREE, "bin/waypost.mjs")} ${command} --config ${home.configFile}`;
  const child = spawn("script", ["-qec", program, "/dev/null"], {
    cwd: home.folder,
    stdio: ["pipe", "pipe", "inherit"],
    timeout: PATIENCE_MS,
  });
  let output = "";
  let isAnswered = false;
  for await (const text of child.stdout.setEncoding("utf8")) {
    output += String(text);
    if (isAnswered || !output.includes("[y/N] ")) continue;
    isAnswered = true;
    child.stdin.write(answer);
  }
  return output;
}

test.skipIf(!hasScript)(
  "on a terminal many are counted and asked about, and no is the answer of who says nothing",
  async () => {
    await desk(async ({ home, json }) => {
      const asked = await onTerminal(home, "queue cancel --lane smarthost/a", "\r");
      expect(asked).toContain("cancel 30 deliveries of 30 messages in 1 lane? [y/N] ");
      expect(asked).toContain("nothing was changed");
      expect(await json("queue", "list", "--count")).toMatchObject({ deliveries: 2 * COUNT });
      expect(await onTerminal(home, "queue cancel --lane smarthost/a", "\u0004")).toContain("nothing was changed");
      expect(await onTerminal(home, "queue cancel --lane smarthost/a", "y\r")).toContain("30 deliveries cancelled");
      expect(await onTerminal(home, "queue hold --all --yes", "")).not.toContain("[y/N]");
      expect(await json("queue", "list", "--count", "--held")).toMatchObject({ deliveries: COUNT });
    });
  },
);
