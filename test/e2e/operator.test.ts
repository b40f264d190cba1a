import { createSocket } from "node:dgram";
import { expect, test } from "vitest";
import { AccountingSink, NO_FAULTS, type SinkOptions } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";
import { PLAIN, configure } from "../support/scene.ts";
import { MessageFactory, SourceSession } from "../support/source.ts";

// What an operator does to queued mail while other mail flows: two next hops, one of which says what a test wants.

const factory = new MessageFactory("o", seeded(1), 1024 * 1024);

interface Stage {
  readonly home: RelayHome;
  relay: RelayProcess;
  /** Its next hop takes everything. */
  readonly live: AccountingSink;
  /** Its next hop says 450 until it is told otherwise. */
  readonly slow: AccountingSink;
  /** The reply to a message; its last word is the id. */
  send(...recipients: string[]): Promise<string>;
  command(
    ...args: string[]
  ): Promise<{ readonly code: number | null; readonly answer: Answer; readonly errors: string }>;
  restart(): Promise<void>;
}

interface Answer {
  readonly changed?: number;
  readonly inHand?: number;
  readonly held?: number;
  readonly waiting?: number;
  readonly after?: string;
  readonly isChange?: boolean;
  readonly paused?: readonly { readonly target: string }[];
  readonly sites?: readonly { readonly site: string; readonly connections: number }[];
  readonly deliveries?: readonly { readonly id: string; readonly state: string; readonly reason: string }[];
}

const NOT_NOW = { tempfail: 1, permfail: 0, closeAfterDot: 0 } as const; // with a chance of 0: every recipient
const LANE = "smarthost/slow";

const REFUSING: SinkOptions = { faults: NOT_NOW, chance: () => 0 };

async function stage(play: (stage: Stage) => Promise<void>, slowOptions = REFUSING, slowTerms = {}): Promise<void> {
  const home = new RelayHome();
  const live = await AccountingSink.start();
  const slow = await AccountingSink.start(slowOptions);
  const port = (sink: AccountingSink): string => `smtp://127.0.0.1:${sink.port}`;
  configure(home, 1, {
    smarthosts: { live: { url: port(live), tls: "none" }, slow: { url: port(slow), tls: "none", ...slowTerms } },
    routes: [{ when: { recipient: "@slow.test" }, deliver: "slow" }, { deliver: "live" }],
  });
  let port0 = 0;
  const s: Stage = {
    home,
    live,
    slow,
    relay: new RelayProcess(home),
    async send(...recipients) {
      const session = await SourceSession.connect({ port: port0 });
      const result = await session.send({ ...factory.make(500, 1), recipients });
      await session.quit();
      if (!("reply" in result)) throw new Error("no reply");
      return result.reply;
    },
    async command(...args) {
      const { code, output, errors } = await runCommand([...args, "--json", "--config", home.configFile], {
        cwd: home.folder,
      });
      return { code, errors, answer: (output === "" ? {} : JSON.parse(output)) as Answer };
    },
    async restart() {
      await s.relay.stop();
      s.relay = new RelayProcess(home);
      port0 = (await s.relay.ports())[PLAIN]!;
    },
  };
  try {
    port0 = (await s.relay.ports())[PLAIN]!;
    await play(s);
  } finally {
    if (s.relay.isRunning) await s.relay.stop();
    await live.close();
    await slow.close();
    home.remove();
  }
}

/** Its id, once it waits for its next attempt. */
async function waiting(s: Stage, ...recipients: string[]): Promise<string> {
  const id = (await s.send(...recipients)).split(" ").at(-1)!;
  for (const recipient of recipients)
    await s.relay.event("delivery.deferred", (event) => event["id"] === id && event["recipient"] === recipient);
  return id;
}

