import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { selfSigned } from "../../../test/support/certificates.ts";
import type { Config } from "../../core/config/config.ts";
import type { Environment } from "./find.ts";
import { type LoadedConfig, loadConfig } from "./load.ts";
import { VARIABLES, namesOf } from "./variables.ts";

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "waypost-variables-"));
});
afterEach(() => {
  fs.rmSync(folder, { recursive: true });
});

const RELAYHOST = { WAYPOST_RELAYHOST: "smtp.provider.example" };
const LOGIN = { WAYPOST_SUBMIT_USERNAME: "app", WAYPOST_SUBMIT_PASSWORD: "kept-secret" };
const TLS = { WAYPOST_TLS_CERTIFICATE: "/tls/cert.pem", WAYPOST_TLS_KEY: "tls/key.pem" };

function load(environment: Environment, systemName = "machine.example"): Promise<LoadedConfig> {
  return loadConfig({ environment, folder, systemName });
}

async function loaded(environment: Environment): Promise<Config & { readonly warnings: readonly string[] }> {
  const result = await load({ ...RELAYHOST, ...environment });
  if (result.kind !== "loaded") throw new Error(JSON.stringify(result));
  return { ...result.config, warnings: result.warnings };
}

async function errorsOf(environment: Environment): Promise<readonly string[]> {
  const result = await load({ ...RELAYHOST, ...environment });
  return result.kind === "invalid" ? result.errors : [];
}

function write(name: string, text: string, mode = 0o600): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text, { mode });
  return file;
}

describe("WAYPOST_RELAYHOST", () => {
  test("is a whole configuration, closed to other machines", async () => {
    expect(await load({ WAYPOST_RELAYHOST: "smtp://u:p%40@smtp.provider.example" })).toMatchObject({
      kind: "loaded",
      source: "WAYPOST_RELAYHOST",
      warnings: [],
      config: {
        hostname: "machine.example",
        data: path.join(folder, "waypost-data"),
        listeners: [
          { listen: { host: "0.0.0.0", port: 2525 }, tls: "none" },
          { listen: { host: "0.0.0.0", port: 2587 }, tls: "none" },
        ],
        access: { networks: ["127.0.0.0/8", "::1/128"] },
        credentials: [],
        smartHosts: [{ host: "smtp.provider.example", port: 587, tls: "verify", credentials: { password: "p@" } }],
        routes: [{ steps: [{ kind: "smarthost", name: "relayhost" }] }],
      },
    });
  });

  test.each([
    ["smtp.example", "smtp.example", 25, false],
    ["smtp.example:587", "smtp.example", 587, false],
    ["[smtp.example]", "smtp.example", 25, false],
    ["[smtp.example]:587", "smtp.example", 587, false],
    ["[2001:db8::7]:587", "2001:db8::7", 587, false],
    ["192.0.2.7:26", "192.0.2.7", 26, false],
    ["[smtp.example]:465", "smtp.example", 465, true],
    ["smtps://smtp.example", "smtp.example", 465, true],
  ])("%s", async (text, host, port, isImplicitTls) => {
    const { smartHosts } = await loaded({ WAYPOST_RELAYHOST: text });
    expect(smartHosts).toMatchObject([{ host, port, isImplicitTls, credentials: undefined }]);
  });

  test("a login of its own is taken as it is, in every form of the host", async () => {
    const password = "p@ss:w/rd#1%41?[x]\u00fc";
    const login = { WAYPOST_RELAYHOST_USERNAME: "me@example.com", WAYPOST_RELAYHOST_PASSWORD: password };
    for (const host of ["smtp.example", "[smtp.example]:587", "smtp://smtp.example:587"]) {
      const { smartHosts } = await loaded({ WAYPOST_RELAYHOST: host, ...login });
      const credentials = { username: "me@example.com", password };
      expect(smartHosts).toMatchObject([{ host: "smtp.example", port: 587, tls: "verify", credentials }]);
    }
  });

  test("port 465 without a certificate is warned of", async () => {
    const { warnings } = await loaded({ WAYPOST_LISTEN: "0.0.0.0:2525, 0.0.0.0:465" });
    expect(warnings).toEqual([
      expect.stringMatching(/^WAYPOST_LISTEN, entry 2: clients begin with TLS at port 465.*WAYPOST_TLS_CERTIFICATE/),
    ]);
  });

  test("an authority of its own, which makes a good certificate a condition", async () => {
    fs.writeFileSync(path.join(folder, "ca.pem"), selfSigned("ca.test").certificate);
    const file = path.join(folder, "ca.pem");
    for (const variable of ["WAYPOST_RELAYHOST_CA", "WAYPOST_RELAYHOST_CA_FILE"]) {
      const { smartHosts } = await loaded({ WAYPOST_RELAYHOST: "smtp.example", [variable]: "ca.pem" });
      expect(smartHosts).toMatchObject([{ tls: "verify", authorityFile: file }]);
    }
    expect(await errorsOf({ WAYPOST_RELAYHOST_CA: "missing.pem", WAYPOST_NETWORKS: "x" })).toEqual([
      "WAYPOST_NETWORKS: expected a network such as 10.0.0.0/8 or fd00::/8",
      `WAYPOST_RELAYHOST_CA: ${path.join(folder, "missing.pem")} cannot be read: there is no such file`,
    ]);
  });

  test("one login, and a whole one", async () => {
    expect(
      await errorsOf({
        WAYPOST_RELAYHOST: "smtp://u:kept-secret@smtp.example",
        WAYPOST_RELAYHOST_USERNAME: "u",
        WAYPOST_RELAYHOST_PASSWORD: "kept-secret",
      }),
    ).toEqual([
      "WAYPOST_RELAYHOST_USERNAME: there is a login in the URL of the smart host already; leave one of them out",
      expect.stringMatching(/^WAYPOST_RELAYHOST: user name and password have to be percent-encoded/),
    ]);
    expect(await errorsOf({ RELAYHOST_USERNAME: "u" })).toEqual([
      "WAYPOST_RELAYHOST_PASSWORD: is not set, and RELAYHOST_USERNAME needs it",
    ]);
  });

  test("a password that a URL cannot have is told where it can go", async () => {
    const [error = ""] = await errorsOf({ WAYPOST_RELAYHOST: "smtp://u:kept/secret@smtp.example" });
    expect(error).toMatch(/^WAYPOST_RELAYHOST: .*or put them into WAYPOST_RELAYHOST_USERNAME and .* as they are$/);
    expect(error).not.toContain("kept");
  });
});

