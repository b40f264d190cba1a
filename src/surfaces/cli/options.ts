import { InvalidArgumentError, Option } from "commander";

// Options that more than one command takes.

/** Where try mode keeps its things, unless told. */
export const TRY_DATA = "waypost-data/try";

/** Its listener for programs on this machine, unless told. */
export const TRY_PORT = 2525;

/** The configuration of try mode, in that folder. */
export const TRY_CONFIG = "waypost.yaml";

export interface DataOptions {
  readonly config?: string;
  readonly data?: string;
}

export interface JsonOptions extends DataOptions {
  readonly json?: boolean;
}

export function number(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`takes a number from ${min} to ${max}`);
    return value;
  };
}

export const port = number(0, 65_535);

/** A variable that was not set, `--config "$CONFIG"`, would else mean the folder that the command happens to run in. */
export function path(text: string): string {
  if (text === "") throw new InvalidArgumentError("A path is missing: what is given is empty.");
  return text;
}

export function configOption(about = "the configuration file"): Option {
  return new Option("-c, --config <file>", about).argParser(path);
}

export function dataOption(): Option {
  return new Option(
    "-d, --data <folder>",
    "the data folder of the relay, instead of the one that the configuration names",
  ).argParser(path);
}

export function jsonOption(): Option {
  return new Option("--json", "as JSON");
}