test("each action does what it says to the mail that is meant, while other mail flows", async () => {
  await stage(async (s) => {
    const flowing = { isWanted: true };
    let sent = 0;
    const flow = (async () => {
      for (; flowing.isWanted; sent++) expect(await s.send(`r${sent}@live.test`)).toMatch(/^250/);
    })();
    const show = async (id: string): Promise<string[]> =>
      ((await s.command("queue", "show", id)).answer.deliveries ?? []).map(({ state }) => state).toSorted();

    const held = await waiting(s, "held@slow.test");
    expect((await s.command("queue", "hold", held)).answer).toEqual({
      action: "hold",
      changed: 1,
      inHand: 0,
      hasMatch: true,
    });
    expect(await show(held)).toEqual(["held"]);
    const list = (await s.command("queue", "list", "--held", "--lane", LANE)).answer;
    expect(list.deliveries).toMatchObject([{ id: held, state: "held", reason: expect.stringMatching(/^held: /) }]);

    const cancelled = await waiting(s, "one@slow.test", "two@slow.test");
    const one = ["--recipient", "one@slow.test"];
    expect((await s.command("queue", "cancel", cancelled, ...one)).answer).toMatchObject({ changed: 1 });
    await expect.poll(() => show(cancelled)).toEqual(["cancelled", "waiting"]);
    expect((await s.command("queue", "cancel", cancelled)).answer).toMatchObject({ changed: 1 });
    await expect.poll(() => show(cancelled)).toEqual(["cancelled", "cancelled"]);

    const retried = await waiting(s, "retried@slow.test");
    expect((await s.command("queue", "retry", retried)).answer).toMatchObject({ changed: 1 });
    await s.relay.event("delivery.deferred", (event) => event["id"] === retried && event["attempts"] === 2);

    for (const action of ["expire", "reroute"]) {
      const id = await waiting(s, `${action}@slow.test`);
      expect((await s.command("queue", action, id)).answer).toMatchObject({ action, changed: 1 });
    }

    await s.command("queue", "hold", "--recipient-domain", "slow.test");
    flowing.isWanted = false;
    await flow;
    await s.live.until((sink) => new Set(sink.recipients()).size === sent);
    await s.restart();
    expect((await s.command("status")).answer.held).toBeGreaterThanOrEqual(2);
    s.slow.faults = NO_FAULTS;
    await s.command("queue", "release", "--lane", LANE);
    await s.slow.until((sink) => ["held", "retried"].every((name) => sink.recipients().includes(`${name}@slow.test`)));
    expect(s.slow.recipients()).not.toContain("one@slow.test");
    expect(await s.relay.event("queue.changed")).toMatchObject({ action: "release", selection: `lane ${LANE}` });
  });
});

test("what is paused stays so over a restart, and goes on when it is resumed", async () => {
  await stage(async (s) => {
    s.slow.faults = NO_FAULTS;
    const paused = async (): Promise<unknown> => (await s.command("status")).answer.paused?.map(({ target }) => target);
    const reasonOf = async (id: string): Promise<string | undefined> =>
      (await s.command("queue", "show", id)).answer.deliveries?.[0]?.reason;

    expect((await s.command("pause", "inbound")).answer).toEqual({
      target: "inbound",
      isPaused: true,
      isChange: true,
    });
    expect(await s.send("a@live.test")).toMatch(/^451 4\.3\.2 /);
    await s.restart();
    expect(await s.send("a@live.test")).toMatch(/^451 4\.3\.2 /);
    expect((await s.command("pause", "inbound")).answer).toMatchObject({ isChange: false });
    await s.command("resume", "inbound");

    await s.command("pause", LANE);
    const laneWaits = (await s.send("b@slow.test")).split(" ").at(-1)!;
    await s.send("b@live.test");
    await s.live.until((sink) => sink.recipients().includes("b@live.test"));
    expect(await reasonOf(laneWaits)).toMatch(/^paused: /);

    await s.command("pause", "outbound");
    const allWaits = (await s.send("c@live.test")).split(" ").at(-1)!;
    await s.restart();
    expect(await paused()).toEqual([LANE, "outbound"]);
    expect(await reasonOf(allWaits)).toMatch(/^paused: /);
    expect((await s.command("queue", "list")).answer.deliveries).toHaveLength(2);

    await s.command("resume", "outbound");
    await s.live.until((sink) => sink.recipients().includes("c@live.test"));
    expect(s.slow.copies).toEqual([]);
    await s.command("resume", LANE);
    await s.slow.until((sink) => sink.recipients().includes("b@slow.test"));
    expect(await paused()).toEqual([]);
  });
});