test("a login before a host without a scheme is one, and no second is taken beside it", async () => {
  const WAYPOST_RELAYHOST = "user:kept@smtp.provider.example:587";
  const [host] = (await loaded({ WAYPOST_RELAYHOST })).smartHosts;
  expect(host).toMatchObject({ host: "smtp.provider.example", credentials: { username: "user", password: "kept" } });
  const twice = { WAYPOST_RELAYHOST, WAYPOST_RELAYHOST_USERNAME: "other", WAYPOST_RELAYHOST_PASSWORD: "other" };
  expect(await errorsOf(twice)).toContain(
    "WAYPOST_RELAYHOST_USERNAME: there is a login in the URL of the smart host already; leave one of them out",
  );
});

describe("the other variables", () => {
  test("change the parts of the configuration", async () => {
    const config = await loaded({
      WAYPOST_HOSTNAME: "relay.example.com",
      WAYPOST_LISTEN: "0.0.0.0:2525, [::1]:2525",
      WAYPOST_NETWORKS: "10.0.0.0/8 192.0.2.1\n[2001:db8::]/32",
      WAYPOST_DATA: "/var/lib/waypost",
    });
    expect(config).toMatchObject({ hostname: "relay.example.com", data: "/var/lib/waypost", warnings: [] });
    expect(config.listeners.map(({ name }) => name)).toEqual(["0.0.0.0:2525", "[::1]:2525"]);
    expect(config.access.networks).toEqual(["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"]);
  });

  test("with a certificate there are logins, and TLS on every listener", async () => {
    const listen = "0.0.0.0:2587, 0.0.0.0:465";
    const config = await loaded({ ...LOGIN, ...TLS, WAYPOST_SENDERS: "@example.com", WAYPOST_LISTEN: listen });
    const senders = [{ kind: "domain", domain: "example.com" }];
    const pair = { certificate: "/tls/cert.pem", key: path.join(folder, "tls/key.pem"), at: ["tls"] };
    expect(config.listeners.map(({ certificates }) => certificates)).toEqual([[pair], [pair]]);
    expect(config.listeners.map(({ tls }) => tls)).toEqual(["starttls", "implicit"]);
    expect(config.credentials).toEqual([
      { username: "app", secret: { kind: "plain", password: "kept-secret" }, senders },
    ]);
    expect(config.access.senders).toEqual(senders);
    expect(config.warnings).toEqual([]);
  });

  test("a login without a certificate is an error that says what to do", async () => {
    expect(await errorsOf(LOGIN)).toEqual([
      expect.stringMatching(
        /^WAYPOST_SUBMIT_PASSWORD: a password is taken over TLS only, .* set WAYPOST_TLS_CERTIFICATE and WAYPOST_TLS_KEY/,
      ),
    ]);
  });

  test("what is wrong is named", async () => {
    const wrong = {
      WAYPOST_RELAYHOST: "kept secret",
      WAYPOST_HOSTNAME: "a b",
      WAYPOST_LISTEN: "25",
      WAYPOST_NETWORKS: "10.0.0.0/8, 0.0.0.0/0",
      WAYPOST_TLS_KEY: "/k",
      ...LOGIN,
      WAYPOST_RELAYHOST_PASSWORD: "kept-secret\n",
    };
    const errors = await errorsOf(wrong);
    expect(errors).toEqual([
      "WAYPOST_RELAYHOST_PASSWORD: has a control or invisible character in it, such as the end of a line",
      "WAYPOST_TLS_CERTIFICATE: is not set, and WAYPOST_TLS_KEY needs it",
      expect.stringMatching(/^WAYPOST_SUBMIT_PASSWORD: a password is taken over TLS only/),
      "WAYPOST_HOSTNAME: expected a host name such as relay.example.com",
      "WAYPOST_LISTEN: expected an address and a port, such as 0.0.0.0:587 or [::]:587",
      "WAYPOST_RELAYHOST: the host has to be a name, an IPv4 address or an IPv6 address in brackets",
      'WAYPOST_NETWORKS, entry 2: 0.0.0.0/0 would let strangers relay; if that is meant, set access.open_to_everyone: "I know what I am doing", in a configuration file',
    ]);
    expect(errors.join()).not.toContain("kept");
    expect(await errorsOf({ ...LOGIN, ...TLS, WAYPOST_SENDERS: "@example.com, example.com" })).toEqual([
      "WAYPOST_SENDERS, entry 2: expected user@example.com, @example.com, @*.example.com, * or <>",
      "WAYPOST_TLS_CERTIFICATE: /tls/cert.pem cannot be read: there is no such file",
      `WAYPOST_TLS_KEY: ${path.join(folder, "tls/key.pem")} cannot be read: there is no such file`,
    ]);
  });

  test("an empty one is as good as none, but for senders: nobody and everybody are too far apart", async () => {
    const { warnings, credentials } = await loaded({ WAYPOST_HOSTNAME: "", WAYPOST_SUBMIT_PASSWORD: "" });
    expect(warnings).toEqual([
      "WAYPOST_SUBMIT_PASSWORD: is empty, and as good as not set",
      "WAYPOST_HOSTNAME: is empty, and as good as not set",
    ]);
    expect(credentials).toEqual([]);
    expect(await errorsOf({ WAYPOST_SENDERS: "" })).toEqual([
      "WAYPOST_SENDERS: is empty; name senders, or unset it to permit all",
    ]);
    expect(await errorsOf({ ALLOWED_SENDER_DOMAINS_FILE: write("senders", "\n") })).toEqual([
      "ALLOWED_SENDER_DOMAINS_FILE: is empty; name senders, or unset it to permit all",
    ]);
    expect(await errorsOf({ WAYPOST_SENDERS: " , " })).toEqual(["WAYPOST_SENDERS: needs one entry at least"]);
    expect(await load({ WAYPOST_RELAYHOST: "" })).toHaveProperty("kind", "nowhere");
  });

  test("a machine without a domain is warned of", async () => {
    expect(await load(RELAYHOST, "3f2a9c1b77d1")).toHaveProperty("warnings", [
      "WAYPOST_HOSTNAME: is not set, and the name of this machine has no domain: some servers refuse such a name",
    ]);
  });
});

