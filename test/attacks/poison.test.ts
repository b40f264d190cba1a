import { expect, test } from "vitest";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { ScriptedHost } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// One message that a next hop cannot bear, tried again and again among others: nobody waits for it. The control is a next
// hop that has the same against every message.

const POISON = "poison@there.test";
const OTHERS = 40;

interface Found {
  readonly others: number;
  readonly poisonTries: number;
  readonly blocks: number;
}

async function play(answer: string, isMeant: (to: readonly string[]) => boolean): Promise<Found> {
  let poisonTries = 0;
  const host = await ScriptedHost.start({
    script: (place, { to }) => {
      if (place !== "CONTENT") return undefined;
      if (to.includes(POISON)) poisonTries++;
      return isMeant(to) ? answer : undefined;
    },
  });
  const home = new RelayHome();
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { hop: { url: `smtp://127.0.0.1:${host.port}`, tls: "none", connections: 1 } },
    routes: [{ deliver: "hop" }],
    retry: { schedule: ["1s"] },
  });
  const relay = new RelayProcess(home);
  try {
    const [port = 0] = await relay.ports();
    const session = await SourceSession.connect({ port });
    const content = Buffer.from("Subject: x\r\n\r\nbody\r\n");
    for (let n = 0; n < OTHERS; n++) {
      if (n === 0) await session.send({ id: "", from: "s@here.test", recipients: [POISON], content, hash: "" });
      await session.send({ id: "", from: "s@here.test", recipients: [`r${n}@there.test`], content, hash: "" });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await session.quit();
    const isSeen = (): boolean => host.messages.length >= OTHERS && poisonTries >= 3;
    for (let looks = 0; looks < 100 && !isSeen() && relay.events("site.blocked").length === 0; looks++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    return { others: host.messages.length, poisonTries, blocks: relay.events("site.blocked").length };
  } finally {
    await relay.stop();
    await host.close();
    home.remove();
  }
}

test.for([
  ["refuses it in words that sound like us", "550 5.7.1 Your account has been suspended"],
  ["hangs up after its final dot", "close"],
])("the next hop %s: it waits by its schedule, and no other with it", async ([, answer]) => {
  const { others, poisonTries, blocks } = await play(answer!, (to) => to.includes(POISON));
  expect({ others, blocks }).toEqual({ others: OTHERS, blocks: 0 });
  expect(poisonTries).toBeGreaterThanOrEqual(3);
});

test("control: what a next hop has against every message is held against it", async () => {
  const { others, blocks } = await play("550 5.7.1 Your account has been suspended", () => true);
  expect(others).toBe(0);
  expect(blocks).toBeGreaterThan(0); // of a machine that is slow a second one is seen
});
