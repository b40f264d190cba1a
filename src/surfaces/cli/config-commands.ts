import { type Command, Option } from "commander";
import { configOption, dataOption, jsonOption, type JsonOptions } from "./options.ts";

export interface ConfigOptions {
  readonly config?: string;
}

export interface ConfigCommands {
  readonly check: (options: ConfigOptions & { readonly json?: boolean }) => Promise<void>;
  readonly diff: (options: JsonOptions) => Promise<void>;
  readonly describe: (key: string | undefined) => void;
  readonly schema: () => void;
  readonly example: () => void;
}

export function addConfigCommands(program: Command, commands: ConfigCommands): void {
  const config = program.command("config").description("look at the configuration");
  config
    .command("check")
    .description("say what is wrong with it, or that nothing is")
    .addOption(configOption())
    .addOption(jsonOption())
    .action(commands.check);
  config
    .command("diff")
    .description("what a reload would change in the relay that runs, and what needs a restart")
    .addOption(new Option("-c, --config <file>", "another file than the one that the relay goes by"))
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(commands.diff);
  config
    .command("describe")
    .description("what a key does and takes, of a section, or of all")
    .argument("[key]", "as in the file: listeners.tls, smarthosts.NAME.url")
    .action(commands.describe);
  config.command("schema").description("the JSON Schema of the file, for editors").action(commands.schema);
  config.command("example").description("a file with every key and its words, to begin with").action(commands.example);
}
