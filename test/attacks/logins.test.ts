import { expect, test } from "vitest";
import { IMPLICIT, USER, scene } from "../support/scene.ts";
import { SourceSession } from "../support/source.ts";

// Checking a password is dear on purpose. Who has many of them checked keeps its own logins waiting, and no others'.

const GUESSES = 40;
const WRONG = Buffer.from(`\0${USER.username}\0wrong`).toString("base64");

test.for([true, false])(
  "A-12: many wrong logins of one client hold up the right one of another by a turn; the client stays: %s",
  async (stays) => {
    await scene({ config: { access: { networks: [] } } }, async ({ relay, ports }) => {
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
      const victim = await SourceSession.connect({ port, tls: "implicit", auth: { mechanism: "PLAIN", ...USER } });
      const checked = (): number => relay.events("auth.failed").filter(({ reason }) => reason === "wrong").length;
      expect(checked()).toBeLessThan(GUESSES / 2); // those of before it came, and of its turn
      await victim.quit();
      await expect.poll(() => relay.events("auth.failed").length).toBe(GUESSES);
      if (stays) expect(new Set(await Promise.all(answers))).toEqual(new Set(["535 5.7.8 Authentication failed"]));
      else expect(checked()).toBeLessThan(GUESSES / 2);
      for (const session of attackers) session.destroy();
    });
  },
);
