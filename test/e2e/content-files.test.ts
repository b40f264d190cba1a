import fs from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { ScriptedHost } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// A content file that is not what was accepted is not sent as if it were the message.

test.each([
  ["cut", (file: string) => fs.truncateSync(file, 100_000)],
  ["empty", (file: string) => fs.truncateSync(file, 0)],
  ["longer", (file: string) => fs.appendFileSync(file, "more\r\n")],
])("a content file that is %s waits, nothing of it is taken, and whole again it is delivered", async (_, damage) => {
  const host = await ScriptedHost.start({ script: (place) => (place === "MAIL" ? "451 4.3.0 later" : undefined) });
  const home = new RelayHome();
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { hop: { url: `smtp://127.0.0.1:${host.port}`, tls: "none" } },
    routes: [{ deliver: "hop" }],
    retry: { schedule: ["2s"] },
  });
  const content = Buffer.from(`Subject: large\r\n\r\n${"a line of some length\r\n".repeat(10_000)}`);
  let relay = new RelayProcess(home);
  try {
    const [port = 0] = await relay.ports();
    const session = await SourceSession.connect({ port });
    await session.send({ id: "", from: "s@here.test", recipients: ["r@there.test"], content, hash: "" });
    await relay.event("delivery.deferred");
    relay.kill("SIGKILL");
    await relay.exited;
    const contents = path.join(home.data, "content");
    const [file = ""] = fs
      .readdirSync(contents, { recursive: true, withFileTypes: true })
      .filter((found) => found.isFile())
      .map((found) => path.join(found.parentPath, found.name));
    const whole = fs.readFileSync(file);
    damage(file);
    host.script = () => undefined;
    relay = new RelayProcess(home);
    await relay.ports();
    const deferred = await relay.event("delivery.deferred");
    expect(deferred).toMatchObject({ reason: "content-unreadable", cause: "content-unreadable" });
    expect(String(deferred["reply"])).toMatch(/the content file of \w{14} has .* the \d+ octets that were accepted/);
    expect(host.messages).toEqual([]);
    fs.writeFileSync(file, whole);
    await relay.event("delivery.delivered");
    expect(host.messages).toHaveLength(1);
    expect(host.messages[0]!.content.endsWith(content.toString("latin1"))).toBe(true);
  } finally {
    relay.kill("SIGKILL");
    await relay.stop();
    await host.close();
    home.remove();
  }
});