test("what is in hand ends as its attempt ends, and is held where it would wait again", async () => {
  let draws = 0; // recipients are taken, contents are not
  const chance = (): number => (draws++ % 2 === 0 ? 1 : 0);
  await stage(
    async (s) => {
      const id = (await s.send("a@slow.test")).split(" ").at(-1)!;
      expect((await s.command("queue", "hold", id)).answer).toMatchObject({ changed: 0, inHand: 1 });
      await s.relay.event("delivery.deferred");
      const state = async (): Promise<unknown> => (await s.command("queue", "show", id)).answer.deliveries?.[0]?.state;
      await expect.poll(state).toBe("held");
    },
    { faults: NOT_NOW, chance, latencyMs: 5000 },
  );
});

test("what waits in memory for its turn at a next hop with a rate is held and cancelled at once", async () => {
  const play = async (s: Stage): Promise<void> => {
    const ids: string[] = [];
    for (let n = 0; n < 4; n++) ids.push((await s.send(`r${n}@slow.test`)).split(" ").at(-1)!);
    await s.slow.until((sink) => sink.recipients().length === 1);
    const state = async (id: string): Promise<string[]> =>
      ((await s.command("queue", "show", id)).answer.deliveries ?? []).map((delivery) => delivery.state);
    for (const id of ids.slice(1)) expect(await state(id)).toEqual(["in hand"]);
    await s.command("queue", "hold", ids[1]!);
    await s.command("queue", "cancel", ids[2]!);
    await expect.poll(() => state(ids[1]!)).toEqual(["held"]);
    await expect.poll(() => state(ids[2]!)).toEqual(["cancelled"]);
    expect(await state(ids[3]!)).toEqual(["in hand"]);
    expect(s.slow.recipients()).toEqual(["r0@slow.test"]);
  };
  await stage(play, {}, { messages_per_minute: 1 });
});

/** What `status` says of the slow next hop, and `queue show` and `queue list` of a message that waits for it. */
async function explained(s: Stage, id: string): Promise<unknown[]> {
  const pages = [
    ["queue", "show", id],
    ["queue", "list"],
  ].map(async (args) => (await s.command(...args)).answer.deliveries?.find((delivery) => delivery.id === id)?.reason);
  const { output } = await runCommand(["status", "--config", s.home.configFile], { cwd: s.home.folder });
  return [...(await Promise.all(pages)), output.split("\n").filter((line) => line.startsWith(`  ${LANE}: `))];
}

const IN_HAND = "in-hand: a mail thread has it: it is being sent, or waits for a connection to its next hop";

test("what waits in memory says for which rate of its next hop, and when it may go", async () => {
  const play = async (s: Stage): Promise<void> => {
    for (let n = 0; n < 2; n++) await s.send(`r${n}@slow.test`);
    const id = (await s.send("last@slow.test")).split(" ").at(-1)!;
    await s.slow.until((sink) => sink.recipients().length === 1);
    const limit = "1 of 1 messages this minute, the next in \\d+ s";
    const reason: unknown = expect.stringMatching(new RegExp(`^${IN_HAND}; ${LANE}: ${limit}$`));
    expect(await explained(s, id)).toEqual([
      reason,
      reason,
      [expect.stringMatching(new RegExp(`^  ${LANE}: ${limit}$`))],
    ]);
    const sites = (await s.command("status")).answer.sites;
    expect(sites).toMatchObject([{ site: LANE, messages: { begun: 1, limit: 1, nextAt: expect.any(Number) } }]);
  };
  await stage(play, {}, { messages_per_minute: 1 });
});

test("what waits in memory says that all connections to its next hop are used; where nothing is, nothing is said", async () => {
  const play = (reason: string, lines: readonly string[]) => async (s: Stage) => {
    await s.send("first@slow.test");
    const id = (await s.send("last@slow.test")).split(" ").at(-1)!;
    await expect.poll(() => explained(s, id)).toEqual([reason, reason, lines]);
  };
  const slow = { latencyMs: 8000 };
  const used = `${LANE}: 1 of 1 connections`;
  await stage(play(`${IN_HAND}; ${used}`, [`  ${used}`]), slow, { connections: 1 });
  await stage(play(IN_HAND, []), slow);
});

