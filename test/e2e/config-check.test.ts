import { chmodSync, mkdirSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { selfSigned } from "../support/certificates.ts";
import { RelayHome, RelayProcess, runCommand } from "../support/relay.ts";

// What `config check` says of what people do wrong: where it is, what to do, and no secret.

const SECRET = "kept-5ecret";
const GOOD = [
  "hostname: relay.example.com", // 1
  "data: ./data",
  "listeners:",
  '  - { listen: "127.0.0.1:0", tls: none }',
  "access: { networks: [127.0.0.0/8] }", // 5
  "credentials:",
  `  - { username: app, password: "${SECRET}" }`,
  `smarthosts: { primary: { url: "smtp://user:${SECRET}@mail.example.com:587" } }`,
  "routes:",
  "  - { deliver: primary }", // 10
];

function home(): RelayHome {
  const made = new RelayHome();
  onTestFinished(() => made.remove());
  return made;
}

async function checked(at: RelayHome): ReturnType<typeof runCommand> {
  return await runCommand(["config", "check", "--config", "waypost.yaml"], { cwd: at.folder });
}

/** The good file with line `number` replaced. */
function changed(number: number, line: string): string {
  return GOOD.map((good, at) => (at === number - 1 ? line : good)).join("\n");
}

test("the control: the file that all cases are made of is right", async () => {
  const at = home();
  at.write("waypost.yaml", GOOD.join("\n"));
  const { code, output } = await checked(at);
  expect(output).toContain("waypost.yaml: valid");
  expect(code).toBe(0);
});

test.each<[string, number, string, string]>([
  ["unknown key", 9, "rotes:", "waypost.yaml:9:1: unknown key 'rotes'; did you mean 'routes'?"],
  [
    "wrong type",
    5,
    "access: { networks: 10.0.0.0/8 }",
    "waypost.yaml:5:21: access.networks: expected a list; found text",
  ],
  ["duplicate key", 2, "hostname: other.example.com", "waypost.yaml:2:1: hostname: is here twice, first on line 1"],
  ["tab in indent", 4, '\t- { listen: "127.0.0.1:0", tls: none }', "waypost.yaml:4:1: a tab cannot indent; use spaces"],
  [
    "unset variable",
    7,
    '  - { username: app, password: "${NOT_SET_ANYWHERE}" }',
    "waypost.yaml:7:32: credentials[0].password: the environment variable NOT_SET_ANYWHERE is not set",
  ],
  [
    "route to nowhere",
    10,
    "  - { deliver: primery }",
    "waypost.yaml:10:16: routes[0].deliver: there is no smart host of that name in smarthosts; did you mean 'primary'?",
  ],
  ["bad CIDR", 5, "access: { networks: [10.0.0.0/33] }", "waypost.yaml:5:22: access.networks[0]: "],
  ...[
    ["@", "%40"],
    [":", "%3A"],
    ["/", "%2F"],
    ["#", "%23"],
  ].map(([sign, code]): [string, number, string, string] => [
    `${sign} in the password of a URL`,
    8,
    `smarthosts: { primary: { url: "smtp://user:${SECRET}${sign}x@mail.example.com:587" } }`,
    code!,
  ]),
])("%s", async (_, number, line, message) => {
  const at = home();
  at.write("waypost.yaml", changed(number, line));
  const { code, errors, output } = await checked(at);
  expect(errors).toContain(message);
  expect(errors).toMatch(/^waypost\.yaml:\d+:\d+: /m);
  expect(code).toBe(78);
  expect(errors + output).not.toContain(SECRET);
});

test("a secret file that is not there, one that cannot be read, and one that all may read", async () => {
  const at = home();
  const use = (file: string): string =>
    at.write("waypost.yaml", changed(7, `  - { username: app, password: "file:${file}" }`));
  use("missing");
  const place = "waypost.yaml:7:32: credentials[0].password: the secret file";
  expect(await checked(at)).toMatchObject({
    code: 78,
    errors: expect.stringMatching(
      `${place.replaceAll(/[[\]]/g, "\\$&")} .*missing cannot be read: there is no such file`,
    ),
  });
  use(".");
  expect(await checked(at)).toMatchObject({ code: 78, errors: expect.stringContaining("it is a folder") });
  const secret = at.write("secret", SECRET);
  chmodSync(secret, 0o644);
  use("secret");
  const open = await checked(at);
  expect(open).toMatchObject({
    code: 78,
    errors: expect.stringContaining(`can be read by others; run chmod 600 ${secret}`),
  });
  expect(open.errors).not.toContain(SECRET);
  chmodSync(secret, 0o600);
  expect((await checked(at)).code).toBe(0);
});

test("a certificate and a key that do not belong together", async () => {
  const at = home();
  const [one, other] = [selfSigned("relay.test"), selfSigned("relay.test")];
  at.write("cert.pem", one.certificate);
  at.write("key.pem", other.key);
  at.write(
    "waypost.yaml",
    `${changed(4, '  - { listen: "127.0.0.1:0" }')}\ntls: { certificate: cert.pem, key: key.pem }\n`,
  );
  const { code, errors } = await checked(at);
  expect(errors).toMatch(/^waypost\.yaml:11:36: tls\.key: .*key\.pem is not the key of the certificate .*cert\.pem$/m);
  expect(code).toBe(78);
  at.write("key.pem", one.key);
  expect((await checked(at)).code).toBe(0);
});

test("a port that is taken; by the relay itself that runs on the folder it is as it should be", async () => {
  const at = home();
  const server = net.createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  at.write("waypost.yaml", changed(4, `  - { listen: "127.0.0.1:${port}", tls: none }`));
  const taken = await checked(at);
  expect(taken.errors).toMatch(
    new RegExp(
      `^waypost\\.yaml:4:15: listeners\\[0\\]\\.listen: 127\\.0\\.0\\.1:${port} is taken by .*pid ${process.pid}.*; stop it, or choose another port$`,
      "m",
    ),
  );
  expect(taken.code).toBe(78);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  const relay = new RelayProcess(at);
  onTestFinished(async () => void (await relay.stop()));
  await relay.ports();
  expect((await checked(at)).code).toBe(0);
});

test("a port that is taken, by whom a relay that cannot be asked may know: a verdict all the same, and a note", async () => {
  const at = home();
  mkdirSync(at.data, { mode: 0o700 });
  const deaf = http.createServer((_, response) => response.writeHead(500).end("no"));
  const listening = net.createServer();
  onTestFinished(() => void [deaf.close(), listening.close()]);
  await new Promise<void>((resolve) => deaf.listen(path.join(at.data, "control.sock"), resolve));
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { port } = listening.address() as net.AddressInfo;
  at.write("waypost.yaml", changed(4, `  - { listen: "127.0.0.1:${port}", tls: none }`));
  const { code, output } = await checked(at);
  expect(code).toBe(0);
  expect(output).toMatch(
    new RegExp(
      `^note: waypost\\.yaml:4:15: listeners\\[0\\]\\.listen: 127\\.0\\.0\\.1:${port} is taken by \\S+ \\(pid ${process.pid}\\); ` +
        "maybe by the relay itself: the relay on .* cannot be asked: .*$",
      "m",
    ),
  );
});

test("a data folder below a file is said with its key, whether a port is taken or not", async () => {
  const at = home();
  at.write("file", "");
  const listening = net.createServer();
  onTestFinished(() => void listening.close());
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { port } = listening.address() as net.AddressInfo;
  const taken = changed(4, `  - { listen: "127.0.0.1:${port}", tls: none }`);
  for (const text of [GOOD.join("\n"), taken]) {
    at.write("waypost.yaml", text.replace("data: ./data", "data: ./file/data"));
    const { code, errors } = await checked(at);
    expect(errors).toMatch(
      /^waypost\.yaml:2:7: data: .*\/file\/data lies below .*\/file, which is a file: name a folder/m,
    );
    expect(code).toBe(78);
  }
});
