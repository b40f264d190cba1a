// The program: `waypost COMMAND`.
import { runProgram } from "../surfaces/cli/program.ts";
import { CommandFailure } from "../surfaces/cli/failure.ts";
import { styled } from "../surfaces/cli/style.ts";
import { commands } from "./commands.ts";
import { followLauncher } from "./launcher.ts";

followLauncher();
try {
  const exitCode = await runProgram(commands, process.argv.slice(2));
  if (exitCode !== undefined) process.exitCode = exitCode;
} catch (error) {
  if (!(error instanceof CommandFailure)) throw error;
  console.error(`${styled("red", "waypost:", process.stderr)} ${error.message}`);
  process.exitCode = error.exitCode;
}
