// Which test shows what a key of the configuration does: printed on the reference page, and checked. `node tools/key-tests.ts`
// fails where a key has none, or where the test is not there or does not know the key.
import fs from "node:fs";
import path from "node:path";
import { describeConfig } from "../src/core/config/describe.ts";

const KEYS = "test/e2e/keys.test.ts";
const RELOAD = "test/e2e/reload.test.ts";
const SCHEDULING = "test/e2e/scheduling.test.ts";
const OUTBOUND = "test/e2e/outbound-keys.test.ts";
const MX = "test/e2e/mx.test.ts";
const EGRESS = "test/e2e/egress.test.ts";
const REPORTS = "test/e2e/reports.test.ts";
const SESSIONS = "test/e2e/sessions.test.ts";
const SENDMAIL = "test/e2e/sendmail.test.ts";
const LISTENERS = "listeners[].name, max_message_bytes, bare_newlines and limits.recipients_per_message";
const APPEARANCE = "delivery.source and ehlo";
const BOUNDS = "delivery.%s holds for the servers of a domain";
const FAMILY = "%s %s: the hosts of a domain are connected to at no other address";
const RATES = "connections, new connections a minute and messages a minute stay within their limits";
const CERTIFICATES = "a listener shows each client the certificate for the name that it asks for";
const TWO_PEERS = "two routes to the same servers are two peers";
const BY_NAME = "hostname, listeners[].listen and logs.level";

/** By key: the file, and how the name of the test begins. */
export const KEY_TESTS: Readonly<Record<string, readonly [file: string, name: string]>> = {
  hostname: [KEYS, BY_NAME],
  data: ["test/e2e/relay.test.ts", "a second relay on the same data folder is refused"],
  "listeners[].name": [KEYS, LISTENERS],
  "listeners[].listen": [KEYS, BY_NAME],
  "listeners[].tls": [OUTBOUND, "listeners[].tls: offered"],
  "listeners[].tls_certificates": [RELOAD, CERTIFICATES],
  "listeners[].tls_certificates[].certificate": [RELOAD, CERTIFICATES],
  "listeners[].tls_certificates[].key": [RELOAD, CERTIFICATES],
  "listeners[].bare_newlines": [KEYS, LISTENERS],
  "listeners[].require_tls": [KEYS, "listeners[].require_tls"],
  "listeners[].max_message_bytes": [KEYS, LISTENERS],
  "listeners[].append_domain": [SENDMAIL, "append_domain is what the relay puts behind an address"],
  "tls.certificate": [RELOAD, "a certificate that is renewed in place is shown"],
  "tls.key": [RELOAD, "a certificate that is renewed in place is shown"],
  "access.networks": [KEYS, "access.open_to_everyone"],
  "access.senders": [SENDMAIL, "what the relay refuses is said"],
  "access.open_to_everyone": [KEYS, "access.open_to_everyone"],
  "credentials[].username": [KEYS, "credentials[].password_hash"],
  "credentials[].password": [OUTBOUND, "credentials[].password: the one that it is"],
  "credentials[].password_hash": [KEYS, "credentials[].password_hash"],
  "credentials[].senders": [KEYS, "credentials[].password_hash and senders"],
  "smarthosts.NAME.url": [RELOAD, "what waits for a smart host that is dead goes at once"],
  "smarthosts.NAME.tls_ca": [OUTBOUND, "smarthosts.NAME.tls and tls_ca"],
  "smarthosts.NAME.tls": [OUTBOUND, "smarthosts.NAME.tls and tls_ca"],
  "smarthosts.NAME.connections": [SCHEDULING, RATES],
  "smarthosts.NAME.connections_per_minute": [SCHEDULING, RATES],
  "smarthosts.NAME.messages_per_minute": [SCHEDULING, RATES],
  "smarthosts.NAME.messages_per_connection": [SCHEDULING, RATES],
  "smarthosts.NAME.source": [EGRESS, "a smart host's own address and name"],
  "smarthosts.NAME.ehlo": [EGRESS, "a smart host's own address and name"],
  "smarthosts.NAME.family": [OUTBOUND, "smarthosts.NAME.family"],
  "egress.NAME.source": [EGRESS, TWO_PEERS],
  "egress.NAME.ehlo": [EGRESS, TWO_PEERS],
  "egress.NAME.family": [OUTBOUND, FAMILY],
  "routes[].when": [REPORTS, "a smart host that answers 501 to the null sender"],
  "routes[].when.recipient": [SENDMAIL, "what the relay refuses is said"],
  "routes[].when.sender": [REPORTS, "a smart host that answers 501 to the null sender"],
  "routes[].deliver": [OUTBOUND, "routes[].deliver: its steps"],
  "routes[].priority": [SCHEDULING, "three busy domains that share their servers"],
  "routes[].egress": [EGRESS, TWO_PEERS],
  "dns.servers": [OUTBOUND, "dns.servers: these are asked"],
  "delivery.private_networks": [MX, "the most preferred host takes it"],
  "delivery.address_literals": [KEYS, "delivery.address_literals: %s"],
  "delivery.port": [MX, "the most preferred host takes it"],
  "delivery.connections": [SCHEDULING, "mail of every mail thread has its turns at a site with one connection"],
  "delivery.connections_per_minute": [OUTBOUND, BOUNDS],
  "delivery.messages_per_minute": [OUTBOUND, BOUNDS],
  "delivery.messages_per_connection": [OUTBOUND, BOUNDS],
  "delivery.source": [OUTBOUND, APPEARANCE],
  "delivery.ehlo": [OUTBOUND, APPEARANCE],
  "delivery.family": [OUTBOUND, FAMILY],
  user: ["test/e2e/privileges.test.ts", "root listens on a port below 1024 and becomes the user"],
  threads: [SESSIONS, "a limit of a listener is neither more nor less with four mail threads"],
  "retry.schedule": [REPORTS, "a next hop that is away until the message expires"],
  "retry.expire": [REPORTS, "a next hop that is away until the message expires"],
  "retry.delay_notice": [REPORTS, "delay_notice"],
  "sendmail.spool": ["test/e2e/spool.test.ts", "users leave mail without seeing each other's"],
  soft_bounce: [REPORTS, "soft_bounce"],
  postmaster: [REPORTS, "mail for <postmaster> goes to the address that the configuration has for it"],
  "limits.sessions_per_listener": [SESSIONS, "a limit of a listener is neither more nor less"],
  "limits.sessions_per_address": [SESSIONS, "the limit of an address is for strangers"],
  "limits.recipients_per_message": [KEYS, LISTENERS],
  "limits.messages_per_connection": [KEYS, "limits.messages_per_connection"],
  "history.keep": [KEYS, "history.%s"],
  "history.bytes": [KEYS, "history.%s"],
  "logs.level": [KEYS, BY_NAME],
  "logs.addresses": ["test/e2e/log-addresses.test.ts", "logs.addresses: %s"],
};

