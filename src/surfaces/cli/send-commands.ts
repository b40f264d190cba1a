import type { Command } from "commander";
import { addExample } from "./help.ts";
import { configOption, jsonOption } from "./options.ts";

export interface SendOptions {
  readonly config?: string;
  /** Without it the configuration says where the relay is. */
  readonly server?: string;
  readonly from: string;
  readonly to: string[];
  readonly subject: string;
  readonly username?: string;
  readonly tlsCa?: string;
  readonly json?: boolean;
}

export interface SendCommands {
  readonly send: (options: SendOptions) => Promise<void>;
}

export function addSendCommands(program: Command, commands: SendCommands): void {
  addExample(program.command("send"), "send --to ann@example.com")
    .description("send a test message through a relay, and print what it says")
    .requiredOption("-t, --to <address...>", "recipients")
    .option("-f, --from <address>", "envelope sender", "waypost@localhost.localdomain")
    .option(
      "-s, --server <url>",
      "HOST:PORT, smtp://HOST:PORT or smtps://HOST:PORT; without it the first listener of the configuration that is for programs on this machine, and 127.0.0.1:2525 where there is no configuration",
    )
    .addOption(configOption())
    .option("--subject <text>", "subject of the message", "A test by waypost send")
    .option("-u, --username <name>", "log in; the password is read from WAYPOST_SEND_PASSWORD")
    .option("--tls-ca <file>", "PEM certificate of an authority to trust besides the system's")
    .addOption(jsonOption())
    .action(commands.send);
}
