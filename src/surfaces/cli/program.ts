import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { QUEUE_ACTIONS, type QueueAction } from "../../core/queue/action.ts";
import { LANE_FORMS } from "../../core/queue/selection.ts";
import { EXIT } from "./failure.ts";

/** Where try mode keeps its things, unless told. */
export const TRY_DATA = "waypost-data/try";

export interface DataOptions {
  readonly config?: string;
  readonly data?: string;
}

interface FilterOptions {
  readonly lane?: string;
  readonly sender?: string;
  readonly recipientDomain?: string;
}

export interface QueueListOptions extends DataOptions, FilterOptions {
  readonly json?: boolean;
  readonly limit: number;
  readonly after?: string;
  readonly held?: boolean;
}

/** Which mail an action is about. */
export interface SelectionOptions extends FilterOptions {
  readonly recipient?: string;
  readonly all?: boolean;
}

export interface QueueActionOptions extends DataOptions, SelectionOptions {
  readonly json?: boolean;
}

export interface ShowOptions extends DataOptions {
  readonly json?: boolean;
  readonly transcript?: boolean;
}

export interface ConfigOptions {
  readonly config?: string;
}

export interface SinkOptions {
  readonly data: string;
}

export interface TryOptions {
  readonly data: string;
  readonly plainPort: number;
  readonly starttlsPort: number;
  readonly tlsPort: number;
}

export interface SendOptions {
  readonly server: string;
  readonly from: string;
  readonly to: string[];
  readonly subject: string;
  readonly username?: string;
  readonly tlsCa?: string;
}

/** What each command does; `main` knows how. */
export interface Commands {
  readonly version: string;
  readonly start: (options: ConfigOptions) => Promise<void>;
  readonly tryMode: (options: TryOptions) => Promise<void>;
  readonly configCheck: (options: ConfigOptions & { readonly json?: boolean }) => Promise<void>;
  readonly queueList: (options: QueueListOptions) => Promise<void>;
  readonly queueShow: (id: string, options: ShowOptions) => Promise<void>;
  readonly queueAct: (action: QueueAction, id: string | undefined, options: QueueActionOptions) => Promise<void>;
  readonly pause: (target: string, isPaused: boolean, options: ShowOptions) => Promise<void>;
  readonly status: (options: ShowOptions) => Promise<void>;
  readonly send: (options: SendOptions) => Promise<void>;
  readonly sinkList: (options: SinkOptions & { readonly json?: boolean }) => void;
  readonly sinkShow: (id: string, options: SinkOptions) => void;
}

function number(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`takes a number from ${min} to ${max}`);
    return value;
  };
}

function place(text: string): string {
  if (!/^[0-9]{1,15}$/.test(text))
    throw new InvalidArgumentError("takes the number that the page before it ended with");
  return text;
}

const port = number(0, 65_535);
const configOption = (): Option => new Option("-c, --config <file>", "the configuration file");
const dataOption = (): Option =>
  new Option("-d, --data <folder>", "the data folder of the relay, instead of the one that the configuration names");
const sinkDataOption = (): Option => new Option("-d, --data <folder>", "the data folder of try mode").default(TRY_DATA);
const laneOption = (): Option => new Option("--lane <lane>", `of one next hop: ${LANE_FORMS}`);
const senderOption = (): Option =>
  new Option("--sender <pattern>", "of one envelope sender: an address, @DOMAIN, or <> for reports");
const recipientDomainOption = (): Option => new Option("--recipient-domain <domain>", "to recipients of one domain");
const jsonOption = (): Option => new Option("--json", "as JSON");

/** Runs what the arguments ask for. Answers an exit code where they are wrong; then the user was told. */
export async function runProgram(commands: Commands, args: readonly string[]): Promise<number | undefined> {
  try {
    await buildProgram(commands).parseAsync(args, { from: "user" });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : EXIT.usage; // help and version come this way too
  }
}

const ACTIONS: Readonly<Record<QueueAction, string>> = {
  hold: "let it wait until it is released",
  release: "let what is held go on, due now",
  retry: "try it now, also where its next hop is blocked",
  cancel: "take it out of the queue; nobody is told",
  expire: "let it fail now, with a report to its sender",
  reroute: "choose its next hop anew, by the routes as they are now",
};

