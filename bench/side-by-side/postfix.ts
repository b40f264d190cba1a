import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "../../test/support/free-port.ts";
import { untilListening } from "../../test/support/listening.ts";
import { sleep } from "../../test/support/sleep.ts";
import { undoAtEnd } from "../../test/support/undo.ts";
import { DNS_ADDRESS } from "./domains.ts";
import type { Case } from "./cases.ts";
import type { Contender, Scene } from "./contender.ts";

// Debian's Postfix as it is packaged, in a folder of its own, without its chroot. Limits that a client or a next hop of this
// load would meet are raised: 20 sessions of one client, 100 deliveries to one next hop, 100 recipients.

const MASTER = "/usr/share/postfix/master.cf.dist";
const REALM = "relay.example.com";
const STOPPED_MS = 30_000;
const LOOK_MS = 20;

export const postfix: Contender = { name: "postfix", missing, start };

function missing({ login, domains }: Case): string | undefined {
  if (process.getuid?.() !== 0) return "it has to be started by root";
  if (spawnSync("postconf", ["mail_version"]).status !== 0 || !existsSync(MASTER))
    return "it is not installed (Debian's package postfix)";
  if (login && spawnSync("saslpasswd2", ["-v"]).error !== undefined)
    return "there is no saslpasswd2 (Debian's packages sasl2-bin and libsasl2-modules)";
  if (domains > 0 && spawnSync("unshare", ["-m", "true"]).status !== 0)
    return "it asks the DNS servers of /etc/resolv.conf, and there is no namespace for another one here";
  return undefined;
}

async function start(scene: Scene): ReturnType<Contender["start"]> {
  const { folder } = scene;
  const etc = path.join(folder, "etc");
  for (const name of [etc, path.join(folder, "spool"), path.join(folder, "data")]) mkdirSync(name, { mode: 0o755 });
  const port = await freePort();
  const owner = Number(execFileSync("id", ["-u", "postfix"], { encoding: "utf8" }));
  chownSync(path.join(folder, "data"), owner, 0);
  writeFileSync(path.join(etc, "main.cf"), mainCf(scene));
  const master = readFileSync(MASTER, "utf8")
    .replace(/^smtp\s+inet.*$/m, `127.0.0.1:${port} inet n - n - - smtpd`)
    .replaceAll(/^(\w+\s+\w+\s+\S\s+\S\s+)y(\s)/gm, "$1n$2");
  writeFileSync(path.join(etc, "master.cf"), master);
  if (scene.subject.login) addLogin(scene, owner);
  const [program, ...args] = [...scene.under, ...inNamespace(scene), "postfix", "-c", etc, "start"];
  execFileSync(program, args, { stdio: "pipe" });
  const end = undoAtEnd(() => void spawnSync("postfix", ["-c", etc, "stop"], { timeout: STOPPED_MS }));
  await untilListening(port, () => null);
  const pid = Number(readFileSync(path.join(folder, "spool/pid/master.pid"), "utf8"));
  const stop = async (): Promise<void> => {
    end();
    const deadline = performance.now() + STOPPED_MS;
    while (existsSync(`/proc/${pid}`)) {
      if (performance.now() > deadline) throw new Error(`Postfix (${pid}) does not stop within ${STOPPED_MS / 1000} s`);
      await sleep(LOOK_MS);
    }
  };
  return { port, pid, stop };
}

/** It has a resolv.conf of its own where its domains are ours. */
function inNamespace({ subject, folder }: Scene): readonly string[] {
  if (subject.domains === 0) return [];
  const file = path.join(folder, "resolv.conf");
  writeFileSync(file, `nameserver ${DNS_ADDRESS}\n`);
  return ["unshare", "-m", "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, file];
}

function mainCf({ subject, folder, sinkPort, certificate, key }: Scene): string {
  const next =
    subject.domains === 0 ? { relayhost: `[127.0.0.1]:${sinkPort}` } : { relayhost: "", smtp_tcp_port: sinkPort };
  const login = subject.login
    ? {
        smtpd_tls_security_level: "may",
        smtpd_tls_cert_file: certificate,
        smtpd_tls_key_file: key,
        smtpd_tls_auth_only: "yes",
        smtpd_sasl_auth_enable: "yes",
        smtpd_sasl_path: "smtpd",
        smtpd_sasl_local_domain: REALM,
        smtpd_relay_restrictions: "permit_sasl_authenticated, reject",
      }
    : { smtpd_tls_security_level: "none" };
  const settings = {
    compatibility_level: "3.6",
    queue_directory: path.join(folder, "spool"),
    data_directory: path.join(folder, "data"),
    maillog_file: path.join(folder, "mail.log"),
    maillog_file_prefixes: folder,
    myhostname: REALM,
    mynetworks: "127.0.0.0/8",
    inet_interfaces: "127.0.0.1",
    mydestination: "",
    smtpd_peername_lookup: "no",
    smtpd_client_connection_count_limit: 0,
    default_process_limit: 200,
    default_destination_concurrency_limit: 100,
    default_destination_recipient_limit: 100,
    smtp_tls_security_level: "none",
    smtputf8_enable: "no",
    ...next,
    ...login,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("");
}

/** Cyrus SASL's own file of passwords; Debian's Postfix looks for what to use in its own folder. */
function addLogin({ folder, login }: Scene, owner: number): void {
  const sasl = path.join(folder, "etc/sasl");
  const passwords = path.join(sasl, "sasldb2");
  mkdirSync(sasl, { mode: 0o755 });
  const lines = ["pwcheck_method: auxprop", "auxprop_plugin: sasldb", `sasldb_path: ${passwords}`, "mech_list: PLAIN"];
  writeFileSync(path.join(sasl, "smtpd.conf"), `${lines.join("\n")}\n`);
  execFileSync("saslpasswd2", ["-p", "-c", "-f", passwords, "-u", REALM, login.username], { input: login.password });
  chownSync(passwords, owner, 0);
  chmodSync(passwords, 0o600);
}
