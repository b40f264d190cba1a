import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { VARIABLES, type Variable, namesOf } from "../../src/adapters/config-file/variables.ts";
import { leaveInSpool } from "../../src/adapters/spool/leave.ts";
import { utf8 } from "../../src/core/base/bytes.ts";
import type { Transaction } from "../../src/core/outbound/commands.ts";
import { spoolFile } from "../../src/core/submission/spooled.ts";
import { selfSigned } from "../support/certificates.ts";
import { DOCKERFILE, type Installed, installed, stagesOf } from "../support/image.ts";
import { RelayHome, RelayProcess, TREE, runCommand } from "../support/relay.ts";
import { ScriptedHost } from "../support/scripted-host.ts";
import { SourceSession } from "../support/source.ts";

// What is packed for container engines and for systemd, as far as it can be held against the truth without either.

let folder: string;
let image: Installed | undefined;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-packaging-"));
  image = installed(folder);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function read(name: string): string {
  return fs.readFileSync(path.join(TREE, "packaging", name), "utf8");
}

const KNOWN: ReadonlySet<string> = new Set(VARIABLES.flatMap(namesOf));

describe("the image", () => {
  const stages = stagesOf(fs.readFileSync(DOCKERFILE, "utf8"));
  const last = new Map(stages.at(-1)!.map(({ verb, rest }) => [verb, rest]));

  test("runs as nobody in particular, in exec form, and stops by the signal that the relay knows", () => {
    expect(stages).toHaveLength(2);
    expect(last.get("USER")).toBe("10001:10001");
    expect(JSON.parse(last.get("ENTRYPOINT")!)).toEqual(["/opt/waypost/bin/waypost"]);
    expect(JSON.parse(last.get("CMD")!)).toEqual(["start"]);
    expect(JSON.parse(/CMD (\[.*\])$/.exec(last.get("HEALTHCHECK")!)![1]!)).toEqual([
      "/opt/waypost/bin/waypost",
      "status",
    ]);
    expect(last.get("STOPSIGNAL")).toBe("SIGTERM");
    expect(last.get("VOLUME")).toBe("/var/lib/waypost");
    const environment = last.get("ENV")!.split(" ");
    expect(environment).toContain("WAYPOST_DATA=/var/lib/waypost");
    const names = environment.map((each) => each.split("=")[0]!).filter((name) => name !== "PATH");
    expect(names.filter((name) => !KNOWN.has(name))).toEqual([]);
  });

  test("exposes what a relay without a configuration file listens on", async () => {
    const cwd = fs.mkdtempSync(path.join(folder, "empty-"));
    const { output } = await runCommand(["config", "check", "--json"], {
      cwd,
      environment: { WAYPOST_RELAYHOST: "smtp.example", WAYPOST_HOSTNAME: "relay.test" },
    });
    expect(JSON.parse(output)).toMatchObject({ valid: true, source: "WAYPOST_RELAYHOST", warnings: [] });
    const { fallback = "" }: Partial<Variable> = VARIABLES.find(({ name }) => name === "WAYPOST_LISTEN") ?? {};
    const ports = [...fallback.matchAll(/:(\d+)/g)].map(([, port]) => port);
    expect(last.get("EXPOSE")!.split(" ")).toEqual(ports);
  });

  test("has only what its build reads, and all of it", () => {
    const taken = read("docker/Dockerfile.dockerignore").match(/(?<=^!).*/gm)!;
    expect(taken.filter((name) => !fs.existsSync(path.join(TREE, name)))).toEqual([]);
    const copy = path.join(folder, "context");
    for (const name of taken) fs.cpSync(path.join(TREE, name), path.join(copy, name), { recursive: true });
    fs.symlinkSync(path.join(TREE, "node_modules"), path.join(copy, "node_modules"));
    execFileSync("npm", ["run", "package", "--", folder], { cwd: copy, stdio: "pipe" });
  });

  test("what is installed runs elsewhere, and its package has nothing of the workshop", (context) => {
    context.skip(image === undefined, "the packages that Waypost depends on cannot be fetched");
    const program = path.join(image!.prefix, "bin/waypost");
    const version = execFileSync(process.execPath, [program, "version"], { cwd: folder, encoding: "utf8" });
    expect(version).toMatch(/^waypost \d+\.\d+\.\d+|^\d+\.\d+\.\d+/);
    const names = execFileSync("tar", ["-tzf", image!.tarball], { encoding: "utf8" }).trim().split("\n");
    expect(names.filter((name) => /test|node_modules|\.ts$/.test(name))).toEqual([]);
  });
});