test("what is claimed for a domain says that its servers are looked up", async () => {
  const home = new RelayHome();
  const silent = createSocket("udp4");
  await new Promise<void>((resolve) => void silent.bind(0, "127.0.0.1", resolve));
  const dns = { servers: [`127.0.0.1:${silent.address().port}`] };
  configure(home, 1, { smarthosts: {}, dns, routes: [{ deliver: "mx" }] });
  const relay = new RelayProcess(home);
  try {
    const port = (await relay.ports())[PLAIN]!;
    const command = async (...args: string[]): Promise<string> =>
      (await runCommand([...args, "--config", home.configFile], { cwd: home.folder })).output;
    await command("pause", "mx/B.Test");
    const session = await SourceSession.connect({ port });
    await session.send({ ...factory.make(500, 1), recipients: ["a@b.test"] });
    await session.quit();
    expect(await command("queue", "list")).toMatch(/ mx\/b\.test: no attempt yet, due when it is resumed; paused: /);
    await command("resume", "mx/b.test");
    await expect.poll(() => command("queue", "list")).toContain("; the servers of its domain are being looked up\n");
  } finally {
    await relay.stop();
    silent.close();
    home.remove();
  }
});

test("recipients of one attempt say where its transcript is", async () => {
  await stage(async (s) => {
    const id = await waiting(s, "one@slow.test", "two@slow.test");
    const shown = async (): Promise<string> =>
      (await runCommand(["queue", "show", id, "--transcript", "--config", s.home.configFile], { cwd: s.home.folder }))
        .output;
    await expect.poll(shown).toMatch(/<two@slow\.test> .*\n {6}same attempt as <one@slow\.test>\n/);
    expect(await shown()).toMatch(/<one@slow\.test> .*\n {6}\+\d+ /);
  });
});

test("a next hop that is away is tried at once where an operator wants it", async () => {
  await stage(async (s) => {
    const { port } = s.slow;
    await s.slow.close();
    await s.send("a@slow.test");
    const { until } = await s.relay.event("site.blocked", ({ failures }) => failures === 2);
    const back = await AccountingSink.start({ port });
    try {
      expect((await s.command("queue", "retry", "--lane", LANE)).code).toBe(0);
      await back.until((sink) => sink.copies.length === 1);
      expect(back.copies[0]!.loggedAt + performance.timeOrigin).toBeLessThan(Date.parse(String(until)));
    } finally {
      await back.close();
    }
  });
});

test("what is wrong is said, with what to do; nothing is touched", async () => {
  await stage(async (s) => {
    const id = await waiting(s, "a@slow.test");
    const wrong = async (text: string): Promise<unknown> => {
      const { code, errors } = await s.command(...text.split(" "));
      return [code, errors.trimEnd()];
    };
    expect(await wrong("queue cancel")).toEqual([
      64,
      expect.stringContaining("which mail? name an ID, or one or more of --lane"),
    ]);
    expect(await wrong(`queue cancel ${id} --all`)).toEqual([64, expect.stringContaining("--all is everything")]);
    expect(await wrong("queue cancel --lane slow")).toEqual([
      64,
      expect.stringContaining("takes smarthost/NAME or mx/DOMAIN"),
    ]);
    const nearest =
      "waypost: smarthost/solw: neither the configuration nor the queue has such a smart host; did you mean smarthost/slow?";
    for (const text of ["queue hold --lane smarthost/solw", "pause smarthost/solw"])
      expect(await wrong(text)).toEqual([64, nearest]);
    expect(await wrong(`queue hold ${id} --recipient b@slow.test`)).toEqual([
      1,
      expect.stringContaining("no such recipient"),
    ]);
    const nothing = { changed: 0, inHand: 0, hasMatch: false };
    for (const text of ["--lane smarthost/live", "--lane mx/b.test", "--sender nobody@b.test"]) {
      const { code, answer } = await s.command("queue", "hold", ...text.split(" "));
      expect({ code, answer }).toEqual({ code: 0, answer: { action: "hold", ...nothing } });
    }
    expect(await wrong("queue list --sender x")).toEqual([64, expect.stringContaining("--sender x is neither")]);
    expect(await wrong("queue hold 00000000000000")).toEqual([1, expect.stringContaining("no message 00000000000000")]);
    expect(await wrong("pause slow")).toEqual([64, expect.stringContaining("neither inbound nor outbound nor a lane")]);
    expect(await wrong("pause smarthost/nope")).toEqual([
      64,
      expect.stringContaining("the configuration has live, slow"),
    ]);
    expect((await s.command("queue", "list")).answer.deliveries).toHaveLength(1);
    await s.relay.stop();
    for (const text of ["queue hold --all", "pause inbound"])
      expect(await wrong(text)).toEqual([69, expect.stringMatching(/no relay runs on .*: only a relay that runs/)]);
  });
});
