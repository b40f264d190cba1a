// The program: `waypost COMMAND`.
import { CommandFailure } from "../surfaces/cli/failure.ts";
import { styled } from "../surfaces/cli/style.ts";
import { followLauncher } from "./launcher.ts";

followLauncher();
const args = process.argv.slice(2);
try {
  const exitCode = args[0] === "sendmail" ? await sendmail(args.slice(1)) : await program(args);
  if (exitCode !== undefined) process.exitCode = exitCode;
} catch (error) {
  if (!(error instanceof CommandFailure)) throw error;
  console.error(`${styled("red", "waypost:", process.stderr)} ${error.lines.join("\n")}`);
  process.exitCode = error.exitCode;
}

/** Its arguments are its own. It is started a thousand times a day, and loads nothing that it does not need. */
async function sendmail(of: readonly string[]): Promise<number> {
  const command = await import("./commands/sendmail.ts");
  return command.sendmail(of);
}

async function program(of: readonly string[]): Promise<number | undefined> {
  const [{ runProgram }, { commands }, { bearOutput }] = await Promise.all([
    import("../surfaces/cli/program.ts"),
    import("./commands.ts"),
    import("./output.ts"),
  ]);
  bearOutput();
  return runProgram(commands, of);
}
