// The program: `waypost COMMAND`.
import { buildProgram } from "../surfaces/cli/program.ts";
import { CommandFailure } from "../surfaces/cli/failure.ts";
import { commands } from "./commands.ts";
import { followLauncher } from "./launcher.ts";

followLauncher();
try {
  await buildProgram(commands).parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommandFailure)) throw error;
  console.error(`waypost: ${error.message}`);
  process.exitCode = error.exitCode;
}
