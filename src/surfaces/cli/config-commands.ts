import type { Command } from "commander";
import { addExample } from "./help.ts";
import { configOption, dataOption, jsonOption, type JsonOptions } from "./options.ts";

export interface ConfigOptions {
  readonly config?: string;
}

export interface ConfigCommands {
  readonly check: (options: ConfigOptions & { readonly json?: boolean }) => Promise<void>;
  readonly diff: (options: JsonOptions) => Promise<void>;
  readonly describe: (key: string | undefined) => void | Promise<void>;
  readonly schema: () => void | Promise<void>;
  readonly example: () => void | Promise<void>;
}

export function addConfigCommands(program: Command, commands: ConfigCommands): void {
  const config = program.command("config").description("look at the configuration");
  addExample(config.command("check"), "config check -c /etc/waypost/waypost.yaml")
    .description("say what is wrong with it, or that nothing is")
    .addOption(configOption())
    .addOption(jsonOption())
    .action(commands.check);
  addExample(config.command("diff"), "config diff")
    .description("what a reload would change in the relay that runs, and what needs a restart")
    .addOption(configOption("another file than the one that the relay goes by"))
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(commands.diff);
  addExample(config.command("describe"), "config describe listeners.tls")
    .description("what a key does and takes, of a section, or of all")
    .argument("[key]", "as in the file: listeners.tls, smarthosts.NAME.url")
    .action(commands.describe);
  addExample(config.command("schema"), "config schema > waypost.schema.json")
    .description("the JSON Schema of the file, for editors")
    .action(commands.schema);
  addExample(config.command("example"), "config example > waypost.yaml")
    .description("a file with every key and its words, to begin with")
    .action(commands.example);
}
