import { expect, test } from "vitest";
import { plantedTree } from "../crash/patched-copy.ts";
import { IMPLICIT, USER, scene } from "../support/scene.ts";
import { SourceSession } from "../support/source.ts";

// Checking a password is dear on purpose. Who has many of them checked keeps its own logins waiting, and no others'.

const GUESSES = 40;
const WRONG = Buffer.from(`\0${USER.username}\0wrong`).toString("base64");

/**
 * One client guesses so many times at once, and stays for the answers or leaves; another comes behind it, and logs in. How many
 * guesses are checked before it is let in, and in the end.
 */
async function heldUp(stays: boolean, tree?: string): Promise<{ readonly before: number; readonly all: number }> {
  const counts = { before: Number.NaN, all: Number.NaN };
  const options = { config: { access: { networks: [] } }, ...(tree === undefined ? {} : { tree }) };
  await scene(options, async ({ relay, ports }) => {
    const port = ports[IMPLICIT]!;
    const attackers = await Promise.all(
      Array.from({ length: GUESSES }, async () => {
        const session = await SourceSession.open(port, true, { host: "127.0.0.1", localAddress: "127.0.1.1" });
        await session.expect(220);
        await session.hello();
        return session;
      }),
    );
    const answers = attackers.map((session) => session.command(`AUTH PLAIN ${WRONG}`).catch(() => "gone"));
    await relay.event("auth.failed"); // the others wait
    if (!stays) for (const session of attackers) session.destroy();
    const checked = (): number => relay.events("auth.failed").filter(({ reason }) => reason === "wrong").length;
    const victim = await SourceSession.connect({ port, tls: "implicit", auth: { mechanism: "PLAIN", ...USER } });
    counts.before = checked();
    await victim.quit();
    await expect.poll(() => relay.events("auth.failed").length).toBe(GUESSES);
    counts.all = checked();
    if (stays) expect(new Set(await Promise.all(answers))).toEqual(new Set(["535 5.7.8 Authentication failed"]));
    for (const session of attackers) session.destroy();
  });
  return counts;
}

test("A-12: many wrong logins of one client hold up the right one of another by a turn, and those that leave by nothing", async () => {
  const stay = await heldUp(true);
  expect(stay.before).toBeLessThan(GUESSES / 2); // those of before it came, and of its turn
  expect(stay.all).toBe(GUESSES);
  expect((await heldUp(false)).all).toBeLessThan(GUESSES / 2);
});

test("a planted bug that has all wait in one line shows", async () => {
  const { tree, remove } = plantedTree("logins-in-one-line");
  expect((await heldUp(true, tree)).before).toBeGreaterThan(GUESSES / 2);
  remove();
});
