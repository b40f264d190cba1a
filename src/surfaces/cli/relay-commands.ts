import type { Command } from "commander";
import type { ConfigOptions } from "./config-commands.ts";
import { configOption, dataOption, jsonOption, type JsonOptions, port, TRY_DATA } from "./options.ts";

export interface TryOptions {
  readonly data: string;
  readonly plainPort: number;
  readonly starttlsPort: number;
  readonly tlsPort: number;
}

/** The relay as a whole. */
export interface RelayCommands {
  readonly start: (options: ConfigOptions) => Promise<void>;
  readonly tryMode: (options: TryOptions) => Promise<void>;
  readonly status: (options: JsonOptions) => Promise<void>;
  readonly reload: (options: JsonOptions) => Promise<void>;
}

export function addStartCommands(program: Command, commands: RelayCommands): void {
  program.command("start").description("run the relay").addOption(configOption()).action(commands.start);
  program
    .command("try")
    .description(
      "try mode: listeners on this machine only, and a sink as the only next hop; nothing leaves the machine",
    )
    .option("-d, --data <folder>", "where try mode keeps its queue, credential and certificate", TRY_DATA)
    .option("--plain-port <port>", "the listener without TLS, for programs on this machine", port, 2525)
    .option("--starttls-port <port>", "the listener with STARTTLS", port, 2587)
    .option("--tls-port <port>", "the listener with implicit TLS", port, 2465)
    .action(commands.tryMode);
}

export function addRunningCommands(program: Command, commands: RelayCommands): void {
  program
    .command("reload")
    .description("have the relay go by its configuration as it is now; sessions and queue go on")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(commands.reload);
  program
    .command("status")
    .description("whether the relay runs, and how much waits where")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(commands.status);
}
