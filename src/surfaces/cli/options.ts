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

export function configOption(): Option {
  return new Option("-c, --config <file>", "the configuration file");
}

export function dataOption(): Option {
  return new Option(
    "-d, --data <folder>",
    "the data folder of the relay, instead of the one that the configuration names",
  );
}

export function jsonOption(): Option {
  return new Option("--json", "as JSON");
}
