import type { Command } from "commander";
import { exampleOf } from "./help.ts";

export interface OptionNode {
  /** As help shows it: `-c, --config <file>`. */
  readonly flags: string;
  readonly names: readonly string[];
  readonly takesValue: boolean;
  /** What its value is called: `file`; empty where it takes none. */
  readonly value: string;
  readonly choices: readonly string[];
  readonly description: string;
  /** The value that is taken without it, as text; empty where there is none. */
  readonly whenAbsent: string;
}

/** A command as it is typed, for whatever is written from the commands: completions, the reference. */
export interface CommandNode {
  /** `queue list`; empty for the program itself. */
  readonly path: string;
  readonly name: string;
  readonly description: string;
  readonly usage: string;
  readonly example: string | undefined;
  readonly arguments: readonly {
    readonly name: string;
    readonly description: string;
    readonly choices: readonly string[];
  }[];
  readonly options: readonly OptionNode[];
  readonly commands: readonly CommandNode[];
}

export function treeOf(command: Command, path = ""): CommandNode {
  return {
    path,
    name: command.name(),
    description: command.description(),
    usage: command.usage(),
    example: exampleOf(command),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      description: argument.description,
      choices: argument.argChoices ?? [],
    })),
    options: command.options.map((option) => ({
      flags: option.flags,
      names: [option.short, option.long].filter((name) => name !== undefined && name !== null),
      takesValue: option.required || option.optional,
      value: /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? "",
      choices: option.argChoices ?? [],
      description: option.description,
      whenAbsent: option.defaultValue === undefined ? "" : String(option.defaultValue),
    })),
    commands: command.commands.map((inner) => treeOf(inner, path === "" ? inner.name() : `${path} ${inner.name()}`)),
  };
}

/** The command and all below it, in the order of help. */
export function allOf(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(allOf)];
}
