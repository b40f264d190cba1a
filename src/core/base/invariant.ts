/** What only a bug can do. In a session it ends the session (421); in queue or store it ends the process. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

export function invariant(condition: unknown, claim: string): asserts condition {
  if (!condition) throw new InvariantError(`invariant broken: ${claim}`);
}

/** For the end of an exhaustive switch: a new case that is forgotten does not compile. */
export function unreachable(value: never): never {
  throw new InvariantError(`invariant broken: unreachable case ${JSON.stringify(value)}`);
}