describe("names that the common Postfix containers use", () => {
  test("are taken, and told of", async () => {
    const config = await loaded({
      WAYPOST_RELAYHOST: undefined,
      RELAYHOST: "[smtp.example]:587",
      RELAYHOST_USERNAME: "u",
      RELAYHOST_PASSWORD_FILE: write("password", "p@\n"),
      MYNETWORKS: "127.0.0.0/8 10.0.0.0/8 [::1]/128",
      ALLOWED_SENDER_DOMAINS: "example.com example.org",
    });
    expect(config.smartHosts).toMatchObject([
      { host: "smtp.example", port: 587, credentials: { username: "u", password: "p@" } },
    ]);
    expect(config.access.networks).toEqual(["127.0.0.0/8", "10.0.0.0/8", "::1/128"]);
    expect(config.access.senders).toEqual([
      { kind: "domain", domain: "example.com" },
      { kind: "subdomains", suffix: ".example.com" },
      { kind: "domain", domain: "example.org" },
      { kind: "subdomains", suffix: ".example.org" },
    ]);
    expect(config.warnings).toEqual([
      "RELAYHOST: taken for WAYPOST_RELAYHOST",
      "RELAYHOST_USERNAME: taken for WAYPOST_RELAYHOST_USERNAME",
      "RELAYHOST_PASSWORD_FILE: taken for WAYPOST_RELAYHOST_PASSWORD",
      "MYNETWORKS: taken for WAYPOST_NETWORKS",
      "ALLOWED_SENDER_DOMAINS: taken for WAYPOST_SENDERS",
    ]);
  });

  test("two that say the same are no error, two that do not are", async () => {
    expect(await errorsOf({ WAYPOST_NETWORKS: "10.0.0.0/8,::1", MYNETWORKS: "10.0.0.0/8 ::1" })).toEqual([]);
    expect(await errorsOf({ WAYPOST_NETWORKS: "10.0.0.0/8", MYNETWORKS: "10.0.0.0/9" })).toEqual([
      "WAYPOST_NETWORKS: MYNETWORKS says something else; leave one of them out",
    ]);
    expect(await errorsOf({ RELAYHOST: "other.example" })).toEqual([
      "WAYPOST_RELAYHOST: RELAYHOST says something else; leave one of them out",
    ]);
  });

  test("what is wrong is named as it was set; an empty one is not there", async () => {
    expect(await errorsOf({ MYNETWORKS: "10.0.0.0/8, 10.0.0" })).toEqual([
      "MYNETWORKS, entry 2: expected a network such as 10.0.0.0/8 or fd00::/8",
    ]);
    expect(await errorsOf({ ALLOWED_SENDER_DOMAINS: "example.com example.org a_b..c" })).toEqual([
      expect.stringMatching(/^ALLOWED_SENDER_DOMAINS, entry 3: expected /),
    ]);
    expect((await loaded({ ALLOWED_SENDER_DOMAINS: "", MYNETWORKS: "" })).warnings).toEqual([]);
  });
});

