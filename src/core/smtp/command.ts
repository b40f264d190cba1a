/** The verb in upper case (`""` where there is none) and what follows its first space, untrimmed on the right. */
export interface Command {
  readonly verb: string;
  readonly argument: string;
}

/** In upper case where it is ASCII. `toUpperCase` alone takes a dotless i for an I and a long s for an S. */
export function keyword(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text.toUpperCase() : text;
}

/** Trailing white space is dropped; a tab separates as a space does. */
export function parseCommand(line: string): Command {
  let end = line.length;
  while (end > 0 && (line[end - 1] === " " || line[end - 1] === "\t")) end--;
  let at = 0;
  while (at < end && line[at] !== " " && line[at] !== "\t") at++;
  const verb = keyword(line.slice(0, at));
  while (at < end && (line[at] === " " || line[at] === "\t")) at++;
  return { verb, argument: line.slice(at, end) };
}
