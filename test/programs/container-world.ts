// A network of its own with a smart host, clients and the relay in a container, played from the first start to the last stop:
// `unshare --net node test/programs/container-world.ts FOLDER`. Prints what was seen, as one line of JSON. FOLDER holds what
// container.sh mounts.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { PATIENCE_MS } from "../support/patience.ts";
import type { RelayEvent } from "../support/relay.ts";
import { ScriptedHost } from "../support/scripted-host.ts";
import { type SendResult, type SourceOptions, SourceSession } from "../support/source.ts";

const GATEWAY = "198.18.77.1";
const RELAY = "198.18.77.2";
const CLIENT = "198.18.77.50";
const STRANGER = "198.18.77.9";
const PROGRAM = "/opt/waypost/bin/waypost";

const folder = path.resolve(process.argv[2]!);
const script = path.join(import.meta.dirname, "container.sh");

function run(command: string): void {
  const [program = "", ...args] = command.split(" ");
  execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
}

function within<Value>(what: string, work: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${what} within ${PATIENCE_MS} ms`)), PATIENCE_MS);
    void work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

interface Setting {
  /** On the network of this world; without, on none. */
  readonly address?: string;
  /** Its standard output is closed. */
  readonly isSilent?: boolean;
}

/** A container that runs the program with these arguments. */
class Container {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  readonly ended: Promise<{ readonly code: number | null; readonly errors: string }>;

  constructor(environment: Readonly<Record<string, string>>, args: readonly string[], setting: Setting = {}) {
    const { address = "", isSilent = false } = setting;
    const node = path.dirname(fs.realpathSync(process.execPath));
    const program = ["/bin/sh", script, folder, node, PROGRAM, ...args];
    this.#child = spawn("unshare", ["--net", "--mount", "--pid", "--fork", "--kill-child", ...program], {
      env: {
        ...environment,
        PATH: `/opt/node:${process.env["PATH"]}`,
        GATEWAY,
        ADDRESS: address,
        SILENT: isSilent ? "1" : "",
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    // However this world ends: nothing of it stays behind.
    process.once("exit", () => this.#child.kill("SIGKILL"));
    let errors = "";
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => (errors += text));
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      this.#lines.push(line);
      for (const wake of this.#waiting) wake();
    });
    this.ended = once(this.#child, "close").then(([code]) => ({ code: code as number | null, errors }));
  }

  /** Gives it its interface, and has it begin. */
  async begin(hasNetwork: boolean): Promise<void> {
    await this.line((line) => line === "namespaces");
    if (hasNetwork) {
      run("ip link add w0 type veth peer name eth0");
      run(`ip link set eth0 netns ${this.#child.pid}`);
      for (const own of [GATEWAY, CLIENT, STRANGER]) run(`ip addr add ${own}/24 dev w0`);
      run("ip link set w0 up");
    }
    this.#child.stdin!.end("\n");
  }

  /** The first line for which `holds`, also one that was there before. */
  line(holds: (line: string) => boolean): Promise<string> {
    const found = new Promise<string>((resolve, reject) => {
      const look = (): void => {
        const line = this.#lines.find(holds);
        if (line !== undefined) resolve(line);
      };
      this.#waiting.add(look);
      look();
      void this.ended.then(({ errors }) => reject(new Error(`it ended: ${errors}\n${this.#lines.join("\n")}`)));
    });
    return within("line", found);
  }

  async event(name: string): Promise<RelayEvent> {
    return JSON.parse(await this.line((line) => line.includes(`"event":"${name}"`))) as RelayEvent;
  }

  /** Of its first process, as this namespace sees it. */
  get first(): number {
    return Number(fs.readFileSync(`/proc/${this.#child.pid}/task/${this.#child.pid}/children`, "utf8"));
  }

  /** Another command in it, as an engine's `exec` and health check do. */
  exec(environment: Readonly<Record<string, string>>, args: readonly string[]): string {
    const inside = ["--target", String(this.first), "--pid", "--mount", "--net", "--root", "--wd"];
    const user = ["/usr/bin/setpriv", "--reuid", "10001", "--regid", "10001", "--clear-groups"];
    return execFileSync("nsenter", [...inside, ...user, PROGRAM, ...args], {
      env: { ...environment, PATH: "/opt/node:/usr/bin" },
      encoding: "utf8",
    });
  }

  async end(signal: NodeJS.Signals): Promise<{ readonly code: number | null; readonly errors: string }> {
    process.kill(this.first, signal);
    return await within("end", this.ended);
  }
}

async function send(options: SourceOptions, from: string, recipient: string): Promise<SendResult> {
  const session = await SourceSession.connect(options);
  const content = Buffer.from("Subject: x\r\n\r\nbody\r\n");
  const result = await session.send({ id: "", from, recipients: [recipient], content, hash: "" });
  await session.quit();
  return result;
}

