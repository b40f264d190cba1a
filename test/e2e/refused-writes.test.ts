import { execFileSync } from "node:child_process";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { seeded } from "../support/chance.ts";
import type { RelayProcess } from "../support/relay.ts";
import { PLAIN, scene } from "../support/scene.ts";
import { MessageFactory, SourceSession } from "../support/source.ts";

const MiB = 1024 * 1024;
const mayLimit = process.platform === "linux";
const skipped = mayLimit ? "" : " (skipped: not Linux)";

/** To the relay it is as if a quota were used up: there is room, and the system refuses to let a file grow. */
function limitFiles(relay: RelayProcess, octets: number | "unlimited"): void {
  execFileSync("prlimit", ["--pid", String(relay.pid), `--fsize=${octets}:`]);
}

/** A session that sends messages to the relay; what is not acknowledged has to be put off. */
class Sender {
  readonly acknowledged: string[] = [];
  readonly #factory = new MessageFactory("w", seeded(1), MiB);
  readonly #relay: RelayProcess;
  readonly #session: SourceSession;

  constructor(relay: RelayProcess, session: SourceSession) {
    this.#relay = relay;
    this.#session = session;
  }

  async send(octets: number): Promise<"acknowledged" | "put off"> {
    const result = await this.#session.send(this.#factory.make(octets, 1));
    if (result.kind !== "acknowledged") {
      expect(result, this.#relay.told()).toMatchObject({ kind: "refused", reply: expect.stringMatching(/^4/) });
      return "put off";
    }
    this.acknowledged.push(...result.recipients);
    return "acknowledged";
  }
}

test.skipIf(!mayLimit)(`where no file may grow mail is put off, and all goes on once it may${skipped}`, () =>
  scene({ sink: { latencyMs: 500 } }, async ({ relay, ports, sink }) => {
    const sender = new Sender(relay, await SourceSession.connect({ port: ports[PLAIN]! }));
    // A log that the database is to take over, and deliveries that end when it is too late to record it.
    for (let octets = 0; octets < 2 * MiB; octets += 30_000) expect(await sender.send(30_000)).toBe("acknowledged");
    limitFiles(relay, 0);
    while ((await sender.send(30_000)) === "acknowledged") continue;
    await relay.event("space.low");
    // Second by second ends are to be recorded, the store to be shortened, and a reserve to be had.
    let failures = 0;
    await relay.event("store.failed", () => ++failures === 4);
    expect(await sender.send(3000)).toBe("put off");
    limitFiles(relay, "unlimited");
    await relay.event("space.restored", ({ isMailAccepted }) => isMailAccepted === true);
    expect(await sender.send(3000)).toBe("acknowledged");
    await sink.until(({ copies }) => copies.length >= sender.acknowledged.length);
    expect(sink.recipients().toSorted()).toEqual(sender.acknowledged.toSorted());
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
    expect(relay.events("relay.died")).toEqual([]);
  }),
);

test("a queue store that another program has locked puts mail off, and all goes on when it is free", () =>
  scene({}, async ({ home, relay, ports, sink }) => {
    const sender = new Sender(relay, await SourceSession.connect({ port: ports[PLAIN]! }));
    const other = new DatabaseSync(home.queueFile);
    other.exec("BEGIN IMMEDIATE");
    expect(await sender.send(3000)).toBe("put off");
    other.exec("ROLLBACK");
    other.close();
    expect(await sender.send(3000)).toBe("acknowledged");
    await sink.until(({ copies }) => copies.length === 1);
    expect(await relay.stop()).toEqual({ code: 0, signal: null });
  }));
