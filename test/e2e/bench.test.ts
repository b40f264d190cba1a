import { spawnSync } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { expect, test } from "vitest";
import { CASES, type Case } from "../../bench/side-by-side/cases.ts";
import { direct } from "../../bench/side-by-side/direct.ts";
import { bring, loadOf } from "../../bench/side-by-side/load.ts";
import { postfix } from "../../bench/side-by-side/postfix.ts";
import { round } from "../../bench/side-by-side/round.ts";
import { waypost } from "../../bench/side-by-side/waypost.ts";
import { TREE } from "../support/relay.ts";
import type { Contender } from "../../bench/side-by-side/contender.ts";

// The small version of `npm run bench`: each kind of load gets through each relay, and its cost is seen.

const isPresent = spawnSync("smtp-sink", ["-?"]).error === undefined;
const CASE = new Map(CASES.map((subject) => [subject.name, subject]));
const MESSAGES = 60;

const RELAYS: readonly Contender[] = [waypost(TREE), postfix];

function caseNamed(name: string): Case {
  const { octets, ...rest } = CASE.get(name)!;
  return { ...rest, octets: Math.min(octets, 100 * 1024) };
}

for (const relay of RELAYS)
  for (const name of ["login-connect", "100-domains"]) {
    const subject = caseNamed(name);
    const isAble = isPresent && relay.missing(subject) === undefined;
    test.skipIf(!isAble)(`${name} gets through ${relay.name}, and is counted`, async () => {
      const found = await round(subject, relay, { messages: MESSAGES, sessions: 5, isPinned: false });
      expect(found.relayedPerSecond).toBeGreaterThan(0);
      expect(found.acceptedPerSecond).toBeGreaterThanOrEqual(found.relayedPerSecond * 0.99);
      expect(found.relayMs).toBeGreaterThan(0);
      expect(found.peakMiB).toBeGreaterThan(1);
      expect(found.acceptP99Ms === undefined).toBe(!subject.login && subject.domains === 0);
    });
  }

test.skipIf(!isPresent)("without a relay there is what source and sink can do", async () => {
  const found = await round(caseNamed("plain"), direct, { messages: MESSAGES, sessions: 5, isPinned: false });
  expect(found.relayedPerSecond).toBeGreaterThan(0);
  expect(found.relayMs).toBe(0);
});

test.skipIf(!isPresent)("a relay that takes mail and brings it nowhere does not pass for a fast one", async () => {
  const swallows: Contender = {
    name: "swallows",
    missing: () => undefined,
    // Nobody listens there.
    start: (scene) => waypost(TREE).start({ ...scene, sinkPort: 1 }),
  };
  const terms = { messages: MESSAGES, sessions: 5, isPinned: false, arrivedWithinMs: 2000 };
  await expect(round(caseNamed("plain"), swallows, terms)).rejects.toThrow(`0 of ${MESSAGES} messages arrived`);
});

test.skipIf(!isPresent)("a relay that never answers holds nobody up for good", async () => {
  const silent = net.createServer((socket) => void socket.on("error", () => undefined)); // who is ended resets it
  const server = silent.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const load = loadOf(caseNamed("plain"), { port, login: { username: "", password: "" } }, 1, 1);
  await expect(bring(load, [], 500)).rejects.toThrow("smtp-source was not done after 0.5 s");
  server.close();
});
