import { expect, test } from "vitest";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { type Place, ScriptedHost } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// A next hop that says nothing holds up no stop, and what it kept waiting is delivered after the next start.

/** The server would be waited for much longer: 5 minutes. */
const STOPPED_WITHIN_MS = 20_000;

test.each<Place>(["CONNECT", "MAIL"])(
  "a next hop that is silent at %s: the stop takes seconds, and nothing is lost",
  async (silentAt) => {
    let isSilent = true;
    const host = await ScriptedHost.start({
      script: (place) => (place === silentAt && isSilent ? "silence" : undefined),
    });
    const home = new RelayHome();
    home.configure({
      listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
      access: { networks: ["127.0.0.0/8"] },
      smarthosts: { hop: { url: `smtp://127.0.0.1:${host.port}`, tls: "none" } },
      routes: [{ deliver: "hop" }],
    });
    let relay = new RelayProcess(home);
    try {
      const [port = 0] = await relay.ports();
      const session = await SourceSession.connect({ port });
      const content = Buffer.from("Subject: x\r\n\r\nbody\r\n");
      for (let n = 0; n < 8; n++)
        await session.send({ id: "", from: "s@here.test", recipients: [`r${n}@there.test`], content, hash: "" });
      await session.quit();
      await expect.poll(() => host.openedAt.length).toBeGreaterThan(0);
      const from = performance.now();
      expect(await relay.stop()).toEqual({ code: 0, signal: null });
      expect(performance.now() - from).toBeLessThan(STOPPED_WITHIN_MS);
      isSilent = false;
      relay = new RelayProcess(home);
      await relay.ports();
      await expect.poll(() => host.messages.length).toBe(8);
      expect(new Set(host.messages.flatMap(({ to }) => to)).size).toBe(8);
    } finally {
      relay.kill("SIGKILL");
      await relay.stop();
      await host.close();
      home.remove();
    }
  },
);