test("what Postfix has in such lists and we have not is refused by its name, wherever it stands", async () => {
  const [exclusion, table] = [/entry 2: is an exclusion: /, /entry 3: is a table: /];
  for (const name of ["MYNETWORKS", "MYNETWORKS_FILE"]) {
    for (const form of ["/etc/networks", "hash:/etc/postfix/network_table", "cidr:/etc/networks.cidr"]) {
      const text = `10.0.0.0/8, !10.0.0.1, ${form}`;
      const value = name.endsWith("_FILE") ? write(name, text) : text;
      expect(await errorsOf({ [name]: value })).toEqual([
        expect.stringMatching(new RegExp(`^${name}, ${exclusion.source}`)),
        expect.stringMatching(new RegExp(`^${name}, ${table.source}`)),
      ]);
    }
  }
  expect(await errorsOf({ ALLOWED_SENDER_DOMAINS: "!example.com" })).toEqual([
    expect.stringMatching(/^ALLOWED_SENDER_DOMAINS, entry 1: is an exclusion/),
  ]);
});

describe("NAME_FILE", () => {
  test("every variable, by each of its names, has one", async () => {
    for (const { name, file, ...variable } of VARIABLES) {
      const missing = path.join(folder, "missing");
      for (const each of namesOf({ name, file, ...variable }).filter((each) => each.endsWith("_FILE"))) {
        const environment = { ...(name === "WAYPOST_RELAYHOST" ? { WAYPOST_RELAYHOST: "" } : {}), [each]: missing };
        const errors = await errorsOf({ ...environment, ...(name.includes("TLS") ? { ...TLS, [name]: "" } : {}) });
        const what = file === "secret" ? "secret file" : "file";
        const expected = `${each}: the ${what} ${missing} cannot be read: there is no such file`;
        expect(errors).toEqual(file === "pem" ? [] : [expected]);
      }
    }
  });

  test("holds the value, and the end of its line is none of it", async () => {
    const file = (name: string, text: string): Environment => ({ [`${name}_FILE`]: write(name, text) });
    const { WAYPOST_TLS_CERTIFICATE: certificate, WAYPOST_TLS_KEY: key } = TLS;
    const config = await loaded({
      ...file("WAYPOST_NETWORKS", "10.0.0.0/8\n192.0.2.0/24\n"),
      ...file("WAYPOST_SUBMIT_USERNAME", "app\r\n"),
      ...file("WAYPOST_SUBMIT_PASSWORD", " pass word \n"),
      WAYPOST_TLS_CERTIFICATE_FILE: certificate,
      WAYPOST_TLS_KEY_FILE: key,
    });
    expect(config.access.networks).toEqual(["10.0.0.0/8", "192.0.2.0/24"]);
    expect(config.credentials).toMatchObject([{ username: "app", secret: { kind: "plain", password: " pass word " } }]);
    // A PEM file is what these name either way.
    expect(config.listeners[0]!.certificates).toMatchObject([{ certificate, key: path.join(folder, key) }]);
  });

  test("beside NAME is an error; the second name may have one as well", async () => {
    const environment = { WAYPOST_NETWORKS: "10.0.0.0/8", WAYPOST_NETWORKS_FILE: write("networks", "10.0.0.0/8") };
    expect(await errorsOf(environment)).toEqual([
      "WAYPOST_NETWORKS: WAYPOST_NETWORKS_FILE is set too; leave one of them out",
    ]);
    expect(await load({ RELAYHOST_FILE: write("relayhost", "[smtp.example]:26\n") })).toMatchObject({
      source: "RELAYHOST_FILE",
      config: { smartHosts: [{ host: "smtp.example", port: 26 }] },
    });
  });

  test("that others may read is an error for a secret, and nobody's business for the rest", async () => {
    const file = write("secret", "kept-secret", 0o644);
    expect(await errorsOf({ WAYPOST_RELAYHOST_USERNAME: "u", WAYPOST_RELAYHOST_PASSWORD_FILE: file })).toEqual([
      `WAYPOST_RELAYHOST_PASSWORD_FILE: the secret file ${file} can be read by others; run chmod 600 ${file}`,
    ]);
    expect(await errorsOf({ WAYPOST_NETWORKS_FILE: write("networks", "10.0.0.0/8", 0o644) })).toEqual([]);
  });
});