/** Resolves once the relay takes connections; it says nothing of it itself. */
async function answering(options: SourceOptions): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await (await SourceSession.connect(options)).quit();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise(setImmediate);
    }
  }
}

async function main(): Promise<object> {
  run("ip link set lo up");
  run(`ip addr add ${GATEWAY}/24 dev lo`); // until the other end is there
  let silentAt: string | undefined;
  const taken: (() => void)[] = [];
  const host = await ScriptedHost.start({
    address: "0.0.0.0",
    script: (place) => {
      if (place === "CONTENT") for (const wake of taken.splice(0)) setImmediate(wake);
      if (place === silentAt) for (const wake of taken.splice(0)) setImmediate(wake);
      return place === silentAt ? "silence" : undefined;
    },
  });
  run(`ip addr del ${GATEWAY}/24 dev lo`);
  const heard = (): Promise<void> => within("smart host's turn", new Promise((resolve) => taken.push(resolve)));
  fs.writeFileSync(path.join(folder, "secrets/relayhost"), `[${GATEWAY}]:${host.port}\n`);
  fs.writeFileSync(path.join(folder, "secrets/senders"), "@example.com\n");
  const environment = {
    WAYPOST_RELAYHOST_FILE: "/run/secrets/relayhost",
    WAYPOST_DATA: "/var/lib/waypost",
    WAYPOST_HOSTNAME: "relay.test",
    MYNETWORKS: "127.0.0.0/8, 198.18.77.48/28",
    WAYPOST_SENDERS_FILE: "/run/secrets/senders",
    WAYPOST_SUBMIT_USERNAME: "app",
    WAYPOST_SUBMIT_PASSWORD_FILE: "/mounted/submit_password",
    WAYPOST_TLS_CERTIFICATE: "/mounted/cert.pem",
    WAYPOST_TLS_KEY_FILE: "/mounted/key.pem",
  };
  const client = { port: 2525, route: { host: RELAY, localAddress: CLIENT } };
  const stranger = { port: 2587, route: { host: RELAY, localAddress: STRANGER } };

  const first = new Container(environment, ["start"], { address: RELAY });
  await first.begin(true);
  const started = await first.event("relay.started");
  const status = first.exec(environment, ["status"]);
  const arrived = heard();
  const accepted = await send(client, "app@example.com", "one@there.test");
  await arrived;
  const otherSender = await send(client, "app@elsewhere.test", "no@there.test");
  const strangers = await send(stranger, "app@example.com", "no@there.test");
  const auth = { mechanism: "PLAIN", username: "app", password: "p@ss:w/rd" } as const;
  const arrivedToo = heard();
  const loggedIn = await send({ ...stranger, tls: "starttls", auth }, "app@example.com", "two@there.test");
  await arrivedToo;
  // A secret that is replaced, and a reload: by the signal, as the first process hears it.
  fs.writeFileSync(path.join(folder, "secrets/senders"), "@elsewhere.test\n");
  process.kill(first.first, "SIGHUP");
  const reloaded = await first.event("config.reloaded");
  const noLonger = await send(client, "app@example.com", "no@there.test");
  fs.writeFileSync(path.join(folder, "secrets/senders"), "@example.com\n");
  const reload = first.exec(environment, ["reload"]);
  silentAt = "MAIL";
  const underWay = heard();
  const waiting = await send(client, "app@example.com", "three@there.test");
  await underWay;
  const firstEnd = await first.end("SIGTERM");

  silentAt = undefined;
  const again = heard();
  const second = new Container(environment, ["start"], { address: RELAY, isSilent: true });
  await second.begin(true);
  await again;
  await answering(client);
  const secondEnd = await second.end("SIGINT");

  // A command that waits, as the first process: without a handler it would not even hear of a signal.
  silentAt = "CONNECT";
  const connected = heard();
  const sending = ["send", "--server", `smtp://${GATEWAY}:${host.port}`, "--to", "x@there.test"];
  const third = new Container({}, sending, { address: RELAY });
  await third.begin(true);
  await connected;
  const thirdEnd = await third.end("SIGINT");

  await host.close();
  const data = path.join(folder, "data");
  fs.chownSync(data, 0, 0);
  const fourth = new Container(environment, ["start"]);
  await fourth.begin(false);
  const fourthEnd = await within("end", fourth.ended);
  const owners = fs.readdirSync(data).map((name) => {
    const { uid, mode } = fs.statSync(path.join(data, name));
    return { uid, isOthers: (mode & 0o077) !== 0 };
  });
  return {
    started,
    status,
    accepted: accepted.kind,
    otherSender,
    strangers,
    loggedIn: loggedIn.kind,
    reloaded,
    noLonger,
    reload,
    waiting: waiting.kind,
    firstEnd,
    secondEnd,
    thirdEnd,
    fourthEnd,
    messages: host.messages.map(({ from, to, peer }) => ({ from, to, peer })),
    owners,
  };
}

console.log(JSON.stringify(await main()));