/** Keys that have a value of their own; sections have none. */
export function keysWithEffect(): readonly string[] {
  return describeConfig().flatMap(({ row, rows }) => (rows.length === 0 ? [row] : rows).map(({ key }) => key));
}

/** What is wrong with the table; `read` gives the text of a file, or undefined. */
export function faultsOfKeys(
  keys: readonly string[],
  tests: typeof KEY_TESTS,
  read: (file: string) => string | undefined,
): string[] {
  const gone = Object.keys(tests).filter((key) => !keys.includes(key));
  return [
    ...gone.map((key) => `${key} is no key of the configuration any more`),
    ...keys.flatMap((key) => {
      const found = tests[key];
      if (found === undefined) return [`no test shows what ${key} does`];
      const [file, name] = found;
      const text = read(file);
      if (text === undefined) return [`${key}: there is no ${file}`];
      const last = key.split(".").at(-1)!.replace("[]", "");
      return [
        ...(new RegExp(`["'\`]${escaped(name)}`).test(text) ? [] : [`${key}: ${file} has no test "${name}"`]),
        ...(new RegExp(`\\b${last}\\b`).test(text) ? [] : [`${key}: ${file} does not mention ${last}`]),
      ];
    }),
  ];
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function main(): void {
  const root = path.resolve(import.meta.dirname, "..");
  const read = (file: string): string | undefined => {
    const whole = path.join(root, file);
    return fs.existsSync(whole) ? fs.readFileSync(whole, "utf8") : undefined;
  };
  const faults = faultsOfKeys(keysWithEffect(), KEY_TESTS, read);
  for (const fault of faults) console.error(`tools/key-tests.ts: ${fault}`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

if (import.meta.main) main();
