import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { OUR_ACCOUNT, PROGRAM, isEximPresent, underOurAccount } from "../../test/support/exim.ts";
import { freePort } from "../../test/support/free-port.ts";
import { childContestant } from "./child.ts";
import type { Case } from "./cases.ts";
import type { Contender, Scene } from "./contender.ts";

// Debian's Exim, unpacked and not installed (it cannot be, beside Postfix). It delivers each message as it comes, however many come
// over a connection, which its default leaves to the next run of its queue.

export const exim: Contender = { name: "exim", messagesMax: 1000, missing, start };

function missing({ domains }: Case): string | undefined {
  if (!isEximPresent) return `it is not there (.ci/run unpacks it to ${path.dirname(PROGRAM)})`;
  return domains > 0 ? "it asks the DNS servers of /etc/resolv.conf" : undefined;
}

async function start(scene: Scene): ReturnType<Contender["start"]> {
  const { folder } = scene;
  const port = await freePort();
  const owner = Number(execFileSync("id", ["-u", OUR_ACCOUNT], { encoding: "utf8" }));
  mkdirSync(path.join(folder, "spool"));
  chownSync(path.join(folder, "spool"), owner, 0);
  for (const file of [scene.certificate, scene.key]) chownSync(file, owner, 0);
  const file = path.join(folder, "exim.conf");
  writeFileSync(file, configuration(scene, port), { mode: 0o644 });
  const own = path.join(folder, "exim");
  writeFileSync(own, underOurAccount(readFileSync(PROGRAM)), { mode: 0o755 });
  const command = [...scene.under, own, "-C", file, "-bdf", "-q1m"];
  return childContestant({ port, command, cwd: folder, env: {}, stdio: "ignore" });
}

function configuration({ subject, folder, sinkPort, certificate, key, login }: Scene, port: number): string {
  const tls = subject.login
    ? `tls_advertise_hosts = *
tls_certificate = ${certificate}
tls_privatekey = ${key}
auth_advertise_hosts = \${if eq{$tls_in_cipher}{}{}{*}}`
    : "tls_advertise_hosts =";
  const relays = subject.login ? "authenticated = *" : "hosts = 127.0.0.1";
  const authenticators = subject.login
    ? `begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{${login.username}}}{eq{$auth3}{${login.password}}}}}
  server_set_id = $auth2
`
    : "";
  return `
spool_directory = ${folder}/spool
log_file_path = ${folder}/spool/%slog
primary_hostname = relay.example.com
keep_environment =
deliver_drop_privilege = true
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
acl_smtp_rcpt = relay
acl_smtp_data = accept
rfc1413_query_timeout = 0s
host_lookup =
smtp_accept_max = 0
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
recipients_max = 1000
message_size_limit = 100M
${tls}
begin acl
relay:
  accept ${relays}
  deny
begin routers
next:
  driver = manualroute
  route_list = * "127.0.0.1::${sinkPort}" byname
  transport = next
  self = send
begin transports
next:
  driver = smtp
  hosts_avoid_tls = *
  max_rcpt = 100
begin retry
* * F,1h,1s
${authenticators}`;
}
