import { shownLine } from "../../surfaces/cli/style.ts";

/** What a command says to people, on standard output: whatever the lines quote moves no cursor and forges no line. */
export function print(lines: readonly string[]): void {
  for (const line of lines) console.log(shownLine(line));
}
