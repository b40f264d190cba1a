// What a command has of a person: a terminal to ask on, or none.
import { createInterface } from "node:readline/promises";
import { Progress } from "./progress.ts";

export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Anything but yes is no, also the end of input. */
export async function agrees(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<string>((resolve) => void lines.once("close", () => resolve("")));
  try {
    const answer = await Promise.race([lines.question(`${question} [y/N] `), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

/** On standard error, and only where that is a terminal and nobody reads JSON. */
export function progressOf(what: string, isJson: boolean): Progress {
  const isShown = process.stderr.isTTY && !isJson;
  return new Progress(what, {
    write: (text) => void (isShown && process.stderr.write(text)),
    now: () => performance.now(),
  });
}
