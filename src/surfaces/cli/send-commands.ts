import type { Command } from "commander";
import { addExample } from "./help.ts";
import { jsonOption } from "./options.ts";

export interface SendOptions {
  readonly server: string;
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
  addExample(program.command("send"), "send --to ann@example.com --server smtp://127.0.0.1:2525")
    .description("send a test message through a relay, and print what it says")
    .requiredOption("-t, --to <address...>", "recipients")
    .option("-f, --from <address>", "envelope sender", "waypost@localhost.localdomain")
    .option("-s, --server <url>", "HOST:PORT, smtp://HOST:PORT or smtps://HOST:PORT", "smtp://127.0.0.1:2525")
    .option("--subject <text>", "subject of the message", "A test by waypost send")
    .option("-u, --username <name>", "log in; the password is read from WAYPOST_SEND_PASSWORD")
    .option("--tls-ca <file>", "PEM certificate of an authority to trust besides the system's")
    .addOption(jsonOption())
    .action(commands.send);
}
