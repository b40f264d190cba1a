import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "./free-port.ts";
import { untilListening } from "./listening.ts";

// An Exim of its own: Debian's package, which cannot be installed beside Postfix, unpacked by .ci/run. All
// else is in a temporary folder.

const PACKAGES = process.env["WAYPOST_EXIM"] ?? "/var/cache/waypost-exim";
export const PROGRAM = path.join(PACKAGES, "usr/sbin/exim4");

/** It has to be started by root, and what root starts has to be root's. */
export const isEximPresent = process.getuid?.() === 0 && existsSync(PROGRAM) && statSync(PROGRAM).uid === 0;

/** The account that Debian makes for Exim, and one that is on every machine. */
const PACKAGED_ACCOUNT = "Debian-exim";
export const OUR_ACCOUNT = "mail";

export interface EximRoute {
  readonly port: number;
  /** PEM, of the server's authority. */
  readonly authority: string;
  readonly login: { readonly username: string; readonly password: string };
}

/** Takes everything on `port`, and sends it on over verified TLS with a login, with BDAT where that is offered. */
function configuration(folder: string, port: number, route: EximRoute): string {
  return `
spool_directory = ${folder}/spool
log_file_path = ${folder}/spool/%slog
log_selector = +all
primary_hostname = exim.test
keep_environment =
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
deliver_drop_privilege = true
acl_smtp_rcpt = accept
acl_smtp_data = accept
rfc1413_query_timeout = 0s
smtp_accept_max = 50
begin routers
next:
  driver = manualroute
  route_list = * "localhost::${route.port}" byname
  transport = next
  self = send
begin transports
next:
  driver = smtp
  hosts_require_tls = *
  tls_verify_hosts = *
  tls_verify_cert_hostnames = *
  tls_verify_certificates = ${folder}/authority.pem
  hosts_require_auth = *
begin retry
* * F,1h,1s
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  client_send = ^${route.login.username}^${route.login.password}
`;
}

export class Exim {
  readonly #folder: string;
  readonly port: number;
  readonly #daemon: ChildProcess;

  static async start(route: EximRoute): Promise<Exim> {
    const exim = new Exim(await freePort(), route);
    try {
      await untilListening(exim.port, () => exim.#daemon.exitCode);
      return exim;
    } catch (error) {
      const { log } = exim;
      await exim.stop();
      throw new Error(`Exim does not start: ${log}`, { cause: error });
    }
  }

  private constructor(port: number, route: EximRoute) {
    this.port = port;
    const folder = mkdtempSync(path.join(tmpdir(), "waypost-exim-"));
    this.#folder = folder;
    chmodSync(folder, 0o755);
    const owner = Number(execFileSync("id", ["-u", OUR_ACCOUNT], { encoding: "utf8" }));
    mkdirSync(path.join(folder, "spool"));
    chownSync(path.join(folder, "spool"), owner, 0);
    writeFileSync(path.join(folder, "exim.conf"), configuration(folder, port, route), { mode: 0o644 });
    writeFileSync(path.join(folder, "authority.pem"), route.authority);
    const program = path.join(folder, "exim");
    writeFileSync(program, underOurAccount(readFileSync(PROGRAM)), { mode: 0o755 });
    const args = ["-C", path.join(folder, "exim.conf"), "-bdf", "-q1s"];
    this.#daemon = spawn(program, args, { env: {}, stdio: "ignore" });
  }

  get log(): string {
    return ["mainlog", "rejectlog", "paniclog"]
      .map((name) => path.join(this.#folder, "spool", name))
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, "utf8"))
      .join("");
  }

  async stop(): Promise<void> {
    if (this.#daemon.exitCode === null && this.#daemon.signalCode === null) {
      this.#daemon.kill("SIGTERM");
      await once(this.#daemon, "exit");
    }
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The program looks its account up by the name that was compiled in, and there is nobody of that name here. */
export function underOurAccount(program: Buffer): Buffer {
  const found = program.indexOf(`${PACKAGED_ACCOUNT}\0`);
  if (found === -1) throw new Error(`the program does not name ${PACKAGED_ACCOUNT}`);
  const name = Buffer.alloc(PACKAGED_ACCOUNT.length);
  name.write(OUR_ACCOUNT);
  name.copy(program, found);
  return program;
}
