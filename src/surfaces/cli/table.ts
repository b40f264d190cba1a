import { stripVTControlCharacters } from "node:util";

/** Lines of columns, two spaces apart; numbers stand to the right. Colours take no room. */
export function tableLines(rows: readonly (readonly string[])[], indent = "  "): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, widthOf(cell));
  return rows.map((row) => {
    const cells = row.map((cell, at) => {
      const room = " ".repeat(widths[at]! - widthOf(cell));
      return /^[0-9][0-9,]*$/.test(stripVTControlCharacters(cell)) ? `${room}${cell}` : `${cell}${room}`;
    });
    return `${indent}${cells.join("  ")}`.trimEnd();
  });
}

function widthOf(cell: string): number {
  return stripVTControlCharacters(cell).length;
}

/** `1,234,567`. */
export function grouped(count: number): string {
  return count.toLocaleString("en-US");
}

/** `1,234 messages`, `1 message`; a word that ends in y has its plural in -ies. */
export function counted(count: number, noun: string): string {
  const plural = noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${grouped(count)} ${count === 1 ? noun : plural}`;
}