describe("compose", () => {
  interface Service {
    readonly environment: Readonly<Record<string, string>>;
    readonly secrets: readonly string[];
    readonly networks: readonly string[];
    readonly volumes: readonly string[];
    readonly [key: string]: unknown;
  }
  const file = parse(read("docker/compose.yaml")) as {
    readonly services: { readonly waypost: Service };
    readonly networks: Readonly<
      Record<string, { readonly ipam: { readonly config: readonly Readonly<Record<string, string>>[] } }>
    >;
    readonly secrets: Readonly<Record<string, unknown>>;
    readonly volumes: Readonly<Record<string, unknown>>;
  };
  const { waypost } = file.services;

  test("gives the relay little, and the time to stop", () => {
    expect(waypost).toMatchObject({
      read_only: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
      tmpfs: ["/tmp"],
      stop_grace_period: "60s",
    });
    expect(Object.keys(file.secrets)).toEqual(waypost.secrets);
    expect(Object.keys(file.networks)).toEqual(waypost.networks);
    expect(waypost.volumes.map((volume) => volume.split(":")[0])).toEqual(Object.keys(file.volumes));
  });

  test("has variables that are known, a secret where they say, and together a configuration", async () => {
    expect(Object.keys(waypost.environment).filter((name) => !KNOWN.has(name))).toEqual([]);
    const environment = { ...waypost.environment };
    const secret = path.basename(environment["WAYPOST_RELAYHOST_PASSWORD_FILE"]!);
    expect(waypost.secrets).toContain(secret);
    environment["WAYPOST_RELAYHOST_PASSWORD_FILE"] = path.join(folder, secret);
    fs.writeFileSync(environment["WAYPOST_RELAYHOST_PASSWORD_FILE"], "p@ss\n", { mode: 0o600 });
    const { code, output } = await runCommand(["config", "check", "--json"], { cwd: folder, environment });
    expect({ code, ...(JSON.parse(output) as object) }).toMatchObject({
      code: 0,
      warnings: [],
    });
  });

  test("trusts the addresses that containers get, and not the gateway", () => {
    const [config] = file.networks["mail"]!.ipam.config;
    expect(waypost.environment["WAYPOST_NETWORKS"]).toBe(config!["ip_range"]);
    expect(config!["gateway"]).toBe("172.30.25.1");
  });
});

test.each(["docs/operating/container.md", "docs/operating/systemd.md", "README.md"])(
  "%s names variables that there are",
  (name) => {
    const text = fs.readFileSync(path.join(TREE, name), "utf8");
    const others = ["WAYPOST_CONFIG", "WAYPOST_SERVICE_HOST", "WAYPOST_PORT"]; // the last two are told of as Kubernetes's
    const names = new Set(text.match(/\bWAYPOST_[A-Z_]+\b/g));
    expect([...names].filter((each) => !KNOWN.has(each) && !others.includes(each))).toEqual([]);
    for (const [, block = ""] of text.matchAll(/```yaml\n([^]*?)```/g)) parse(block);
  },
);

/** Setuid or setgid in the mode of a call that makes something or changes its mode. */
const SETS_ID = /^\d+ +(?:f?chmod|fchmodat2?|mkdir|mkdirat|open|openat|creat|mknod|mknodat)\(.*, 0[2-7]\d{3}[,)]/;
const SPOOLED: Transaction = {
  reversePath: "u@relay.test",
  recipients: [{ forwardPath: "r@there.test", notify: undefined }],
  octets: 17,
  isEightBit: false,
  needsSmtpUtf8: false,
  ret: undefined,
  envelopeId: undefined,
};

