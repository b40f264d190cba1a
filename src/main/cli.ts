// The program: `waypost COMMAND`.
import { CommandFailure, EXIT } from "../surfaces/cli/failure.ts";
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
  try {
    return await runProgram(commands, of);
  } catch (error) {
    throw error instanceof CommandFailure ? error : ((await strangeAnswer()) ?? error);
  }
}

/**
 * What a relay of another version answers need not have the form that this one's commands read. Undefined where that is not
 * why: then it is a bug, which shows its place.
 */
async function strangeAnswer(): Promise<CommandFailure | undefined> {
  const [{ lastAnsweredBy }, { VERSION }] = await Promise.all([
    import("../adapters/control-socket/client.ts"),
    import("./version.ts"),
  ]);
  const by = lastAnsweredBy();
  if (by === undefined || by === VERSION) return undefined;
  const other = by === "" ? "another version, older than those that say which" : `version ${by}`;
  return new CommandFailure(
    `the relay answered something that this version does not know: it is ${other}, and this command is of version ${VERSION}; use the same one`,
    EXIT.unavailable,
  );
}
