// The program: `waypost COMMAND`.
import { runProgram } from "../surfaces/cli/program.ts";
import { CommandFailure } from "../surfaces/cli/failure.ts";
import { commands } from "./commands.ts";
import { followLauncher } from "./launcher.ts";

followLauncher();
try {
  const exitCode = await runProgram(commands, process.argv.slice(2));
  if (exitCode !== undefined) process.exitCode = exitCode;
} catch (error) {
  if (!(error instanceof CommandFailure)) throw error;
  console.error(`waypost: ${error.message}`);
  process.exitCode = error.exitCode;
}
