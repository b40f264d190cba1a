import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { selfSigned } from "../../../test/support/certificates.ts";
import type { Config } from "../../core/config/config.ts";
import { type LoadOptions, loadConfig } from "./load.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BROKEN = join(ROOT, "test/bad-config");
const EXAMPLES = join(ROOT, "examples");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waypost-config-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function load(options: Partial<LoadOptions> = {}) {
  return loadConfig({ environment: {}, folder, systemName: "machine.example", ...options });
}

async function loaded(options: Partial<LoadOptions> = {}): Promise<Config> {
  const result = await load(options);
  if (result.kind !== "loaded") throw new Error(JSON.stringify(result));
  return result.config;
}

function write(name: string, text: string, mode = 0o600): void {
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), mode);
}

const SMALLEST = 'hostname: relay.example.com\ndata: ./data\nlisteners: [{ listen: "127.0.0.1:2525", tls: none }]\n';

describe("a broken configuration says what is wrong and where", () => {
  test.each(readdirSync(BROKEN))("%s", async (name) => {
    const at = join(BROKEN, name);
    const result = await load({ explicit: "waypost.yaml", folder: at });
    const told = result.kind === "invalid" ? `${result.errors.join("\n")}\n` : result.kind;
    expect(told.replaceAll(at, "FOLDER")).toBe(readFileSync(join(at, "expected"), "utf8"));
    expect(told).not.toMatch(/kept.?secret(?!s)/); // the passwords in these files
  });
});

describe("files that are named are looked at beside all else", () => {
  const [pair, other] = [selfSigned("a.test", "DNS:a.test"), selfSigned("b.test", "DNS:b.test")];
  const tls = "tls: { certificate: c.pem, key: k.pem }\n";

  test("a key of another certificate", async () => {
    write("c.pem", pair.certificate);
    write("k.pem", other.key);
    write("waypost.yaml", `${SMALLEST.replace("none", "nothing")}${tls}rutes: []\n`);
    const mismatch = `tls.key: ${folder}/k.pem is not the key of the certificate ${folder}/c.pem`;
    expect(await load()).toEqual({
      kind: "invalid",
      data: join(folder, "data"),
      errors: [
        'waypost.yaml:3:46: listeners[0].tls: expected starttls, implicit or none; found "nothing"',
        `waypost.yaml:4:33: ${mismatch}`,
        "waypost.yaml:5:1: unknown key 'rutes'; did you mean 'routes'?",
      ],
    });
    write("k.pem", pair.key);
    expect(await load()).toHaveProperty("errors.length", 2);
  });

  test("also where a variable is all that is missing; what it stands for is not told twice", async () => {
    const listeners = 'hostname: "${NAME}"\ndata: ./data\nlisteners: [{ listen: "127.0.0.1:25" }]\n';
    write("c.pem", pair.certificate);
    write("waypost.yaml", `${listeners}tls: { certificate: c.pem, key: "\${KEY}" }\n`);
    const told = await load();
    expect(told).toHaveProperty("errors.length", 2);
    write("waypost.yaml", `${listeners}${tls}`);
    expect(await load()).toHaveProperty("errors", [
      expect.stringContaining("waypost.yaml:1:11: hostname: "),
      `waypost.yaml:4:33: tls.key: ${folder}/k.pem cannot be read: there is no such file`,
    ]);
  });
});

test.each([
  ["password:kept-secret", "credentials: [{ username: a, password:kept-secret }]"],
  ["a comma in a password", "credentials: [{ username: a, password: x, kept-secret }]"],
  ["a comma in a url", "smarthosts: { a: { url: smtp://u:x, kept-secret@h.example } }"],
  ["twice", "credentials: [{ password:kept-secret, password:kept-secret }]"],
])("a slip that makes a key of a secret does not show it: %s", async (_, line) => {
  write("waypost.yaml", `${SMALLEST}${line}\n`);
  const told = await load();
  expect(JSON.stringify(told)).not.toContain("kept-secret");
  expect(told).toMatchObject({
    kind: "invalid",
    errors: expect.arrayContaining([
      expect.stringMatching(/blank behind the colon of password|not shown here|put spaces|is here twice/),
    ]),
  });
});

test("where a relay has its data is known although variables are not set, unless that is one of them", async () => {
  const more = 'smarthosts: { a: { url: "smtp://u:${NOT_SET}@a.example" } }\n';
  write("waypost.yaml", `${SMALLEST}${more}`);
  expect(await load()).toMatchObject({ kind: "invalid", data: join(folder, "data") });
  write("waypost.yaml", `${SMALLEST.replace("./data", '"${NOT_SET}/data"')}${more}`);
  expect(await load()).toMatchObject({ kind: "invalid", data: undefined });
});

