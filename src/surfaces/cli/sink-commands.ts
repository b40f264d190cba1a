import { type Command, Option } from "commander";
import { addExample } from "./help.ts";
import { jsonOption, TRY_DATA, path } from "./options.ts";

export interface SinkOptions {
  readonly data: string;
}

export interface SinkCommands {
  readonly list: (options: SinkOptions & { readonly json?: boolean }) => void | Promise<void>;
  readonly show: (id: string, options: SinkOptions) => void | Promise<void>;
}

const sinkDataOption = (): Option =>
  new Option("-d, --data <folder>", "the data folder of try mode").argParser(path).default(TRY_DATA);

export function addSinkCommands(program: Command, commands: SinkCommands): void {
  const sink = program.command("sink").description("what the sink of try mode got");
  addExample(sink.command("list"), "sink list")
    .description("the last 100 messages")
    .addOption(sinkDataOption())
    .addOption(jsonOption())
    .action(commands.list);
  addExample(sink.command("show"), "sink show 0VbfQUpNXUfJly")
    .description("one message as it came")
    .argument("<id>", "the relay's, as it stands in Received and in the log, or the sink's own")
    .addOption(sinkDataOption())
    .action(commands.show);
}
