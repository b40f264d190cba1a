import type { Command } from "commander";
import { configOption, jsonOption } from "./options.ts";

export interface ConfigOptions {
  readonly config?: string;
}

export interface ConfigCommands {
  readonly check: (options: ConfigOptions & { readonly json?: boolean }) => Promise<void>;
}

export function addConfigCommands(program: Command, commands: ConfigCommands): void {
  const config = program.command("config").description("look at the configuration");
  config
    .command("check")
    .description("say what is wrong with it, or that nothing is")
    .addOption(configOption())
    .addOption(jsonOption())
    .action(commands.check);
}
