import { type Command, InvalidArgumentError, Option } from "commander";
import { QUEUE_ACTIONS, type QueueAction } from "../../core/queue/action.ts";
import { LANE_FORMS, STATES, type SelectionTexts } from "../../core/queue/selection.ts";
import { addExample } from "./help.ts";
import { configOption, dataOption, jsonOption, type JsonOptions, number } from "./options.ts";

/** Which mail is meant, but for the ID. */
export type FilterOptions = Omit<SelectionTexts, "id">;

export interface QueueListOptions extends JsonOptions, FilterOptions {
  readonly limit: number;
  readonly after?: string;
  readonly held?: boolean;
  readonly count?: boolean;
}

export interface QueueActionOptions extends JsonOptions, FilterOptions {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

export interface ShowOptions extends JsonOptions {
  readonly transcript?: boolean;
}

export interface QueueCommands {
  readonly list: (options: QueueListOptions) => Promise<void>;
  readonly show: (id: string, options: ShowOptions) => Promise<void>;
  readonly act: (action: QueueAction, id: string | undefined, options: QueueActionOptions) => Promise<void>;
  readonly exportTo: (file: string, options: JsonOptions) => Promise<void>;
  readonly importFrom: (file: string, options: JsonOptions) => Promise<void>;
  readonly pause: (target: string, isPaused: boolean, options: JsonOptions) => Promise<void>;
}

function place(text: string): string {
  if (!/^[0-9]{1,15}$/.test(text))
    throw new InvalidArgumentError("takes the number that the page before it ended with");
  return text;
}

/** Whatever of them is given has to hold. */
function addFilters(command: Command): Command {
  return command
    .option("--lane <lane>", `of one next hop: ${LANE_FORMS}`)
    .option("--sender <pattern>", "of one envelope sender: an address, @DOMAIN, or <> for reports")
    .option("--recipient <pattern>", "to one recipient: an address, @DOMAIN or @*.DOMAIN")
    .option("--recipient-domain <domain>", "to recipients of one domain")
    .addOption(new Option("--state <state>", "what waits, is in hand or is held").choices(Object.keys(STATES)))
    .option("--older-than <age>", "received before: 30s, 5m, 2h, 5d ago, or a time as 2026-11-21T23:05:00Z")
    .option("--newer-than <age>", "received since: likewise")
    .option("--reason <reason>", "why it is where it is, as queue list says before the colon: lane-blocked")
    .option("--reply <text>", "with this text in what was said of it last");
}

interface ActionWords {
  readonly does: string;
  readonly example: string;
}

const ACTIONS: Readonly<Record<QueueAction, ActionWords>> = {
  hold: { does: "let it wait until it is released", example: "queue hold --sender @billing.example.com" },
  release: { does: "let what is held go on, due now", example: "queue release --recipient-domain example.org" },
  retry: { does: "try it now, also where its next hop is blocked", example: "queue retry --lane smarthost/primary" },
  cancel: { does: "take it out of the queue; nobody is told", example: "queue cancel --older-than 2d --reply full" },
  expire: { does: "let it fail now, with a report to its sender", example: "queue expire 0VbfQUpNXUfJly" },
  reroute: {
    does: "choose its next hop anew, by the routes as they are now",
    example: "queue reroute --lane smarthost/old",
  },
};

export function addQueueCommands(program: Command, commands: QueueCommands): void {
  const queue = program.command("queue").description("look into the queue, and change what waits in it");
  const list = addExample(queue.command("list"), "queue list --lane smarthost/primary --older-than 2h")
    .description("what waits, oldest first, and why")
    .option("-n, --limit <count>", "deliveries shown", number(1, 1000), 50)
    .option("--after <place>", "go on behind a page", place)
    .option("--count", "only how many there are, by lane")
    .option("--held", "only what an operator holds: --state held");
  addFilters(list).addOption(configOption()).addOption(dataOption()).addOption(jsonOption()).action(commands.list);
  addExample(queue.command("show"), "queue show 0VbfQUpNXUfJly --transcript")
    .description("one message: where each recipient stands, and each attempt")
    .argument("<id>", "as it stands in Received and in the log")
    .option("-t, --transcript", "with what was said in each attempt")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(commands.show);
  for (const action of QUEUE_ACTIONS) addAction(queue, action, commands);
  addFileCommands(queue, commands);
  addPauses(program, commands);
}

function addFileCommands(queue: Command, commands: QueueCommands): void {
  addExample(queue.command("export"), "queue export /mnt/usb/queue.waypost")
    .description("pause the relay, and write all that waits into a file that another relay takes up")
    .argument("<file>", "to be made")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(commands.exportTo);
  addExample(queue.command("import"), "queue import /mnt/usb/queue.waypost")
    .description("take up what another relay had in its queue; what came before is not taken twice")
    .argument("<file>", "of queue export")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(commands.importFrom);
}

function addAction(queue: Command, action: QueueAction, commands: QueueCommands): void {
  const command = addExample(queue.command(action), ACTIONS[action].example)
    .description(ACTIONS[action].does)
    .argument("[id]", "of a message, as it stands in Received and in the log");
  addFilters(command)
    .option("--all", "everything in the queue")
    .option("-y, --yes", "do not ask")
    .option("--dry-run", "only say what would be touched")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action((id: string | undefined, options: QueueActionOptions) => commands.act(action, id, options));
}

function addPauses(program: Command, commands: QueueCommands): void {
  for (const [name, isPaused, description] of [
    ["pause", true, "take no new mail, or deliver nothing, or nothing of one lane, until it is resumed"],
    ["resume", false, "go on with what was paused"],
  ] as const) {
    addExample(program.command(name), `${name} smarthost/primary`)
      .description(description)
      .argument("<what>", `inbound, outbound, or a lane: ${LANE_FORMS}`)
      .addOption(configOption())
      .addOption(dataOption())
      .addOption(jsonOption())
      .action((what: string, options: JsonOptions) => commands.pause(what, isPaused, options));
  }
}
