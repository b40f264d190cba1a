import { hasHidden, printable, printableLines } from "../../../src/core/base/printable.ts";
import type { Chance } from "../../support/chance.ts";
import { type Target, holds, holdsNoHidden, oneOf, same, some } from "../target.ts";

// What people are shown of what others wrote.

const HIDING = [
  "\r",
  "\n",
  "\0",
  "\x1b[31m",
  "\x7f",
  "\x85",
  "\u202e",
  "\u200b",
  "\ufeff",
  "\u2028",
  "\ufff9",
  "\u061c",
  "x",
  "\u2066",
];

const printed: Target = {
  name: "printable",
  files: ["core/base/printable.ts"],
  lengthMax: 10_000,
  seeds: [HIDING.join(""), "x".repeat(1025), "\\x0a", "a\nb"],
  tokens: HIDING,
  generate: (chance: Chance) => some(chance, 20, () => oneOf(chance, HIDING)),
  check(text) {
    for (const most of [10, 1024]) {
      const shown = printable(text, most);
      holdsNoHidden(shown, "what is shown");
      holds(shown.length <= 10 * most + 1, "and is bounded", shown.length);
      if (text.length <= most && !/\\[xu]/.test(text)) same(unescaped(shown), text, "and nothing else is changed");
    }
    same(hasHidden(text), printable(text, text.length) !== text, "what is hidden is told");
    for (const line of printableLines(text).split("\n")) holdsNoHidden(line, "a line");
  },
};

function unescaped(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})|\\u\{([0-9a-f]+)\}/g, (_, octet?: string, point?: string) =>
    String.fromCharCode(Number.parseInt(octet ?? point!, 16)),
  );
}

export const targets: readonly Target[] = [printed];
