/** A command that cannot do what it was asked: one line for the user, and the exit code of sysexits.h. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

export const EXIT = {
  /** An argument is wrong. */
  usage: 64,
  /** What came on standard input is wrong. */
  data: 65,
  /** A recipient does not exist. */
  noUser: 67,
  /** The relay does not run, or refused. */
  unavailable: 69,
  /** It may do later: the disk is full. */
  temporary: 75,
  /** A bug. */
  software: 70,
  /** The sender may not do this. */
  noPermission: 77,
  /** The configuration is wrong, or there is none. */
  config: 78,
  /** Not found, or not delivered. */
  failed: 1,
} as const;
