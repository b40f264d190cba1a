import { type Command, InvalidArgumentError, Option } from "commander";
import { QUEUE_ACTIONS, type QueueAction } from "../../core/queue/action.ts";
import { LANE_FORMS } from "../../core/queue/selection.ts";
import { configOption, dataOption, jsonOption, type JsonOptions, number } from "./options.ts";

interface FilterOptions {
  readonly lane?: string;
  readonly sender?: string;
  readonly recipientDomain?: string;
}

export interface QueueListOptions extends JsonOptions, FilterOptions {
  readonly limit: number;
  readonly after?: string;
  readonly held?: boolean;
}

/** Which mail an action is about. */
export interface SelectionOptions extends FilterOptions {
  readonly recipient?: string;
  readonly all?: boolean;
}

export interface QueueActionOptions extends JsonOptions, SelectionOptions {}

export interface ShowOptions extends JsonOptions {
  readonly transcript?: boolean;
}

export interface QueueCommands {
  readonly list: (options: QueueListOptions) => Promise<void>;
  readonly show: (id: string, options: ShowOptions) => Promise<void>;
  readonly act: (action: QueueAction, id: string | undefined, options: QueueActionOptions) => Promise<void>;
  readonly pause: (target: string, isPaused: boolean, options: JsonOptions) => Promise<void>;
}

function place(text: string): string {
  if (!/^[0-9]{1,15}$/.test(text))
    throw new InvalidArgumentError("takes the number that the page before it ended with");
  return text;
}

const laneOption = (): Option => new Option("--lane <lane>", `of one next hop: ${LANE_FORMS}`);
const senderOption = (): Option =>
  new Option("--sender <pattern>", "of one envelope sender: an address, @DOMAIN, or <> for reports");
const recipientDomainOption = (): Option => new Option("--recipient-domain <domain>", "to recipients of one domain");

const ACTIONS: Readonly<Record<QueueAction, string>> = {
  hold: "let it wait until it is released",
  release: "let what is held go on, due now",
  retry: "try it now, also where its next hop is blocked",
  cancel: "take it out of the queue; nobody is told",
  expire: "let it fail now, with a report to its sender",
  reroute: "choose its next hop anew, by the routes as they are now",
};

export function addQueueCommands(program: Command, commands: QueueCommands): void {
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
    .action(commands.list);
  queue
    .command("show")
    .description("one message: where each recipient stands, and each attempt")
    .argument("<id>", "as it stands in Received and in the log")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .option("-t, --transcript", "with what was said in each attempt")
    .action(commands.show);
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
      .action((id: string | undefined, options: QueueActionOptions) => commands.act(action, id, options));
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
      .action((what: string, options: JsonOptions) => commands.pause(what, isPaused, options));
  }
}