describe("misspelt names", () => {
  test("are warned of, with the one that is surely meant", async () => {
    const odd = {
      WAYPOST_NETWORK: "10.0.0.0/8",
      WAYPOST_RELAYHOST_PASWORD: "kept-secret",
      WAYPOST_COLOUR: "blue",
      WAYPOST_SEND_PASSWORD: "kept-secret",
      // What Kubernetes says of a service.
      WAYPOST_SERVICE_HOST: "10.96.0.7",
      WAYPOST_SERVICE_PORT_SMTP: "2525",
      WAYPOST_PORT: "tcp://10.96.0.7:2525",
      WAYPOST_PORT_2525_TCP_ADDR: "10.96.0.7",
    };
    const { warnings } = await loaded(odd);
    expect(warnings).toEqual([
      "WAYPOST_NETWORK: there is no such variable; did you mean WAYPOST_NETWORKS?",
      "WAYPOST_RELAYHOST_PASWORD: there is no such variable; did you mean WAYPOST_RELAYHOST_PASSWORD?",
      "WAYPOST_COLOUR: there is no such variable; it has no effect",
    ]);
  });

  test("for want of which there is no configuration are the error", async () => {
    expect(await load({ WAYPOST_RELAYHOTS: "smtp://smtp.example:587", WAYPOST_COLOUR: "blue" })).toEqual({
      kind: "invalid",
      errors: ["WAYPOST_RELAYHOTS: there is no such variable; did you mean WAYPOST_RELAYHOST?"],
    });
  });
});

test("beside a file variables have no effect, unless it names them; WAYPOST_DATA comes with the image", async () => {
  write(
    "waypost.yaml",
    'hostname: "${WAYPOST_HOSTNAME}"\ndata: /data\nlisteners: [{ listen: "127.0.0.1:2525", tls: none }]\naccess: { networks: [127.0.0.1] }\nsmarthosts: { a: { url: "smtp://a.example" } }\nroutes: [{ deliver: a }]\n',
  );
  const environment = { ...RELAYHOST, WAYPOST_HOSTNAME: "relay.example", WAYPOST_DATA: "/data" };
  expect(await load(environment)).toHaveProperty("warnings", [
    "WAYPOST_RELAYHOST: has no effect, for the configuration is waypost.yaml; name the variable there, or unset it",
  ]);
});

test("what else is found is told by the variable, too", async () => {
  const result = await load({ ...RELAYHOST, MYNETWORKS: "10.0.0.0/8,192.0.2.0/24" });
  if (result.kind !== "loaded") throw new Error(JSON.stringify(result));
  const line = (...at: (string | number)[]): string => result.line({ path: at, at: "value", message: "why" });
  expect(line("tls", "certificate")).toBe("WAYPOST_TLS_CERTIFICATE: why");
  expect(line("tls", "key")).toBe("WAYPOST_TLS_KEY: why");
  expect(line("access", "networks", 1)).toBe("MYNETWORKS, entry 2: why");
  expect(line("smarthosts", "relayhost", "url")).toBe("WAYPOST_RELAYHOST: why");
});
