// `waypost send`
import fs from "node:fs";
import os from "node:os";
import { hasHidden, printable } from "../../core/base/printable.ts";
import { localServer } from "../../core/config/local-terms.ts";
import { type SmartHostUrl, parseServer } from "../../core/config/values.ts";
import type { Outcome } from "../../core/outbound/outcome.ts";
import { parseMailbox } from "../../core/mail/path.ts";
import { FREE_TERMS } from "../../core/routing/site-terms.ts";
import type { SmartHost } from "../../core/routing/smart-host.ts";
import { CommandFailure, EXIT } from "../../surfaces/cli/failure.ts";
import { outcomeLine } from "../../surfaces/cli/pages.ts";
import type { SendOptions } from "../../surfaces/cli/send-commands.ts";
import { TRY_PORT } from "../../surfaces/cli/options.ts";
import { sendTestMessage } from "../send.ts";
import { findToLookAt, invalid } from "./configuration.ts";
import { print } from "./print.ts";
import { errorText } from "./relay-of.ts";

function readAuthority(file: string): string {
  let pem: string;
  try {
    pem = fs.readFileSync(file, "utf8");
  } catch (error) {
    throw new CommandFailure(`--tls-ca: ${file} cannot be read: ${errorText(error)}`, EXIT.usage);
  }
  // Without one the option would do nothing, in silence.
  if (!pem.includes("-----BEGIN CERTIFICATE-----"))
    throw new CommandFailure(`--tls-ca: ${file} holds no certificate in PEM`, EXIT.usage);
  return pem;
}

/** For programs: what became of a recipient, and the server's words for it. */
function sentReport(recipient: string, outcome: Outcome): object {
  const { kind, reply } = outcome;
  const said = reply === undefined ? undefined : [reply.code, ...reply.lines].join(" ");
  const cause = kind === "delivered" ? undefined : outcome.cause;
  const detail = kind === "delivered" ? undefined : outcome.detail;
  return { recipient, kind, reply: said, cause, detail };
}

function namedServer(text: string): SmartHostUrl {
  const parsed = parseServer(text);
  if (!("kind" in parsed)) return parsed;
  throw new CommandFailure(
    `--server ${withoutLogin(text)}: ${parsed.why}; it takes HOST:PORT, [IPV6]:PORT, smtp://HOST:PORT or smtps://HOST:PORT`,
    EXIT.usage,
  );
}

/** What stands before the host may be a password. */
function withoutLogin(text: string): string {
  const at = text.lastIndexOf("@");
  return at === -1 ? text : `...${text.slice(at)}`;
}

/** Where a program on this machine gets to the relay of the configuration. */
async function ownServer({ config, username, tlsCa }: SendOptions): Promise<SmartHostUrl> {
  const found = await findToLookAt(config);
  const to = { isImplicitTls: false, credentials: undefined };
  if (found.kind === "nowhere") return { host: "127.0.0.1", port: TRY_PORT, ...to };
  if (found.kind === "invalid") throw invalid([...found.errors, "Or name the relay with --server HOST:PORT"]);
  const needsTls = username !== undefined || tlsCa !== undefined;
  const server = localServer(found.config.listeners, needsTls);
  if (server !== undefined) return { ...server, ...to };
  const which = needsTls ? "with STARTTLS, which a login takes, and" : "with a port of its own, and";
  throw new CommandFailure(
    `${found.source} has no listener ${which} for programs on this machine; name one with --server HOST:PORT`,
    EXIT.usage,
  );
}

export async function send(options: SendOptions): Promise<void> {
  const password = process.env["WAYPOST_SEND_PASSWORD"];
  if (options.username !== undefined && password === undefined)
    throw new CommandFailure("--username: put the password into WAYPOST_SEND_PASSWORD", EXIT.usage);
  for (const address of [options.from, ...options.to]) {
    const found = parseMailbox(address);
    if (found.kind === "malformed")
      throw new CommandFailure(`${printable(address)} is no address: ${found.why}`, EXIT.usage);
  }
  if (hasHidden(options.subject)) throw new CommandFailure("--subject: a subject is one line of text", EXIT.usage);
  const parsed = options.server === undefined ? await ownServer(options) : namedServer(options.server);
  const credentials =
    options.username === undefined ? parsed.credentials : { username: options.username, password: password! };
  const site: SmartHost = {
    name: "send",
    host: parsed.host,
    port: parsed.port,
    isImplicitTls: parsed.isImplicitTls,
    tls: credentials !== undefined || options.tlsCa !== undefined ? "verify" : "opportunistic",
    credentials,
    authorities: options.tlsCa === undefined ? [] : [readAuthority(options.tlsCa)],
    ...FREE_TERMS,
  };
  const { from, to, subject } = options;
  const results = await sendTestMessage(site, { hostname: os.hostname(), from, to, subject });
  if (options.json === true)
    console.log(JSON.stringify(results.map(({ recipient, outcome }) => sentReport(recipient, outcome))));
  else print(results.map(({ recipient, outcome }) => outcomeLine(recipient, outcome)));
  if (results.some(({ outcome }) => outcome.kind !== "delivered")) process.exitCode = EXIT.failed;
}
