import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { selfSigned, writeCertificate } from "../adapters/crypto/certificate.ts";
import { makeFolder } from "../adapters/system/folder.ts";
import { printable } from "../core/base/printable.ts";
import { octetText } from "../core/base/bytes.ts";
import type { Listener } from "../core/config/config.ts";
import { invariant } from "../core/base/invariant.ts";
import { FREE_TERMS } from "../core/routing/site-terms.ts";
import { CommandFailure, EXIT } from "../surfaces/cli/failure.ts";
import type { TryOptions } from "../surfaces/cli/relay-commands.ts";
import { TRY_CONFIG, TRY_PORT } from "../surfaces/cli/options.ts";
import { faultsOfFiles, readConfig } from "./commands/configuration.ts";
import { ProcessLog } from "./process-log.ts";
import { run } from "./run.ts";
import { sendTestMessage } from "./send.ts";
import { type SunkMessage, startSink } from "./sink.ts";

const HOSTNAME = "localhost";
const SAMPLE = {
  hostname: "app.localhost",
  from: "app@example.com",
  to: ["you@example.net"],
  subject: "Hello from Waypost",
} as const;
const SAMPLE_MS = 20_000;
const USERNAME = "try";
/** More than anybody tries, and few enough for the file descriptors of any machine. */
const SESSIONS_MAX = 200;

interface Arrival {
  readonly message: SunkMessage;
  readonly content: Uint8Array;
}

/** Loopback listeners, a sink as the only next hop, and one message through all of it. */
export async function tryMode(options: TryOptions): Promise<void> {
  const started = performance.now();
  const data = path.resolve(options.data);
  makeDataFolder(data);
  const certificate = await ownCertificate(data);
  const password = ownPassword(data);
  const arrivals: ((arrival: Arrival) => void)[] = [];
  const sink = await startSink(data, (message, content) => {
    for (const tell of arrivals.splice(0)) tell({ message, content });
  });
  const file = writeConfig(options, { data, certificate, password, sinkPort: sink.port });
  const written = await readConfig(file);
  invariant(!("errors" in written), `try mode's configuration is valid: ${JSON.stringify(written)}`);
  const log = new ProcessLog("warn");
  const advice = {
    port: (port: number) => portAdvice(options, port),
    folder: "stop it, or choose another folder: npm start -- --data FOLDER",
  };
  const { relay } = await run(
    written,
    { read: (other) => readConfig(other ?? file), faultsOfFiles },
    log,
    advice,
  ).catch((error: unknown) => {
    sink.close();
    throw error;
  });
  const ports = relay.ports;
  const arrived = new Promise<Arrival>((resolve) => arrivals.push(resolve));
  const sentAt = performance.now();
  const site = {
    name: "try",
    host: "127.0.0.1",
    port: ports[0]!,
    isImplicitTls: false,
    tls: "none",
    credentials: undefined,
    authorities: [],
    ...FREE_TERMS,
  } as const;
  const [result] = await sendTestMessage(site, SAMPLE);
  const acceptedMs = performance.now() - sentAt;
  const isAccepted = result?.outcome.kind === "delivered";
  const found = isAccepted
    ? await Promise.race([
        arrived,
        new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), SAMPLE_MS).unref()),
      ])
    : undefined;
  const relayedMs = performance.now() - sentAt;
  const say = (text: string): void => log.write(`${text}\n`);
  if (found === undefined) say(`The sample message did not arrive: ${JSON.stringify(result?.outcome)}`);
  else {
    say("One sample message went through the whole path, over real sockets. Its trace, as the sink got it:\n");
    say(receivedFields(found.content));
    say(
      `accepted and on disk after ${acceptedMs.toFixed(1)} ms, at the sink after ${relayedMs.toFixed(1)} ms, ${(sentAt - started).toFixed(0)} ms after the start\n`,
    );
  }
  say(guide({ ports, certificate: certificate.certificate, password }));
}

function makeDataFolder(data: string): void {
  try {
    makeFolder(data);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(`--data: ${data} cannot be used: ${text}`, EXIT.usage);
  }
}

