import { Argument, Command, CommanderError } from "commander";
import { addBackupCommand, type BackupCommands } from "./backup-commands.ts";
import { type Shell, SHELLS, completionScript } from "./completion.ts";
import { addConfigCommands, type ConfigCommands } from "./config-commands.ts";
import { printableLines } from "../../core/base/printable.ts";
import { EXIT } from "./failure.ts";
import { addExample } from "./help.ts";
import { addHistoryCommands, type HistoryCommands } from "./history-commands.ts";
import { jsonOption } from "./options.ts";
import { addQueueCommands, type QueueCommands } from "./queue-commands.ts";
import { addStartCommands, addRunningCommands, type RelayCommands } from "./relay-commands.ts";
import { addSendCommands, type SendCommands } from "./send-commands.ts";
import { addSinkCommands, type SinkCommands } from "./sink-commands.ts";
import { treeOf } from "./tree.ts";
import { addTraceCommand, type TraceCommands } from "./trace-commands.ts";

/** What each command does; `main` knows how. */
export interface Commands {
  readonly version: string;
  readonly relay: RelayCommands;
  readonly config: ConfigCommands;
  readonly queue: QueueCommands;
  readonly history: HistoryCommands;
  readonly backup: BackupCommands;
  readonly send: SendCommands;
  readonly sink: SinkCommands;
  readonly trace: TraceCommands;
}

/** Runs what the arguments ask for. Answers an exit code where they are wrong; then the user was told. */
export async function runProgram(commands: Commands, args: readonly string[]): Promise<number | undefined> {
  try {
    await buildProgram(commands).parseAsync(args, { from: "user" });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : EXIT.usage; // help and version come this way too
  }
}

/** The program with all its commands, in the order in which help shows them. */
export function buildProgram(commands: Commands): Command {
  const program = new Command("waypost")
    .description("A mail relay: takes outgoing mail, makes it durable, moves it to the next hop.")
    .version(commands.version, "-V, --version", "print the version")
    .showHelpAfterError("(waypost help shows the commands)")
    .configureOutput({ outputError: (text, write) => write(printableLines(text)) })
    .exitOverride();
  addStartCommands(program, commands.relay);
  addConfigCommands(program, commands.config);
  addQueueCommands(program, commands.queue);
  addHistoryCommands(program, commands.history);
  addBackupCommand(program, commands.backup);
  addTraceCommand(program, commands.trace);
  addRunningCommands(program, commands.relay);
  addSendCommands(program, commands.send);
  addSinkCommands(program, commands.sink);
  // Its arguments are read elsewhere (main/cli.ts): no program reads those of sendmail as its own.
  addExample(program.command("sendmail"), "sendmail -t -i < message")
    .description("send what comes on standard input, as sendmail does")
    .argument("[arguments...]")
    .allowUnknownOption()
    .action(() => undefined);
  addExample(program.command("completion"), "completion bash > /etc/bash_completion.d/waypost")
    .description("print what a shell needs to complete commands and options")
    .addArgument(new Argument("<shell>", "whose").choices(SHELLS))
    .action((shell: Shell) => void process.stdout.write(completionScript(shell, treeOf(program))));
  addExample(program.command("version"), "version")
    .description("print the version")
    .addOption(jsonOption())
    .action(({ json }: { readonly json?: boolean }) =>
      console.log(json === true ? JSON.stringify({ version: commands.version }) : commands.version),
    );
  return program;
}
