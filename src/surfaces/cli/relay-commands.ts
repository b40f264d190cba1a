import { type Command, Option } from "commander";
import type { ConfigOptions } from "./config-commands.ts";
import { addExample } from "./help.ts";
import { configOption, dataOption, jsonOption, type JsonOptions, port, TRY_DATA, TRY_PORT, path } from "./options.ts";

export interface TryOptions {
  readonly data: string;
  readonly plainPort: number;
  readonly starttlsPort: number;
  readonly tlsPort: number;
}

export interface TopOptions extends JsonOptions {
  readonly once?: boolean;
}

/** The relay as a whole. */
export interface RelayCommands {
  readonly start: (options: ConfigOptions) => Promise<void>;
  readonly tryMode: (options: TryOptions) => Promise<void>;
  readonly status: (options: JsonOptions) => Promise<void>;
  readonly top: (options: TopOptions) => Promise<void>;
  readonly reload: (options: JsonOptions) => Promise<void>;
}

export function addStartCommands(program: Command, commands: RelayCommands): void {
  addExample(program.command("start"), "start -c /etc/waypost/waypost.yaml")
    .description("run the relay")
    .addOption(configOption())
    .action(commands.start);
  addExample(program.command("try"), "try --plain-port 3525")
    .description(
      "try mode: listeners on this machine only, and a sink as the only next hop; nothing leaves the machine",
    )
    .option("-d, --data <folder>", "where try mode keeps its queue, credential and certificate", path, TRY_DATA)
    .option("--plain-port <port>", "the listener without TLS, for programs on this machine", port, TRY_PORT)
    .option("--starttls-port <port>", "the listener with STARTTLS", port, 2587)
    .option("--tls-port <port>", "the listener with implicit TLS", port, 2465)
    .action(commands.tryMode);
}

export function addRunningCommands(program: Command, commands: RelayCommands): void {
  addExample(program.command("reload"), "reload")
    .description("have the relay go by its configuration as it is now; sessions and queue go on")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(commands.reload);
  addExample(program.command("status"), "status --json")
    .description("whether the relay runs, and how much waits where")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(commands.status);
  addExample(program.command("top"), "top --once")
    .description("queue, flow, lanes and next hops, drawn anew every second; q ends it")
    .option("--once", "one frame, as where there is no terminal")
    .addOption(configOption())
    .addOption(dataOption())
    .addOption(new Option("--json", "as JSON, a line a second"))
    .action(commands.top);
}
