import net from "node:net";
import { AccountingSink } from "../support/accounting-sink.ts";
import { seeded } from "../support/chance.ts";
import { Postfix, isPostfixPresent } from "../support/postfix.ts";
import { RelayHome, RelayProcess } from "../support/relay.ts";
import { type Step, dialogue } from "./dialogues.ts";
import { type Difference, type Exchange, KNOWN_DIFFERENCES } from "./known-differences.ts";
import { octetsOf, shown } from "./target.ts";

// The same dialogues with Postfix and with Waypost, configured alike, and the class of each reply compared.

const PATIENCE_MS = 8000;
const TOGETHER = 12;

export interface DifferentialCounts {
  readonly [name: string]: number;
  readonly dialogues: number;
  readonly commands: number;
  readonly differences: number;
  readonly differencesUnexplained: number;
}

interface Reply {
  /** 0: the connection was closed without one; -100: none came. */
  readonly code: number;
  readonly text: string;
}

const CLOSED: Reply = { code: 0, text: "" };
const SILENT: Reply = { code: -100, text: "" };

/** One connection, a reply at a time. */
class Connection {
  readonly #socket: net.Socket;
  #output = "";
  #isClosed = false;
  #wake: () => void = () => undefined;

  constructor(port: number) {
    this.#socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.setEncoding("latin1").on("data", (text: string) => {
      this.#output += text;
      this.#wake();
    });
    this.#socket.on("error", () => undefined);
    this.#socket.on("close", () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  send(text: string): void {
    this.#socket.write(octetsOf(text));
  }

  async reply(): Promise<Reply> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = /^(?:[0-9]{3}-[^\n]*\n)*([0-9]{3})(?: [^\n]*)?\n/.exec(this.#output);
      if (found !== null) {
        this.#output = this.#output.slice(found[0].length);
        return { code: Number(found[1]), text: found[0].trim() };
      }
      const left = deadline - performance.now();
      if (this.#isClosed) return CLOSED;
      if (left <= 0) return SILENT;
      await this.#change(left);
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

interface Servers {
  readonly waypost: number;
  readonly postfix: number;
}

const classOf = (code: number): number => Math.floor(code / 100);

/** Plays one dialogue with both until it is over, or they are not in the same state any more. */
class Comparison {
  readonly exchanges: Exchange[] = [];
  difference: Difference | undefined;
  readonly #waypost: Connection;
  readonly #postfix: Connection;
  #isApart = false;
  #hello = "";
  #isPipelined = false;

  constructor({ waypost, postfix }: Servers) {
    this.#waypost = new Connection(waypost);
    this.#postfix = new Connection(postfix);
  }

  async play(steps: readonly Step[]): Promise<void> {
    try {
      await this.#compare("(greeting)");
      let isAsked = false;
      for (const step of steps) {
        if (this.#isApart) return;
        if ((step.kind === "content") !== isAsked) {
          if (step.kind === "content") continue; // nobody asked for it
          await this.#step({ kind: "content", text: ".\r\n" });
        }
        isAsked = (await this.#step(step)) === 354;
      }
    } finally {
      this.#waypost.destroy();
      this.#postfix.destroy();
    }
  }

  async #step({ kind, text }: Step): Promise<number> {
    const isWhole = kind === "content" || /^BDAT [0-9]/i.test(text) || text.endsWith("\n");
    const sent = isWhole ? text : `${text}\r\n`;
    this.#isPipelined = kind === "group" || /^BDAT [0-9]/i.test(text);
    this.#waypost.send(sent);
    this.#postfix.send(sent);
    if (kind !== "group") return await this.#compare(kind === "content" ? `(content) ${text}` : text);
    for (const line of text.split("\r\n")) await this.#compare(line);
    return 0;
  }

  async #compare(command: string): Promise<number> {
    const [waypost, postfix] = await Promise.all([this.#waypost.reply(), this.#postfix.reply()]);
    const exchange = {
      command,
      isPipelined: this.#isPipelined,
      waypost: waypost.code,
      postfix: postfix.code,
      waypostText: waypost.text,
      postfixText: postfix.text,
    };
    if (!this.#isApart && classOf(waypost.code) !== classOf(postfix.code)) this.#differ(exchange);
    this.exchanges.push(exchange);
    if (/^(?:EHLO|HELO) /i.test(command) && waypost.code === 250) this.#hello = command.slice(0, 4).toUpperCase();
    if (waypost.code <= 0 || postfix.code <= 0) this.#isApart = true;
    return waypost.code === postfix.code ? waypost.code : 0;
  }

  /** What follows a difference follows from it. */
  #differ(exchange: Exchange): void {
    const verb = /^[a-z()]+/i.exec(exchange.command)?.[0].toUpperCase() ?? "";
    this.difference = { ...exchange, verb, hello: this.#hello, before: [...this.exchanges] };
    this.#isApart = true;
  }
}

/** With all that delays or ends a session for its errors out of the way. */
const POSTFIX = {
  relayhost: "",
  default_transport: "discard",
  relay_transport: "discard",
  local_transport: "discard",
  smtpd_error_sleep_time: "0",
  smtpd_soft_error_limit: "1000",
  smtpd_hard_error_limit: "1000",
  smtpd_junk_command_limit: "1000",
  smtpd_client_connection_count_limit: "0",
  smtpd_helo_required: "yes",
  strict_rfc821_envelopes: "yes",
  smtpd_forbid_bare_newline: "reject",
  smtpd_forbid_bare_newline_exclusions: "",
  smtpd_forbid_unauth_pipelining: "yes",
  smtpd_peername_lookup: "no",
  message_size_limit: "52428800",
};

async function withServers<T>(work: (servers: Servers) => Promise<T>): Promise<T> {
  const sink = await AccountingSink.start();
  const home = new RelayHome();
  home.configure({
    listeners: [{ listen: "127.0.0.1:0", tls: "none" }],
    access: { networks: ["127.0.0.0/8"] },
    smarthosts: { sink: { url: `smtp://127.0.0.1:${sink.port}`, tls: "none" } },
    routes: [{ deliver: "sink" }],
    postmaster: "admin@example.com",
    threads: 1,
  });
  const relay = new RelayProcess(home);
  const postfix = await Postfix.start(POSTFIX);
  try {
    const [port = 0] = await relay.ports();
    return await work({ waypost: port, postfix: postfix.port });
  } finally {
    postfix.stop();
    await relay.stop();
    await sink.close();
    home.remove();
  }
}

interface Found {
  readonly seed: number;
  readonly difference: Difference;
}

/** Dialogue `n` of seed `s` is made of `s * 1,000,003 + n`: one can be played again alone. */
async function compareAll(
  servers: Servers,
  dialogues: number,
  seed: number,
): Promise<{ commands: number; found: Found[] }> {
  let [next, commands] = [0, 0];
  const found: Found[] = [];
  const work = async (): Promise<void> => {
    while (next < dialogues) {
      const own = seed * 1_000_003 + next++;
      const comparison = new Comparison(servers);
      await comparison.play(dialogue(seeded(own)));
      const { exchanges, difference } = comparison;
      commands += exchanges.length;
      if (difference !== undefined) found.push({ seed: own, difference });
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, work));
  return { commands, found };
}

export async function differential(options: {
  readonly dialogues: number;
  readonly seed: number;
}): Promise<DifferentialCounts> {
  if (!isPostfixPresent) throw new Error("Postfix is not installed, or this is not root");
  const { dialogues, seed } = options;
  const { commands, found } = await withServers((servers) => compareAll(servers, dialogues, seed));
  const unexplained = tell(found);
  const counts = { dialogues, commands, differences: found.length, differencesUnexplained: unexplained };
  console.log(JSON.stringify(counts));
  return counts;
}

/** Answers how many are not explained. */
function tell(found: readonly Found[]): number {
  const byRow = Map.groupBy(found, ({ difference }) => KNOWN_DIFFERENCES.find((known) => known.holds(difference)));
  for (const [row, some] of [...byRow].sort(([, a], [, b]) => b.length - a.length))
    if (row !== undefined) console.log(`${some.length} x ${row.name}: ${row.reason}`);
  const unexplained = byRow.get(undefined) ?? [];
  const kinds = Map.groupBy(
    unexplained,
    ({ difference: { verb, waypost, postfix } }) => `${verb} ${waypost} ${postfix}`,
  );
  for (const [kind, some] of kinds) {
    console.log(`NOT EXPLAINED, ${some.length} x ${kind}, as in dialogue ${some[0]!.seed}:`);
    const { before, ...last } = some[0]!.difference;
    for (const exchange of [...before, last]) console.log(told(exchange));
  }
  return unexplained.length;
}

function told({ command, waypost, postfix, waypostText, postfixText }: Exchange): string {
  const words =
    Math.floor(waypost / 100) === Math.floor(postfix / 100)
      ? ""
      : `\n    Waypost: ${waypostText}\n    Postfix: ${postfixText}`;
  return `  ${shown(command.slice(0, 200))} ${waypost} ${postfix}${words}`;
}
