import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "yellow" | "cyan";

/** In colour where a person reads it on a terminal that takes it, and does not mind (`NO_COLOR`). */
export function styled(style: Style, text: string, stream: { readonly isTTY?: boolean } = process.stdout): string {
  const { NO_COLOR = "", TERM } = process.env;
  const takesColour = stream.isTTY === true && NO_COLOR === "" && TERM !== "dumb";
  return takesColour ? styleText(style, text, { validateStream: false }) : text;
}
