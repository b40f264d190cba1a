import { styleText } from "node:util";
import { printableLine } from "../../core/base/printable.ts";

export type Style = "bold" | "dim" | "red" | "yellow" | "green" | "cyan";

/** In colour where a person reads it on a terminal that takes it, and does not mind (`NO_COLOR`). */
export function styled(style: Style, text: string, stream: { readonly isTTY?: boolean } = process.stdout): string {
  return takesColour(stream) ? styleText(style, text, { validateStream: false }) : text;
}

function takesColour(stream: { readonly isTTY?: boolean }): boolean {
  const { NO_COLOR = "", TERM } = process.env;
  return stream.isTTY === true && NO_COLOR === "" && TERM !== "dumb";
}

/** What `styled` puts around a text, and nothing else that a terminal acts on: it changes how letters look. */
const STYLES = /(\u001b\[\d{1,2}m)/;

/** A line as it may be printed: whatever it quotes, of a user, a peer or a file, is shown as text. */
export function shownLine(line: string, stream: { readonly isTTY?: boolean } = process.stdout): string {
  if (!takesColour(stream)) return printableLine(line);
  // What is between two of them stands at the places with even numbers.
  return line
    .split(STYLES)
    .map((part, at) => (at % 2 === 0 ? printableLine(part) : part))
    .join("");
}
