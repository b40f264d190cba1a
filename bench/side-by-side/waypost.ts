import { closeSync, openSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "../../test/support/free-port.ts";
import { childContestant } from "./child.ts";
import type { Contender, Scene } from "./contender.ts";

/** As it is shipped: compiled, with its defaults. The configuration names listener, who may relay, and where it goes. */
export function waypost(tree: string, environment: Readonly<Record<string, string>> = {}): Contender {
  return {
    name: "waypost",
    missing: () => undefined,
    async start(scene) {
      const port = await freePort();
      const file = path.join(scene.folder, "waypost.yaml");
      writeFileSync(file, JSON.stringify(configuration(scene, port)), { mode: 0o600 });
      const program = [process.execPath, path.join(tree, "bin/waypost.mjs"), "start", "--config", file];
      const log = openSync(path.join(scene.folder, "log"), "a");
      try {
        return await childContestant({
          port,
          command: [...scene.under, ...program],
          cwd: scene.folder,
          env: { ...process.env, ...environment },
          stdio: ["ignore", log, "inherit"],
        });
      } finally {
        closeSync(log);
      }
    },
  };
}

function configuration(scene: Scene, port: number): Readonly<Record<string, unknown>> {
  const { subject, sinkPort, login, certificate, key, dnsPort } = scene;
  return {
    hostname: "relay.example.com",
    data: "./data",
    listeners: [{ listen: `127.0.0.1:${port}`, tls: subject.login ? "starttls" : "none" }],
    ...(subject.login
      ? { tls: { certificate, key }, credentials: [{ ...login, senders: ["@client.example"] }] }
      : { access: { networks: ["127.0.0.0/8"] } }),
    ...(subject.domains === 0
      ? { smarthosts: { sink: { url: `smtp://127.0.0.1:${sinkPort}` } }, routes: [{ deliver: "sink" }] }
      : {
          routes: [{ deliver: "mx" }],
          dns: { servers: [`127.0.0.1:${dnsPort}`] },
          delivery: { port: sinkPort, private_networks: ["127.0.0.0/8"] },
        }),
  };
}
