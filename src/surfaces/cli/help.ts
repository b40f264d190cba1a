import type { Command } from "commander";

const EXAMPLES = new WeakMap<Command, string>();

/** Below the options of a command, and in the reference: how somebody types it. */
export function addExample(command: Command, text: string): Command {
  EXAMPLES.set(command, text);
  return command.addHelpText("after", `\nExample: waypost ${text}`);
}

export function exampleOf(command: Command): string | undefined {
  return EXAMPLES.get(command);
}