function portAdvice(options: TryOptions, port: number): string {
  const taken = [
    [options.plainPort, "--plain-port"],
    [options.starttlsPort, "--starttls-port"],
    [options.tlsPort, "--tls-port"],
  ].find(([given]) => given === port);
  return `stop it, or choose another port: npm start -- ${taken?.[1] ?? "--plain-port"} PORT`;
}

function guide({
  ports,
  certificate,
  password,
}: {
  readonly ports: readonly number[];
  readonly certificate: string;
  readonly password: string;
}): string {
  const [plain, starttls, tls] = ports;
  return `Try mode: listens on this machine only, and a built-in sink is the only next hop. Nothing leaves the machine.

  127.0.0.1:${plain}   without TLS, for programs on this machine
  127.0.0.1:${starttls}   STARTTLS, then user "${USERNAME}" with password "${password}"
  127.0.0.1:${tls}   implicit TLS, the same login
  certificate: ${certificate}

Send something yourself:

  swaks --server 127.0.0.1:${starttls} --tls --auth PLAIN --auth-user ${USERNAME} --auth-password ${password} --from me@example.com --to you@example.net
  node bin/waypost.mjs send ${plain === TRY_PORT ? "" : `--server smtp://127.0.0.1:${plain} `}--to you@example.net

Then look: node bin/waypost.mjs sink list, sink show ID, queue list, status

To relay for real, name your smart host:

  WAYPOST_RELAYHOST=smtp://USER:PASSWORD@HOST:587 node bin/waypost.mjs start

Ctrl-C ends it.`;
}

/** The raw `Received` fields of a message, folded as they are. */
function receivedFields(content: Uint8Array): string {
  const header = octetText(content).split("\r\n\r\n", 1)[0]!;
  const fields = header.split(/\r\n(?![ \t])/).filter((field) => /^received\s*:/i.test(field));
  return fields
    .map((field) =>
      field
        .split("\r\n")
        .map((line) => printable(line.replace(/^\t/, "    ")))
        .join("\n"),
    )
    .join("\n");
}

async function ownCertificate(data: string): Promise<{ readonly certificate: string; readonly key: string }> {
  const files = { certificate: path.join(data, "certificate.pem"), key: path.join(data, "key.pem") };
  if (!fs.existsSync(files.certificate) || !fs.existsSync(files.key))
    await writeCertificate(files, selfSigned({ hostname: HOSTNAME, now: Date.now() }));
  return files;
}

function ownPassword(data: string): string {
  const file = path.join(data, "credential");
  if (fs.existsSync(file)) return fs.readFileSync(file, "utf8").trim();
  const password = randomBytes(12).toString("base64url");
  fs.writeFileSync(file, `${password}\n`, { mode: 0o600 });
  return password;
}

interface TryParts {
  readonly data: string;
  readonly certificate: { readonly certificate: string; readonly key: string };
  readonly password: string;
  readonly sinkPort: number;
}

/** A file as everybody's: to be looked at, checked, and changed while it runs. Made anew at each start. */
function writeConfig(options: TryOptions, { data, certificate, password, sinkPort }: TryParts): string {
  const listener = (name: string, port: number, tls: Listener["tls"]): object => ({
    name,
    listen: `127.0.0.1:${port}`,
    tls,
  });
  const values = {
    hostname: HOSTNAME,
    data,
    listeners: [
      listener("plain", options.plainPort, "none"),
      listener("starttls", options.starttlsPort, "starttls"),
      listener("tls", options.tlsPort, "implicit"),
    ],
    tls: certificate,
    access: { networks: ["127.0.0.0/8"] },
    limits: { sessions_per_listener: SESSIONS_MAX },
    credentials: [{ username: USERNAME, password }],
    smarthosts: { sink: { url: `smtp://127.0.0.1:${sinkPort}`, tls: "none" } },
    routes: [{ deliver: "sink" }],
    logs: { level: "warn" },
  };
  const file = path.join(data, TRY_CONFIG);
  fs.writeFileSync(file, `# Try mode wrote this, and writes it anew at each start.\n${stringify(values)}`, {
    mode: 0o600,
  });
  return file;
}