describe("examples", () => {
  const environment = { APP1_PASSWORD: "a", RELAY_PASSWORD: "p@ss:w/rd", SHOP_PASSWORD: "b", BACKUP_PASSWORD: "c" };

  test.each(readdirSync(EXAMPLES).filter((name) => name.endsWith(".yaml")))(
    "%s is valid, without a warning",
    async (name) => {
      expect(await load({ explicit: name, folder: EXAMPLES, environment })).toMatchObject({
        kind: "loaded",
        warnings: [],
      });
    },
  );

  test("a variable in a URL may hold any character", async () => {
    const config = await loaded({ explicit: "smarthost-with-password.yaml", folder: EXAMPLES, environment });
    expect(config.smartHosts[0]!.credentials).toEqual({ username: "relay-user", password: "p@ss:w/rd" });
  });
});

describe("finding the configuration", () => {
  const relayhost = { WAYPOST_RELAYHOST: "smtp://u:p@smtp.provider.example" };

  test("--config, then WAYPOST_CONFIG, then ./waypost.yaml, then WAYPOST_RELAYHOST", async () => {
    for (const name of ["explicit", "variable", "waypost"]) write(`${name}.yaml`, SMALLEST.replace("relay", name));
    const environment = { ...relayhost, WAYPOST_CONFIG: "variable.yaml" };
    expect((await loaded({ explicit: "explicit.yaml", environment })).hostname).toBe("explicit.example.com");
    expect((await loaded({ environment })).hostname).toBe("variable.example.com");
    expect((await loaded({ environment: relayhost })).hostname).toBe("waypost.example.com");
    expect((await loaded({ environment: { WAYPOST_CONFIG: "" } })).hostname).toBe("waypost.example.com");
    // A relay of variables stays one at a reload, whatever somebody put into its folder.
    expect((await loaded({ environment: relayhost, isVariables: true })).hostname).toBe("machine.example");
    expect(await load({ environment: {}, isVariables: true })).toMatchObject({ kind: "nowhere" });
    rmSync(join(folder, "waypost.yaml"));
    expect((await loaded({ environment: relayhost })).hostname).toBe("machine.example");
  });

  test("a file that was named and is not there is an error: a misspelt path must not start another configuration", async () => {
    write("waypost.yaml", SMALLEST);
    expect(await load({ explicit: "waypots.yaml", environment: relayhost })).toEqual({
      kind: "invalid",
      errors: ["waypots.yaml: cannot be read (named by --config): there is no such file"],
    });
    expect(await load({ environment: { ...relayhost, WAYPOST_CONFIG: "waypots.yaml" } })).toEqual({
      kind: "invalid",
      errors: ["waypots.yaml: cannot be read (named by WAYPOST_CONFIG): there is no such file"],
    });
  });

  test("a file that is there and cannot be read is not passed over", async () => {
    mkdirSync(join(folder, "waypost.yaml"));
    expect(await load({ environment: relayhost })).toEqual({
      kind: "invalid",
      errors: ["waypost.yaml: cannot be read: it is a folder"],
    });
  });

  test("nothing anywhere names the places", async () => {
    expect(await load()).toEqual({
      kind: "nowhere",
      places: [join(folder, "waypost.yaml"), "/etc/waypost/waypost.yaml"],
    });
  });

  test("a file that is too large, endless or no text is refused", async () => {
    write("large.yaml", " ".repeat(1024 * 1024 + 1));
    writeFileSync(join(folder, "binary.yaml"), Buffer.of(0xff, 0xfe));
    expect(await load({ explicit: "large.yaml" })).toHaveProperty("errors", [
      "large.yaml: is larger than 1 MiB; is it the right file?",
    ]);
    expect(await load({ explicit: "/dev/zero" })).toHaveProperty("errors", [
      "/dev/zero: cannot be read (named by --config): it is no regular file",
    ]);
    expect(await load({ explicit: "binary.yaml" })).toHaveProperty("errors", ["binary.yaml: is not UTF-8 text"]);
  });
});

