import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { selfSigned } from "../support/certificates.ts";
import { type Installed, installed } from "../support/image.ts";
import { TREE } from "../support/relay.ts";

// The relay as a container runs it: installed from its package as the image does, first process of its namespace, a user without a
// name, a root that is read-only, a network of its own. No engine is needed: the kernel's own tools make the container.

const NAMESPACES =
  "mount -t tmpfs tmpfs /mnt && ip link add w0 type veth peer name w1 && setpriv --version && chroot --version";

/** Why this machine cannot make a container; undefined where it can. */
function obstacle(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root on Linux makes namespaces";
  const probe = ["--net", "--mount", "--pid", "--fork", "/bin/sh", "-c", NAMESPACES];
  const found = spawnSync("unshare", probe, { encoding: "utf8" });
  return found.status === 0 ? undefined : `no namespaces here: ${found.error?.message ?? found.stderr.trim()}`;
}

const why = obstacle();
let folder: string;
let image: Installed | undefined;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-container-"));
  if (why === undefined) image = installed(folder);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** As an engine mounts it: everybody may read it. */
function secret(name: string, text: string): void {
  fs.writeFileSync(path.join(folder, name), text);
  fs.chmodSync(path.join(folder, name), 0o444);
}

function playWorld(): Promise<{ readonly code: number | null; readonly output: string; readonly errors: string }> {
  const world = path.join(TREE, "test/programs/container-world.ts");
  const child = spawn("unshare", ["--net", process.execPath, world, folder], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output, errors }));
  });
}

test("a container relays for its networks and its login only, stops when told, and loses nothing", async (context) => {
  context.skip(why !== undefined, why);
  context.skip(image === undefined, "the packages that Waypost depends on cannot be fetched");
  for (const name of ["root", "data", "mounted", "secrets"]) fs.mkdirSync(path.join(folder, name));
  fs.chownSync(path.join(folder, "data"), 10_001, 10_001);
  fs.chmodSync(path.join(folder, "data"), 0o700);
  const pair = selfSigned("relay.test", "DNS:relay.test");
  secret("mounted/cert.pem", pair.certificate);
  secret("mounted/key.pem", pair.key);
  secret("mounted/submit_password", "p@ss:w/rd\n");

  const { code, output, errors } = await playWorld();
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  const seen = JSON.parse(output) as Record<string, unknown>;
  const toldAtStart = [
    expect.stringContaining("configuration from WAYPOST_RELAYHOST_FILE"),
    "warning: WAYPOST_RELAYHOST_FILE: the secret file /run/secrets/relayhost can be read by others; it is mounted so, and used all the same",
    "warning: MYNETWORKS: taken for WAYPOST_NETWORKS",
    "warning: WAYPOST_SUBMIT_PASSWORD_FILE: the secret file /mounted/submit_password can be read by others; it is mounted so, and used all the same",
  ];
  const ended = { code: 0, errors: expect.any(String) };
  expect(seen).toMatchObject({
    started: { data: "/var/lib/waypost", listeners: ["0.0.0.0:2525 0.0.0.0:2525", "0.0.0.0:2587 0.0.0.0:2587"] },
    status: expect.stringContaining("relay.test"),
    accepted: "acknowledged",
    otherSender: { kind: "refused", reply: expect.stringMatching(/^550 5\.7\.1/) },
    strangers: { kind: "refused", reply: expect.stringMatching(/^530 5\.7\.0/) },
    loggedIn: "acknowledged",
    reloaded: { source: "WAYPOST_RELAYHOST_FILE", changes: [expect.any(String), expect.any(String)] },
    noLonger: { kind: "refused", reply: expect.stringMatching(/^550 5\.7\.1/) },
    reload: expect.stringContaining("access.senders"),
    waiting: "acknowledged",
    firstEnd: ended,
    secondEnd: ended,
    thirdEnd: { code: 130, errors: "" },
    fourthEnd: {
      code: 78,
      errors: expect.stringMatching(/\/var\/lib\/waypost cannot be used: EACCES.*\(chown 10001\)/),
    },
    messages: ["one", "two", "three"].map((name) => ({
      from: "app@example.com",
      to: [`${name}@there.test`],
      peer: expect.stringMatching(/198\.18\.77\.2$/),
    })),
  });
  expect((seen["firstEnd"] as { errors: string }).errors.trimEnd().split("\n")).toEqual(toldAtStart);
  const owners = seen["owners"] as { uid: number; isOthers: boolean }[];
  expect(owners.length).toBeGreaterThan(2);
  expect(owners.filter(({ uid, isOthers }) => uid !== 10_001 || isOthers)).toEqual([]);
});
