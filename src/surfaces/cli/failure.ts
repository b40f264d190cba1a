import { printableLine } from "../../core/base/printable.ts";

/**
 * A command that cannot do what it was asked: a line for the user, and the exit code of sysexits.h. Both the line and those that
 * follow it may quote what the user named, whose line ends and escape sequences are shown as text: see `lines`.
 */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly exitCode: number;
  readonly #more: readonly string[];

  constructor(message: string, exitCode: number, more: readonly string[] = []) {
    super(message);
    this.exitCode = exitCode;
    this.#more = more;
  }

  /** As they are shown. */
  get lines(): string[] {
    return [this.message, ...this.#more].map(printableLine);
  }
}

export const EXIT = {
  usage: 64,
  data: 65,
  noUser: 67,
  unavailable: 69,
  software: 70,
  temporary: 75,
  noPermission: 77,
  config: 78,
  failed: 1,
} as const;

/** For the reference. */
export const EXIT_WORDS: Readonly<Record<keyof typeof EXIT, string>> = {
  failed:
    "What was asked for is not there (no such message), was not delivered (`send`), or the answer to a question was no.",
  usage: "An argument is wrong, or `--yes` is missing where nobody can be asked.",
  data: "Of `sendmail`: what came on standard input is wrong. Of `queue import`: the file is not whole, or has a message that no relay takes.",
  noUser: "Of `sendmail`: a recipient was refused as unknown.",
  unavailable: "The relay does not run, cannot be asked or refused, or its data folder cannot be read.",
  software: "A bug.",
  temporary: "It may do later: the disk is full, or the store does not answer.",
  noPermission: "Of `sendmail`: sender or recipient are not permitted.",
  config: "The configuration is wrong, or there is none.",
};
