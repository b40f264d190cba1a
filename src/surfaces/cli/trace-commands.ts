import type { Command } from "commander";
import { addExample } from "./help.ts";
import { configOption, dataOption, jsonOption, type JsonOptions } from "./options.ts";

export interface TraceCommands {
  readonly trace: (what: string, options: JsonOptions) => Promise<void>;
}

export function addTraceCommand(program: Command, commands: TraceCommands): void {
  addExample(program.command("trace"), "trace 0VbfQUpNXUfJly")
    .description("the way of a message: of any by the header in a file, of one of ours by its ID")
    .argument("<what>", "FILE, - for standard input, or an ID as it stands in Received and in the log")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(commands.trace);
}
