import type { Command } from "commander";
import { addExample } from "./help.ts";
import { configOption, dataOption, jsonOption, type JsonOptions } from "./options.ts";

export interface BackupCommandOptions extends JsonOptions {
  readonly history: boolean;
}

export interface BackupCommands {
  readonly backup: (folder: string, options: BackupCommandOptions) => Promise<void>;
}

export function addBackupCommand(program: Command, commands: BackupCommands): void {
  addExample(program.command("backup"), "backup /var/backups/waypost-2026-11-28")
    .description("copy queue, contents and history into a new folder, whether the relay runs or not")
    .argument("<folder>", "to be made; a relay can be started on it")
    .option("--no-history", "without what became of messages that are done")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(commands.backup);
}