function buildProgram(commands: Commands): Command {
  const program = new Command("waypost")
    .description("A mail relay: takes outgoing mail, makes it durable, moves it to the next hop.")
    .version(commands.version, "-V, --version", "print the version")
    .showHelpAfterError("(waypost help shows the commands)")
    .exitOverride();
  program.command("start").description("run the relay").addOption(configOption()).action(commands.start);
  program
    .command("try")
    .description(
      "try mode: listeners on this machine only, and a sink as the only next hop; nothing leaves the machine",
    )
    .option("-d, --data <folder>", "where try mode keeps its queue, credential and certificate", TRY_DATA)
    .option("--plain-port <port>", "the listener without TLS, for programs on this machine", port, 2525)
    .option("--starttls-port <port>", "the listener with STARTTLS", port, 2587)
    .option("--tls-port <port>", "the listener with implicit TLS", port, 2465)
    .action(commands.tryMode);
  program
    .command("config")
    .description("look at the configuration")
    .command("check")
    .description("say what is wrong with it, or that nothing is")
    .addOption(configOption())
    .addOption(jsonOption())
    .action(commands.configCheck);
  const queue = program.command("queue").description("look into the queue, and change what waits in it");
  queue
    .command("list")
    .description("what waits, oldest first, and why")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .option("-n, --limit <count>", "deliveries shown", number(1, 1000), 50)
    .option("--after <place>", "go on behind a page", place)
    .option("--held", "only what an operator holds")
    .addOption(laneOption())
    .addOption(senderOption())
    .addOption(recipientDomainOption())
    .action(commands.queueList);
  queue
    .command("show")
    .description("one message: where each recipient stands, and each attempt")
    .argument("<id>", "as it stands in Received and in the log")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .option("-t, --transcript", "with what was said in each attempt")
    .action(commands.queueShow);
  for (const action of QUEUE_ACTIONS) {
    queue
      .command(action)
      .description(ACTIONS[action])
      .argument("[id]", "of a message, as it stands in Received and in the log")
      .option("--recipient <address>", "with an ID: only this recipient of the message")
      .addOption(laneOption())
      .addOption(senderOption())
      .addOption(recipientDomainOption())
      .option("--all", "everything in the queue")
      .addOption(configOption())
      .addOption(dataOption())
      .addOption(jsonOption())
      .action((id: string | undefined, options: QueueActionOptions) => commands.queueAct(action, id, options));
  }
  for (const [name, isPaused, description] of [
    ["pause", true, "take no new mail, or deliver nothing, or nothing of one lane, until it is resumed"],
    ["resume", false, "go on with what was paused"],
  ] as const) {
    program
      .command(name)
      .description(description)
      .argument("<what>", `inbound, outbound, or a lane: ${LANE_FORMS}`)
      .addOption(configOption())
      .addOption(dataOption())
      .addOption(jsonOption())
      .action((what: string, options: ShowOptions) => commands.pause(what, isPaused, options));
  }
  program
    .command("status")
    .description("whether the relay runs, and how much waits where")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(commands.status);
  program
    .command("send")
    .description("send a test message through a relay, and print what it says")
    .requiredOption("-t, --to <address...>", "recipients")
    .option("-f, --from <address>", "envelope sender", "waypost@localhost.localdomain")
    .option("-s, --server <url>", "smtp://HOST:PORT or smtps://HOST:PORT", "smtp://127.0.0.1:2525")
    .option("--subject <text>", "subject of the message", "A test by waypost send")
    .option("-u, --username <name>", "log in; the password is read from WAYPOST_SEND_PASSWORD")
    .option("--tls-ca <file>", "PEM certificate of an authority to trust besides the system's")
    .action(commands.send);
  const sink = program.command("sink").description("what the sink of try mode got");
  sink
    .command("list")
    .description("the last 100 messages")
    .addOption(sinkDataOption())
    .addOption(jsonOption())
    .action(commands.sinkList);
  sink
    .command("show")
    .description("one message as it came")
    .argument("<id>", "the relay's, as it stands in Received and in the log, or the sink's own")
    .addOption(sinkDataOption())
    .action(commands.sinkShow);
  program
    .command("version")
    .description("print the version")
    .addOption(jsonOption())
    .action(({ json }: { readonly json?: boolean }) =>
      console.log(json === true ? JSON.stringify({ version: commands.version }) : commands.version),
    );
  return program;
}
