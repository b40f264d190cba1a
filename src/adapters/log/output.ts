import { closeSync, constants, fstatSync, openSync } from "node:fs";

export interface Output {
  readonly descriptor: number;
  /** Gives back what was opened here; never the descriptor that was handed in. */
  close(): void;
}

/**
 * The same pipe or terminal through a descriptor of our own that does not block. With a blocking one, a reader that
 * stops keeps a thread of Node's pool inside write(2), and the process cannot exit before the reader goes on: exiting
 * waits for the pool. (Setting the flag on the inherited descriptor would set it for everybody who shares it.) Where
 * the system has no `/proc`, and for sockets, which cannot be opened again, it is the descriptor itself.
 */
export function openOutput(inherited: number): Output {
  const asItIs: Output = { descriptor: inherited, close: () => undefined };
  const kind = fstatSync(inherited);
  if (!kind.isFIFO() && !kind.isCharacterDevice()) return asItIs;
  try {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    const descriptor = openSync(`/proc/self/fd/${inherited}`, flags);
    return { descriptor, close: () => closeSync(descriptor) };
  } catch (error) {
    if (error instanceof Error && "code" in error) return asItIs; // no /proc, no reader, or no right to open it
    throw error;
  }
}