describe("secrets", () => {
  const withPassword = (text: string) => `${SMALLEST}credentials: [{ username: app, password: "${text}" }]\n`;
  const passwordOf = (config: Config) => config.credentials[0]!.secret;

  test("come from the environment, and are not looked into again", async () => {
    write("waypost.yaml", withPassword("a-${SECRET}-$${SECRET}"));
    const environment = { SECRET: "file:/etc/passwd ${SECRET}" };
    expect(passwordOf(await loaded({ environment }))).toEqual({
      kind: "plain",
      password: "a-file:/etc/passwd ${SECRET}-${SECRET}",
    });
    write("waypost.yaml", withPassword("${SECRET}"));
    expect(passwordOf(await loaded({ environment }))).toHaveProperty("password", "file:/etc/passwd ${SECRET}");
  });

  test("come from a file beside the configuration, without the line end", async () => {
    write("waypost.yaml", withPassword("file:./${WHICH}"));
    write("app.secret", "pass word\n");
    expect(passwordOf(await loaded({ environment: { WHICH: "app.secret" } }))).toHaveProperty("password", "pass word");
  });

  test.each([0o640, 0o604, 0o644])("a secret file of mode %o is refused", async (mode) => {
    write("waypost.yaml", withPassword("file:app.secret"));
    write("app.secret", "kept-secret\n", mode);
    const path = join(folder, "app.secret");
    expect(await load()).toHaveProperty("errors", [
      `waypost.yaml:4:42: credentials[0].password: the secret file ${path} can be read by others; run chmod 600 ${path}`,
    ]);
  });

  describe("that stand in the file itself, which others may read,", () => {
    const smartHost = (url: string): string => `${SMALLEST}smarthosts: { a: { url: "${url}" } }\n`;
    const warningsOf = async (text: string, mode: number): Promise<readonly string[]> => {
      write("waypost.yaml", text, mode);
      write("app.secret", "kept-secret");
      const result = await load({ environment: { SECRET: "kept-secret", USER: "u" } });
      if (result.kind !== "loaded") throw new Error(JSON.stringify(result));
      return result.warnings.filter((line) => line.includes("password"));
    };

    test.each([
      ["credentials[0].password", withPassword("kept-secret")],
      ["credentials[0].password", withPassword("kept-${SECRET}")],
      ["smarthosts.a.url", smartHost("smtp://user:kept-secret@smtp.example.com")],
      ["smarthosts.a.url", smartHost("smtp://${USER}:kept${SECRET}@smtp.example.com")],
    ])("are warned of at %s", async (where, text) => {
      for (const mode of [0o640, 0o604]) {
        const [warning, ...others] = await warningsOf(text, mode);
        expect(warning).toContain(`${where}: is a password in a file that others may read: run chmod 600 waypost.yaml`);
        expect(warning).not.toContain("kept");
        expect(others).toEqual([]);
      }
      expect(await warningsOf(text, 0o600)).toEqual([]);
    });

    test.each([
      withPassword("${SECRET}"),
      withPassword("file:app.secret"),
      smartHost("smtp://user:${SECRET}@smtp.example.com"),
      smartHost("smtp://smtp.example.com:25"),
    ])("unless they only name where they are: %s", async (text) => {
      expect(await warningsOf(text, 0o644)).toEqual([]);
    });
  });

  test("an empty secret file is no password", async () => {
    write("waypost.yaml", withPassword("file:app.secret"));
    write("app.secret", "\n");
    expect(await load()).toHaveProperty("errors", [
      "waypost.yaml:4:42: credentials[0].password: a password has 1 to 1024 characters",
    ]);
  });
});

test("brackets without end are one error", async () => {
  write("waypost.yaml", `${SMALLEST}routes: ${"[".repeat(100_000)}\n`);
  expect(await load()).toHaveProperty("errors", [expect.stringMatching(/^waypost\.yaml:4:\d+: nested too deeply$/)]);
});

test("paths start at the configuration file", async () => {
  mkdirSync(join(folder, "etc"));
  write(
    "etc/relay.yaml",
    `${SMALLEST.replace("tls: none", "tls: starttls")}tls: { certificate: tls/cert.pem, key: /keys/key.pem }\nsmarthosts: { a: { url: "smtp://h", tls_ca: ../ca.pem } }\n`,
  );
  const config = await loaded({ explicit: "etc/relay.yaml" });
  expect(config.data).toBe(join(folder, "etc/data"));
  const files = { certificate: join(folder, "etc/tls/cert.pem"), key: "/keys/key.pem", at: ["tls"] };
  expect(config.listeners.map(({ certificates }) => certificates)).toEqual([[files]]);
  expect(config.smartHosts[0]!.authorityFile).toBe(join(folder, "ca.pem"));
});

test("any text is a configuration or a list of errors, and never throws", async () => {
  const marks = "ab:-[]{}&*!|>'\"#%@` \n\t,?<$".split("");
  const noise = fc.string({ unit: fc.constantFrom(...marks, "hostname: ", "listeners:\n", "${A}", "\n  - ") });
  await fc.assert(
    fc.asyncProperty(noise, async (text) => {
      write("waypost.yaml", text);
      expect((await load()).kind).not.toBe("nowhere");
    }),
  );
});

test("a pipe that nobody writes to is refused, and not waited for: as the file, and as a secret that it names", async () => {
  execFileSync("mkfifo", ["-m", "600", join(folder, "pipe")]);
  expect(await load({ explicit: "pipe" })).toHaveProperty("errors", [
    "pipe: cannot be read (named by --config): it is no regular file",
  ]);
  write("waypost.yaml", `${SMALLEST}credentials: [{ username: a, password: "file:./pipe" }]\n`);
  expect(await load()).toHaveProperty("errors", [expect.stringMatching(/cannot be read: it is no regular file$/)]);
});