describe("systemd", () => {
  const unit = read("systemd/waypost.service");
  const settings = (name: string): string[] =>
    [...unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value]) => value!);
  const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

  test.skipIf(!hasSystemd)("the unit is valid, and as hard as its page says", (context) => {
    context.skip(image === undefined, "the packages that Waypost depends on cannot be fetched");
    const file = path.join(folder, "waypost.service");
    fs.writeFileSync(file, unit.replaceAll("/opt/waypost", image!.prefix));
    const socket = path.join(folder, "waypost.socket");
    fs.writeFileSync(socket, read("systemd/waypost.socket"));
    const verified = spawnSync("systemd-analyze", ["verify", "--man=no", file, socket], { encoding: "utf8" });
    expect({ status: verified.status, told: verified.stderr }).toEqual({ status: 0, told: "" });
    const assessed = spawnSync("systemd-analyze", ["security", "--offline=true", file], { encoding: "utf8" }).stdout;
    const [, exposure] = /exposure level for waypost\.service: ([0-9.]+)/.exec(assessed)!;
    expect(fs.readFileSync(path.join(TREE, "docs/operating/systemd.md"), "utf8")).toContain(
      `exposure level ${exposure}`,
    );
  });

  /** All system calls in the groups and names; a `~` before the first takes them away. */
  function permitted(): Set<string> {
    const calls = new Set<string>();
    for (const setting of settings("SystemCallFilter")) {
      const isTaken = setting.startsWith("~");
      for (const name of setting.replace(/^~/, "").split(" "))
        for (const call of callsOf(name))
          if (isTaken) calls.delete(call);
          else calls.add(call);
    }
    return calls;
  }

  function callsOf(name: string): string[] {
    if (!name.startsWith("@")) return [name];
    const listed = execFileSync("systemd-analyze", ["syscall-filter", name], { encoding: "utf8" });
    const names = listed.split("\n").flatMap((line) => /^ {4}([@\w-]+)$/.exec(line)?.[1] ?? []);
    return names.flatMap(callsOf);
  }

  const hasStrace = spawnSync("strace", ["--version"]).status === 0;

  test.skipIf(!hasSystemd || !hasStrace)("what the relay asks of the kernel is what its unit permits", async () => {
    const home = new RelayHome();
    const host = await ScriptedHost.start({ certificate: selfSigned("localhost", "DNS:localhost") });
    const pair = selfSigned("relay.test", "DNS:relay.test");
    home.write("cert.pem", pair.certificate);
    home.write("key.pem", pair.key);
    home.configure({
      listeners: [{ listen: "127.0.0.1:0", tls: "starttls" }],
      tls: { certificate: "./cert.pem", key: "./key.pem" },
      access: { networks: ["127.0.0.0/8"] },
      smarthosts: { hop: { url: `smtp://localhost:${host.port}` } },
      routes: [{ deliver: "hop" }],
      sendmail: { spool: "./spool" },
    });
    // As the page has it made: the unit forbids the relay to.
    const made = /^sudo (install) -d -o waypost -g waypost (-m \d+) /m.exec(
      fs.readFileSync(path.join(TREE, "docs/operating/systemd.md"), "utf8"),
    )!;
    const spool = path.join(home.folder, "spool");
    execFileSync(made[1]!, ["-d", ...made[2]!.split(" "), spool]);
    expect(fs.statSync(spool).mode & 0o7777).toBe(0o3733);
    await leaveInSpool(spool, [spoolFile(SPOOLED, utf8("Subject: x\r\n\r\nx\r\n")), [utf8("nonsense")]]);
    const trace = path.join(home.folder, "trace");
    // -D: the relay is our child, and strace beside it, so that signals reach the relay.
    const under = ["strace", "-D", "-f", "-e", "signal=none", "-o", trace];
    const relay = new RelayProcess(home, { under });
    try {
      const [port = 0] = await relay.ports();
      const session = await SourceSession.connect({ port, tls: "starttls" });
      for (const length of [100, 200_000]) {
        const content = Buffer.from(`Subject: x\r\n\r\n${"a line of text\r\n".repeat(length / 10)}`);
        await session.send({ id: "", from: "s@here.test", recipients: ["r@there.test"], content, hash: "" });
      }
      await session.quit();
      await expect.poll(() => host.messages.length).toBe(3);
      await expect
        .poll(() => fs.readdirSync(path.join(spool, "dead")).filter((name) => !name.startsWith(".")))
        .toHaveLength(1);
      expect(await relay.stop()).toEqual({ code: 0, signal: null });
      const ended = new RegExp(`^${relay.pid} +\\+\\+\\+ exited with 0`, "m"); // blanks make up for a short number
      await expect.poll(() => ended.test(fs.readFileSync(trace, "utf8"))).toBe(true);
      const lines = fs.readFileSync(trace, "utf8").split("\n");
      const used = new Set(lines.flatMap((line) => /^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)/.exec(line)?.[1] ?? []));
      expect(used.size).toBeGreaterThan(30);
      const allowed = permitted();
      if (process.getuid?.() === 0) used.delete("fchown"); // SQLite calls it as root only, which the unit's user is not
      const surplus = [...used].filter((call) => !allowed.has(call));
      expect(surplus).toEqual([]);
      expect(lines.filter((line) => SETS_ID.test(line))).toEqual([]); // RestrictSUIDSGID
      expect(settings("SystemCallErrorNumber")).toEqual(["EPERM"]);
    } finally {
      relay.kill("SIGKILL");
      await relay.stop();
      await host.close();
      home.remove();
    }
  });

  test("V8 may write the code that it runs, and nobody may become more than they are", () => {
    expect(settings("MemoryDenyWriteExecute")).toEqual([]);
    expect(settings("NoNewPrivileges")).toEqual(["yes"]);
    expect(settings("ProtectSystem")).toEqual(["strict"]);
    expect(settings("RestrictSUIDSGID")).toEqual(["yes"]);
    expect(settings("ReadWritePaths")).toEqual(["-/var/spool/waypost"]);
  });
});
