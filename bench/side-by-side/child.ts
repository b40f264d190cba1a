import { type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { untilListening } from "../../test/support/listening.ts";
import { endGroup, undoAtEnd } from "../../test/support/undo.ts";
import type { Contestant } from "./contender.ts";

interface Start {
  readonly port: number;
  /** The program, with those before it and its arguments. */
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stdio: StdioOptions;
}

/** A relay that is one process, with all that it starts. It is there once it listens; killed where it does not stop in order. */
export async function childContestant({ port, command, cwd, env, stdio }: Start): Promise<Contestant> {
  const [program, ...args] = command;
  const child = spawn(program!, args, { cwd, stdio, env, detached: true });
  const ended = once(child, "exit");
  const end = undoAtEnd(() => endGroup(child.pid!));
  await untilListening(port, () => child.exitCode);
  const stop = async (): Promise<void> => {
    end();
    await ended;
  };
  return { port, pid: child.pid!, stop };
}
