import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "./free-port.ts";
import { PATIENCE_MS } from "./patience.ts";
import { temporaryFolder, undoAtEnd } from "./undo.ts";

// A Postfix of its own beside the one of this machine: own configuration, queue and ports, all in a temporary folder.

/** Postfix has to be started by root. */
export const isPostfixPresent = process.getuid?.() === 0 && spawnSync("postconf", ["mail_version"]).status === 0;

const SERVICES = `
pickup    unix  n - n 1 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
`;

export class Postfix {
  readonly #folder: string;
  readonly stop: () => void;
  readonly port: number;

  /** `settings` are lines of main.cf; what comes in goes to `relayhost`. */
  static async start(
    settings: Readonly<Record<string, string>>,
    files: Readonly<Record<string, string>> = {},
  ): Promise<Postfix> {
    const postfix = new Postfix(await freePort(), settings, files);
    try {
      postfix.#run("postfix", ["start"]);
      return postfix;
    } catch (error) {
      const log = postfix.log;
      postfix.stop();
      throw new Error(`Postfix does not start: ${log}`, { cause: error });
    }
  }

  private constructor(
    port: number,
    settings: Readonly<Record<string, string>>,
    files: Readonly<Record<string, string>>,
  ) {
    this.port = port;
    const { folder, remove } = temporaryFolder("postfix");
    this.#folder = folder;
    this.stop = undoAtEnd(() => {
      spawnSync("postfix", ["-c", path.join(folder, "etc"), "stop"], { timeout: PATIENCE_MS });
      remove();
    });
    chmodSync(folder, 0o755);
    for (const name of ["etc", "spool", "data", "log"]) mkdirSync(path.join(folder, name), { mode: 0o755 });
    const owner = Number(execFileSync("id", ["-u", "postfix"], { encoding: "utf8" }));
    chownSync(path.join(folder, "data"), owner, 0);
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, "etc", name), text);
    const main: Record<string, string> = {
      compatibility_level: "3.6",
      queue_directory: path.join(folder, "spool"),
      data_directory: path.join(folder, "data"),
      maillog_file: this.#logFile,
      maillog_file_prefixes: folder,
      myhostname: "postfix.test",
      mydestination: "",
      alias_maps: "",
      inet_interfaces: "127.0.0.1",
      inet_protocols: "ipv4",
      mynetworks: "127.0.0.0/8",
      disable_dns_lookups: "yes",
      smtpd_relay_restrictions: "permit_mynetworks, reject",
      message_size_limit: "20000000",
      ...settings,
    };
    const lines = Object.entries(main).map(([name, value]) => `${name} = ${value.replaceAll("FOLDER", folder)}\n`);
    writeFileSync(path.join(folder, "etc/main.cf"), lines.join(""));
    writeFileSync(path.join(folder, "etc/master.cf"), `127.0.0.1:${port} inet n - n - - smtpd${SERVICES}`);
  }

  get #logFile(): string {
    return path.join(this.#folder, "log/maillog");
  }

  get log(): string {
    try {
      return readFileSync(this.#logFile, "utf8");
    } catch (error) {
      return `no log: ${String(error)}`;
    }
  }

  /** What a program on this machine does with `sendmail`. */
  sendmail(from: string, to: string, message: Uint8Array): void {
    this.#run("sendmail", ["-i", "-f", from, to], message);
  }

  #run(program: string, args: readonly string[], input?: Uint8Array): void {
    const etc = path.join(this.#folder, "etc");
    const configured = program === "postfix" ? ["-c", etc, ...args] : ["-C", etc, ...args];
    execFileSync(program, configured, {
      timeout: PATIENCE_MS,
      stdio: "pipe",
      ...(input === undefined ? {} : { input }),
    });
  }
}
